"""Which root causes deserve an incident now, and who suffers from each?

Rule: a hard problem belongs to exactly one case, that of a root which explains it. Where several
roots explain it, the one that already lists it keeps it, then one that is already open, then the
first by name. A case whose services are all in maintenance opens nothing; what is open stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final

from blocks.catalogue.model import Platform
from blocks.ports.health import Burn, Mode, ServiceAssessment, State
from blocks.ports.incidents import Incident, Severity
from tasks.incidents.severity import severity_of, severity_of_burn
from tasks.incidents.way_out import WayOut, way_out

SLO: Final = "slo:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A root cause that deserves an open incident, as this sweep sees it."""

    root: str
    severity: Severity
    sentence: str
    affected: tuple[str, ...] = ()
    is_muted: bool = False
    is_flapping: bool = False
    is_measured: bool = True  # False while the root itself is unknown: no evidence that it got better
    numbers: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What this sweep decided and what the journal remembers, by name."""

    platform: Platform
    services: Mapping[str, ServiceAssessment]
    burns: Mapping[str, Burn]  # the loudest of each objective that fires
    open: Mapping[str, Incident]
    closed: Mapping[str, Incident]  # the newest of each root inside the reopening window
    at: datetime
    active: str = ""  # the site that serves clients; empty while nothing ever moved

    @cached_property
    def way_out(self) -> WayOut | None:
        """Where everything is down that the recovery plan could move."""
        return way_out(self.platform, self.active, self.services)

    @cached_property
    def claims(self) -> Mapping[str, str]:
        """Each hard problem -> the root of the one case that it belongs to."""
        hard = [service for service in self.services.values() if _is_confirmed(service)]
        audible = {service.service: self._root_for(service, self.open) for service in hard if not service.muted}
        opened = {*self.open, *audible.values()}
        muted = {service.service: self._root_for(service, opened) for service in hard if service.muted}
        return audible | {
            service: root if root in opened else service
            for service, root in muted.items()
            if root in opened or service in self.open
        }

    def was_told(self, burn: Burn) -> bool:
        """Has the outage that burns this budget an incident of its own, now or a while ago?"""
        service = self.services.get(burn.service)
        if burn.service in self.open or burn.service in self.closed:
            return True
        if service is None or service.state is not State.OK:
            return False
        return service.since is not None and self.at - service.since < self.platform.reopen_within

    def _root_for(self, service: ServiceAssessment, opened: Collection[str]) -> str:
        roots = service.root_causes or (service.service,)
        return min(roots, key=lambda root: (not self._lists(root, service.service), root not in opened, root))

    def _lists(self, root: str, service: str) -> bool:
        return root in self.open and service in {root, *self.open[root].affected}


def _is_confirmed(assessment: ServiceAssessment) -> bool:
    return assessment.state.is_problem and assessment.mode is Mode.HARD


def find_cases(scene: Scene) -> dict[str, Case]:
    """Every root cause that deserves an open incident: failing services, then burning budgets."""
    claimed: dict[str, list[ServiceAssessment]] = {}
    for service, root in scene.claims.items():
        claimed.setdefault(root, []).append(scene.services[service])
    cases = {root: _of_services(scene, root, members) for root, members in claimed.items()}
    return cases | {case.root: case for case in _of_burns(scene)}


def _of_services(scene: Scene, root: str, members: Sequence[ServiceAssessment]) -> Case:
    loud = [member for member in members if not member.muted] or members
    severity, burn = _loudest(scene, loud)
    cause = scene.services[root]
    affected = tuple(sorted(member.service for member in members if member.service != root))
    out = scene.way_out if scene.way_out and {root, *affected} & {*scene.way_out.services} else None
    said = (out, cause, burn) if cause.state is State.UNKNOWN else (cause, burn, out)  # what is not measured is no why
    return Case(
        root=root,
        severity=severity,
        sentence="; ".join(each.sentence for each in said if each is not None),
        affected=affected,
        is_muted=all(member.muted for member in members),
        is_flapping=cause.flapping,
        is_measured=_is_confirmed(cause) and cause.state is not State.UNKNOWN,
        numbers={
            "state": cause.state.value,
            "affected_count": len(affected),
            **({"flapping": 1} if cause.flapping else {}),
            **cause.numbers,
            **(_numbers_of_burn(burn) if burn is not None else {}),
            **({"way_out": out.sentence} if out is not None else {}),
        },
    )


def _loudest(scene: Scene, members: Sequence[ServiceAssessment]) -> tuple[Severity, Burn | None]:
    """The loudest of all, and the burn that made it louder than the states alone."""
    services = scene.platform.services
    by_state = max((severity_of(services[m.service], m) for m in members), key=lambda s: s.rank)
    names = {member.service for member in members}
    burns = sorted((b for b in scene.burns.values() if b.service in names), key=_loudness, reverse=True)
    if burns and severity_of_burn(burns[0]).rank > by_state.rank:
        return severity_of_burn(burns[0]), burns[0]
    return by_state, None


def _of_burns(scene: Scene) -> Iterator[Case]:
    """A burning budget is a case of its own only where no failing service explains it, now or lately."""
    for burn in scene.burns.values():
        root = SLO + burn.slo
        service = scene.services.get(burn.service)
        is_new = root not in scene.open
        if burn.service in scene.claims or (is_new and scene.was_told(burn)):
            continue
        is_muted = service is not None and bool(service.muted)
        if is_new and is_muted:
            continue
        yield Case(
            root=root,
            severity=severity_of_burn(burn),
            sentence=burn.sentence,
            is_muted=is_muted,
            numbers=_numbers_of_burn(burn),
        )


def _numbers_of_burn(burn: Burn) -> dict[str, float | str]:
    """`rate` is what messages say in the reader's language; `burn_rate` the same under its older name."""
    return {
        "rate": round(burn.rate, 2),
        "burn_rate": round(burn.rate, 2),
        "threshold": round(burn.threshold, 2),
        "bad_count": burn.bad_count,
        "budget_left_pct": round(burn.budget_left_pct, 1),
    }


def loudest_burns(burns: Sequence[Burn]) -> dict[str, Burn]:
    """One burn an objective: pages before tickets, then the one furthest over its threshold."""
    return {burn.slo: burn for burn in sorted(burns, key=_loudness)}


def _loudness(burn: Burn) -> tuple[int, float]:
    return severity_of_burn(burn).rank, burn.rate / burn.threshold
