"""The steps of a drill: lease what it will make, look at what it cannot do, do the rest on a copy.

The rules: a copy is leased before it is asked for; what belongs to the move is looked at through the adapters' own
checks, which change nothing; a look that fails ends no drill, it is a finding that fails it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from blocks.errors import Broken, VigieError
from blocks.journal.opening import open_journal
from blocks.ports.approvals import PlanStep
from blocks.ports.changes import Change
from blocks.ports.copies import KIND, copy_name
from blocks.ports.drills import LeasedResource
from blocks.ports.recovery import DatabaseCopy, MoveKind
from tasks.core.change import Order
from tasks.core.retries import JOURNAL, NEVER, OUTSIDE
from tasks.core.step import change_step, fresh_step, read_step, record_step
from tasks.drills.decide import lacks_room
from tasks.drills.items import MAKES, DrillItem, DrillVerb, parse_drill_item
from tasks.drills.values import Judged, Looked
from tasks.recovery.added import ADDED
from tasks.recovery.adding import look_whether_added
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.outcome import KnownRows
from tasks.recovery.proving import judge_at
from tasks.recovery.values import Facts
from tasks.runs.runbook import Granted

LEASED_FOR = timedelta(hours=4)
"""A drill that has not ended by then has failed: whatever it made is removed."""


def copy_of(parts: Parts, order_run: Order | Granted, item: DrillItem) -> DatabaseCopy:
    """The copy that this run makes of the item's data, in the item's site."""
    run = order_run.run if isinstance(order_run, Order) else order_run.lease.run
    return parts.member(item.thing, item.site).copy(copy_name(run, item.thing))


@record_step(retry=JOURNAL, run_name="lease what the drill makes")
def lease_copies(granted: Granted) -> tuple[LeasedResource, ...]:
    """Each copy of the plan, before any is asked for; leased again it is only leased for longer."""
    parts = parts_of(granted.plan.platform)
    items = [item for item in map(_item, granted.plan.steps) if item.verb in MAKES]
    with open_journal() as journal:
        until = journal.now() + LEASED_FOR
        return tuple(
            journal.lease_resource(
                granted.lease.run, kind=KIND, reference=copy_of(parts, granted, item).reference, until=until
            )
            for item in items
        )


@fresh_step(retry=NEVER, run_name="{text}")
def look_whether(platform: str, item: str, text: str) -> Looked:
    """Could this step of the move be done tonight? Its own check says it, and the operator's block is there."""
    real = parse_drill_item(item).looked_at
    parts = parts_of(platform)
    try:
        if real.verb in ADDED:
            look_whether_added(parts, real, MoveKind.FAILOVER.value, _other(parts, real.site))
        else:
            parts.change(real, "start").check()
            parts.require_operator(real)
    except VigieError as error:
        get_run_logger().warning("it could not be done: %s", error)
        return Looked(item, text, str(error))
    get_run_logger().info("it could be done")
    return Looked(item, text)


@fresh_step(retry=OUTSIDE, run_name="look whether {site} has room")
def look_at_room(platform: str, site: str) -> Looked:
    """Could the site take the platform tonight?"""
    parts = parts_of(platform)
    with open_journal() as journal:
        now = journal.now()
    text = f"look whether {site} has room"
    try:
        seen = {site: parts.compute(site).capacity(parts.site(site))} if site in parts.recovery.capacity else {}
    except VigieError as error:
        return Looked(f"room:{site}", text, str(error))
    fault = lacks_room(parts.platform, site, Facts(now=now, active="", capacity=seen))
    return Looked(f"room:{site}", text, fault)


@change_step(retry=OUTSIDE, run_name="{text}")
def rehearse_change(order: Order, platform: str, text: str) -> Change:
    """One step on the copy, as its item says. `text` is how people know it."""
    del text
    item = parse_drill_item(order.item)
    copy = copy_of(parts_of(platform), order, item)
    with open_journal() as journal:
        return change_of(copy, item.verb, journal.now() + LEASED_FOR)


def change_of(copy: DatabaseCopy, verb: DrillVerb, until: datetime) -> Change:
    """The change that a verb means. Raises `Broken` for one that changes nothing."""
    make = {
        DrillVerb.COPY: lambda: copy.make(until),
        DrillVerb.RESTORE: lambda: copy.make(until, restored=True),
        DrillVerb.PROMOTE: copy.promote,
        DrillVerb.OPEN: copy.open,
        DrillVerb.HALT: copy.halt,
        DrillVerb.DISCARD: copy.discard,
    }.get(verb)
    if make is None:
        raise Broken(f"{verb.value} changes nothing", where=copy.name)
    return make()


@read_step(retry=OUTSIDE, run_name="{text}", item=lambda given: str(given["item"]))
def judge_copy(granted: Granted, item: str, text: str, known: KnownRows) -> Judged:
    """The suites of the move, on the copy. Raises `Broken` with every fault.

    What they said is kept: a drill that goes on after a crash may find its copy halted already.
    """
    del text
    wanted, began = parse_drill_item(item), time.monotonic()
    parts = parts_of(granted.plan.platform)
    copy = copy_of(parts, granted, wanted)
    try:
        said = judge_at(parts, wanted.thing, copy.address, known)
    except Broken as error:
        _note_restore(granted, wanted, copy, str(error), passed=False)
        raise
    _note_restore(granted, wanted, copy, said, passed=True)
    return Judged(said, timedelta(seconds=time.monotonic() - began))


def _note_restore(granted: Granted, item: DrillItem, copy: DatabaseCopy, said: str, *, passed: bool) -> None:
    """A backup that was restored is a tested one: with its data found whole, or not."""
    restored_to, run = copy.look().restored_to, granted.lease.run
    if restored_to is not None:
        with open_journal() as journal:
            journal.keep_restore_test(run, data=item.thing, restored_to=restored_to, passed=passed, text=said)


@record_step(retry=JOURNAL, run_name="what was made is gone")
def free_copies(granted: Granted) -> None:
    """Each discard ended well, so nothing is leased any more."""
    with open_journal() as journal:
        for resource in journal.leased_resources(granted.lease.run):
            journal.free_resource(granted.lease.run, kind=resource.kind, reference=resource.reference)


def _other(parts: Parts, site: str) -> str:
    return next(name for name in parts.platform.sites if name != site)


def _item(step: PlanStep) -> DrillItem:
    return parse_drill_item(step.item)
