"""Of what is the report of a move made?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.ports.approvals import Approval
from blocks.ports.drills import Drill, OldSideCount
from blocks.ports.recovery import Move
from blocks.ports.reports import MoveSummary
from blocks.ports.runs import Action, Run, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the journal holds of a move or a drill, and what its plan promises. Nothing else goes into a report."""

    run: Run
    actions: Sequence[Action] = ()
    steps: Sequence[Step] = ()
    approvals: Sequence[Approval] = ()
    move: Move | None = None
    drill: Drill | None = None
    old_side: Sequence[OldSideCount] = ()
    rto: timedelta
    rpo: timedelta
    at: datetime  # the journal's time


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step in the picture. `end` is None while it is not done."""

    key: str
    phase: str
    item: str
    text: str
    begin: datetime
    end: datetime | None
    is_critical: bool = False
    entered_count: int = 1
    by_hand: str = ""
    outcome: str = ""
    evidence: str = ""  # where the provider keeps the proof, and what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A time in which nothing went on because a person was needed. `kind`: `approval` or `stopped`."""

    kind: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReport:
    """Everything that the pages and the picture show, in the order of time."""

    summary: MoveSummary
    bars: tuple[Bar, ...] = ()
    waits: tuple[Wait, ...] = ()
    approvals: tuple[Approval, ...] = ()
    old_side: tuple[OldSideCount, ...] = ()
    begin: datetime
    end: datetime
