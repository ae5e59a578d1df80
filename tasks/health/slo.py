"""Is a promise at risk: how fast is the error budget spent, and how much is left?

Rules (SRE workbook, chapter 5, "alerting on SLOs", multi-window multi-burn-rate):

- A *sample* is one sweep's answer about one objective: bad when a counting check (`slo: true`) ended
  the sweep critical, after rechecks; good when all of them were measured ok or warning. Several
  checks failing in one sweep are one bad sample, so that one blip never looks like three.
- A sweep that could not measure is neither good nor bad: counting it as good would hide an outage
  of the measurement, counting it as bad would bill the service for it. It is written as a sample of
  0 good and 0 bad, so that the gap stays visible, and reports state it.
- A burn fires when the rate is over its threshold in the long *and* the short window and the long
  window holds at least three bad samples. Not the short one: five minutes hold one sweep.
- Threshold = budget share x SLO period / long window: 14.4, 6, 3 and 1 for 30 days. For shorter
  periods it is never below 1, the rate that just spends the budget; windows longer than the period
  are left out.
- A promise of 100 % has no budget; it is counted as 99.9999 % so that figures stay finite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from blocks.catalogue.model import Platform, Service, Slo
from blocks.catalogue.quantities import format_duration, parse_duration
from blocks.ports.health import Burn, CheckKey, CheckStatus, SliSample, State

BUCKET: Final = timedelta(minutes=5)
LEAST_BAD_COUNT: Final = 3
_LEAST_BUDGET: Final = 1e-6


class BurnRule(NamedTuple):
    """Fires when `budget_pct` of a period's budget would be gone within `long_window` at this rate."""

    severity: str
    long_window: str
    short_window: str
    budget_pct: float


BURN_RULES: Final = (
    BurnRule("page", "1h", "5m", 2),
    BurnRule("page", "6h", "30m", 5),
    BurnRule("ticket", "1d", "2h", 10),
    BurnRule("ticket", "3d", "6h", 10),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How an objective stands over its window. `left_pct` is None when nothing was measured, below 0 when overspent."""

    slo: str
    service: str
    objective_pct: float
    good_count: int
    bad_count: int
    unmeasured_count: int  # five-minute buckets with nothing but sweeps that could not measure
    left_pct: float | None


class _Tally(NamedTuple):
    good: int
    bad: int

    @property
    def bad_share(self) -> float:
        """0 to 1; nothing measured burns nothing."""
        return self.bad / (self.good + self.bad) if self.good + self.bad else 0.0


def sli_samples(
    platform: Platform, statuses: Mapping[CheckKey, CheckStatus], at: datetime, *, excluded: Collection[str] = ()
) -> list[SliSample]:
    """This sweep's sample of every objective, in the five-minute bucket of `at`.

    `excluded` services (agreed maintenance, where the contract says so) give unmeasured samples.
    """
    bucket = bucket_of(at)
    samples: list[SliSample] = []
    for service in platform.services.values():
        if not service.slos:
            continue
        good, bad = (0, 0) if service.name in excluded else _sample(service, statuses)
        samples += [
            SliSample(slo=f"{service.name}/{slo}", bucket=bucket, good_count=good, bad_count=bad)
            for slo in service.slos
        ]
    return samples


def bucket_of(at: datetime) -> datetime:
    """The start of the five minutes that `at` is in, UTC."""
    since_epoch = at - datetime(1970, 1, 1, tzinfo=UTC)
    return at.astimezone(UTC) - since_epoch % BUCKET


def burn_threshold(rule: BurnRule, slo_window: timedelta) -> float:
    """How many times faster than allowed the budget must be spent for this rule to fire."""
    return max(1.0, rule.budget_pct / 100 * (slo_window / parse_duration(rule.long_window)))


def assess_burn(platform: Platform, samples: Sequence[SliSample], at: datetime) -> list[Burn]:
    """Every rule that fires for every objective, pages first.

    The budget left is counted over the samples given, so pass those of the whole SLO window.
    """
    return sorted(_burns(platform, samples, at), key=lambda burn: (burn.severity != "page", burn.slo))


def assess_budgets(platform: Platform, samples: Sequence[SliSample], at: datetime) -> list[Budget]:
    """How every objective of the platform stands at `at`, in the catalogue's order."""
    by_slo = _by_slo(samples)
    return [
        _budget(service, slo, by_slo.get(f"{service.name}/{slo.name}", []), at)
        for service, slo in _objectives(platform)
    ]


def _objectives(platform: Platform) -> Iterator[tuple[Service, Slo]]:
    for service in platform.services.values():
        for slo in service.slos.values():
            yield service, slo


def _burns(platform: Platform, samples: Sequence[SliSample], at: datetime) -> Iterator[Burn]:
    by_slo = _by_slo(samples)
    for service, slo in _objectives(platform):
        own = by_slo.get(f"{service.name}/{slo.name}", [])
        for rule in BURN_RULES if own else ():
            burn = _burn(service, slo, rule, own, at)
            if burn is not None:
                yield burn


def _by_slo(samples: Sequence[SliSample]) -> dict[str, list[SliSample]]:
    found: dict[str, list[SliSample]] = {}
    for sample in samples:
        found.setdefault(sample.slo, []).append(sample)
    return found


def _sample(service: Service, statuses: Mapping[CheckKey, CheckStatus]) -> tuple[int, int]:
    """(good, bad): one of them 1, or both 0 when a counting check could not be measured."""
    seen: set[State] = set()
    for name, check in service.checks.items():
        if check.slo:
            status = statuses.get(CheckKey(service.name, name))
            seen.add(status.state if status is not None and status.fresh else State.UNKNOWN)
    if State.CRITICAL in seen:
        return 0, 1
    return (0, 0) if State.UNKNOWN in seen or not seen else (1, 0)


def _burn(service: Service, slo: Slo, rule: BurnRule, samples: Sequence[SliSample], at: datetime) -> Burn | None:
    if parse_duration(rule.long_window) > slo.window:
        return None
    allowed = _allowed(slo)
    threshold = burn_threshold(rule, slo.window)
    long = _tally(samples, parse_duration(rule.long_window), at)
    short = _tally(samples, parse_duration(rule.short_window), at)
    rate = long.bad_share / allowed
    if long.bad < LEAST_BAD_COUNT or rate <= threshold or short.bad_share / allowed <= threshold:
        return None
    left = _budget(service, slo, samples, at).left_pct or 0.0
    return Burn(
        slo=f"{service.name}/{slo.name}",
        service=service.name,
        severity=rule.severity,
        long_window=rule.long_window,
        short_window=rule.short_window,
        rate=rate,
        threshold=threshold,
        bad_count=long.bad,
        budget_left_pct=left,
        sentence=f"{slo.name}: {_pace(slo, rule, rate)}: {_evidence(rule, long)}, {_left(round(left, 1))}",
    )


def _pace(slo: Slo, rule: BurnRule, rate: float) -> str:
    limit = burn_threshold(rule, slo.window)
    return f"the error budget of {format_duration(slo.window)} is spent {rate:.1f} times too fast (limit {limit:.1f})"


def _evidence(rule: BurnRule, long: _Tally) -> str:
    return f"{long.bad} of {long.good + long.bad} samples bad in {rule.long_window}"


def _left(left_pct: float) -> str:
    return f"{left_pct:.0f} % of it left" if left_pct >= 0 else f"overspent by {-left_pct:,.0f} %"


def _budget(service: Service, slo: Slo, samples: Sequence[SliSample], at: datetime) -> Budget:
    tally = _tally(samples, slo.window, at)
    measured = {s.bucket for s in samples if s.good_count or s.bad_count}
    gaps = {s.bucket for s in samples if at - slo.window < s.bucket <= at} - measured
    has_evidence = bool(tally.good or tally.bad)
    return Budget(
        slo=f"{service.name}/{slo.name}",
        service=service.name,
        objective_pct=slo.objective,
        good_count=tally.good,
        bad_count=tally.bad,
        unmeasured_count=len(gaps),
        left_pct=100 * (1 - tally.bad_share / _allowed(slo)) if has_evidence else None,
    )


def _allowed(slo: Slo) -> float:
    return max(1 - slo.objective / 100, _LEAST_BUDGET)


def _tally(samples: Sequence[SliSample], window: timedelta, at: datetime) -> _Tally:
    """Good and bad of the buckets that began within `window` before `at`."""
    recent = [s for s in samples if at - window < s.bucket <= at]
    return _Tally(sum(s.good_count for s in recent), sum(s.bad_count for s in recent))
