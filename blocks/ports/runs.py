"""What was started on a platform, by whom, how far did it get, and who may go on?

A *run* is the root run of a runbook: whatever Prefect does with its processes, it is one row here. Its
*steps* are the intents and outcomes of everything that changed the world; the row is the step's result.
One *lease* a platform says which run may change it now, with a token that only grows.

Values only; the journal keeps them, `tasks/runs/` decides about them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.ports.changes import Evidence, Mark
from blocks.ports.notifications import Sent

SCHEDULE = "schedule"
"""Who asked for a run that nobody asked for. No approver's name."""
UNKNOWN_REQUESTER = "unknown"
"""Who asked when Prefect was asked directly: its UI has no identities. No approver's name."""
REJOIN = "rejoin"
"""The action of a run that fences a site which was left and answers again, and lets it follow."""
GIVES_WAY = frozenset({"recovery-drill", REJOIN})
"""Actions that only rehearse, or that only look after a side which serves nobody: whatever moves clients takes the
platform's lease from them at once."""


class RunState(StrEnum):
    """Where a run stands. Only `running` may change the world."""

    RUNNING = "running"
    WAITING = "waiting"  # for an approval; no process is held
    FAILED = "failed"  # a step said no or could not go on; a person may retry the run
    CANCELLED = "cancelled"  # somebody cancelled it in Prefect
    PARKED = "parked"  # stopped safely between two steps, until somebody continues it
    REJECTED = "rejected"  # an approver said no
    EXPIRED = "expired"  # nobody decided in time
    VOID = "void"  # what was approved is no longer what would be done, too often
    DONE = "done"

    @property
    def is_over(self) -> bool:
        """Nothing continues it: a retry says why it won't."""
        return self in _OVER

    @property
    def may_act(self) -> bool:
        """A run in this state may take the lease."""
        return self is RunState.RUNNING


_OVER = frozenset({RunState.REJECTED, RunState.EXPIRED, RunState.VOID, RunState.DONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A root run as the journal holds it. `id` is the id of Prefect's flow run."""

    id: UUID
    platform: str
    action: str  # the flow's name, such as service-restart
    subject: str  # what it is about: a service, a site
    parameters: Mapping[str, object]
    requested_by: str  # an approver's name, `schedule`, or `unknown` when Prefect was asked directly
    customer: str
    opened_at: datetime
    state: RunState
    state_at: datetime
    reason: str = ""  # why it is in this state, for people
    resume_count: int = 0  # automatic resumes since a person last touched it
    resumed_at: datetime | None = None
    stop_requested_by: str = ""

    @property
    def title(self) -> str:
        """What, of what, on what."""
        return titled(self.action, self.subject, self.platform)


def titled(action: str, subject: str, platform: str) -> str:
    """'service-restart of device-api on hearth', 'failover of hearth': the platform is named once."""
    return f"{action} of {subject}" if subject == platform else f"{action} of {subject} on {platform}"


def who_said(requested_by: str) -> str:
    """'shift-lead'; of a run that was started in Prefect nobody knows more than that."""
    return "somebody in the Prefect UI" if requested_by == UNKNOWN_REQUESTER else requested_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change: its intent, and its outcome once there is one."""

    key: str
    run: UUID
    phase: str
    item: str
    text: str  # what is done to what
    token: int  # of the lease that it was last entered with
    mark: Mark
    evidence: Evidence | None = None
    outcome: str = ""
    done_at: datetime | None = None
    entered_count: int = 1
    by_hand: str = ""  # who said that it was done by hand

    @property
    def is_done(self) -> bool:
        """It has an outcome; nothing enters it again."""
        return self.done_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to change a platform."""

    platform: str
    run: UUID
    token: int
    taken_at: datetime


class ActionKind(StrEnum):
    """What happened in the life of a run, in the order it may happen."""

    RUN_OPENED = "run_opened"
    PLAN_MADE = "plan_made"
    APPROVAL_ASKED = "approval_asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    QUESTION = "question"
    GLASS_BROKEN = "glass_broken"
    DECISION_REFUSED = "decision_refused"
    APPROVAL_GRANTED = "approval_granted"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_VOID = "approval_void"
    APPROVAL_ESCALATED = "approval_escalated"
    LEASE_TAKEN = "lease_taken"
    LEASE_RELEASED = "lease_released"
    STEP_INTENDED = "step_intended"
    STEP_ENTERED_AGAIN = "step_entered_again"
    STEP_EVIDENCE = "step_evidence"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    STEP_BY_HAND = "step_by_hand"
    STOP_REQUESTED = "stop_requested"
    RUN_RESUMED = "run_resumed"
    RUN_MOVED = "run_moved"
    REVIEWED = "reviewed"
    MOVE_BEGUN = "move_begun"
    MOVE_SERVES = "move_serves"
    MOVE_SETTLED = "move_settled"
    LOSS_KEPT = "loss_kept"
    DRILL_KEPT = "drill_kept"
    RESTORE_KEPT = "restore_kept"
    RESOURCE_LEASED = "resource_leased"
    RESOURCE_FREED = "resource_freed"
    SHARE_JUDGED = "share_judged"
    RETURN_PROMISED = "return_promised"
    RETURN_GRANTED = "return_granted"
    PART_GRANTED = "part_granted"
    ROOM_CLAIMED = "room_claimed"
    ROOM_FREED = "room_freed"
    REJOIN_PROMISED = "rejoin_promised"
    REJOIN_GRANTED = "rejoin_granted"
    FENCED_LATE = "fenced_late"
    REMINDED = "reminded"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One line of a run's history; hash-chained per platform, never changed once written."""

    run: UUID
    number: int
    at: datetime
    kind: ActionKind
    text: str
    who: str = "vigie"
    data: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMessage:
    """One thing about a run that people see and that is kept current; `version` is the one wanted now.

    `purpose` is `progress`, `approval:<number>`, `escalation:<number>` or `page:<count>`; `channel` is a
    `Channel`'s value. `attempt_count` above 0 without `sent` says: an earlier sender may have died after sending.
    """

    run: UUID
    purpose: str
    channel: str
    version: int
    delivery: UUID
    sent_version: int = 0
    attempt_count: int = 0
    sent: Sent | None = None
    last_error: str = ""


class RunJournal(Protocol):
    """The journal as runs see it. Every method is one transaction and may be repeated safely.

    Methods with a `token` raise `Refused` when it is not the platform's newest, or the run does not hold
    the lease: whoever holds a stale token was overtaken and must not act.
    """

    def open_run(
        self,
        run: UUID,
        *,
        platform: str,
        action: str,
        subject: str,
        parameters: Mapping[str, object],
        requested_by: str,
        customer: str,
    ) -> Run:
        """Note the run, or give the one that is there. Raises `Refused` when it is there with other parameters."""
        ...

    def run(self, run: UUID) -> Run: ...
    def runs(self, *, platform: str | None = None, states: Sequence[RunState] = ()) -> Sequence[Run]: ...
    def actions(self, run: UUID) -> Sequence[Action]: ...
    def move_run(
        self,
        run: UUID,
        state: RunState,
        *,
        reason: str,
        who: str = "vigie",
        page: bool = False,
        keeps_lease: bool = False,
    ) -> Run:
        """Change its state; gives the lease back unless it goes on running. Raises `Refused` for a run that is over.

        `page`: in this state it needs a person, who is rung until the run leaves it. `keeps_lease`: it waits in the
        middle of its plan, and nobody else may change the platform meanwhile.
        """
        ...

    def count_resume(self, run: UUID) -> int:
        """One more automatic resume; how many there are since a person last touched the run."""
        ...

    def request_stop(self, run: UUID, *, who: str, reason: str) -> Run: ...

    def run_lock(self, run: UUID, *, overtaken: Callable[[], None]) -> AbstractContextManager[bool]:
        """Held by the process that executes the run, and gone with it. False when another process holds it.

        Lost with its session (the journal restarts) it is taken again; `overtaken` is called, in another thread,
        when somebody else got it meanwhile.
        """
        ...

    def is_executing(self, run: UUID) -> bool: ...

    def take_lease(self, run: UUID) -> Lease:
        """The run's own lease at once, with the same token; a free one, or a rehearsal's, with the next token.

        Raises `Refused` when another run holds it, naming that run, or when this run may not act.
        """
        ...

    def release_lease(self, run: UUID) -> None: ...
    def lease(self, platform: str) -> Lease | None: ...

    def step(self, run: UUID, key: str) -> Step | None: ...
    def steps(self, run: UUID) -> Sequence[Step]: ...
    def intend(
        self, run: UUID, token: int, *, key: str, phase: str, item: str, text: str, baseline: Mapping[str, str]
    ) -> Step:
        """Write the intent before the act; the first baseline stays. Entered again it counts the entry."""
        ...

    def keep_evidence(self, run: UUID, token: int, key: str, evidence: Evidence) -> Step: ...
    def finish_step(self, run: UUID, token: int, key: str, outcome: str, evidence: Evidence | None) -> Step:
        """The outcome. The first stays."""
        ...

    def fail_step(self, run: UUID, token: int, key: str, reason: str) -> None:
        """Keep why it could not go on; the step stays open."""
        ...

    def claim_by_hand(self, run: UUID, key: str, *, who: str) -> Step:
        """Somebody says it was done by hand. It counts only once the step has read it back."""
        ...

    # -- what people see -----------------------------------------------------------
    def want_message(self, run: UUID, purpose: str, channel: str = "slack_message") -> None: ...
    def sent_message(self, run: UUID, purpose: str) -> Sent | None: ...
    def claim_messages(self, run: UUID | None, *, limit_count: int, lease: timedelta) -> Sequence[RunMessage]: ...
    def mark_message_sent(self, message: RunMessage, sent: Sent) -> None: ...
    def mark_message_failed(self, message: RunMessage, reason: str, retry_in: timedelta) -> None: ...
