"""Carry out one phase of an approved move: its steps group by group, those of one group side by side.

The rules: a phase is over when each of its steps has ended, and the next begins only when all ended well; when
several failed, all of them are named, so that nobody mends one and meets the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from blocks.catalogue.model import Platform
from blocks.errors import Broken, VigieError
from blocks.ports.approvals import PlanStep
from blocks.ports.changes import Change
from tasks.core.change import Order, Stopped
from tasks.core.retries import OUTSIDE
from tasks.core.step import change_step
from tasks.recovery.added import ADDED
from tasks.recovery.adding import begin_added
from tasks.recovery.building import items_of
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.opening import parts_of
from tasks.recovery.order import groups_of
from tasks.recovery.outcome import KnownRows
from tasks.recovery.proving import judge, see_proof
from tasks.recovery.recording import count_loss
from tasks.recovery.sharing import Watching, Welcoming, attempt_for, is_welcomed
from tasks.recovery.standing_still import closed_to_writes, say_closed
from tasks.recovery.values import other_site
from tasks.runs.catalogue import load_platform
from tasks.runs.runbook import Granted, this_run


def carry_out(granted: Granted, phase: str, known: KnownRows | None = None) -> tuple[str, ...]:
    """Every step of a phase of the plan, to its end; what each found.

    Raises the first failure, with the others on it and with what clients cannot do meanwhile. `known` are the rows
    before the move, for the phase that judges the data.
    """
    platform = load_platform(granted.plan.platform).platform

    def count(saved: Item) -> None:
        count_loss(platform.name, saved.thing, saved.site, other_site(granted.plan, saved.site))

    steps = [step for step in granted.plan.steps if step.phase == phase]
    try:
        return go_through(platform, steps, lambda step: _begin(granted, step, known or KnownRows()), count)
    except (VigieError, Stopped) as error:
        book = this_run()
        say_closed(error, closed_to_writes(granted.plan, book.journal.steps(book.run.id)))
        raise


def go_through(
    platform: Platform, steps: Sequence[PlanStep], begin: Callable[[PlanStep], Any], count: Callable[[Item], None]
) -> tuple[str, ...]:
    """The order in which steps of one phase begin and are waited for. What is saved is counted before it is rewound."""
    found = list[str]()
    for group in groups_of(platform, steps):
        found += ended([begin(step) for step in group])
        for saved in [item for item in items_of(group) if item.verb is Verb.SAVE_BEYOND]:
            count(saved)
    return tuple(found)


@change_step(retry=OUTSIDE, run_name="{text}")
def change(order: Order, platform: str, text: str) -> Change:
    """One step of the plan, as its item says. `text` is how people know it."""
    del text
    return parts_of(platform).change(parse_item(order.item), order.phase)


def _begin(granted: Granted, step: PlanStep, known: KnownRows) -> Any:
    """The step on its way: a change, or a look that proves something."""
    book, item = this_run(), parse_item(step.item)
    if item.verb is Verb.VERIFY_DATA:
        return judge.submit(granted.plan.platform, item.thing, item.site, known)
    if item.verb is Verb.VERIFY_CLIENTS:
        return see_proof.submit(granted.plan.platform, item.thing, item.site)
    if item.verb in ADDED:
        return begin_added(book, granted, step)
    submitted: Any = change
    if item.verb is Verb.WATCH_CLIENTS:
        return Watching.begin(book, granted, step, submitted)
    order = book.order(granted, step, attempt_for(book, granted, item))
    if is_welcomed(book, order, granted.plan.steps):
        return Welcoming.begin(order, granted.plan.platform, step.text, submitted)
    return submitted.submit(order, granted.plan.platform, step.text)


def ended(going: Sequence[Any]) -> list[str]:
    """What steps that run side by side found, all of them waited for."""
    done, failed = list[str](), list[BaseException]()
    for each in going:
        try:
            result = each.result()
        except (VigieError, Stopped) as error:
            failed.append(error)
        else:
            done.append(result if isinstance(result, str) else result.outcome)
    if not failed:
        return done
    first, *others = sorted(failed, key=_urgency)
    for other in others:
        first.add_note(f"and: {other}")
    raise first


def _urgency(error: BaseException) -> int:
    """What a person must know first: what is broken, what failed, and last that the run was stopped as asked."""
    if isinstance(error, Stopped):
        return 2
    return 0 if isinstance(error, Broken) else 1
