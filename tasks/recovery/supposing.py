"""What would be planned if the active site were gone? For rehearsal in the head, and for paper.

Pure. The facts of a quiet day, seen as on the night: nothing of the site answers, two places agree on it, and all else
is as it is. The rule: what is supposed is said so, and such a plan is read and printed, never carried out.
"""

from __future__ import annotations

from dataclasses import replace

from blocks.catalogue.model import Platform
from blocks.ports.recovery import DatabaseLook, DatabaseRole, Sighting
from tasks.recovery.values import Facts

SUPPOSED = "supposed to be gone"
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
        outage_at=facts.outage_at or facts.now,
        detected_at=facts.detected_at or facts.now,
    )
