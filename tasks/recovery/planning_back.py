"""The plan of going back to a moment, made anew from what is seen now. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from prefect.logging import get_run_logger

from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan
from blocks.ports.recovery import Loss, MoveKind
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step, read_step
from tasks.recovery.decide import plan_restore, way_of_restore
from tasks.recovery.looking import Looks, look_at
from tasks.recovery.moments import read_moment
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.restoring import Most, Past, allow, way_back, written_since
from tasks.recovery.values import Facts
from tasks.runs.runbook import Granted

Say = Callable[[str], None]


def make_restore_plan(
    platform: str,
    moment: str,
    *,
    reason: str,
    candidate: str = "",
    most: Most | None = None,
    say: Say = lambda _: None,
) -> Plan:
    """Look, and decide. Raises `Refused` with what speaks against it."""
    at, parts = read_moment(moment), parts_of(platform)
    facts, past = _seen(parts, at, candidate, say)
    return plan_restore(parts.platform, facts, past, at, to=candidate, most=most, reason=reason)


@fresh_step(retry=OUTSIDE, run_name="plan to bring {platform} back to {moment}")
def plan_back(platform: str, moment: str, reason: str, candidate: str, most: Most) -> Plan:
    """The plan as a step of the run, with what could not be seen in its log."""
    warn = get_run_logger().warning
    return make_restore_plan(
        platform, moment, reason=reason, candidate=candidate, most=most, say=lambda missed: warn("%s", missed)
    )


@read_step(retry=OUTSIDE, run_name="what going back to {moment} leaves behind")
def fix_most(platform: str, moment: str, candidate: str) -> Most:
    """What will be asked for. Kept with the run: a number that grows while people decide is held against it."""
    at, parts = read_moment(moment), parts_of(platform)
    facts, past = _seen(parts, at, candidate, lambda missed: get_run_logger().warning("%s", missed))
    back = way_back(way_of_restore(parts.platform, facts, candidate), facts, past, at)
    return allow(back, past, at, facts.now)


@read_step(retry=OUTSIDE, run_name="bound what is left behind")
def bound_left_behind(granted: Granted, moment: str) -> tuple[Loss, ...]:
    """What was written after the moment, at most: nobody writes any more, and nothing was replaced yet.

    Kept with the run, because afterwards the heartbeat rows are gone with the rest.
    """
    at, parts, found = read_moment(moment), parts_of(granted.plan.platform), list[Loss]()
    with open_journal() as journal:
        for name in parts.recovery.data:
            beats = parts.member(name, granted.plan.candidate).read_beats(at)
            loss = written_since(name, beats, at, beats[-1].at if beats else journal.now())
            journal.keep_loss(granted.lease.run, loss)
            found.append(loss)
    for loss in found:
        get_run_logger().info("%s", loss.text)
    return tuple(found)


def _seen(parts: Parts, moment: datetime, candidate: str, say: Say) -> tuple[Facts, Mapping[str, Past]]:
    with open_journal() as journal:
        facts = look_at(parts, journal, MoveKind.RESTORE, say)
    way, looks = way_of_restore(parts.platform, facts, candidate), Looks()
    past = looks.take({name: _look_back(parts, name, way.new, moment) for name in parts.recovery.data})
    for missed in looks.missed:
        say(missed)
    return facts, past


def _look_back(parts: Parts, data: str, site: str, moment: datetime) -> Callable[[], Past]:
    def look() -> Past:
        member = parts.member(data, site)
        return Past(kept=member.read_kept(), beats=tuple(member.read_beats(moment)))

    return look
