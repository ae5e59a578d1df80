"""Somebody presses a button of a run's progress: stop safely, go on, or commit the move that it made.

The rules are those of `tasks/runs/steering.py`: only those who may decide about the action may steer it. A button
counts only on the message that the journal knows for its run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from blocks.errors import Refused, VigieError
from blocks.slack.progress import COMMIT, CONTINUE, STOP
from blocks.slack.voice import Voice
from deployments.gateway.desk import Counter, aside, why
from deployments.gateway.origin import Person, person_of
from tasks.runs.steering import Steer, steer

STEERS = {STOP: Steer.STOP, CONTINUE: Steer.CONTINUE, COMMIT: Steer.COMMIT}
_SAID = {Steer.STOP: "answer.stopping", Steer.CONTINUE: "answer.going_on", Steer.COMMIT: "answer.committed"}


@dataclass(frozen=True, slots=True)
class Steering:
    """The handlers of a run's buttons."""

    counter: Counter

    async def press(self, ack: Any, body: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """Stop safely, go on, or commit."""
        await ack()
        person, voice = person_of(body), await self.counter.desk.settings.voice()
        try:
            voice = await self._steer(body, action, person, voice)
        except VigieError as error:
            await self.counter.say(person, why(voice, error))

    async def _steer(self, body: Mapping[str, Any], action: Mapping[str, Any], person: Person, voice: Voice) -> Voice:
        desk, what = self.counter.desk, STEERS[str(action.get("action_id"))]
        try:
            wanted = UUID(str(action.get("value")))
        except ValueError:
            raise Refused("the button carries no id of ours") from None
        run = await aside(lambda: desk.journal.run(wanted))
        voice = await desk.settings.voice(run.platform)
        approver = await desk.approver(person)
        if approver is None:
            await self.counter.ask_to_link(person, voice)
            return voice
        await self._right_message(body, wanted)
        policy = await desk.settings.policy(run.customer, run.platform, run.action)
        await aside(lambda: steer(desk.journal, desk.orchestrator, policy, what, wanted, who=approver.name))
        desk.bell.set()
        await self.counter.say(person, voice.say(_SAID[what]))
        return voice

    async def _right_message(self, body: Mapping[str, Any], run: UUID) -> None:
        container: Any = body.get("container")
        pressed = container if isinstance(container, dict) else {}
        sent = await aside(lambda: self.counter.desk.journal.sent_message(run, "progress"))
        place = (pressed.get("channel_id"), pressed.get("message_ts"))
        if sent is None or (sent.channel_reference, sent.reference) != place:
            raise Refused("this button belongs to another message")
