"""The plan of a drill, made anew from what is seen now. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan
from blocks.ports.copies import copy_name
from blocks.ports.recovery import CopyLook, MoveKind
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step
from tasks.drills.decide import ACTION, plan_drill
from tasks.recovery.looking import Looks, look_at
from tasks.recovery.opening import Parts, parts_of

_NOBODYS = UUID(int=0)


def make_drill_plan(
    platform: str,
    *,
    reason: str,
    site: str = "",
    game_day: bool = False,
    from_backup: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Look, and decide. Raises `Refused` with what speaks against it."""
    parts = parts_of(platform)
    with open_journal() as journal:
        facts = look_at(parts, journal, MoveKind.FAILOVER, say)
        own = journal.durations(platform, ACTION)
    copies = _looks_at_copies(parts, facts.active, say)
    timed = replace(facts, durations=own)
    return plan_drill(parts.platform, timed, copies, to=site, game_day=game_day, from_backup=from_backup, reason=reason)


def _looks_at_copies(parts: Parts, active: str, say: Callable[[str], None]) -> dict[tuple[str, str], CopyLook]:
    """What each host of the other sites says of copies."""
    looks = Looks()
    where = {
        f"copies of {name}@{site}": (name, site)
        for name, data in parts.recovery.data.items()
        for site in data.members
        if site != active
    }
    seen = looks.take(
        {key: parts.member(name, site).copy(copy_name(_NOBODYS, name)).look for key, (name, site) in where.items()}
    )
    for missed in looks.missed:
        say(missed)
    return {where[key]: look for key, look in seen.items()}


@fresh_step(retry=OUTSIDE, run_name="plan a drill of {platform}")
def plan_for_drill(platform: str, reason: str, site: str, *, game_day: bool, from_backup: bool) -> Plan:
    """The plan as a step of the run, with what could not be seen in its log."""
    warn = get_run_logger().warning
    return make_drill_plan(
        platform,
        reason=reason,
        site=site,
        game_day=game_day,
        from_backup=from_backup,
        say=lambda missed: warn("%s", missed),
    )
