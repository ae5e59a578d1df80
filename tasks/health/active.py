"""The platform runs in its other site: what matters now, and where is it asked?

The rules, before any code:

1.  *Criticality follows activity.* What stands for a service in the active site is as critical as the service it
    stands for. What was left behind, and what nothing but that depends on, is no more than important: it rang when it
    broke, and now it is the way back that suffers.
2.  *Data is asked where it is.* Replication, and what counts for the service level of data, is asked on the member in
    the active site. A standby that is missing there is no way back yet: a warning, because clients are served.
3.  *A second worker that was left behind was stopped by us*; that it stands still is no news.
4.  *Nothing changes* for a platform that never moved, that came home, or that has no recovery plan.

Pure: the catalogue's platform and the active site are arguments, and the catalogue itself is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from blocks.catalogue.model import (
    Check,
    Criticality,
    DatabaseCheck,
    Platform,
    Recovery,
    ReplicationCheck,
    Service,
    SiteRole,
)
from blocks.ports.health import CheckKey, FindingCode, Reading, State

_LOUDNESS = (Criticality.MINOR, Criticality.IMPORTANT, Criticality.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A platform as it is watched while it runs where it runs."""

    platform: Platform
    way_back: frozenset[CheckKey] = frozenset()  # checks that say whether one could go home
    muted: Mapping[str, str] = field(default_factory=dict[str, str])  # service -> why nobody is told


def follow_active(platform: Platform, active: str) -> Elsewhere:
    """The platform as it is watched while `active` (a site, or empty while nothing ever moved) serves its clients."""
    plan = platform.recovery
    if plan is None or active not in platform.sites or platform.sites[active].role is SiteRole.PRIMARY:
        return Elsewhere(platform=platform)
    stands_for = dict(_counterparts(plan, active))
    services = dict(platform.services)
    for left, now in stands_for.items():
        services[now] = _louder(services[now], platform.services[left].criticality)
    for left in _left_behind(platform, stands_for):
        services[left] = _quieter(services[left])
    way_back: set[CheckKey] = set()
    for left, now in _moved_data(plan, active):
        services[left], asked = _asked_at(services[left], platform.services[now])
        way_back |= asked
    return Elsewhere(
        platform=platform.model_copy(update={"services": services}),
        way_back=frozenset(way_back),
        muted=dict(_stopped_workers(plan, active)),
    )


def without_alarm(reading: Reading) -> Reading:
    """What a check of the way back says: that nobody follows is a warning while the active site serves."""
    finding = reading.finding
    if finding is None or finding.code is not FindingCode.NOT_REPLICATING:
        return reading
    calmer = replace(finding, state=State.WARNING, text=f"no way back yet: {finding.text}")
    return replace(reading, finding=calmer)


# -- pieces ------------------------------------------------------------------------------------


def _counterparts(plan: Recovery, active: str) -> Iterator[tuple[str, str]]:
    """(the service that was left, what stands for it in the active site)."""
    yield from _moved_data(plan, active)
    for part in (*plan.services.values(), *plan.second_workers.values()):
        yield from _pairs(part.sites, active)


def _moved_data(plan: Recovery, active: str) -> Iterator[tuple[str, str]]:
    for data in plan.data.values():
        yield from _pairs(data.members, active)


def _stopped_workers(plan: Recovery, active: str) -> Iterator[tuple[str, str]]:
    for worker in plan.second_workers.values():
        for left, _ in _pairs(worker.sites, active):
            yield left, f"runs in {active}"


def _pairs(by_site: Mapping[str, str], active: str) -> Iterator[tuple[str, str]]:
    if active in by_site:
        yield from ((service, by_site[active]) for site, service in by_site.items() if site != active)


def _left_behind(platform: Platform, stands_for: Mapping[str, str]) -> set[str]:
    """What was left, and whatever in the same site serves nothing else any more."""
    left = set(stands_for)
    sites = {platform.services[name].site for name in left}
    users: dict[str, set[str]] = {}
    for service in platform.services.values():
        for dependency in service.depends_on:
            users.setdefault(dependency, set()).add(service.name)
    while True:
        more = {
            name
            for name, service in platform.services.items()
            if name not in left and service.site in sites and name in users and users[name] <= left
        }
        if not more:
            return left
        left |= more


def _louder(service: Service, criticality: Criticality) -> Service:
    highest = max(service.criticality, criticality, key=_LOUDNESS.index)
    return service.model_copy(update={"criticality": highest})


def _quieter(service: Service) -> Service:
    lowest = min(service.criticality, Criticality.IMPORTANT, key=_LOUDNESS.index)
    return service.model_copy(update={"criticality": lowest})


def _asked_at(left: Service, now: Service) -> tuple[Service, set[CheckKey]]:
    """The checks of the member that was left, asked on the other one; and which of them speak of the way back."""
    address = next((c.address for c in now.checks.values() if isinstance(c, DatabaseCheck | ReplicationCheck)), None)
    if address is None:
        return left, {CheckKey(left.name, name) for name, c in left.checks.items() if isinstance(c, ReplicationCheck)}
    checks = {name: _moved_check(check, address) for name, check in left.checks.items()}
    moved = {CheckKey(left.name, name) for name, check in checks.items() if isinstance(check, ReplicationCheck)}
    return left.model_copy(update={"checks": checks}), moved


def _moved_check(check: Check, address: str) -> Check:
    if isinstance(check, ReplicationCheck):
        return check.model_copy(update={"address": address, "standby": ""})
    if isinstance(check, DatabaseCheck) and check.slo:
        return check.model_copy(update={"address": address})
    return check
