"""Somebody types /vigie: what may they look at, and what can they start?

Whatever Prefect can start can be asked for here: choose, fill in the deployment's own parameters, start. The rules:
everybody may look; only a linked approver starts, and is remembered as who asked; what needs an approval asks for
it in the run itself, so that no door skips it; only plain values that the schema names are sent on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from blocks.errors import Refused, VigieError
from blocks.orchestrator.client import run_page
from blocks.ports.orchestration import Startable
from blocks.slack.markup import link
from blocks.slack.modals import about_of, choose_modal, link_modal, parameters_modal, parameters_of, typed_of
from blocks.slack.pieces import action_name
from blocks.slack.voice import Voice
from deployments.gateway.desk import Counter, aside, short_why, why
from deployments.gateway.looking import now_text, runs_text
from deployments.gateway.origin import Person, person_of
from tasks.runs.starting import RUNBOOK, start_run


@dataclass(frozen=True, slots=True)
class Manual:
    """The handlers of /vigie, its shortcut and its modals."""

    counter: Counter

    async def command(self, ack: Any, body: Mapping[str, Any]) -> None:
        """`/vigie [now|runs|link|help]`; without a word it starts something."""
        await ack()
        person, voice = person_of(body), await self.counter.desk.settings.voice()
        word = str(body.get("text") or "").strip().lower()
        journal = self.counter.desk.journal
        try:
            if word == "now":
                await self.counter.say(person, await aside(lambda: now_text(journal, voice)))
            elif word == "runs":
                await self.counter.say(person, await aside(lambda: runs_text(journal, voice)))
            elif word == "link":
                await self.counter.open(str(body.get("trigger_id") or ""), link_modal(voice))
            elif word:
                await self.counter.say(person, voice.say("command.help"))
            else:
                await self._choose(body, person, voice)
        except VigieError as error:
            await self.counter.say(person, why(voice, error))

    async def shortcut(self, ack: Any, body: Mapping[str, Any]) -> None:
        """The global shortcut: the same as `/vigie` alone."""
        await ack()
        person, voice = person_of(body), await self.counter.desk.settings.voice()
        try:
            await self._choose(body, person, voice)
        except VigieError as error:
            await self.counter.say(person, why(voice, error))

    async def chosen(self, ack: Any, view: Mapping[str, Any]) -> None:
        """Which action: the next modal asks for its parameters."""
        voice, about = await self.counter.desk.settings.voice(), about_of(view)
        try:
            startable = await self._startable(typed_of(view, "action"))
        except VigieError as error:
            await ack(response_action="errors", errors={"action": short_why(voice, error)})
            return
        about = {"deployment": str(startable.id), "channel": about.get("channel", "")}
        title = f"{action_name(voice, startable.flow)}: {startable.description}"
        await ack(response_action="update", view=parameters_modal(voice, title, startable.schema, about))

    async def filled_in(self, ack: Any, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """With these parameters: start it."""
        voice, about = await self.counter.desk.settings.voice(), about_of(view)
        person = Person(team=person_of(body).team, user=person_of(body).user, channel=about.get("channel", ""))
        try:
            approver = await self.counter.desk.approver(person)
            if approver is None:
                raise Refused("this Slack account is linked to nobody")
            startable = await self._startable(about.get("deployment", ""))
            parameters, wrong = parameters_of(voice, view, startable.schema)
        except VigieError as error:
            await ack(response_action="errors", errors={_first_field(view): short_why(voice, error)})
            return
        if wrong:
            await ack(response_action="errors", errors=wrong)
            return
        await ack()
        try:
            run = await self._start(startable, parameters, approver.name)
        except VigieError as error:
            await self.counter.say(person, voice.say("answer.start_failed", why=why(voice, error)))
            return
        self.counter.desk.bell.set()
        shown = link(run_page(run), voice.say("button.run"))
        await self.counter.say(
            person, voice.say("answer.started", action=action_name(voice, startable.flow), link=shown)
        )

    async def _choose(self, body: Mapping[str, Any], person: Person, voice: Voice) -> None:
        if await self.counter.desk.approver(person) is None:
            await self.counter.ask_to_link(person, voice)
            return
        found = await aside(self.counter.desk.orchestrator.startables)
        ordered = sorted(found, key=lambda each: (RUNBOOK not in each.tags, each.name))
        if not ordered:
            await self.counter.say(person, voice.say("answer.nothing_startable"))
            return
        named = [(str(each.id), f"{action_name(voice, each.flow)} ({each.name})") for each in ordered]
        await self.counter.open(
            str(body.get("trigger_id") or ""), choose_modal(voice, named, {"channel": person.channel})
        )

    async def _startable(self, wanted: str) -> Startable:
        found = await aside(self.counter.desk.orchestrator.startables)
        chosen = next((each for each in found if str(each.id) == wanted), None)
        if chosen is None:
            raise Refused("this can no longer be started")
        return chosen

    async def _start(self, startable: Startable, parameters: Mapping[str, Any], who: str) -> UUID:
        desk, customer = self.counter.desk, ""
        if RUNBOOK in startable.tags:
            customer = (await desk.settings.customer(str(parameters.get("platform")))).name
        return await aside(
            lambda: start_run(desk.journal, desk.orchestrator, startable, parameters, who=who, customer=customer)
        )


def _first_field(view: Mapping[str, Any]) -> str:
    blocks: Any = view.get("blocks") or []
    return next((str(block.get("block_id")) for block in blocks if block.get("type") == "input"), "action")
