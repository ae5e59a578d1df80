"""Which steps of a phase may run side by side, and which wait for others?

Pure. The rules that every interleaving must keep: a second worker ends before its database takes no more writes; a
survivor stands alone only once it is promoted; what was restored takes the place of data once it is whole; rows are
saved before they are rewound; no commit waits for what does not follow yet; what starts waits for what it needs, for
its size, and for data that is open; a name is switched, and what used the old one recycled, before clients arrive; what
a share of clients sees is watched before the next one; what they left is recycled once all are gone; a right is given
back before what needs it starts, and once those rest who should not work with it yet; a plan's own steps go one after
the other, before or after all else of their phase. Steps of one group run side by side, groups one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby

from blocks.catalogue.model import Platform
from blocks.ports.approvals import PlanStep
from tasks.recovery.added import ADDED
from tasks.recovery.items import SHARED, Item, Verb, parse_item
from tasks.recovery.waves import waves

_RANKS: dict[str, dict[Verb, int]] = {
    "prepare": {
        Verb.START_MACHINE: 0,
        Verb.FENCE_DATABASE: 1,
        Verb.SAVE_BEYOND: 2,
        Verb.FOLLOW_DATABASE: 3,
        Verb.STOP_WORKER: 3,
        Verb.GRANT_CREDENTIAL: 4,
        Verb.RESIZE_SERVICE: 4,
        Verb.START_SERVICE: 5,
    },
    "fence": {Verb.DRAIN_DATABASE: 1, Verb.SAVE_BEYOND: 2},
    "promote": {Verb.ADOPT_RESTORED: 1, Verb.STAND_ALONE: 2},
    "start": {Verb.START_SERVICE: 1, Verb.START_WORKER: 1},
    "settle": {Verb.SAVE_BEYOND: -1, Verb.PROTECT_DATABASE: 1, Verb.PROTECT_WHILE_FOLLOWED: 1},
}
_FIRST, _OPENING, _LEFT, _LAST = -1_000_000, -1, 999_999, 1_000_000
_WITH_THE_OPENING = frozenset({Verb.RESIZE_SERVICE, Verb.GRANT_CREDENTIAL})
_BY_WAVE = frozenset({"prepare", "start"})
_STARTED = frozenset({Verb.RESIZE_SERVICE, Verb.START_SERVICE, Verb.START_WORKER})
_A_WAVE = 10
"""More than there are ranks in a wave."""


def groups_of(platform: Platform, steps: Sequence[PlanStep]) -> tuple[tuple[PlanStep, ...], ...]:
    """The steps of one phase in groups. Raises `Refused` where the plan's dependencies run in a circle."""
    arriving = {item.site for step in steps if (item := parse_item(step.item)).verb is Verb.SHIFT_TRAFFIC}
    ranked = sorted(((_rank(platform, step, arriving), step) for step in steps), key=lambda pair: pair[0])
    return tuple(tuple(step for _, step in group) for _, group in groupby(ranked, key=lambda pair: pair[0]))


def _rank(platform: Platform, step: PlanStep, arriving: AbstractSet[str]) -> int:
    item = parse_item(step.item)
    if item.verb in ADDED:
        return _added(platform, item)
    if item.verb is Verb.OPEN_DATABASE or (step.phase == "start" and item.verb in _WITH_THE_OPENING):
        return _OPENING
    if step.phase == "shift":
        return _LEFT if _is_left(item, arriving) else _shift_rank(platform, item)
    rank = _RANKS.get(step.phase, {}).get(item.verb, 0)
    return rank + _wave(platform, item) * _A_WAVE if step.phase in _BY_WAVE else rank


def _is_left(item: Item, arriving: AbstractSet[str]) -> bool:
    """What stands where clients leave."""
    return item.verb is Verb.RECYCLE_SERVICE and bool(arriving) and item.site not in arriving


def _shift_rank(platform: Platform, item: Item) -> int:
    """Names first, then whoever must connect anew, then clients by share, each watched before the next."""
    if item.verb not in SHARED:
        return 1
    if item.verb is Verb.WATCH_CLIENTS:
        return 2 * (item.share or 0) + 1
    plan = platform.recovery
    if plan is not None and item.thing in plan.traffic and plan.traffic[item.thing].kind == "dns":
        return 0
    return 2 * (item.share or 0)


def _added(platform: Platform, item: Item) -> int:
    """Each in a group of its own, by `order` and then by name: what the catalogue writes first is not kept."""
    known = platform.recovery.steps if platform.recovery else {}
    ordered = sorted(known.values(), key=lambda step: (step.order, step.name))
    place = next((number for number, step in enumerate(ordered) if step.name == item.thing), len(ordered))
    return place + (_FIRST if item.thing in known and known[item.thing].when == "before" else _LAST)


def _wave(platform: Platform, item: Item) -> int:
    if platform.recovery is None or item.verb not in _STARTED:
        return 0
    found = waves(platform, platform.recovery, item.site)
    return next((number for number, wave in enumerate(found) if item.thing in wave), 0)
