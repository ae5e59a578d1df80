"""How long will it take, and which steps decide that?

Pure. A step is expected to take the median of its last runs in moves, else in drills, which is said; what never ran
takes what its kind usually does. Groups
of a phase follow each other, and inside a group the slowest decides: the sum of those is the critical path. The RTO
counts from the outage, so detection and decision are told apart from the execution that follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from blocks.catalogue.model import Platform
from blocks.ports.approvals import PlanStep
from tasks.recovery.items import Verb, parse_item, without_moment
from tasks.recovery.order import groups_of
from tasks.recovery.values import PHASES, Durations

_LAST = 5
"""How many runs count: older ones were made by another version of the world."""
_USUAL_S = {
    Verb.FENCE_DATABASE: 3.0,
    Verb.DRAIN_DATABASE: 3.0,
    Verb.RELEASE_DATABASE: 2.0,
    Verb.PROMOTE_DATABASE: 5.0,
    Verb.OPEN_DATABASE: 1.0,
    Verb.RESTORE_DATABASE: 300.0,
    Verb.ADOPT_RESTORED: 10.0,
    Verb.STAND_ALONE: 1.0,
    Verb.FOLLOW_DATABASE: 60.0,
    Verb.PROTECT_DATABASE: 5.0,
    Verb.PROTECT_WHILE_FOLLOWED: 5.0,
    Verb.SAVE_BEYOND: 30.0,
    Verb.VERIFY_DATA: 15.0,
    Verb.STOP_WORKER: 20.0,
    Verb.START_WORKER: 60.0,
    Verb.STOP_SERVICE: 20.0,
    Verb.START_SERVICE: 60.0,
    Verb.RESIZE_SERVICE: 120.0,
    Verb.RECYCLE_SERVICE: 30.0,
    Verb.STOP_MACHINE: 60.0,
    Verb.START_MACHINE: 60.0,
    Verb.REVOKE_CREDENTIAL: 5.0,
    Verb.GRANT_CREDENTIAL: 5.0,
    Verb.SHIFT_TRAFFIC: 10.0,
    Verb.CLOSE_TRAFFIC: 10.0,
    Verb.WATCH_CLIENTS: 15.0,
    Verb.VERIFY_CLIENTS: 30.0,
    Verb.CALL: 10.0,
    Verb.RUN_DEPLOYMENT: 300.0,
    Verb.ASK: 300.0,
}
_DETECTION_SWEEPS = 1
"""An outage is seen at the latest by the next sweep, and confirmed within it."""


def expected(phase: str, item: str, durations: Durations) -> timedelta:
    """How long this step will take."""
    return expected_from(_took(phase, item, durations), _USUAL_S[parse_item(item).verb])


def expected_by(phase: str, item: str, durations: Durations, rehearsed: Durations) -> tuple[timedelta, str]:
    """The same, and by what one knows: `moves`, a `drill` where no move showed it, or nothing but habit."""
    for by, found in (("moves", durations), ("drill", rehearsed)):
        if _took(phase, item, found):
            return expected(phase, item, found), by
    return expected(phase, item, {}), ""


def _took(phase: str, item: str, durations: Durations) -> Sequence[timedelta]:
    """What it took before, newest first; to whatever moment data was brought back."""
    bare = without_moment(item)
    if bare == item:
        return durations.get((phase, item), ())
    alike = (took for (where, what), took in durations.items() if where == phase and without_moment(what) == bare)
    return [took for found in alike for took in found]


def expected_from(known: Sequence[timedelta], usual_s: float) -> timedelta:
    """The median of the last runs, newest first; what it usually takes without any."""
    last = list(known)[:_LAST]
    return timedelta(seconds=median(each.total_seconds() for each in last) if last else usual_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The execution by phase, and the steps that decide it; `measured` is the share of them that ever ran."""

    by_phase: dict[str, timedelta]
    critical: tuple[PlanStep, ...]
    measured_count: int
    steps_count: int
    rehearsed_count: int = 0  # of which only drills have shown how long they take

    @property
    def execution(self) -> timedelta:
        """From the last yes to the last step before clients are served: what runs after them is not waited for."""
        return sum((took for phase, took in self.by_phase.items() if phase != "settle"), timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRto:
    """From the outage to clients being served, detection, decision and execution apart, against the target."""

    detection: timedelta
    decision: timedelta
    execution: timedelta
    target: timedelta

    @property
    def total(self) -> timedelta:
        return self.detection + self.decision + self.execution

    @property
    def holds(self) -> bool:
        return self.total <= self.target

    @property
    def text(self) -> str:
        """'predicted RTO 9.5 min of 15 min: detection 5 min, decision 2 min, execution 2.5 min'."""
        parts = ", ".join(f"{name} {_minutes(getattr(self, name))}" for name in ("detection", "decision", "execution"))
        return f"predicted RTO {_minutes(self.total)} of {_minutes(self.target)}: {parts}"


def predict(platform: Platform, steps: Sequence[PlanStep], durations: Durations) -> Prediction:
    """The critical path of a plan's steps."""
    by_phase: dict[str, timedelta] = {}
    critical: list[PlanStep] = []
    for phase in PHASES:
        for group in groups_of(platform, [step for step in steps if step.phase == phase]):
            slowest = max(group, key=lambda step: step.expected_s)
            critical.append(slowest)
            by_phase[phase] = by_phase.get(phase, timedelta(0)) + timedelta(seconds=slowest.expected_s)
    rehearsed = sum(step.expected_from == "drill" for step in steps)
    known = sum(1 for step in steps if _took(step.phase, step.item, durations)) + rehearsed
    return Prediction(
        by_phase=by_phase,
        critical=tuple(critical),
        measured_count=known,
        steps_count=len(steps),
        rehearsed_count=rehearsed,
    )


def predict_rto(platform: Platform, execution: timedelta, decisions: Iterable[timedelta]) -> PredictedRto:
    """Against the plan's target. `decisions` are how long people took to say yes, newest first."""
    if platform.recovery is None:
        raise ValueError(f"{platform.name} has no recovery plan")
    took = list(decisions)[:_LAST]
    decision = timedelta(seconds=median(each.total_seconds() for each in took)) if took else _USUAL_DECISION
    detection = platform.sweep_every * _DETECTION_SWEEPS + platform.sweep_deadline
    return PredictedRto(detection=detection, decision=decision, execution=execution, target=platform.recovery.rto)


def actual_rto(
    outage_at: datetime | None,
    detected_at: datetime | None,
    decided_at: datetime | None,
    serving_at: datetime | None,
    target: timedelta,
) -> PredictedRto | None:
    """The same parts of a move that happened; None while one of its moments is unknown."""
    if outage_at is None or detected_at is None or decided_at is None or serving_at is None:
        return None
    return PredictedRto(
        detection=detected_at - outage_at,
        decision=decided_at - detected_at,
        execution=serving_at - decided_at,
        target=target,
    )


_USUAL_DECISION = timedelta(minutes=2)


def _minutes(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"  # noqa: PLR2004
