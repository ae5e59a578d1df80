"""What is seen before a move is planned, and what came of looking at it.

Everything here was read; nothing is decided. A look that could not be taken is absent, and what is absent is never
taken for good news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blocks.ports.approvals import Plan
from blocks.ports.credentials import CredentialLook
from blocks.ports.recovery import (
    CapacityLook,
    CommitLook,
    ComputeLook,
    DatabaseLook,
    Loss,
    Move,
    MoveKind,
    MoveState,
    Sighting,
)

PHASES = (
    "check",
    "prepare",
    "fence",
    "promote",
    "verify-data",
    "start",
    "shift",
    "verify-clients",
    "settle",
)
"""In this order. `prepare` makes the arriving site ready while the old one still serves: moves in peace only."""

Durations = Mapping[tuple[str, str], Sequence[timedelta]]
"""(phase, item) -> how long that step took, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A step of earlier moves, as the journal has it. Not `done`: its intent was written and its outcome was not."""

    phase: str
    item: str
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen at one moment, on the journal's clock.

    `databases` is by (data, site), `compute` by service, `credentials` by name, `shares` by switch. `last_known` is
    the newest look at each primary while it lived; `commits`, of data that promises zero loss, whether its commits were
    seen to wait, the newest, by whomever; `lifted` when vigie can last have changed that.
    `ran` is every step since the platform was last at home and whole, oldest first. `silent_since` is when the
    data's server where clients are let nobody log in any more, by its own checks.
    """

    now: datetime
    active: str
    databases: Mapping[tuple[str, str], DatabaseLook] = field(default_factory=dict[tuple[str, str], DatabaseLook])
    last_known: Mapping[str, DatabaseLook] = field(default_factory=dict[str, DatabaseLook])
    commits: Mapping[str, CommitLook] = field(default_factory=dict[str, CommitLook])
    lifted: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    compute: Mapping[str, ComputeLook] = field(default_factory=dict[str, ComputeLook])
    credentials: Mapping[str, CredentialLook] = field(default_factory=dict[str, CredentialLook])
    capacity: Mapping[str, CapacityLook] = field(default_factory=dict[str, CapacityLook])
    added: Mapping[str, str] = field(default_factory=dict[str, str])  # the plan's own step -> why not; empty: it could
    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    sightings: Sequence[Sighting] = ()
    incidents: Sequence[str] = ()
    durations: Durations = field(default_factory=dict[tuple[str, str], Sequence[timedelta]])
    rehearsed: Durations = field(default_factory=dict[tuple[str, str], Sequence[timedelta]])  # by drills only
    moves: Sequence[Move] = ()  # newest first
    ran: Sequence[Ran] = ()
    losses: Sequence[Loss] = ()  # counted already, not yet saved
    silent_since: Mapping[str, datetime] = field(default_factory=dict[str, datetime])  # data, where clients are

    def look(self, data: str, site: str) -> DatabaseLook | None:
        """The look at that server, None where nobody could look."""
        return self.databases.get((data, site))

    @property
    def moved_meanwhile(self) -> str:
        """What the newest move means for whoever cannot have another, before what to do next; empty: nothing."""
        newest = next(iter(self.moves), None)
        if newest is None:
            return ""
        kind, run, site = newest.kind.value, str(newest.run)[:8], newest.to_site
        if newest.state is MoveState.UNDER_WAY:
            return f"a {kind} to {site} is not over (vigie runs show {run}): see it through; "
        if newest.has_moved and site == self.active and newest.kind is not MoveKind.FAILBACK:
            return f"{newest.platform} runs in {site} already ({kind} {run}): served there, nothing is to be done; "
        return ""


def other_site(plan: Plan, site: str) -> str:
    """The other site of a plan."""
    (other,) = [each for each in plan.roles if each != site]
    return other


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What whoever starts a failover takes upon himself beyond the plan; stands on the card and in the digest."""

    rows_count: int | None = None
    span: timedelta | None = None

    @property
    def is_something(self) -> bool:
        """Rows, or time, or both."""
        return self.rows_count is not None or self.span is not None
