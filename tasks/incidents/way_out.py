"""Is everything down that the recovery plan could move, so that a failover is worth a look?

An incident names one root cause; of a dark site there are several, and none of them says that there is a way out.
The rule: it is said when every service that the plan moves out of the active site is confirmed critical, and of none
of them nobody is to be told. It comes after the cause, and before it where the cause is that nothing could be measured.
It is an offer: what it names is looked at and planned, and changes nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from blocks.catalogue.model import Platform, Recovery
from blocks.ports.health import Mode, ServiceAssessment, State

_NEXT = "look at the way out, it changes nothing: vigie plan failover"


@dataclass(frozen=True, slots=True)
class WayOut:
    """What is down in the active site, and could serve from another one."""

    platform: str
    site: str
    services: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For the incidents of these services: what a headline has room for, then what to do."""
        return f"all that can move out of {self.site} is down ({', '.join(self.services)}); {_NEXT} {self.platform}"


def way_out(platform: Platform, active: str, services: Mapping[str, ServiceAssessment]) -> WayOut | None:
    """`active` is the site that serves, empty while nothing ever moved. None where something of it is not down."""
    plan = platform.recovery
    if plan is None:
        return None
    site = active or platform.home
    members = tuple(sorted(set(_members(plan, site))))
    if not members or not all(_is_down(services.get(member)) for member in members):
        return None
    return WayOut(platform.name, site, members)


def without_way_out(sentence: str) -> str:
    """For whoever reads it where the way out is planned already."""
    return "; ".join(piece for piece in sentence.split("; ") if not piece.startswith(_NEXT))


def _members(plan: Recovery, site: str) -> Iterator[str]:
    """What serves clients there and has somewhere to go; second workers do not answer anybody."""
    for data in plan.data.values():
        if site in data.members:
            yield data.members[site]
    for counterpart in plan.services.values():
        if site in counterpart.sites:
            yield counterpart.sites[site]


def _is_down(service: ServiceAssessment | None) -> bool:
    return service is not None and service.state is State.CRITICAL and service.mode is Mode.HARD and not service.muted
