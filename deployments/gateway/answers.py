"""Somebody presses a button of a card: does it count, and what happens then?

Acknowledge, find out who it is, ask in a modal what the rules ask for, record through the one function of every
door, wake the run, show. The rules: a button counts only on the message that the journal knows for its question;
what is wrong is said to that person alone, and nothing is changed by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from blocks.errors import Refused, VigieError
from blocks.ports.approvals import Approval, Choice, Door
from blocks.slack.cards import APPROVE, ASK, GLASS, REJECT
from blocks.slack.modals import about_of, answer_modal, question_modal, typed_of
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from deployments.gateway.desk import Counter, aside, short_why, why
from deployments.gateway.origin import Person, person_of
from tasks.approvals.answer import Answer, Answered, record_answer
from tasks.approvals.decide import is_expired, needs_code

CHOICES = {APPROVE: Choice.APPROVE, REJECT: Choice.REJECT, GLASS: Choice.BREAK_GLASS}
_PATIENCE_S = 2.2  # of Slack's three
_FIELDS = ("code", "typed", "reason")


@dataclass(frozen=True, slots=True)
class Answers:
    """The handlers of an approval's buttons and modals."""

    counter: Counter

    async def press(self, ack: Any, body: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """A button or the overflow of a card."""
        await ack()
        person, voice = person_of(body), await self.counter.desk.settings.voice()
        try:
            question = await self.counter.desk.approval(_value(action))
            voice = await self.counter.desk.settings.voice(question.platform)
            await self._pressed(body, str(action.get("action_id")), question, person, voice)
        except VigieError as error:
            await self.counter.say(person, why(voice, error))

    async def _pressed(
        self, body: Mapping[str, Any], pressed: str, question: Approval, person: Person, voice: Voice
    ) -> None:
        approver = await self.counter.desk.approver(person)
        if approver is None:
            await self.counter.ask_to_link(person, voice)
            return
        await self._right_message(body, question)
        about = {"approval": str(question.id), "channel": person.channel}
        trigger = str(body.get("trigger_id") or "")
        if pressed == ASK:
            await self.counter.open(trigger, question_modal(voice, about))
            return
        choice = CHOICES[pressed]
        code, typed = (
            needs_code(question, choice, Door.SLACK),
            question.policy.typed if choice is not Choice.REJECT else "",
        )
        now = await aside(self.counter.desk.journal.now)
        at_once = choice is Choice.APPROVE and not code and not typed
        if at_once or question.settled_at is not None or is_expired(question, now):
            done = await self._record(question, Answer(approver=approver.name, choice=choice, door=Door.SLACK))
            await self._after(done, person, voice)
            return
        about["choice"] = choice.value
        await self.counter.open(trigger, answer_modal(voice, choice.value, about, code=code, typed=typed))

    async def submit(self, ack: Any, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """The modal of an answer: what is wrong is said below its field."""
        about, voice = about_of(view), await self.counter.desk.settings.voice()
        person = Person(team=person_of(body).team, user=person_of(body).user, channel=about.get("channel", ""))
        try:
            question = await self.counter.desk.approval(about.get("approval", ""))
            voice = await self.counter.desk.settings.voice(question.platform)
            answer = await self._answer(person, about, view)
            done = await self._in_time(ack, person, voice, self._record(question, answer))
        except VigieError as error:
            await ack(response_action="errors", errors={_field_of(error, view): short_why(voice, error)})
            return
        if done is not None:
            await ack()
            await self._after(done, person, voice)

    async def _in_time(
        self, ack: Any, person: Person, voice: Voice, work: Coroutine[Any, Any, Answered]
    ) -> Answered | None:
        """What was recorded; None when it took longer than Slack waits, and was finished here."""
        recording = asyncio.ensure_future(work)
        try:
            return await asyncio.wait_for(asyncio.shield(recording), _PATIENCE_S)
        except TimeoutError:
            await ack()
            await self.counter.say(person, voice.say("answer.still_working"))
        try:
            await self._after(await recording, person, voice)
        except VigieError as error:
            await self.counter.say(person, why(voice, error))
        return None

    async def ask(self, ack: Any, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """The modal of a question: it is written down and stands in the card's thread."""
        about, voice = about_of(view), await self.counter.desk.settings.voice()
        try:
            question = await self.counter.desk.approval(about.get("approval", ""))
            voice = await self.counter.desk.settings.voice(question.platform)
            approver = await self.counter.desk.approver(person_of(body))
            if approver is None:
                raise Refused(voice.say("answer.link_first"))
            text = typed_of(view, "question")
            journal = self.counter.desk.journal
            await aside(lambda: journal.ask_question(question.id, who=approver.name, text=text))
        except VigieError as error:
            await ack(response_action="errors", errors={"question": short_why(voice, error)})
            return
        await ack()
        self.counter.desk.bell.set()

    async def _answer(self, person: Person, about: Mapping[str, str], view: Mapping[str, Any]) -> Answer:
        approver = await self.counter.desk.approver(person)
        if approver is None:
            raise Refused("this Slack account is linked to nobody")
        if about.get("choice") not in {each.value for each in Choice}:
            raise Refused("the form says nothing that can be answered")
        return Answer(
            approver=approver.name,
            choice=Choice(about["choice"]),
            door=Door.SLACK,
            reason=typed_of(view, "reason"),
            typed=typed_of(view, "typed"),
            code=typed_of(view, "code"),
        )

    async def _record(self, question: Approval, answer: Answer) -> Answered:
        desk = self.counter.desk
        unseal = await desk.settings.unseal()
        return await aside(lambda: record_answer(desk.journal, unseal, question.id, answer))

    async def _after(self, done: Answered, person: Person, voice: Voice) -> None:
        """Wake first: the run goes on within a second; people see it a moment later."""
        desk = self.counter.desk
        if done.is_settled:
            await desk.wake(done.approval.run)
        desk.bell.set()
        if not done.is_settled:
            await self.counter.say(person, voice.say("answer.recorded", what=retell(voice, done.sentence)))

    async def _right_message(self, body: Mapping[str, Any], question: Approval) -> None:
        """Raises `Refused` unless it was pressed on the message that the journal knows for this question."""
        container: Any = body.get("container")
        pressed = container if isinstance(container, dict) else {}
        journal = self.counter.desk.journal
        sent = await aside(lambda: journal.sent_message(question.run, f"approval:{question.number}"))
        if sent is None or (sent.channel_reference, sent.reference) != (
            pressed.get("channel_id"),
            pressed.get("message_ts"),
        ):
            raise Refused("this button belongs to another message")


def _value(action: Mapping[str, Any]) -> str:
    option: Any = action.get("selected_option")
    return str(action.get("value") or (option.get("value") if isinstance(option, dict) else "") or "")


def _field_of(error: VigieError, view: Mapping[str, Any]) -> str:
    """Below which field of this modal the mistake is shown: the one it speaks of, else the last."""
    blocks: Any = view.get("blocks") or []
    there = [str(block.get("block_id")) for block in blocks if block.get("type") == "input"]
    told = {"code": "code", "type ": "typed", "reason": "reason"}
    wanted = next((name for word, name in told.items() if word in error.what and name in there), "")
    return wanted or next((name for name in _FIELDS if name in there), "reason")
