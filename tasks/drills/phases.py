"""Carry out one phase of an approved drill, and whatever happens, leave nothing behind.

The rules: a phase is over when each of its steps has ended; a drill that fails, is stopped or meets an error cleans up
before it says so; one that is killed is cleaned up after (sweeping.py), and a drill that ended never goes on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from prefect.logging import get_run_logger

from blocks.catalogue.quantities import format_count
from blocks.errors import Broken, Refused
from blocks.ports.approvals import PlanStep
from blocks.ports.drills import DrillVerdict
from blocks.ports.runs import RunState
from tasks.core.change import Stopped
from tasks.drills.cleaning import clean_up, keep_drill
from tasks.drills.items import parse_drill_item
from tasks.drills.steps import free_copies, judge_copy, look_at_room, look_whether, rehearse_change
from tasks.drills.values import DrillOutcome, Judged, Looked
from tasks.recovery.outcome import KnownRows
from tasks.recovery.phases import ended
from tasks.reports.moves.steps import report_drills, report_move
from tasks.runs.runbook import Granted, this_run


def ended_before() -> DrillOutcome | None:
    """What this very drill showed before its process died. Raises `Refused` for one that ended badly: its copy is gone.

    None while it has not ended.
    """
    book = this_run()
    known = book.journal.drill(book.run.id)
    if known is not None and known.verdict is not DrillVerdict.PASSED:
        raise Refused(
            f"this drill is over: {known.text}",
            where=book.run.platform,
            next_step="start a new drill; its copy is gone",
        )
    return DrillOutcome(known) if known is not None else None


@contextmanager
def always_cleaned_up(granted: Granted) -> Generator[None]:
    """What the drill made is gone when this ends, also by an error, which is kept as what the drill showed."""
    run = granted.lease.run
    try:
        yield
    except Exception as error:
        leftovers = clean_up(granted.plan.platform, run)
        stopped, why = isinstance(error, Stopped), _why(error)
        keep_drill(run, text=why, faults=[] if stopped else [why], leftovers=leftovers, stopped=stopped)
        tell_drill()
        raise


def look_around(granted: Granted) -> tuple[Looked, ...]:
    """Every step of the move that is not rehearsed, side by side, and the room in the other site."""
    platform = granted.plan.platform
    looking: Any = look_whether
    looks: list[Any] = [looking.submit(platform, step.item, step.text) for step in _of(granted, "check")]
    looks.append(look_at_room.submit(platform, granted.plan.subject))
    found = tuple(look.result() for look in looks)
    for each in found:
        if each.fault:
            get_run_logger().warning("%s: %s", each.text, each.fault)
    return found


def rehearse(granted: Granted, phase: str) -> None:
    """Every step of a phase on the copy: data side by side, what is done to one copy in order."""
    changing: Any = rehearse_change
    steps = _of(granted, phase)
    for verb in dict.fromkeys(parse_drill_item(step.item).verb for step in steps):
        own = [step for step in steps if parse_drill_item(step.item).verb is verb]
        ended([changing.submit(this_run().order(granted, each), granted.plan.platform, each.text) for each in own])
    if phase == "settle":
        free_copies(granted)


def verify(granted: Granted, known: KnownRows) -> tuple[Judged, ...]:
    """The suites of the move on each copy, as they would run before clients return."""
    judging: Any = judge_copy
    going = [judging.submit(granted, each.item, each.text, known) for each in _of(granted, "verify-data")]
    ended(going)
    return tuple(each.result() for each in going)


def judge_drill(granted: Granted, looked: Sequence[Looked], judged: Sequence[Judged]) -> DrillOutcome:
    """What the drill showed. Raises `Broken` naming each step of the move that could not have been done."""
    platform, site = granted.plan.platform, granted.plan.subject
    faults = [f"{each.text}: {each.fault}" for each in looked if each.fault]
    if faults:
        raise Broken(
            f"{len(faults)} of {len(looked)} looks found what would stop a failover of {platform} to {site}: "
            + "; ".join(faults),
            where=platform,
            next_step="mend it, and drill again",
        )
    took = {"verify-data": max((each.took for each in judged), default=timedelta(0))}
    text = said_rehearsed(platform, site, len(judged), len(looked))
    return DrillOutcome(keep_drill(granted.lease.run, text=text, judged=took))


def said_rehearsed(platform: str, site: str, copies_count: int, looks_count: int) -> str:
    """A drill that passed, in a sentence."""
    copies, looks = format_count(copies_count, "copy", "copies"), format_count(looks_count, "look", "looks")
    return (
        f"the failover of {platform} to {site} was rehearsed: {copies} promoted and verified, "
        f"{looks} found nothing in its way, no row was written and nothing is left over"
    )


def tell_drill() -> None:
    """Its report, for everybody, and the customer's calendar."""
    report_move(this_run().run.id)
    report_drills(this_run().run.customer)


def _why(error: Exception) -> str:
    """What ended it: when something real took the platform, that, and not the refusal which came of it."""
    run = this_run().journal.run(this_run().run.id)
    return run.reason if run.state is RunState.FAILED and run.reason else str(error)


def _of(granted: Granted, phase: str) -> list[PlanStep]:
    return [step for step in granted.plan.steps if step.phase == phase]
