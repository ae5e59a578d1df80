"""Can the site take the platform?

Pure. Quota is a permission and no machine, but without quota there is surely no machine: a site whose free quota is
below what the plan needs is refused, and one that cannot be asked is not believed. That quota is not capacity is the
readiness check's business, long before. What a move under way will still take shows as free and is not: it is taken off
first, so that no room is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blocks.catalogue.model import Site
from blocks.catalogue.quantities import format_count
from blocks.catalogue.recovery import Capacity
from blocks.errors import Refused
from blocks.ports.approvals import Guard
from blocks.ports.recovery import CapacityLook
from blocks.ports.room import Room, RoomClaim
from tasks.recovery.building import Way
from tasks.recovery.values import Facts

NO_LIMIT = -1


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
        ("core", "cores", needed.cores, look.cores_free),
        ("MiB of memory", "MiB of memory", needed.ram_mib, look.ram_free_mib),
        ("server", "servers", needed.instances, look.instances_free),
    )
    lacking = [each for each in pairs if each[-1] != NO_LIMIT and each[-1] < each[-2]]
    return "; ".join(
        f"{format_count(need, one, many)} {_are(need)} needed and {free} {_are(free)} free"
        for one, many, need, free in lacking
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def pool_of(site: Site, look: CapacityLook) -> str:
    """In what the provider counts that room; where it does not say, all of the region is one."""
    return look.pool or f"{site.provider} {site.region}"


def room_of(needed: Capacity, pool: str) -> Room:
    """What a platform claims of a pool."""
    return Room(pool=pool, cores=needed.cores, ram_mib=needed.ram_mib, instances=needed.instances)


def less_claimed(look: CapacityLook, claims: Sequence[RoomClaim]) -> CapacityLook:
    """What is left when everybody who holds room has taken it, and who holds it."""
    left = look
    for claim in claims:
        left = without(left, claim.room)
    said = "".join(f"; {_held(claim)}" for claim in claims)
    return replace(left, text=f"{look.text}{said}")


def without(look: CapacityLook, taken: Room | Capacity) -> CapacityLook:
    """The look when so much is taken."""
    return replace(
        look,
        cores_free=_minus(look.cores_free, taken.cores),
        ram_free_mib=_minus(look.ram_free_mib, taken.ram_mib),
        instances_free=_minus(look.instances_free, taken.instances),
    )


def narrowest(looks: Sequence[CapacityLook]) -> CapacityLook:
    """Of several looks at one pool the least of each: what all of them can be sure of. At least one."""
    first, *others = looks
    for other in others:
        first = replace(
            first,
            cores_free=_least(first.cores_free, other.cores_free),
            ram_free_mib=_least(first.ram_free_mib, other.ram_free_mib),
            instances_free=_least(first.instances_free, other.instances_free),
        )
    return first


def _held(claim: RoomClaim) -> str:
    room = claim.room
    cores = format_count(room.cores, "core", "cores")
    instances = format_count(room.instances, "instance", "instances")
    much = f"{cores}, {room.ram_mib} MiB, {instances}"
    return f"of that {much} are held for the {claim.action} of {claim.platform} ({claim.state.value})"


def _minus(free: int, taken: int) -> int:
    return free if free == NO_LIMIT else max(0, free - taken)


def _least(one: int, other: int) -> int:
    if NO_LIMIT in {one, other}:
        return max(one, other)
    return min(one, other)
