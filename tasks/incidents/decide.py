"""What is to be opened, changed and closed, and who must hear of it?

The invariants, before any code:

1.  *One incident a root cause.* A service whose problem is explained by a deeper one is listed on
    that one's incident and never has its own. When the deeper root appears later, the incident of
    the service above it is closed as explained, in the same plan that lists it on the root's; it is
    never closed for a root that has no incident.
2.  *Every confirmed critical service that is not in maintenance is the root of, or listed on,
    exactly one open incident* once the plan is applied.
3.  *Only evidence closes.* A root closes when it is measured hard ok and does not flap; a burning
    budget when it burns no more and its service is measured; a service that left the catalogue, by
    that decision. Unknown closes nothing and calms nothing: neither does a severity fall, nor does
    an affected service leave the list, before it was measured ok.
4.  *Somebody who was paged keeps the page*: an incident never falls from page while it is open, so
    that the pager is resolved by the closing, and a state that goes up and down rings once.
5.  *Suppress telling, never resolution.* Maintenance opens nothing, silence tells nothing, but both
    close, and closings are told. A rise to page that may not be told waits, and rings when it may.
6.  *A measurement at fault says nothing about services*: it opens `monitoring` and moves nothing else.
7.  *Flapping is one event*: opened once, closed when it ends; in between the list only grows.
8.  *A sweep looks at services.* What only readiness can see (tasks/recovery/unready.py) it neither
    opens, changes nor closes.
9.  *Planning again changes nothing* when the plan was applied and nothing new was measured. Numbers
    that move inside a sentence are not news; words are.

No I/O, no clock, no Prefect: time and evidence are arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from blocks.catalogue.model import Platform
from blocks.ports.health import Burn, ServiceAssessment, State
from blocks.ports.incidents import EventKind, Incident, IncidentChange, Severity
from tasks.incidents.cases import SLO, Case, Scene, find_cases, loudest_burns
from tasks.incidents.closing import reason_to_close
from tasks.incidents.severity import severity_of, severity_of_burn

MONITORING: Final = "monitoring"
_FLAPPING: Final = "flapping: "
_ORDER: Final = (
    EventKind.OPENED,
    EventKind.REOPENED,
    EventKind.SILENCE_ENDED,
    EventKind.CHANGED,
    EventKind.CLOSED,
)


def plan_incidents(
    platform: Platform,
    services: Sequence[ServiceAssessment],
    burns: Sequence[Burn],
    *,
    open_incidents: Sequence[Incident],
    recently_closed: Sequence[Incident],
    at: datetime,
    active: str = "",
    monitoring_fault: str | None = None,
) -> list[IncidentChange]:
    """The events to record, openings first and closings last, the loudest first.

    `active` is the site that serves clients, empty while nothing ever moved.
    """
    scene = Scene(
        platform=platform,
        services={service.service: service for service in services},
        burns=loudest_burns(burns),
        open={incident.root: incident for incident in open_incidents if not incident.is_readiness},
        closed=_reopenable(platform, recently_closed, at),
        at=at,
        active=active,
    )
    changes = _plan_blind(scene, monitoring_fault) if monitoring_fault is not None else _plan(scene)
    return sorted(changes, key=lambda change: (_ORDER.index(change.kind), -change.severity.rank, change.root))


def _reopenable(platform: Platform, closed: Sequence[Incident], at: datetime) -> dict[str, Incident]:
    ended = [(incident.closed_at, incident) for incident in closed if incident.closed_at is not None]
    recent = [(closed_at, i) for closed_at, i in ended if at - closed_at < platform.reopen_within]
    return {incident.root: incident for _, incident in sorted(recent, key=lambda pair: pair[0])}


def _plan_blind(scene: Scene, fault: str) -> Iterator[IncidentChange]:
    case = Case(root=MONITORING, severity=Severity.TICKET, sentence=fault)
    incident = scene.open.get(MONITORING)
    yield from _open(scene, case) if incident is None else _change(scene, incident, case)


def _plan(scene: Scene) -> Iterator[IncidentChange]:
    cases = find_cases(scene)
    for root, case in cases.items():
        if root not in scene.open:
            yield from _open(scene, case)
    for root, incident in scene.open.items():
        case = cases.get(root)
        reason = None if case is not None else reason_to_close(scene, incident)
        if reason is not None:
            yield _close(incident, reason)
        else:
            yield from _change(scene, incident, case or _unmoved(scene, incident))


# -- opening ----------------------------------------------------------------------------------


def _open(scene: Scene, case: Case) -> Iterator[IncidentChange]:
    """A new incident, or the old one again when it closed only a while ago."""
    before = scene.closed.get(case.root)
    tell = not (before is not None and _is_silenced(before, scene.at))
    severity = case.severity if tell else _held(case.severity, Severity.TICKET)
    opening = IncidentChange(
        kind=EventKind.OPENED if before is None else EventKind.REOPENED,
        root=case.root,
        severity=severity,
        sentence=_FLAPPING + case.sentence if case.is_flapping else case.sentence,
        affected=case.affected,
        incident=before.id if before is not None else None,
        tell=tell,
        page=severity is Severity.PAGE,
        numbers=case.numbers,
    )
    yield opening
    if before is not None and before.silenced_until is not None and tell:
        yield replace(opening, kind=EventKind.SILENCE_ENDED, tell=False, page=False, numbers={})


# -- changing ---------------------------------------------------------------------------------


def _change(scene: Scene, incident: Incident, case: Case) -> Iterator[IncidentChange]:
    """What is new about an open incident, if anything is."""
    if incident.silenced_until is not None and not _is_silenced(incident, scene.at):
        yield _end_silence(incident, is_muted=case.is_muted)
    tell = not case.is_muted and not _is_silenced(incident, scene.at)
    severity = _severity(incident, case, tell=tell)
    affected = _affected(scene, incident, case)
    sentence = _sentence(incident, case)
    if (severity, set(affected), _words(sentence)) == (
        incident.severity,
        set(incident.affected),
        _words(incident.sentence),
    ):
        return
    yield IncidentChange(
        kind=EventKind.CHANGED,
        root=incident.root,
        severity=severity,
        sentence=sentence,
        affected=affected,
        incident=incident.id,
        tell=tell,
        page=severity is Severity.PAGE and incident.severity is not Severity.PAGE,
        numbers=case.numbers,
    )


def _unmoved(scene: Scene, incident: Incident) -> Case:
    """An open incident that this sweep neither confirmed nor ended: it stays as it is."""
    service = scene.services.get(incident.root)
    return Case(
        root=incident.root,
        severity=incident.severity,
        sentence=incident.sentence,
        is_muted=service is not None and bool(service.muted),
        is_flapping=service is not None and service.flapping,
        is_measured=False,
    )


def _end_silence(incident: Incident, *, is_muted: bool) -> IncidentChange:
    return IncidentChange(
        kind=EventKind.SILENCE_ENDED,
        root=incident.root,
        severity=incident.severity,
        sentence=incident.sentence,
        affected=incident.affected,
        incident=incident.id,
        tell=not is_muted,
        page=not is_muted and incident.severity is Severity.PAGE,
    )


def _is_silenced(incident: Incident, at: datetime) -> bool:
    return incident.silenced_until is not None and incident.silenced_until > at


def _severity(incident: Incident, case: Case, *, tell: bool) -> Severity:
    """Rises at once, or waits until it may be told; falls on evidence only, and never from page."""
    if case.severity.rank >= incident.severity.rank:
        return case.severity if tell else _held(case.severity, incident.severity)
    may_fall = incident.severity is not Severity.PAGE and case.is_measured and not case.is_flapping
    return case.severity if may_fall else incident.severity


def _held(severity: Severity, otherwise: Severity) -> Severity:
    return otherwise if severity is Severity.PAGE else severity


def _affected(scene: Scene, incident: Incident, case: Case) -> tuple[str, ...]:
    """Those claimed now, and those listed before that neither recovered nor moved to another incident."""
    lingering = (name for name in incident.affected if name not in scene.claims and _lingers(scene, case, name))
    return tuple(sorted({*case.affected, *lingering}))


def _lingers(scene: Scene, case: Case, name: str) -> bool:
    service = scene.services.get(name)
    if service is None:
        return name in scene.platform.services
    return case.is_flapping or service.flapping or service.state is not State.OK


def _sentence(incident: Incident, case: Case) -> str:
    """While it flaps, the sentence with which it began."""
    if not case.is_flapping:
        return case.sentence
    return incident.sentence if incident.sentence.startswith(_FLAPPING) else _FLAPPING + case.sentence


def _words(sentence: str) -> str:
    """The sentence without its numbers: they move with every sweep and are not news."""
    return re.sub(r"-?\d[\d.,]*", "#", sentence)


# -- closing ----------------------------------------------------------------------------------


def _close(incident: Incident, reason: str) -> IncidentChange:
    """Told even when silenced, so that no message and no pager stays red for what is over."""
    return IncidentChange(
        kind=EventKind.CLOSED,
        root=incident.root,
        severity=incident.severity,
        sentence=reason,
        affected=incident.affected,
        incident=incident.id,
        page=incident.severity is Severity.PAGE,
    )


__all__ = ["MONITORING", "SLO", "plan_incidents", "severity_of", "severity_of_burn"]
