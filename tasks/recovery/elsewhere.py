"""A platform runs in another site than its own: what is still missing for the way back, and when are people told?

Pure. The rules: what was not seen is missing; what would be refused is said in the words of the refusal; people are
told once a day, in their own morning and not at midnight, and at once only of what ends now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise, ReplicatedData
from blocks.errors import Broken, Refused
from blocks.ports.recovery import DatabaseLook, DatabaseRole, LossKind, Move, MoveKind, MoveState
from tasks.recovery.decide import plan_move, recovery_of
from tasks.recovery.losses import lag
from tasks.recovery.values import Facts

_MORNING_H = 8
_FIRST_AFTER = timedelta(hours=12)
"""Whoever moved it at night knows in the morning."""


def active_after(move: Move) -> str:
    """Where the newest move that got anywhere left its platform."""
    return move.from_site if move.state is MoveState.ROLLED_BACK else move.to_site


def reminder_day(now: datetime, since: datetime, time_zone: str) -> date | None:
    """The day for which people are to be reminded now of what holds since then; None before their morning."""
    here = now.astimezone(ZoneInfo(time_zone))
    return here.date() if here.hour >= _MORNING_H and now - since >= _FIRST_AFTER else None


def commit_day(now: datetime, due: datetime, time_zone: str) -> date | None:
    """The same for a move that nobody committed: at once on the day when its window ends, then each morning."""
    zone = ZoneInfo(time_zone)
    here = now.astimezone(zone)
    return here.date() if here.hour >= _MORNING_H or here.date() == due.astimezone(zone).date() else None


def missing_for_return(platform: Platform, facts: Facts) -> tuple[str, ...]:
    """Sentences about what keeps it from coming home without a thought; empty where nothing does."""
    plan, home = recovery_of(platform), platform.home
    found = list[str]()
    for data in plan.data.values():
        found += _data(data, facts, home, plan.rpo)
    try:
        made = plan_move(MoveKind.FAILBACK, platform, facts)
    except (Refused, Broken) as error:
        return (*found, error.what)
    return (*found, *(guard.text for guard in made.guards if not guard.holds))


def _data(data: ReplicatedData, facts: Facts, home: str, rpo: timedelta) -> Iterator[str]:
    here, there = facts.look(data.name, facts.active), facts.look(data.name, home)
    behind = lag(there, here)
    if not _follows(here, there) or behind is None:
        yield f"{data.name} in {home} does not follow"
    elif behind > rpo:
        yield f"{data.name} in {home} is {behind.total_seconds():.0f} s behind"
    yield from _lost(data, facts, home)
    if here is None:
        return
    for slot in sorted(slot for slot, used in here.slots.items() if not used):
        yield f"slot {slot} of {data.name} is used by nobody and keeps the log until the disk is full"
    if data.promise is Promise.ZERO_LOSS and not here.synchronous_with:
        yield f"{data.name} promises zero loss, and no commit waits for the other site"


def _follows(here: DatabaseLook | None, there: DatabaseLook | None) -> bool:
    if here is None or there is None or there.role is not DatabaseRole.STANDBY:
        return False
    return (here.system_id, here.timeline) == (there.system_id, there.timeline)


def _lost(data: ReplicatedData, facts: Facts, home: str) -> Iterator[str]:
    left = next((move for move in facts.moves if move.from_site == home and move.has_moved), None)
    for loss in left.losses if left else ():
        if loss.data != data.name:
            continue
        if loss.kind is LossKind.BOUND:
            yield f"what only {home} has of {data.name} was not counted"
        elif loss.rows and not loss.saved_in:
            yield f"{loss.rows} rows that only {home} has of {data.name} are not saved"
