"""What passes between the steps of a look at a recovery plan, and what came of it.

Values only, and how the evidence of several looks becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from blocks.catalogue.model import Customer, Platform
from blocks.ports.health import State
from blocks.ports.incidents import Incident
from tasks.recovery.certificates import Certificates
from tasks.recovery.readiness import Evidence, Finding
from tasks.recovery.timing import PredictedRto
from tasks.recovery.values import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which plan is looked at, and what catalogue and journal know of it."""

    run: UUID
    platform: Platform
    customer: Customer
    active: str
    last_drill_at: datetime | None
    last_restore_at: datetime | None
    decisions: tuple[timedelta, ...]
    control_plane: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sites as before a failover, and how long one would take."""

    facts: Facts
    predicted: PredictedRto | None


def evidence_of(
    scope: Scope,
    sides: Sides,
    *,
    traits: Mapping[tuple[str, str], Mapping[str, str | None]],
    follow_within: Mapping[str, timedelta],
    certificates: Certificates,
    credentials: Mapping[str, str],
    takeable: Mapping[str, str],
) -> Evidence:
    """What all looks came to."""
    return Evidence(
        now=sides.facts.now,
        active=scope.active,
        databases=sides.facts.databases,
        capacity=sides.facts.capacity,
        traits=traits,
        follow_within=follow_within,
        certificates_d=certificates.days,
        certificate_faults=certificates.faults,
        credentials=credentials,
        added=sides.facts.added,
        held=sides.facts.credentials,
        takeable=takeable,
        last_drill_at=scope.last_drill_at,
        last_restore_at=scope.last_restore_at,
        predicted=sides.predicted,
        control_plane=scope.control_plane,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found wanting, and the incidents of it. `still` says why this was no moment to judge."""

    at: datetime
    findings: tuple[Finding, ...]
    still: str
    changed: tuple[Incident, ...]
    open: tuple[Incident, ...]

    @property
    def verdict(self) -> State:
        """The worst of it; unknown while a night is under way."""
        if self.still:
            return State.UNKNOWN
        return max((each.severity for each in self.findings), key=lambda state: state.rank, default=State.OK)

    @property
    def sentence(self) -> str:
        """For log and artifact."""
        if self.still:
            return f"not judged: {self.still}"
        if not self.findings:
            return "the recovery plan would work tonight"
        counts = [
            (s.value, sum(each.severity is s for each in self.findings))
            for s in (State.CRITICAL, State.UNKNOWN, State.WARNING)
        ]
        return f"findings: {', '.join(f'{count} {name}' for name, count in counts if count)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """Would this platform's recovery plan work tonight? What `recovery-readiness` returns."""

    run: UUID
    platform: str
    active: str
    verdict: State
    sentence: str
    findings: tuple[Finding, ...]
    open_incident_count: int
    undelivered_count: int

    def __str__(self) -> str:
        """For log and message."""
        return f"{self.platform}: {self.sentence}"
