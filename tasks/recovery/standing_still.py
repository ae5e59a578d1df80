"""Can clients write while a move stands still in the middle?

Pure, out of the plan and what the run has begun. The rule: what was closed in the site that is left, and is not open in
the one that takes over, is closed to everybody, however the run came to stand; whoever reads why it stands reads that
too.
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import VigieError
from blocks.ports.approvals import Plan, PlanStep
from blocks.ports.runs import Step
from tasks.core.change import Stopped
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.values import other_site

_CLOSES = frozenset({Verb.FENCE_DATABASE, Verb.DRAIN_DATABASE})


def closed_to_writes(plan: Plan, steps: Sequence[Step]) -> tuple[str, ...]:
    """Data of the plan that nobody can write to while the run stands where it is; what was begun counts as done."""
    left = other_site(plan, plan.candidate)
    opens = {item.thing for item in _items(plan.steps) if item.verb is Verb.OPEN_DATABASE}
    closed = {item.thing for item in _items(steps) if item.verb in _CLOSES and item.site == left}
    opened = {item.thing for item in _items([s for s in steps if s.is_done]) if item.verb is Verb.OPEN_DATABASE}
    return tuple(sorted(closed & opens - opened))


def say_closed(error: VigieError | Stopped, closed: Sequence[str]) -> None:
    """Why the run stands, with what that means for clients. The error stays itself."""
    if not closed:
        return
    meanwhile = f"; until it goes on nobody can write to {', '.join(closed)}"
    if isinstance(error, VigieError):
        error.what += meanwhile
    else:
        error.args = (f"{error}{meanwhile}",)


def _items(steps: Sequence[PlanStep | Step]) -> list[Item]:
    return [parse_item(step.item) for step in steps]
