"""Can the site take the platform?

Pure. Quota is a permission and no machine, but without quota there is surely no machine: a site whose free quota is
below what the plan needs is refused, and one that cannot be asked is not believed. That quota is not capacity is the
readiness check's business, long before.
"""

from __future__ import annotations

from blocks.catalogue.recovery import Capacity
from blocks.errors import Refused
from blocks.ports.approvals import Guard
from blocks.ports.recovery import CapacityLook
from tasks.recovery.building import Way
from tasks.recovery.values import Facts

_NO_LIMIT = -1


def capacity_guard(way: Way, facts: Facts) -> tuple[Guard, ...]:
    """Holds where there is room. Raises `Refused` where there is not, or where nobody can say."""
    needed = way.plan.capacity.get(way.new)
    if needed is None:
        return ()
    look = facts.capacity.get(way.new)
    if look is None:
        raise Refused(
            f"nobody can say what {way.new} can still take, so {way.platform.name} cannot go there",
            where=f"the quota of {way.new}",
            next_step="look whether its provider answers, then plan again",
            code="no_capacity",
        )
    if lacking := shortfall(needed, look):
        raise Refused(
            f"{way.new} cannot take {way.platform.name}: {lacking}",
            where=f"the quota of {way.new}",
            next_step="have the quota raised, or free what a platform of lower priority uses there",
            code="no_capacity",
        )
    return (Guard(name=f"capacity of {way.new}", holds=True, text=look.text),)


def shortfall(needed: Capacity, look: CapacityLook) -> str:
    """'4 cores are needed and 2 are free', for everything that lacks; empty where all fits."""
    pairs = (
        ("cores", needed.cores, look.cores_free),
        ("MiB of memory", needed.ram_mib, look.ram_free_mib),
        ("servers", needed.instances, look.instances_free),
    )
    lacking = [(need, word, free) for word, need, free in pairs if free != _NO_LIMIT and free < need]
    return "; ".join(f"{need} {word} are needed and {free} are free" for need, word, free in lacking)
