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
        (lambda _: [], "does not have exactly one reading"),
    ],
)
def test_each_fault_of_the_measurement_is_named(change, words):
    verdict = judge(change(good()))
    assert not verdict.valid
    assert any(words in fault for fault in verdict.faults), verdict.faults
