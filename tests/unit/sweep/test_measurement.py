"""The suite that judges the measurement itself: each promise broken once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ports.health import CheckKey, Finding, FindingCode, Measurement, Missing, MissingCode, Reading, Unit
from tasks.health.measurement import judge_measurement, reading_frame

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DECLARED = {
    CheckKey("device-api", "health"): {"latency": Unit.MILLISECONDS, "certificate": Unit.DAYS},
    CheckKey("hub", "connected"): {"connected": Unit.PERCENT, "device_count": Unit.COUNT},
}


def good():
    base = {"started_at": AT - timedelta(seconds=3), "elapsed_ms": 12.0}
    return [
        Reading(
            service="device-api",
            check="health",
            measurements=(Measurement("latency", 12.0, Unit.MILLISECONDS), Measurement("certificate", 80.0, Unit.DAYS)),
            **base,
        ),
        Reading(service="hub", check="connected", measurements=(Measurement("connected", 97.0, Unit.PERCENT),), **base),
    ]


def judge(readings):
    return judge_measurement(reading_frame(readings, DECLARED, AT), oldest=timedelta(minutes=2))


def test_a_complete_measurement_is_believed():
    verdict = judge(good())
    assert verdict.valid, verdict.faults
    assert verdict.reading_count == 2


def test_a_missing_or_a_bad_service_is_no_fault_of_the_measurement():
    first, second = good()
    readings = [
        dataclasses.replace(first, measurements=(), finding=Finding(FindingCode.NO_ANSWER, "no answer in 10 s")),
        dataclasses.replace(second, measurements=(), missing=Missing(MissingCode.THROTTLED, "throttled")),
    ]
    assert judge(readings).valid


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r[:1], "hub/connected: does not have exactly one reading"),
        (lambda r: [*r, r[0]], "does not have exactly one reading"),
        (lambda r: [*r, dataclasses.replace(r[0], check="ghost")], "device-api/ghost: was read but is not declared"),
        (lambda r: [r[0], dataclasses.replace(r[1], started_at=AT - timedelta(minutes=3))], "not fresh"),
        (lambda r: [r[0], dataclasses.replace(r[1], started_at=AT + timedelta(minutes=3))], "not fresh"),
        (lambda r: [r[0], dataclasses.replace(r[1], measurements=())], "neither what was measured nor why"),
        (
            lambda r: [r[0], dataclasses.replace(r[1], measurements=(Measurement("connected", 120.0, Unit.PERCENT),))],
            "outside the plausible range",
        ),
        (
            lambda r: [
                dataclasses.replace(r[0], measurements=(Measurement("latency", -1.0, Unit.MILLISECONDS),)),
                r[1],
            ],
            "outside the plausible range",
        ),
        (
            lambda r: [
                dataclasses.replace(r[0], measurements=(Measurement("latency", float("nan"), Unit.MILLISECONDS),)),
                r[1],
            ],
            "outside the plausible range",
        ),
        (
            lambda r: [dataclasses.replace(r[0], measurements=(Measurement("latency", 1.0, Unit.SECONDS),)), r[1]],
            "in a unit its kind does not have",
        ),
        (lambda r: [r[0], dataclasses.replace(r[1], elapsed_ms=-4.0)], "impossible time"),
        (lambda r: [r[0], dataclasses.replace(r[1], elapsed_ms=3_600_001.0)], "impossible time"),
        (lambda _: [], "device-api/health, hub/connected: does not have exactly one reading"),
    ],
)
def test_each_fault_of_the_measurement_is_named(change, words):
    verdict = judge(change(good()))
    assert not verdict.valid
    assert [words in fault for fault in verdict.faults] == [True], verdict.faults


@pytest.mark.parametrize(
    ("checks", "named"),
    [("ab", "hub/a, hub/b"), ("abc", "hub/a, hub/b, hub/c"), ("abcde", "hub/a, hub/b, hub/c and 2 more")],
)
def test_three_culprits_are_named_and_the_others_counted(checks, named):
    declared = {CheckKey("hub", name): {"connected": Unit.PERCENT} for name in checks}
    verdict = judge_measurement(reading_frame([], declared, AT), oldest=timedelta(minutes=2))
    assert verdict.faults == (f"{named}: does not have exactly one reading",)
    assert verdict.reading_count == len(checks)


@pytest.mark.parametrize(
    ("name", "value", "unit", "right"),
    [
        ("connected", 100.0, Unit.PERCENT, True),
        ("connected", 100.1, Unit.PERCENT, False),
        ("against_last_week", 900.0, Unit.PERCENT, True),  # no share of a whole
        ("against_last_week", -1.0, Unit.PERCENT, False),
        ("latency", 0.0, Unit.MILLISECONDS, True),
        ("latency", 3_600_000.0, Unit.MILLISECONDS, True),
        ("latency", 3_600_001.0, Unit.MILLISECONDS, False),
        ("latency", float("inf"), Unit.MILLISECONDS, False),
        ("certificate", -400.0, Unit.DAYS, True),  # long expired, and rightly measured
        ("certificate", 40_000.0, Unit.DAYS, False),
        ("age", -0.1, Unit.SECONDS, False),
        ("age", 0.0, Unit.SECONDS, True),
        ("connected", 0.0, Unit.PERCENT, True),
        ("lag_bytes", 0.0, Unit.BYTES, True),
        ("device_count", 0.0, Unit.COUNT, True),
        ("rate", 0.0, Unit.PER_SECOND, True),
        ("lag_bytes", -1.0, Unit.BYTES, False),
        ("device_count", -1.0, Unit.COUNT, False),
        ("rate", -0.1, Unit.PER_SECOND, False),
    ],
)
def test_what_is_plausible(name, value, unit, right):
    reading = Reading(
        service="s", check="c", started_at=AT, elapsed_ms=1.0, measurements=(Measurement(name, value, unit),)
    )
    frame = reading_frame([reading], {CheckKey("s", "c"): {name: unit}}, AT)
    assert list(frame["plausible"]) == [int(right)]
