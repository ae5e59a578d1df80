"""Whose Slack account is this?

The one-time step-up: the approver's name and the code of the phone that was enrolled for it. The rules: a display
name is no identity; an account belongs to one approver; a code is used once, whatever came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blocks.errors import VigieError
from blocks.ports.approvals import Approver
from blocks.slack.modals import link_modal, typed_of
from deployments.gateway.desk import Counter, aside, short_why, why
from deployments.gateway.origin import Person, person_of
from tasks.approvals.codes import verify_code


@dataclass(frozen=True, slots=True)
class Linking:
    """The handlers of the step-up."""

    counter: Counter

    async def press(self, ack: Any, body: Mapping[str, Any]) -> None:
        """The button below "I do not know you", or `/vigie link`."""
        await ack()
        voice = await self.counter.desk.settings.voice()
        try:
            await self.counter.open(str(body.get("trigger_id") or ""), link_modal(voice))
        except VigieError as error:
            await self.counter.say(person_of(body), why(voice, error))

    async def submit(self, ack: Any, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """Name and code."""
        voice = await self.counter.desk.settings.voice()
        try:
            linked = await self._link(person_of(body), typed_of(view, "name").strip(), typed_of(view, "code"))
        except VigieError as error:
            field = "name" if "linked" in error.what or "enrolled" in error.what else "code"
            await ack(response_action="errors", errors={field: short_why(voice, error)})
            return
        done = {"type": "section", "text": {"type": "plain_text", "text": voice.say("answer.linked", name=linked.name)}}
        title = {"type": "plain_text", "text": voice.say("modal.link")}
        await ack(response_action="update", view={"type": "modal", "title": title, "blocks": [done]})

    async def _link(self, person: Person, name: str, code: str) -> Approver:
        journal, unseal = self.counter.desk.journal, await self.counter.desk.settings.unseal()

        def link() -> Approver:
            step = verify_code(journal, unseal, name, code, journal.now())
            return journal.link_slack(name, person.team, person.user, step)

        return await aside(link)
