"""Is it over, and what says so?

Rule: only evidence closes. A root must be measured ok by all its checks and not flap; a budget must
burn no more while its service is measured; unknown, soft or absent answers keep an incident open.
An incident that a deeper one explains closes too, but only when that one is told in its place.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from blocks.catalogue.quantities import format_duration
from blocks.ports.health import Mode, ServiceAssessment, State
from blocks.ports.incidents import Incident
from tasks.incidents.cases import SLO, Scene

_MEASURED_WELL: Final = frozenset({State.OK, State.WARNING})


def reason_to_close(scene: Scene, incident: Incident) -> str | None:
    """The sentence that closes an incident which is no case any more; None keeps it open."""
    if incident.root.startswith(SLO):
        return _of_budget(scene, incident)
    if ":" in incident.root or incident.root not in {*scene.platform.services, *scene.services}:
        return _of_other(scene, incident)
    return _of_service(scene, incident)


def _of_service(scene: Scene, incident: Incident) -> str | None:
    service = scene.services.get(incident.root)
    if service is None:
        return None
    explained_by = scene.claims.get(incident.root)
    if explained_by is not None:
        return _explained(scene, explained_by)
    if service.state is State.OK and not service.flapping:
        return f"recovered{_after(scene, incident)}: {service.sentence}"
    return None


def _of_budget(scene: Scene, incident: Incident) -> str | None:
    name = incident.root.removeprefix(SLO)
    owner, _, slo = name.partition("/")
    declared = scene.platform.services.get(owner)
    if declared is None or slo not in declared.slos:
        return f"{name} is no longer in the catalogue"
    explained_by = scene.claims.get(owner)
    if explained_by is not None:
        return _explained(scene, explained_by)
    if name not in scene.burns and _is_measured_well(scene.services.get(owner)):
        return f"the budget is no longer spent too fast{_after(scene, incident)}"
    return None


def _of_other(scene: Scene, incident: Incident) -> str:
    if incident.root == "monitoring":
        return f"the measurement is valid again{_after(scene, incident)}"
    return f"{incident.root} is no longer in the catalogue"


def _is_measured_well(service: ServiceAssessment | None) -> bool:
    return service is not None and service.mode is Mode.HARD and service.state in _MEASURED_WELL


def _explained(scene: Scene, root: str) -> str:
    cause = scene.services.get(root)
    return f"explained by {root}: {cause.sentence}" if cause is not None else f"explained by {root}"


def _after(scene: Scene, incident: Incident) -> str:
    minutes = max(1, round((scene.at - incident.since) / timedelta(minutes=1)))
    return f" after {format_duration(timedelta(minutes=minutes))}"
