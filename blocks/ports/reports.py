"""What came of a move or a drill, in numbers: what the report, Slack and the page all say the same of.

Durations are seconds; None where a moment was never recorded, which is said so and never taken for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from blocks.ports.recovery import LossKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSaid:
    """One loss as the report says it."""

    data: str
    kind: LossKind
    rows: int
    seconds: float
    saved_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Something of the old side that nobody could confirm as fenced when the move went on; `end` is when it was."""

    text: str  # of its fence: 'fence household in azure-west'
    begin: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveSummary:
    """One move or drill. `kind` is a `MoveKind`'s value or `drill`; `state` a `MoveState`'s or a `DrillVerdict`'s."""

    kind: str
    platform: str
    state: str
    began_at: datetime
    from_site: str = ""
    to_site: str = ""
    outage_at: datetime | None = None
    detected_at: datetime | None = None
    decided_at: datetime | None = None
    serving_at: datetime | None = None
    detection_s: float | None = None  # outage -> an incident said so
    decision_s: float | None = None  # incident -> the last yes
    execution_s: float | None = None  # the last yes -> clients are served
    rto_s: float | None = None  # outage -> clients are served
    rto_target_s: float
    rpo_target_s: float
    losses: tuple[LossSaid, ...] = ()
    step_count: int
    done_count: int
    path_s: float = 0.0  # of which the critical path took
    people_s: float = 0.0  # of which it waited for people
    old_side_most: int = 0  # clients on the side that was left, at most
    old_side_last_at: datetime | None = None  # when the last one was seen there
    leftovers: tuple[str, ...] = ()
    exposures: tuple[Exposure, ...] = ()

    @property
    def rpo_s(self) -> float | None:
        """The worst loss, in seconds; None while nothing was counted."""
        return max((loss.seconds for loss in self.losses), default=None)

    @property
    def rpo_is_exact(self) -> bool:
        """Every loss was counted, none is only a bound."""
        return all(loss.kind is LossKind.EXACT for loss in self.losses)

    @property
    def measured_s(self) -> float | None:
        """What is held against the RTO: from the outage, or the execution alone where nothing was out."""
        return self.rto_s if self.outage_at is not None else self.execution_s
