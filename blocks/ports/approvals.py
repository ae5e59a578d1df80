"""What will be done, who must say yes, and what did they say?

A *plan* is made by reading only. Its *digest* covers what an approver agrees to: the steps, targets, roles,
candidate and coverage, the limits of its bounds, what happens when nobody commits it, what is done when the site that
was left answers again, and of several platforms each one's own digest; not what was measured, which moves by itself. A
*bound* is a measurement with a limit ("at most 2,000 rows may be lost"); a *guard* is a condition that must hold. A
question in the middle of a run, whether something that a person does is done, is a plan too: it *confirms* a step of
the one that was approved, and never stands for it.

Values only; the journal keeps them, `tasks/approvals/` decides about them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from blocks.ports.runs import Action

REASON_MOST = 500
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One change that will be made: `item` is the stable id of its target, `text` is for people."""

    phase: str
    item: str
    text: str
    expected_s: float = 0.0
    expected_from: str = ""  # `moves` or `drill`: what showed how long it takes; empty where nothing did


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Something measured that may not be more than `at_most`."""

    name: str
    at_most: float
    measured: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        """A number that is not one holds nothing."""
        return self.measured <= self.at_most


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A condition without which nothing is begun; `text` says what was seen, measured against what."""

    name: str
    holds: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done, on what, why, for how long, at what cost, and what is known to be wrong now."""

    action: str
    platform: str
    subject: str
    reason: str = ""
    steps: tuple[PlanStep, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict[str, str])  # site -> role after it
    candidate: str = ""  # what takes over, where something does
    coverage: Mapping[str, str] = field(default_factory=dict[str, str])  # what is fenced, and how
    bounds: tuple[Bound, ...] = ()
    guards: tuple[Guard, ...] = ()
    known_wrong: tuple[str, ...] = ()  # sentences about open incidents and the like
    expected_s: float = 0.0
    cost: str = ""
    commit_within_s: float = 0.0  # after it people commit it; 0 where there is nothing to commit
    rolls_back: bool = False  # by itself, when nobody did and while that loses nothing
    parts: tuple[Plan, ...] = ()  # of several platforms on one card: each one's own plan, whole
    when_back: tuple[PlanStep, ...] = ()  # done by itself as soon as the site that was left answers again
    confirms: str = ""  # the step of a plan that people are asked about in its middle; else it is a plan of its own

    @property
    def digest(self) -> str:
        """SHA-256 over what is approved, as canonical JSON."""
        return hashlib.sha256(json.dumps(self._agreed(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def _agreed(self) -> dict[str, object]:
        return {
            "action": self.action,
            "platform": self.platform,
            "subject": self.subject,
            "steps": [[step.phase, step.item, step.text] for step in self.steps],
            "roles": dict(self.roles),
            "candidate": self.candidate,
            "coverage": dict(self.coverage),
            # as a float, because that is what the journal gives back: 2000 and 2000.0 are one bound
            "bounds": [[bound.name, float(bound.at_most), bound.unit] for bound in self.bounds],
            "guards": [guard.name for guard in self.guards],
            **({"commits": [float(self.commit_within_s), self.rolls_back]} if self.commit_within_s else {}),
            **({"parts": [[part.platform, part.digest] for part in self.parts]} if self.parts else {}),
            **(
                {"when back": [[step.phase, step.item, step.text] for step in self.when_back]} if self.when_back else {}
            ),
            **({"confirms": self.confirms} if self.confirms else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may say yes to an action on a platform. Pinned to the approval when it is asked.

    `approvers` and `glass` are names; `glass` may break the glass. `typed` is the word a person must type for
    a dangerous action; `needs_code` asks for the one-time code in Slack too.
    """

    approvers: tuple[str, ...]
    quorum: int = 1
    requester_may_approve: bool = False
    expires_after_s: float = 1800.0
    escalate_after_s: float = 0.0  # 0: never
    escalate_to: tuple[str, ...] = ()  # names that are asked besides, from then on
    needs_code: bool = False
    typed: str = ""
    glass: tuple[str, ...] = ()

    @property
    def carries_code(self) -> bool:
        """Must an approval carry the one-time code in Slack too?"""
        return self.needs_code or bool(self.typed)


class Choice(StrEnum):
    """What somebody says to an approval."""

    APPROVE = "approve"
    REJECT = "reject"
    BREAK_GLASS = "break_glass"  # go on without the quorum, for a typed reason, reviewed next day


class Door(StrEnum):
    """Through what it was said."""

    SLACK = "slack"
    PREFECT = "prefect"  # the resume form of the Prefect UI
    TERMINAL = "terminal"  # the vigie command


class Standing(StrEnum):
    """Where an approval stands."""

    WAITING = "waiting"
    GRANTED = "granted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"  # the plan changed after it was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Somebody's answer as it came through a door, before anything is believed.

    `code_step` is the time step of a one-time code that was verified; None when none was given.
    """

    approver: str
    choice: Choice
    door: Door
    reason: str = ""
    typed: str = ""
    code_step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer that counted; one an approver and approval."""

    approver: str
    choice: Choice
    door: Door
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A question put to people about one plan of one run. `number` counts the run's questions from 1."""

    id: UUID
    run: UUID
    platform: str
    number: int
    plan: Plan
    digest: str
    policy: Policy
    requester: str
    asked_at: datetime
    expires_at: datetime
    standing: Standing = Standing.WAITING
    settled_at: datetime | None = None
    reason: str = ""
    escalated_at: datetime | None = None
    differences: tuple[str, ...] = ()  # what changed since the question before
    decisions: tuple[Decision, ...] = ()
    reviewed_by: str = ""  # who looked at a broken glass afterwards


def about_plan(asked: Iterable[Approval]) -> list[Approval]:
    """A run's questions about its plan, in order; without those in the middle of it."""
    return [each for each in asked if not each.plan.confirms]


def granted_plan(asked: Iterable[Approval]) -> Approval | None:
    """The newest plan of a run that was approved."""
    granted = [each for each in about_plan(asked) if each.standing is Standing.GRANTED]
    return granted[-1] if granted else None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of an answer: it counts (`refusal` empty) or not, and where the approval stands then."""

    standing: Standing
    refusal: str = ""
    reason: str = ""


Judge = Callable[[Approval, Said, datetime], Ruling]
"""Pure: the approval with the decisions so far, the answer, the journal's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who may decide, by the name that approvals.yaml uses."""

    name: str
    enrolled_at: datetime | None = None
    slack_team: str = ""
    slack_user: str = ""


class ApprovalJournal(Protocol):
    """The journal as approvals see it."""

    def ask(
        self,
        run: UUID,
        *,
        plan: Plan,
        policy: Policy,
        requester: str,
        differences: Sequence[str] = (),
    ) -> Approval:
        """The run's waiting question about this very plan, or a new one; an older one about another plan is void."""
        ...

    def approval(self, approval: UUID) -> Approval: ...
    def approvals(self, run: UUID) -> Sequence[Approval]: ...
    def waiting(self, platform: str | None = None) -> Sequence[Approval]: ...
    def say(self, approval: UUID, said: Said, judge: Judge) -> tuple[Approval, Ruling]:
        """Judge the answer and record what comes of it, alone with the approval: nobody decides in between.

        A one-time code is used up by it, whether the answer counts or not; used before, the answer is refused.
        """
        ...

    def settle(self, approval: UUID, standing: Standing, *, reason: str, who: str = "vigie") -> Approval:
        """End a waiting approval without an answer (expired, void). The first end stays."""
        ...

    def note_escalation(self, approval: UUID) -> Approval: ...
    def ask_question(self, approval: UUID, *, who: str, text: str) -> Action:
        """Write down what somebody wants to know before deciding. Raises `Refused` once it is settled."""
        ...

    def review(self, approval: UUID, *, who: str) -> Approval: ...
    def unreviewed(self) -> Sequence[Approval]: ...

    def enrol(self, name: str, sealed_secret: bytes) -> Approver: ...
    def approver(self, name: str) -> Approver | None: ...
    def approver_of(self, slack_team: str, slack_user: str) -> Approver | None: ...
    def sealed_secret(self, name: str) -> bytes | None: ...
    def link_slack(self, name: str, slack_team: str, slack_user: str, code_step: int) -> Approver: ...
    def note_wrong_code(self, name: str) -> None: ...
    def wrong_codes(self, name: str, within: timedelta) -> int: ...
