"""Before a move begins: is the room that it needs still there, and who else counts on it?

The rules: room is claimed in the journal before the first change, and a look is measured against the claims of
everybody else; what this run holds already it holds; a site that cannot be asked is not believed; a move that has
begun never claims anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.catalogue.recovery import Capacity
from blocks.errors import Refused
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.recovery import CapacityLook
from blocks.ports.room import RoomClaim, RoomWanted
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step
from tasks.recovery.capacity import less_claimed, pool_of, room_of, shortfall
from tasks.recovery.opening import Parts, parts_of
from tasks.runs.runbook import Granted


@fresh_step(retry=OUTSIDE, run_name="hold room for the move")
def hold_room(granted: Granted) -> RoomClaim | None:
    """The claim under which the move begins; None where the plan says that it needs none there."""
    with open_journal() as journal:
        held = claim_for(journal, parts_of(granted.plan.platform), granted.lease.run, granted.plan.candidate)
    if held is not None:
        get_run_logger().info("room for %s is held in %s", held.platform, held.room.pool)
    return held


def claim_for(journal: PostgresJournal, parts: Parts, run: UUID, site: str) -> RoomClaim | None:
    """Claim what the plan needs in that site, unless the run holds it or has moved already. Raises `Refused`."""
    if site not in parts.recovery.capacity or journal.move(run) is not None:
        return None
    return journal.room_of(run) or journal.claim_room(run, room_wanted(journal, parts, site))


def room_wanted(journal: PostgresJournal, parts: Parts, site: str) -> RoomWanted:
    """What the platform claims in a site, against a look taken now. Raises the three errors where nobody can say."""
    needed = parts.recovery.capacity.get(site)
    if needed is None:
        raise Refused(
            f"the catalogue does not say what {parts.platform.name} needs in {site}",
            where="the catalogue",
            next_step=f"write recovery.capacity.{site}, and run vigie apply",
            code="no_capacity",
        )
    since = journal.now()  # before the look: whatever is freed during it counts against it
    look = parts.compute(site).capacity(parts.site(site))
    return wanted_of(needed, pool_of(parts.site(site), look), look, since=since)


def wanted_of(needed: Capacity, pool: str, look: CapacityLook, *, since: datetime) -> RoomWanted:
    """The same claim out of a look, judged against whatever others hold by then."""
    return RoomWanted(
        room=room_of(needed, pool),
        since=since,
        judge=lambda others: _lacking(needed, less_claimed(look, others), others),
    )


def _lacking(needed: Capacity, left: CapacityLook, others: Sequence[RoomClaim]) -> str:
    """What is short, and who holds it."""
    short = shortfall(needed, left)
    held = ", ".join(f"the {claim.action} of {claim.platform}" for claim in others)
    return f"{short} (others hold room: {held})" if short and held else short
