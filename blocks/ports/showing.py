"""What do people see of a run, and through what?

A *picture* is everything a message about a run is rendered from: pure data out of the journal at one moment, so
that whoever sends it says what holds now. A *purpose* names one thing that people see of a run (its question,
its progress, a call to a pager); each has one message, kept current.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.errors import Broken
from blocks.ports.approvals import Approval
from blocks.ports.notifications import Sent
from blocks.ports.runs import Action, Run, Step


class PurposeKind(StrEnum):
    """What a message of a run is for."""

    PROGRESS = "progress"  # how far it is; one a run
    APPROVAL = "approval"  # the evidence card of a question; the number is the question's
    QUESTION = "question"  # what somebody wants to know before deciding; the number is the action's
    ESCALATION = "escalation"  # a pager: nobody decided yet; the number is the question's
    PAGE = "page"  # a pager: a person is needed; the number counts the calls
    REPORT = "report"  # what came of a move or a drill; one a run
    REMINDER = "reminder"  # the platform still runs elsewhere; the number is the action's


@dataclass(frozen=True, slots=True)
class Purpose:
    """`progress`, or a kind with its number, as the journal writes it: `approval:2`."""

    kind: PurposeKind
    number: int = 0

    @classmethod
    def of(cls, written: str) -> Purpose:
        """Read it. Raises `Broken` for a purpose that this version does not know."""
        kind, _, number = written.partition(":")
        if kind not in set(PurposeKind) or not (number or "0").isdecimal():
            raise Broken(f"the journal wants a message for {written!r}", next_step="is an older vigie still running?")
        return cls(PurposeKind(kind), int(number or 0))

    def __str__(self) -> str:
        """As the journal writes it."""
        return f"{self.kind.value}:{self.number}" if self.number else self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPicture:
    """A run with its questions, steps and history at `now`, and how its customer reads."""

    run: Run
    approvals: tuple[Approval, ...] = ()
    steps: tuple[Step, ...] = ()
    actions: tuple[Action, ...] = ()
    yes_needed: Mapping[UUID, int] = field(default_factory=dict[UUID, int])  # by approval, where it is not the quorum
    language: str  # "fr" or "en"
    time_zone: str  # IANA name
    run_url: str = ""  # "" when unknown
    now: datetime

    def approval(self, number: int) -> Approval:
        """The question with this number. Raises `Broken` when the run never asked it."""
        found = next((each for each in self.approvals if each.number == number), None)
        if found is None:
            raise Broken(f"run {self.run.id} never asked question {number}")
        return found

    def action(self, number: int) -> Action:
        """The line of history with this number. Raises `Broken` when it is none of this run."""
        found = next((each for each in self.actions if each.number == number), None)
        if found is None:
            raise Broken(f"run {self.run.id} has no line {number} in its history")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a pager says about a run: a summary that is read aloud, and the sentence behind it.

    `is_over`: nobody is needed any more. `since`: when that began, or when it was over.
    """

    summary: str
    sentence: str
    platform: str
    subject: str
    customer: str
    language: str
    run_url: str
    since: datetime
    is_over: bool


class RunMessenger(Protocol):
    """A chat: posts one message a purpose and keeps it current. Raises as `Messenger` does.

    `parent` is the message in whose thread it stands. `find` looks for a delivery already posted.
    """

    async def post(
        self, channel: str, purpose: Purpose, picture: RunPicture, delivery: UUID, parent: Sent | None = None
    ) -> Sent: ...
    async def update(self, sent: Sent, purpose: Purpose, picture: RunPicture, delivery: UUID) -> Sent: ...
    async def find(self, channel: str, delivery: UUID, parent: Sent | None = None) -> Sent | None: ...


class RunPager(Protocol):
    """Something that rings for a run, and stops when the call is over. The same key rings once at a time."""

    async def ring(self, call: Call, dedup_key: str) -> Sent: ...
