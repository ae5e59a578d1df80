"""Which share of clients has earned the next, which is set once more, and what was judged and not carried through?

Pure, out of the run's own history, so that a retry and a crash go on from what was judged and not from what was hoped.

The invariants: what sent clients back, or stopped them, holds until a person was told, that is until the run failed or
was parked after it and after clients were back; a share earns the next one until clients are taken back to it or below
it; a share above the one that they were taken back to is set once more, under a name of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.ports.runs import Action, ActionKind, RunState
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.returning import Next

_TOLD = frozenset({RunState.FAILED, RunState.PARKED, RunState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a share: `number` is its line in the journal, `back_to` the share that clients return to."""

    number: int
    item: Item
    next: Next
    back_to: int
    text: str


def judgements(actions: Sequence[Action], switch: str) -> list[Judgement]:
    """Every judgement of one switch's clients in this run, oldest first."""
    found = [_judgement(action) for action in actions if action.kind is ActionKind.SHARE_JUDGED]
    return [each for each in found if each.item.thing == switch]


def standing(actions: Sequence[Action], item: Item, away: str) -> Judgement | None:
    """What holds of this share now: it has earned the next, or was stopped and nobody was told. None: measure it.

    `away` is the site that clients leave.
    """
    known = judgements(actions, item.thing)
    for judged in reversed(known):
        if judged.next is Next.RETURN and _is_over(actions, judged, away):
            if judged.back_to <= (item.share or 0):
                return None
        elif judged.item == item:
            return None if judged.next is not Next.GO_ON and _is_over(actions, judged, away) else judged
    return None


def attempt_of(actions: Sequence[Action], item: Item, away: str) -> int:
    """How often this share is to be set: once more for each time that clients were taken back to less than it."""
    taken = [each for each in judgements(actions, item.thing) if each.next is Next.RETURN]
    return 1 + sum(each.back_to < (item.share or 0) and _is_over(actions, each, away) for each in taken)


def way_back(judged: Judgement, away: str) -> Item:
    """The step that takes clients back: the rest of them to the site that they were leaving."""
    return Item(Verb.SHIFT_TRAFFIC, judged.item.thing, away, 100 - judged.back_to)


def count_of(actions: Sequence[Action], judged: Judgement) -> int:
    """Which one of this switch's returns it is, counted from 1: the name of its step."""
    taken = [each for each in judgements(actions, judged.item.thing) if each.next is Next.RETURN]
    return 1 + sum(each.number < judged.number for each in taken)


def _is_over(actions: Sequence[Action], judged: Judgement, away: str) -> bool:
    """Was somebody told since: of a stop at once, of a return when clients were back?"""
    since = judged.number
    if judged.next is Next.RETURN:
        item = str(way_back(judged, away))
        keys = [
            each.data.get("key")
            for each in actions
            if each.kind is ActionKind.STEP_INTENDED and each.number > since and each.data.get("item") == item
        ]
        done = [
            each.number
            for each in actions
            if each.kind is ActionKind.STEP_DONE and keys and each.data.get("key") == keys[0]
        ]
        if not done:
            return False
        since = done[0]
    told = [each for each in actions if each.kind is ActionKind.RUN_MOVED and each.number > since]
    return any(each.data.get("state") in _TOLD for each in told)


def _judgement(action: Action) -> Judgement:
    return Judgement(
        number=action.number,
        item=parse_item(str(action.data["item"])),
        next=Next(str(action.data["next"])),
        back_to=int(str(action.data["back_to"])),
        text=action.text,
    )
