"""What would be planned if the active site were gone? For rehearsal in the head, and for paper.

Pure. The facts of a quiet day, seen as on the night: nothing of the site answers, two places agree on it, and all else
is as it is. The rule: what is supposed is said so, and such a plan is read and printed, never carried out.
"""

from __future__ import annotations

from dataclasses import replace

from blocks.catalogue.model import Platform
from blocks.ports.recovery import CapacityLook, DatabaseLook, DatabaseRole, Sighting
from tasks.recovery.decide import recovery_of
from tasks.recovery.values import Facts

SUPPOSED = "supposed to be gone"
_AMPLE = 1_000_000
_PLACES = ("one place (supposed)", "another place (supposed)")


def suppose_gone(platform: Platform, facts: Facts) -> Facts:
    """The same facts with the active site dark."""
    dark = {
        key: DatabaseLook(address=look.address, role=DatabaseRole.UNREACHABLE, text=f"{key[0]} is {SUPPOSED}")
        for key, look in facts.databases.items()
        if key[1] == facts.active
    }
    return replace(
        facts,
        databases={**facts.databases, **dark},
        last_known={name: look for (name, site), look in facts.databases.items() if site == facts.active},
        compute={n: look for n, look in facts.compute.items() if platform.services[n].site != facts.active},
        sightings=tuple(
            Sighting(vantage=place, site=facts.active, gone=True, sure=True, text=f"{facts.active} is {SUPPOSED}")
            for place in _PLACES
        ),
        silent_since=dict.fromkeys(recovery_of(platform).data, facts.now) | dict(facts.silent_since),
    )


def suppose_ready(platform: Platform, facts: Facts) -> Facts:
    """The same facts with the other sites able to take over, for the question how long that would take.

    How long a step takes does not depend on whether it may begin; what keeps it from beginning is a finding itself.
    """
    plan = recovery_of(platform)
    others = [site for site in platform.sites if site != facts.active]
    able = {(name, site): _standby(facts, name, site) for name, data in plan.data.items() for site in data.members}
    return replace(
        facts,
        databases={**facts.databases, **{key: look for key, look in able.items() if key[1] in others}},
        capacity={**facts.capacity, **{site: _room(site) for site in others}},
    )


def _standby(facts: Facts, name: str, site: str) -> DatabaseLook:
    seen = facts.look(name, site)
    if seen is not None and seen.role is DatabaseRole.STANDBY and seen.heartbeat_at is not None:
        return seen
    text = f"{name} is supposed to follow"
    return DatabaseLook(address=site, role=DatabaseRole.STANDBY, text=text, timeline=1, heartbeat_at=facts.now)


def _room(site: str) -> CapacityLook:
    return CapacityLook(
        site=site,
        cores_free=_AMPLE,
        ram_free_mib=_AMPLE,
        instances_free=_AMPLE,
        hosts_up=1,
        text=f"{site} is supposed to have room",
    )
