"""Is a failover right now, and how much may it lose?

Pure. A failover is for a database that is dead or cut off. One that lives and is followed can be moved without losing
a row, so it is refused and the switchover offered; one that does not answer must be gone for two vantage points. What
would be lost is held against the plan, or against what was accepted by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.catalogue.quantities import format_duration
from blocks.catalogue.recovery import ReplicatedData
from blocks.errors import Refused
from blocks.ports.approvals import Bound, Guard
from blocks.ports.recovery import DatabaseLook, DatabaseRole, Loss
from tasks.recovery.building import Way
from tasks.recovery.fences import answers
from tasks.recovery.items import TAKES_OVER, parse_item
from tasks.recovery.losses import bound_loss, lag
from tasks.recovery.values import Accepted, Facts
from tasks.recovery.vantage import agreement
from tasks.recovery.waited import waited_until_the_end


@dataclass(frozen=True, slots=True)
class Lost:
    """The bounds and guards of what may be lost, and sentences about it."""

    bounds: tuple[Bound, ...]
    guards: tuple[Guard, ...]
    said: tuple[str, ...]


def require_reason(way: Way, facts: Facts) -> str:
    """Why the old site may be left behind. Raises `Refused` where it may not."""
    silent = [name for name in way.plan.data if not answers(facts, name, way.old)]
    agreed = agreement(facts.sightings, way.old)
    if silent and not agreed.gone:
        raise Refused(
            f"{', '.join(silent)} in {way.old} does not answer, but that is no proof: {agreed.text}",
            where=way.platform.name,
            next_step="look from another vantage point; where only our own network is down, mend that",
            code="not_gone",
        )
    living = [name for name in way.plan.data if _lives(way, facts, name)]
    if living and not silent and len(living) == len(way.plan.data):
        raise Refused(
            f"{', '.join(living)} lives in {way.old} and is followed in {way.new}",
            where=way.platform.name,
            next_step=f"start a switchover, which loses nothing: vigie plan switchover {way.platform.name}",
            code="alive",
        )
    if silent:
        return agreed.text
    return "; ".join(look.text for name in way.plan.data if (look := facts.look(name, way.old))) or agreed.text


def what_may_be_lost(way: Way, facts: Facts, accepted: Accepted) -> Lost:
    """Bounds, guards and sentences of all data. Raises `Refused` where the candidate cannot be promoted."""
    bounds: list[Bound] = []
    guards: list[Guard] = []
    said: list[str] = []
    for name, data in way.plan.data.items():
        require_candidate(way, facts, name)
        loss = loss_of(way, facts, name)
        most_rows = max(data.lose_at_most_rows, accepted.rows_count or 0)
        most_span = max(way.plan.rpo, accepted.span or timedelta(0))
        beyond = most_rows > data.lose_at_most_rows or most_span > way.plan.rpo
        known = math.isfinite(loss.seconds)
        if not known and not (accepted.rows_count and accepted.span):
            raise Refused(loss.text, where=way.new, next_step=_BY_NAME, code="unknown")
        bounds += _bounds(name, loss if known else None, most_rows, most_span)
        guards.append(_guard(data, loss, most_rows, most_span) if known else _unseen(name, loss))
        said += [loss.text, *_accepted(name, most_rows, most_span, beyond=beyond or not known)]
    return Lost(tuple(bounds), tuple(guards), tuple(said))


def loss_of(way: Way, facts: Facts, name: str) -> Loss:
    """The most that may be lost of one kind of data if it were promoted now."""
    standby, primary, until = facts.look(name, way.new), facts.look(name, way.old), _last_write(way, facts, name)
    return bound_loss(
        way.plan.data[name],
        standby=standby,
        primary=primary,
        last_known=facts.last_known.get(name),
        until=until,
        waited=waited_until_the_end(
            facts.commits.get(name),
            site=way.old,
            primary=primary,
            standby=standby,
            lifted_at=facts.lifted.get(name),
            until=until,
        ),
    )


def require_candidate(way: Way, facts: Facts, name: str) -> DatabaseLook:
    """A standby that can take over, or what an earlier move promoted already. Raises `Refused` for anything else."""
    look = facts.look(name, way.new)
    if look is None or (look.role is not DatabaseRole.STANDBY and name not in promoted_before(way, facts)):
        seen = look.text if look is not None else "nobody could look at it"
        raise Refused(
            f"{name} in {way.new} cannot take over: {seen}",
            where=way.new,
            next_step=f"{facts.moved_meanwhile}a promotion needs a standby: mend it, or restore a backup to a point in "
            "time",
            code="no_standby",
        )
    return look


def promoted_before(way: Way, facts: Facts) -> list[str]:
    """Data that a move which ended half-way promoted in the new site, open or still closed."""
    ran = [parse_item(each.item) for each in facts.ran]
    begun = {(item.thing, item.site) for item in ran if item.verb in TAKES_OVER}
    looks = {name: facts.look(name, way.new) for name in way.plan.data}
    runs = [name for name, look in looks.items() if look is not None and (look.takes_writes or look.is_closed)]
    return [name for name in runs if (name, way.new) in begun]


def _lives(way: Way, facts: Facts, name: str) -> bool:
    old, new = facts.look(name, way.old), facts.look(name, way.new)
    behind = lag(new, old)
    followed = new is not None and new.role is DatabaseRole.STANDBY and behind is not None and behind <= way.plan.rpo
    return old is not None and old.takes_writes and followed


def _last_write(way: Way, facts: Facts, name: str) -> datetime:
    """A server of a site that is gone took none after it let nobody log in; of any other it may be this very moment."""
    gone = agreement(facts.sightings, way.old).gone
    return facts.silent_since.get(name, facts.now) if gone else facts.now


def _bounds(name: str, loss: Loss | None, most_rows: int, most_span: timedelta) -> list[Bound]:
    most_s = most_span.total_seconds()
    rows = float(loss.rows) if loss else float(most_rows)
    seconds = loss.seconds if loss else most_s
    return [
        Bound(name=f"rows of {name} that may be lost", at_most=float(most_rows), measured=rows, unit="rows"),
        Bound(name=f"seconds of {name} that may be lost", at_most=most_s, measured=seconds, unit="s"),
    ]


def _guard(data: ReplicatedData, loss: Loss, most_rows: int, most_span: timedelta) -> Guard:
    holds = loss.rows <= most_rows and loss.seconds <= most_span.total_seconds()
    text = f"{loss.text}; approved are {most_rows} rows and {format_duration(most_span)}"
    return Guard(name=f"loss of {data.name}", holds=holds, text=text)


def _unseen(name: str, loss: Loss) -> Guard:
    return Guard(name=f"loss of {name}", holds=True, text=f"{loss.text}; accepted unseen")


def _accepted(name: str, most_rows: int, most_span: timedelta, *, beyond: bool) -> list[str]:
    if not beyond:
        return []
    return [f"whoever asked accepts to lose up to {most_rows} rows and {format_duration(most_span)} of {name}"]


_BY_NAME = "accept rows and time by name (accept_rows, accept_time of the failover), or find another copy"
