"""What was rehearsed, what was restored to see that it can be, and what did a rehearsal create that must go away?

A *drill* is a move on an isolated copy. Whatever it creates is leased before it is created, so that somebody else
removes it when the drill dies. Values only; the journal keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class DrillVerdict(StrEnum):
    """What a drill showed."""

    PASSED = "passed"  # every check held, and nothing was left over
    FAILED = "failed"
    STOPPED = "stopped"  # ended before it could show anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill of one platform. `durations`: phase -> how long it took, for predictions."""

    run: UUID
    platform: str
    at: datetime
    verdict: DrillVerdict
    text: str
    leftovers: tuple[str, ...] = ()  # what could not be cleaned up
    durations: Mapping[str, timedelta] = field(default_factory=dict[str, timedelta])


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTest:
    """A backup that was restored to a point in time, to see that it can be."""

    run: UUID
    platform: str
    data: str  # the name of the replicated data in the catalogue
    at: datetime
    restored_to: datetime
    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedResource:
    """Something that a run created, and may keep until then. `reference` is the provider's own."""

    run: UUID
    platform: str
    kind: str  # postgres.server, openstack.server, dns.record...
    reference: str
    leased_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSideCount:
    """How many clients still went to the side that was left, at one moment."""

    at: datetime
    client_count: int


class DrillJournal(Protocol):
    """The journal as drills and whoever cleans up after them see it. Every method may be repeated safely."""

    def keep_drill(
        self,
        run: UUID,
        *,
        verdict: DrillVerdict,
        text: str,
        leftovers: Sequence[str] = (),
        durations: Mapping[str, timedelta],
    ) -> Drill:
        """What the drill of this run showed; a retried run says it anew, and both stand in its actions."""
        ...

    def drill(self, run: UUID) -> Drill | None: ...
    def drills(self, platform: str, limit_count: int = 20) -> Sequence[Drill]:
        """Newest first."""
        ...

    def keep_restore_test(self, run: UUID, *, data: str, restored_to: datetime, passed: bool, text: str) -> RestoreTest:
        """The first result of a run and its data stays."""
        ...

    def restore_tests(self, platform: str, limit_count: int = 20) -> Sequence[RestoreTest]:
        """Newest first."""
        ...

    def lease_resource(self, run: UUID, *, kind: str, reference: str, until: datetime) -> LeasedResource:
        """Before it is created. Again by the same run it moves `until`; raises `Refused` when another run has it."""
        ...

    def free_resource(self, run: UUID, *, kind: str, reference: str) -> None:
        """It is gone."""
        ...

    def leased_resources(self, run: UUID) -> Sequence[LeasedResource]:
        """What this run created and has not freed, newest first: the order in which it is removed."""
        ...

    def leaked_resources(self) -> Sequence[LeasedResource]:
        """What nobody else will free: its time is over, or its run is over or cancelled. Newest first."""
        ...

    def remind(self, run: UUID, *, name: str, day: date, text: str, facts: Mapping[str, object]) -> bool:
        """Once a platform, name and day: write it down and want its message. False when it was done before."""
        ...

    def was_reminded(self, platform: str, name: str, day: date) -> bool: ...
    def keep_report(self, run: UUID, *, text: str, facts: Mapping[str, object]) -> None:
        """What came of the move or drill of this run, and want its one message; said the same again, once."""
        ...

    def keep_old_side(self, run: UUID, counts: Sequence[OldSideCount]) -> None: ...
    def old_side(self, run: UUID) -> Sequence[OldSideCount]:
        """Oldest first."""
        ...
