"""Who has been promised which part of a site's free room, so that two moves never count the same twice?

A provider shows what is free and not what a move under way will still take of it. A *claim* is that difference: it
lives in the journal from before a move begins until its platform serves (then the provider counts the room as used) or
until the run can take no more of it. A *pool* is what the provider counts in; two sites that share a pool share its
room.

Values only; the journal keeps them, `tasks/recovery/capacity.py` decides about them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from blocks.ports.approvals import Approval
from blocks.ports.runs import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of which pool."""

    pool: str
    cores: int
    ram_mib: int
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomClaim:
    """What one run may still take, and how that run stands."""

    run: UUID
    platform: str
    action: str
    state: RunState
    room: Room
    claimed_at: datetime
    freed_at: datetime | None = None


JudgeRoom = Callable[[Sequence[RoomClaim]], str]
"""Pure: the claims of others -> what is lacking then, in words; empty where it fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomWanted:
    """Room that is claimed, measured against a look that was begun at `since` (the journal's clock)."""

    room: Room
    since: datetime
    judge: JudgeRoom


class RoomJournal(Protocol):
    """The journal as the ledger of room sees it. Every method is one transaction and may be repeated safely."""

    def room_claims(self, pool: str, *, since: datetime, apart_from: str) -> Sequence[RoomClaim]:
        """Those of other platforms that a look begun at `since` does not show as used: living, or freed after it."""
        ...

    def room_of(self, run: UUID) -> RoomClaim | None:
        """What the run holds now."""
        ...

    def claim_room(self, run: UUID, wanted: RoomWanted) -> RoomClaim:
        """Judge and record, alone with the pool. Raises `Refused` with what is lacking.

        A run claims once; a platform needs its room once, so what an earlier run of it held is freed by it.
        """
        ...


class JointJournal(Protocol):
    """The journal as several platforms on one card see it."""

    def promise_part(self, approval: UUID, run: UUID, wanted: RoomWanted) -> Approval:
        """The run's own yes: its platform's part of a granted card, with the room for it, in one transaction.

        The part is given once, to one run. Raises `Refused` for a card that is not granted, a platform that is not on
        it, another action or candidate, a run that asked itself already, a platform that is being changed, and where
        the room is gone.
        """
        ...

    def part_runs(self, approval: UUID) -> Mapping[str, UUID]:
        """Platform -> the run that its part was given to."""
        ...

    def part_of(self, run: UUID) -> UUID | None:
        """The approval whose part this run was given; None where it has none."""
        ...
