"""Which parts of a platform start first in the site where it arrives?

Pure. The rule: nothing starts before what it needs. What waits for nothing is the first wave; each further wave
needs only waves before it. A circle has no first wave and is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.catalogue.circles import circles
from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Recovery
from blocks.catalogue.waves import needs_between
from blocks.errors import Refused


def waves(platform: Platform, plan: Recovery, site: str) -> tuple[tuple[str, ...], ...]:
    """The plan's services and second workers of a site, by wave, each by name. Raises `Refused` for a circle."""
    needs = needs_in(platform, plan, site)
    if found := circles(needs, first=sorted(needs)):
        ring = " -> ".join([*found[0], found[0][0]])
        raise Refused(
            f"what starts in {site} needs each other in a circle: {ring}",
            where=f"the recovery plan of {platform.name}",
            next_step="take one of these dependencies out of the catalogue, and run vigie apply",
            code="circle",
        )
    ordered: list[tuple[str, ...]] = []
    while waiting := needs.keys() - {name for wave in ordered for name in wave}:
        ordered.append(tuple(sorted(name for name in waiting if not waiting & set(needs[name]))))
    return tuple(ordered)


def needs_in(platform: Platform, plan: Recovery, site: str) -> Mapping[str, Sequence[str]]:
    """Part -> the parts that start before it in this site; data is there before anything starts."""
    starting = {**plan.services, **plan.second_workers}
    starts = {name: part.sites[site] for name, part in starting.items() if site in part.sites}
    stands_for = {service: name for name, part in starting.items() for service in part.sites.values()}
    graph: dict[str, Sequence[str]] = {f"group:{name}": members for name, members in platform.redundancy_groups.items()}
    graph |= {name: service.depends_on for name, service in platform.services.items()}
    found = needs_between(starts, stands_for, graph)
    return {name: [part for part in parts if part in starts] for name, parts in found.items()}
