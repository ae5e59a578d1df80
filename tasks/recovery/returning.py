"""Do more clients come back, do we wait, or do they go away again?

Pure. A site that has just recovered can be killed by everybody returning at once, with the backlog of hours. So
traffic returns in shares, and each share earns the next: enough clients seen for long enough, few errors, and answers
about as quick as on the side they came from. What was not measured earns nothing. A site that has just begun to serve
is slow at first (empty caches, new connections): so failed requests speak at once, and slow ones once a whole soak was
slow; a share that is only slow is given the patience to become quick, and nobody follows meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from blocks.catalogue.quantities import format_duration
from blocks.catalogue.recovery import Recovery, Switch, TrafficManagerSwitch
from tasks.recovery.items import Item


class Next(StrEnum):
    """What happens to the share of traffic."""

    GO_ON = "go on"
    WAIT = "wait"
    STOP = "stop"  # this share stays, and a person looks
    RETURN = "return"  # back to the share before


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsSeen:
    """What clients of the returning site saw at this share. None where nobody measured."""

    share_pct: int
    requests_count: int
    errors_count: int
    latency_ms: float | None  # 95th percentile of the last soak
    latency_before_ms: float | None  # the same on the side that they left
    seen_for: timedelta  # from the first request to the last


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """When a share is good enough, and when it is bad enough to go back."""

    requests_count: int = 20
    soak: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(minutes=5)
    stop_over_errors_pct: float = 1.0
    return_over_errors_pct: float = 5.0
    stop_over_latency_times: float = 2.0
    return_over_latency_times: float = 5.0
    latency_floor_ms: float = 100.0  # below this nobody notices a multiple


@dataclass(frozen=True, slots=True)
class Ruling:
    """What comes next, and why, with the numbers."""

    next: Next
    text: str


def rule_of(plan: Recovery) -> StopRule:
    """The plan's own rule."""
    told = plan.returning
    return StopRule(
        requests_count=told.requests,
        soak=told.soak,
        patience=told.patience,
        stop_over_errors_pct=told.stop_over_errors,
        return_over_errors_pct=told.return_over_errors,
        stop_over_latency_times=told.stop_over_latency_times,
        return_over_latency_times=told.return_over_latency_times,
        latency_floor_ms=told.latency_floor / timedelta(milliseconds=1),
    )


def said_of(item: Item, rule: StopRule) -> str:
    """A share and the whole rule, as they stand on the card: what is approved is what is held against clients."""
    return (
        f"watch {item.share} % of {item.thing} in {item.site}: {rule.requests_count} requests for "
        f"{format_duration(rule.soak)} within {format_duration(rule.patience)}, "
        f"stop over {rule.stop_over_errors_pct:g} % errors or {rule.stop_over_latency_times:g} times the latency, "
        f"back over {rule.return_over_errors_pct:g} % or {rule.return_over_latency_times:g} times, "
        f"from {rule.latency_floor_ms:g} ms"
    )


def addresses_asked(plan: Recovery, switch: Switch) -> Sequence[str]:
    """What clients ask through a switch: what it says, else every proof of the plan that is an address."""
    if isinstance(switch, TrafficManagerSwitch) and switch.asked:
        return switch.asked
    return tuple(proof for proof in plan.proofs if "://" in proof)


def judge_share(seen: ClientsSeen, rule: StopRule | None = None) -> Ruling:
    """Failed requests speak at once, slow and good ones only after the soak."""
    rule = rule or StopRule()
    if seen.requests_count < rule.requests_count:
        return _few(seen, rule)
    errors_pct, times = 100 * seen.errors_count / seen.requests_count, _times(seen, rule)
    at = f"at {seen.share_pct} % {seen.errors_count} of {seen.requests_count} requests failed ({errors_pct:.1f} %)"
    told, soaked = f"{at}, {_pace(seen)}", seen.seen_for >= rule.soak
    if errors_pct > rule.return_over_errors_pct or (soaked and times > rule.return_over_latency_times):
        return Ruling(Next.RETURN, f"{told}: over {_limits(rule.return_over_errors_pct, rule, back=True)}")
    over = f"{told}: over {_limits(rule.stop_over_errors_pct, rule, back=False)}"
    if errors_pct > rule.stop_over_errors_pct:
        return Ruling(Next.STOP, over)
    so_far = f"{seen.seen_for.total_seconds():.0f} s"
    if not soaked:
        return Ruling(Next.WAIT, f"{told}, for {so_far} so far")
    if times > rule.stop_over_latency_times:
        return Ruling(Next.WAIT if seen.seen_for < rule.patience else Next.STOP, f"{over}, still after {so_far}")
    return Ruling(Next.GO_ON, told)


def _few(seen: ClientsSeen, rule: StopRule) -> Ruling:
    said = f"at {seen.share_pct} % only {seen.requests_count} requests of {rule.requests_count} were seen"
    if seen.seen_for < rule.patience:
        return Ruling(Next.WAIT, said)
    return Ruling(Next.STOP, f"{said} in {seen.seen_for.total_seconds():.0f} s: nothing is proven")


def _times(seen: ClientsSeen, rule: StopRule) -> float:
    """How many times slower than before; infinitely where one of the two was not measured."""
    if seen.latency_ms is None or not math.isfinite(seen.latency_ms):
        return rule.return_over_latency_times  # over the limit to stop, not to go back: nobody saw that it is slow
    if seen.latency_ms <= rule.latency_floor_ms:
        return 0.0
    before = seen.latency_before_ms
    return seen.latency_ms / max(before if before and math.isfinite(before) else 0.0, rule.latency_floor_ms)


def _pace(seen: ClientsSeen) -> str:
    now = "an unknown time" if seen.latency_ms is None else f"{seen.latency_ms:.0f} ms"
    before = "" if seen.latency_before_ms is None else f" against {seen.latency_before_ms:.0f} ms before"
    return f"95 % answered within {now}{before}"


def _limits(errors_pct: float, rule: StopRule, *, back: bool) -> str:
    times = rule.return_over_latency_times if back else rule.stop_over_latency_times
    return f"{errors_pct:g} % errors or {times:g} times the latency"
