"""What does a whole sweep mean for a platform?

Pure: puts the single decisions in order. Readings move each check's status, statuses make the
services' states, samples make burn rates, and all of them make the changes to incidents. When the
measurement itself is at fault, nothing is moved: only a monitoring fault is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from blocks.ports.health import Burn, CheckKey, CheckStatus, Reading, ServiceAssessment, SliSample, State
from blocks.ports.incidents import Incident, IncidentChange
from tasks.health.decide import assess_burn, assess_services, sli_samples
from tasks.health.measurement import MeasurementVerdict
from tasks.health.plan import SweepPlan, replay
from tasks.incidents.decide import plan_incidents

MONITORING_FAULT = "monitoring_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAssessment:
    """Everything a sweep decided. `verdict` is the worst state of any service, or `monitoring_fault`."""

    verdict: str
    sentence: str
    statuses: Mapping[CheckKey, CheckStatus]
    services: Sequence[ServiceAssessment]
    samples: Sequence[SliSample]
    burns: Sequence[Burn]
    changes: Sequence[IncidentChange]
    problem_count: int
    missing_count: int


def assess_sweep(
    plan: SweepPlan,
    readings: Sequence[Reading],
    measurement: MeasurementVerdict,
    *,
    earlier_samples: Sequence[SliSample],
    open_incidents: Sequence[Incident],
    recently_closed: Sequence[Incident],
    at: datetime,
) -> SweepAssessment:
    """Decide what this sweep changes. `at` is the journal's time; `earlier_samples` cover the SLO windows."""
    fault = "; ".join(measurement.faults) or None
    statuses = plan.statuses if fault else {key: checked.status for key, checked in replay(plan, readings).items()}
    services = assess_services(plan.platform, statuses, plan.maintenance)
    samples = [] if fault else sli_samples(plan.platform, statuses, at)
    burns = assess_burn(plan.platform, [*earlier_samples, *samples], at)
    changes = plan_incidents(
        plan.platform,
        services,
        burns,
        open_incidents=open_incidents,
        recently_closed=recently_closed,
        at=at,
        active=plan.active,
        monitoring_fault=fault,
    )
    verdict = MONITORING_FAULT if fault else _worst(services).value
    return SweepAssessment(
        verdict=verdict,
        sentence=_sentence(plan.platform.name, fault, services),
        statuses=statuses,
        services=services,
        samples=samples,
        burns=burns,
        changes=changes,
        problem_count=sum(1 for service in services if service.state.is_problem),
        missing_count=sum(1 for status in statuses.values() if status.state is State.UNKNOWN),
    )


def _worst(services: Sequence[ServiceAssessment]) -> State:
    return max((service.state for service in services), key=lambda state: state.rank, default=State.UNKNOWN)


def _sentence(platform: str, fault: str | None, services: Sequence[ServiceAssessment]) -> str:
    if fault:
        return f"{platform}: the measurement itself is at fault, health is not judged: {fault}"
    counts = Counter(service.state for service in services)
    told = ", ".join(f"{counts[state]} {state.value}" for state in sorted(counts, key=lambda s: -s.rank))
    roots = sorted({root for service in services for root in service.root_causes})
    because = f"; root cause {', '.join(roots)}" if roots else ""
    return f"{platform}: {len(services)} services, {told}{because}"
