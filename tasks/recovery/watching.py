"""What do clients of a returning site see, and do more of them come, does this share stay, or do they go back?

Asked all the while from where this process runs, a few requests at a time: the addresses that clients ask, at the door
of the site that they return to and, beside it, at the door of the one that they leave. The rules: nobody is led to a
site that does not answer yet; where the other door answers nobody either, it may be our own network, and nothing is
proven; a judgement is written down before anything follows from it; whoever asked the run to stop is heard between two
rounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.catalogue.quantities import format_duration
from blocks.errors import Broken, Refused
from blocks.journal.opening import open_journal
from blocks.ports.clients import Asked, Entrance
from blocks.ports.runs import Action
from tasks.core.change import Order, Watch, heed_stop
from tasks.core.retries import JOURNAL
from tasks.core.step import fresh_step
from tasks.recovery.earning import Judgement, judgements, standing
from tasks.recovery.items import Item, parse_item
from tasks.recovery.opening import parts_of
from tasks.recovery.returning import ClientsSeen, Next, Ruling, StopRule, judge_share, rule_of, said_of

_ROUND_EVERY_S = 1.0
_LEAST, _MOST = 4, 20
"""Requests of one round, to each of the two doors."""

Round = tuple[float, Sequence[Asked]]
"""When a round began at one door, in seconds of the watch, and what was seen there."""


class Judging(Protocol):
    """What judging needs of the journal."""

    def actions(self, run: UUID) -> Sequence[Action]: ...
    def judge_share(self, run: UUID, token: int, *, item: str, comes: str, back_to: int, text: str) -> None: ...


@fresh_step(retry=JOURNAL, run_name="{text}")
def watch_share(order: Order, platform: str, text: str, away: str, back_to: int) -> Judgement:
    """Watch clients of one share until something comes of it. Judged before and still standing, it is not measured.

    `text` is the step as it was approved; `away` the site that clients leave, `back_to` the share that was before.
    Raises `Stopped` when somebody asked for it, `Refused` when the rule is not the one that was approved.
    """
    item, parts, say = parse_item(order.item), parts_of(platform), get_run_logger().info
    rule = rule_of(parts.recovery)
    if said_of(item, rule) != text:
        raise Refused(
            f"the rule for returning clients is not the one that was approved: {said_of(item, rule)}",
            where=platform,
            next_step="this share stays; set the catalogue as it was and run vigie apply, then retry the run",
        )
    with open_journal() as journal:
        heed = partial(heed_stop, journal, order.run, text)

        def see() -> Ruling:
            doors = parts.entrance(item.thing, item.site), parts.entrance(item.thing, away)
            return see_share(item, doors[0], doors[1], rule, time, heed=heed, say=lambda said: say("%s", said))

        return judge_once(journal, order, away, back_to, see)


@fresh_step(retry=JOURNAL, run_name="does {site} answer clients of {switch}?")
def see_it_answers(run: UUID, platform: str, switch: str, site: str, text: str) -> str:
    """Ask at the door of a site that has just begun to serve, until it answers. `text` is the step that waits for it.

    Raises `Stopped` when somebody asked for it, `Broken` when the plan's patience ends.
    """
    parts, say = parts_of(platform), get_run_logger().info
    door, rule = parts.entrance(switch, site), rule_of(parts.recovery)
    with open_journal() as journal:
        heed = partial(heed_stop, journal, run, text)
        wrong = await_answers(door, rule, time, heed=heed, say=lambda said: say("%s", said))
    if wrong:
        raise Broken(
            f"nobody is sent to {site} yet: in {format_duration(rule.patience)} it did not answer clients of {switch}: "
            f"{wrong}",
            where=platform,
            next_step=f"look at {site}; a retry of this run asks again and goes on from there",
        )
    return f"{site} answers clients of {switch}"


def await_answers(
    door: Entrance,
    rule: StopRule,
    watch: Watch,
    *,
    heed: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Ask until a whole round is answered; empty then, else what was wrong when patience ended."""
    began, told = watch.monotonic(), ""
    while True:
        heed()
        asked = door.ask(round_of(rule))
        unserved = [each.text or "no answer" for each in asked if not each.served]
        wrong = unserved[-1] if unserved else "" if asked else "nothing could be asked from here"
        if not wrong or watch.monotonic() - began >= rule.patience.total_seconds():
            return wrong
        if wrong != told:
            say(f"waiting: a client would see: {wrong}")
            told = wrong
        watch.sleep(_ROUND_EVERY_S)


def judge_once(journal: Judging, order: Order, away: str, back_to: int, see: Callable[[], Ruling]) -> Judgement:
    """What still stands of this share, or what is seen of it now, written down."""
    item = parse_item(order.item)
    known = standing(journal.actions(order.run), item, away)
    if known is not None:
        return known
    ruling = see()
    journal.judge_share(
        order.run, order.token, item=str(item), comes=ruling.next.value, back_to=back_to, text=ruling.text
    )
    return judgements(journal.actions(order.run), item.thing)[-1]


def see_share(
    item: Item,
    here: Entrance,
    there: Entrance,
    rule: StopRule,
    watch: Watch,
    *,
    heed: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> Ruling:
    """Ask at both doors until the rule says more than wait. `here` is where clients return to."""
    began, told, said_at = watch.monotonic(), "", timedelta(0)
    ours, theirs = list[Round](), list[Round]()
    while True:
        heed()
        count = round_of(rule)
        ours.append((watch.monotonic(), here.ask(count)))
        theirs.append((watch.monotonic(), there.ask(count)))
        seen = tally(item, ours, theirs, rule.soak, since=began)
        ruling = judge_share(seen, rule)
        wrong = next((each.text for each in reversed(_all(ours)) if not each.served), "")
        if wrong not in {"", told}:
            say(f"a client would see: {wrong}")
            told = wrong
        if ruling.next is not Next.WAIT:
            say(ruling.text)
            return ruling
        if seen.seen_for - said_at >= rule.soak:
            say(ruling.text)
            said_at = seen.seen_for
        watch.sleep(_ROUND_EVERY_S)


def tally(item: Item, ours: Sequence[Round], theirs: Sequence[Round], soak: timedelta, *, since: float) -> ClientsSeen:
    """What was seen so far, and how quick the last soak was. Where the other door answers nobody, it is nothing."""
    met = _all(theirs)
    alone = bool(met) and not any(each.served for each in met)
    counted = [] if alone else _all(ours)
    return ClientsSeen(
        share_pct=item.share or 0,
        requests_count=len(counted),
        errors_count=sum(not each.served for each in counted),
        latency_ms=_slow(_lately(ours, soak)),
        latency_before_ms=_slow(_lately(theirs, soak)),
        seen_for=timedelta(seconds=ours[-1][0] - since),
    )


def round_of(rule: StopRule) -> int:
    """So many at once that the soak is enough for what the rule wants to see, within bounds."""
    return max(_LEAST, min(_MOST, math.ceil(rule.requests_count * _ROUND_EVERY_S / rule.soak.total_seconds())))


def _all(rounds: Sequence[Round]) -> list[Asked]:
    return [each for _, asked in rounds for each in asked]


def _lately(rounds: Sequence[Round], soak: timedelta) -> list[Asked]:
    """The last round and all that began less than a soak before it."""
    last = rounds[-1][0]
    return _all([(at, asked) for at, asked in rounds if at == last or last - at < soak.total_seconds()])


def _slow(asked: Sequence[Asked]) -> float | None:
    """The 95th percentile (nearest rank) of whole answers; None without one."""
    known = sorted(each.latency_ms for each in asked if each.served and each.latency_ms is not None)
    return known[math.ceil(0.95 * len(known)) - 1] if known else None
