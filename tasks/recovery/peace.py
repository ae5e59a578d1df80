"""Are both sides well enough for a move that loses nothing?

Pure. A switchover needs a primary that takes writes, a standby of the same history close behind it, and machines in
the new site that answer. A primary that is dead cannot be drained: that is a failover, with its own approval.
"""

from __future__ import annotations

from blocks.catalogue.quantities import format_duration
from blocks.errors import Refused
from blocks.ports.approvals import Guard
from blocks.ports.recovery import DatabaseLook, DatabaseRole
from tasks.recovery.building import Way
from tasks.recovery.losses import lag
from tasks.recovery.values import Facts


def require_peace(way: Way, facts: Facts) -> tuple[Guard, ...]:
    """A guard for each kind of data. Raises `Refused` naming the side that is not well."""
    guards = tuple(_followed(way, facts, name) for name in way.plan.data)
    require_machines(way, facts)
    return guards


def require_machines(way: Way, facts: Facts) -> None:
    """What stands for services in the new site answers, and nothing is going on with it."""
    for part in (*way.plan.services.values(), *way.plan.second_workers.values()):
        service = part.sites.get(way.new)
        if service is None:
            continue
        look = facts.compute.get(service)
        if look is None or not look.settled:
            seen = look.text if look is not None else "its provider does not answer for it"
            raise Refused(
                f"{service} in {way.new} is not ready to take over {part.name}: {seen}",
                where=way.platform.name,
                next_step="wait until it is settled, or mend it, then plan again",
                code="not_ready",
            )


def _followed(way: Way, facts: Facts, name: str) -> Guard:
    old, new = facts.look(name, way.old), facts.look(name, way.new)
    if old is None or not old.takes_writes:
        raise Refused(
            f"{name} in {way.old} takes no writes: {old.text if old else 'nobody could look at it'}",
            where=way.platform.name,
            next_step=f"{facts.moved_meanwhile}a dead primary is left by a failover: "
            f"vigie plan failover {way.platform.name}",
            code="primary_dead",
        )
    if new is None or new.role is not DatabaseRole.STANDBY or not _same_history(old, new):
        raise Refused(
            f"{name} in {way.new} does not follow {way.old}: {new.text if new else 'nobody could look at it'}",
            where=way.platform.name,
            next_step="mend the replication first: a move now would lose what was not sent",
            code="not_following",
        )
    behind = lag(new, old)
    if behind is None or behind > way.plan.rpo:
        said = "an unknown time" if behind is None else f"{behind.total_seconds():.0f} s"
        raise Refused(
            f"{name} in {way.new} is {said} behind, over the rpo of {format_duration(way.plan.rpo)}",
            where=way.platform.name,
            next_step="wait until it has caught up: writers would wait as long",
            code="lagging",
        )
    return Guard(
        name=f"{name} follows", holds=True, text=f"{name} in {way.new} is {behind.total_seconds():.0f} s behind"
    )


def _same_history(old: DatabaseLook, new: DatabaseLook) -> bool:
    return old.system_id == new.system_id and old.timeline == new.timeline
