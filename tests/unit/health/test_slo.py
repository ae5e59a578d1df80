"""How fast a budget burns: the workbook's table, three bad samples, and nothing said without evidence."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import Platform
from blocks.catalogue.quantities import parse_duration
from blocks.ports.health import CheckKey, CheckStatus, SliSample, State
from tasks.health.decide import BURN_RULES, assess_budgets, assess_burn, burn_threshold, sli_samples
from tasks.health.slo import bucket_of

patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared
AT = datetime(2026, 11, 23, 3, 2, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SLO = "api/availability"
DAYS_30 = timedelta(days=30)


def platform(objective="99.9 %", window="30d", counting=("a", "b")):
    checks = {name: {"kind": "tcp", "name": name, "address": "h:1", "slo": name in counting} for name in "abc"}
    return Platform(
        name="hearth", customer="hearth",
        sites={"west": {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "reader"}},
        services={
            "api": {"name": "api", "kind": "web", "site": "west", "checks": checks,
                    "slos": {"availability": {"name": "availability", "objective": objective, "window": window}}},
            "db": {"name": "db", "kind": "web", "site": "west", "checks": checks},
        },
    )  # fmt: skip


def history(bad, length=864, at=NOW, slo=SLO):
    """`length` buckets back from `at`; those whose age in buckets is in `bad` are bad."""
    return [
        SliSample(slo=slo, bucket=at - age * FIVE, good_count=age not in bad, bad_count=age in bad)
        for age in range(length)
    ]


def fired(samples, **more):
    return [(b.severity, b.long_window, b.short_window) for b in assess_burn(platform(**more), samples, AT)]


# -- the published table ----------------------------------------------------------------------


def test_the_workbooks_table_decides(conformance):
    table = json.loads(conformance("slo/burn_rates_30d.json").read_text())
    period = timedelta(hours=table["slo_period_hours"])
    ours = [
        {
            "severity": rule.severity,
            "budget_consumed_percent": rule.budget_pct,
            "short_window": rule.short_window,
            "long_window": rule.long_window,
            "burn_rate": pytest.approx(burn_threshold(rule, period)),
        }
        for rule in BURN_RULES
    ]
    assert ours == [{key: row[key] for key in ours[0]} for row in table["rows"]]
    example = table["threshold_example"]
    rule = next(rule for rule in BURN_RULES if math.isclose(burn_threshold(rule, period), example["burn_rate"]))
    assert burn_threshold(rule, period) * (1 - example["slo"] / 100) == pytest.approx(example["error_rate_threshold"])


@pytest.mark.parametrize("number", range(4))
def test_each_rule_fires_just_over_its_rate_and_not_just_under(conformance, number):
    """Samples of 100,000 requests a bucket, bad at a steady rate of the budget (0.1 %)."""
    row = json.loads(conformance("slo/burn_rates_30d.json").read_text())["rows"][number]
    for factor, expected in ((1.02, True), (0.98, False)):
        bad = round(100_000 * 0.001 * row["burn_rate"] * factor)
        steady = [
            SliSample(slo=SLO, bucket=NOW - age * FIVE, good_count=100_000 - bad, bad_count=bad) for age in range(864)
        ]
        assert ((row["severity"], row["long_window"], row["short_window"]) in fired(steady)) is expected


def test_thresholds_of_shorter_periods():
    week = timedelta(days=7)
    assert [round(burn_threshold(rule, week), 3) for rule in BURN_RULES] == [3.36, 1.4, 1.0, 1.0]
    assert {long for _, long, _ in fired(history({0, 1, 2}), window="1d")} == {"1h", "6h", "1d"}, (
        "no window over the period"
    )


# -- when it fires ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "severities"),
    [
        (set(), set()),
        ({0}, set()),
        ({0, 1}, set()),
        ({0, 1, 2}, {"page", "ticket"}),
        ({0, 5, 11}, {"page", "ticket"}),
        ({0, 20, 40}, {"page", "ticket"}),
        ({0, 100, 200}, {"ticket"}),
        ({20, 21, 22}, {"ticket"}),
        ({80, 81, 82}, set()),
    ],
)
def test_three_bad_samples_and_still_going_on(bad, severities):
    assert {severity for severity, *_ in fired(history(bad))} == severities


def test_the_short_window_ends_a_page_after_the_fault():
    pages = [[f for f in fired(history({n, n + 1, n + 2})) if f[0] == "page"] for n in (0, 1, 5, 6)]
    assert [[long for _, long, _ in page] for page in pages] == [["1h", "6h"], ["6h"], ["6h"], []]


def test_what_fires_says_how_fast_and_what_is_left():
    (quick, *_) = assess_burn(platform(), history({0, 1, 2}, length=8640), AT)
    assert (quick.slo, quick.service, quick.bad_count) == (SLO, "api", 3)
    assert quick.rate == pytest.approx(3 / 12 / 0.001)
    assert quick.budget_left_pct == pytest.approx(100 * (1 - 3 / 8640 / 0.001))
    assert quick.sentence == (
        "availability: the error budget of 30d is spent 250.0 times too fast (limit 14.4): "
        "3 of 12 samples bad in 1h, 65 % of it left"
    )
    (spent, *_) = assess_burn(platform(), history({0, 1, 2}, length=864), AT)
    assert spent.sentence.endswith("overspent by 247 %")
    (deep, *_) = assess_burn(platform(), history({0, 1, 2}, length=7), AT)
    assert deep.sentence.endswith("overspent by 42,757 %")
    (last, *_) = assess_burn(platform(), history({0, 1, 2}, length=3003), AT)
    assert last.sentence.endswith(", 0 % of it left")


@pytest.mark.parametrize(
    ("bad", "longs"),
    [
        (
            range(216),
            set(),
        ),  # a quarter of three days and three of four in one: exactly as fast as allowed by the rules
        (range(217), {"1d", "3d"}),
        (range(54, 864), set()),  # and a quarter of the last six hours
        (range(53, 864), {"3d"}),
    ],
)
def test_at_its_threshold_no_rule_fires(bad, longs):
    assert {long for _, long, _ in fired(history(set(bad), length=864), objective="75 %")} == longs


def test_a_short_window_over_its_threshold_alone_is_no_page():
    assert fired(history({0, 1, 2}), objective="95 %") == []


def test_what_is_measured_no_more_is_not_still_going_on():
    stopped = [sample for sample in history({13, 14, 15, 80, 81, 82}) if sample.bucket <= NOW - 80 * FIVE]
    assert fired(stopped) == []


def test_pages_come_first():
    assert [f[0] for f in fired(history({0, 1, 2}))] == ["page", "page", "ticket", "ticket"]


def test_samples_of_the_future_and_of_others_say_nothing():
    assert fired(history({0, 1, 2}, at=NOW + timedelta(hours=3), length=30)) == []
    assert fired(history({0, 1, 2}, slo="api/other")) == []
    assert fired([]) == []


def test_unmeasured_sweeps_neither_help_nor_harm():
    gaps = [SliSample(slo=SLO, bucket=NOW - age * FIVE, good_count=0, bad_count=0) for age in range(12)]
    assert fired(gaps) == []
    bad = history({0, 1, 2}, length=3)
    alone, diluted = assess_burn(platform(), bad, AT)[0], assess_burn(platform(), bad + gaps[3:], AT)[0]
    assert alone.rate == diluted.rate == pytest.approx(1000)


def test_a_promise_of_nearly_everything_has_finite_figures():
    (burn, *_) = assess_burn(platform(objective="99.999999999999 %"), history({0, 1, 2}), AT)
    assert math.isfinite(burn.rate)
    assert math.isfinite(burn.budget_left_pct)
    assert fired(history({0, 1}), objective="99.999999999999 %") == []


# -- budgets ----------------------------------------------------------------------------------


def test_budgets():
    samples = history({0, 1, 2}, length=8640)
    (budget,) = assess_budgets(platform(), samples, AT)
    assert (budget.slo, budget.good_count, budget.bad_count, budget.unmeasured_count) == (SLO, 8637, 3, 0)
    assert budget.left_pct == pytest.approx(65.28, abs=0.01)


def test_a_budget_without_evidence_is_not_full():
    (never,) = assess_budgets(platform(), [], AT)
    assert never.left_pct is None
    gap = SliSample(slo=SLO, bucket=NOW, good_count=0, bad_count=0)
    (unmeasured,) = assess_budgets(platform(), [gap], AT)
    assert (unmeasured.left_pct, unmeasured.unmeasured_count) == (None, 1)
    old = SliSample(slo=SLO, bucket=NOW - timedelta(days=31), good_count=0, bad_count=0)
    assert assess_budgets(platform(), [gap, old], AT)[0].unmeasured_count == 1


def test_a_budget_forgets_what_is_older_than_its_window():
    old = history({8640 + 5}, length=8650)
    (budget,) = assess_budgets(platform(), old, AT)
    assert (budget.bad_count, budget.left_pct) == (0, 100.0)


# -- samples ----------------------------------------------------------------------------------

OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN


@pytest.mark.parametrize(
    ("a", "b", "counts"),
    [
        (OK, OK, (1, 0)),
        (OK, WARNING, (1, 0)),
        (OK, CRITICAL, (0, 1)),
        (CRITICAL, CRITICAL, (0, 1)),
        (OK, UNKNOWN, (0, 0)),
        (UNKNOWN, UNKNOWN, (0, 0)),
        (CRITICAL, UNKNOWN, (0, 1)),
        (OK, None, (0, 0)),
        (None, None, (0, 0)),
    ],
)
def test_one_sweep_is_one_sample(a, b, counts):
    statuses = {CheckKey("api", "c"): CheckStatus(state=CRITICAL)}  # does not count: slo is false
    statuses |= {CheckKey("api", name): CheckStatus(state=s) for name, s in (("a", a), ("b", b)) if s}
    (sample,) = sli_samples(platform(), statuses, AT)
    assert (sample.slo, sample.bucket) == (SLO, NOW)
    assert (sample.good_count, sample.bad_count) == counts


def test_a_status_never_seen_is_no_good_sample():
    statuses = {CheckKey("api", name): CheckStatus(fresh=False) for name in "ab"}
    (sample,) = sli_samples(platform(), statuses, AT)
    assert (sample.good_count, sample.bad_count) == (0, 0)


def test_no_counting_check_is_no_evidence():
    (sample,) = sli_samples(platform(counting=()), {CheckKey("api", "a"): CheckStatus()}, AT)
    assert (sample.good_count, sample.bad_count) == (0, 0)


def test_agreed_maintenance_can_be_left_out():
    statuses = {CheckKey("api", name): CheckStatus(state=CRITICAL) for name in "ab"}
    (sample,) = sli_samples(platform(), statuses, AT, excluded={"api"})
    assert (sample.good_count, sample.bad_count) == (0, 0)


@patient
@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001
def test_buckets(naive, hours):
    at = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    bucket = bucket_of(at)
    assert timedelta() <= at - bucket < FIVE
    assert (bucket.minute % 5, bucket.second, bucket.microsecond, bucket.utcoffset()) == (0, 0, 0, timedelta())


@patient
@given(st.sets(st.integers(0, 100), max_size=12))
def test_fewer_than_three_bad_never_fire_and_more_bad_never_calm(bad):
    before = set(fired(history(bad, length=101)))
    assert before == set() if len(bad) < 3 else True
    assert before <= set(fired(history(bad | {0, 50}, length=101)))
    for severity, long, _ in before:
        inside = [age for age in bad if age * FIVE < parse_duration(long)]
        assert len(inside) >= 3, severity
