"""How loudly is a problem told, and does anybody have to get up?

Rule: a person is paged for a *hard critical* state of a *critical* service, or for a page-burn with
at least three bad samples. Never for a soft state, never for what could not be measured, never for
one blip. Everything else that is confirmed waits for the morning or is only shown.
"""

from __future__ import annotations

from typing import Final

from blocks.catalogue.model import Criticality, Service
from blocks.ports.health import Burn, Mode, ServiceAssessment, State
from blocks.ports.incidents import Severity
from tasks.health.slo import LEAST_BAD_COUNT

_OF_HARD_STATES: Final = {
    (Criticality.CRITICAL, State.CRITICAL): Severity.PAGE,
    (Criticality.CRITICAL, State.UNKNOWN): Severity.TICKET,
    (Criticality.CRITICAL, State.WARNING): Severity.TICKET,
    (Criticality.IMPORTANT, State.CRITICAL): Severity.TICKET,
    (Criticality.IMPORTANT, State.UNKNOWN): Severity.TICKET,
    (Criticality.IMPORTANT, State.WARNING): Severity.NOTICE,
    (Criticality.MINOR, State.CRITICAL): Severity.TICKET,
    (Criticality.MINOR, State.UNKNOWN): Severity.NOTICE,
    (Criticality.MINOR, State.WARNING): Severity.NOTICE,
}


def severity_of(service: Service, assessment: ServiceAssessment) -> Severity:
    """How loudly this service's own state is told; soft states and ok are only shown."""
    if assessment.mode is not Mode.HARD:
        return Severity.NOTICE
    return severity_of_state(service.criticality, assessment.state)


def severity_of_state(criticality: Criticality, state: State) -> Severity:
    """How loudly a confirmed state of something so critical is told."""
    return _OF_HARD_STATES.get((criticality, state), Severity.NOTICE)


def severity_of_burn(burn: Burn) -> Severity:
    """A page only for a page-burn with enough bad samples, else a ticket."""
    pages = burn.severity == Severity.PAGE.value and burn.bad_count >= LEAST_BAD_COUNT
    return Severity.PAGE if pages else Severity.TICKET
