"""May this leftover be removed, and must a person be woken because it cannot be?

The invariants, before any code:

1.  *Only what bears the mark of a drill's copy is ever removed*, at a door that the platform's own plan names. What
    a journal says otherwise is told, never done.
2.  *Nothing is removed under a drill that lives*: its time is over, or its run ended, however it did.
3.  *What cannot be removed is not forgotten*: it stays leased, is tried again, and after half an hour rings a person.

No I/O, no clock: what was seen is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.catalogue.model import Platform
from blocks.ports.copies import KIND, copy_name, place_of
from blocks.ports.drills import LeasedResource
from blocks.ports.runs import Run, RunState

RING_AFTER = timedelta(minutes=30)
_LET_GO = frozenset({RunState.CANCELLED, RunState.FAILED, RunState.PARKED})  # a drill that ended never goes on


@dataclass(frozen=True, slots=True)
class Ours:
    """A copy that may be removed: of which data, in which site, under which name. Not ours: `why` says it."""

    data: str = ""
    site: str = ""
    name: str = ""
    why: str = ""


def assess_leftover(resource: LeasedResource, platform: Platform) -> Ours:
    """Which copy a leased resource is, or why it is none of ours to remove."""
    if resource.kind != KIND:
        return Ours(why=f"nothing here removes a {resource.kind}")
    place = place_of(resource.reference)
    if place is None:
        return Ours(why=f"{resource.reference} does not bear the mark of a drill's copy")
    if resource.platform != platform.name or platform.recovery is None:
        return Ours(why=f"{platform.name} has no recovery plan that names {resource.reference}")
    door, name = place
    for data in platform.recovery.data.values():
        for site, host in data.hosts.items():
            if host == door and name == copy_name(resource.run, data.name):
                return Ours(data.name, site, name)
    return Ours(why=f"{resource.reference} is no copy that run {resource.run} could have made")


def may_be_swept(resource: LeasedResource, run: Run, now: datetime) -> bool:
    """Has its drill let go of it?"""
    return resource.until <= now or run.state.is_over or run.state in _LET_GO


def must_ring(resource: LeasedResource, run: Run, now: datetime) -> bool:
    """Has it stayed so long that a person must look?"""
    since = resource.until if resource.until <= now else run.state_at
    return now - since >= RING_AFTER
