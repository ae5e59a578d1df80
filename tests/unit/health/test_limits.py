"""What a reading means: measured against limits, and never good news without evidence."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import DatabaseCheck, HttpCheck, MetricCheck, QueueCheck, ReplicationCheck, TcpCheck
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, Reading, State, Unit
from tasks.health.decide import assess_reading, explain_reading, is_well

patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
HTTPS = HttpCheck(
    kind="http",
    name="public",
    url="https://api.hearth.example/health",
    latency={"warning": "> 1 s", "critical": "> 2 s"},
)
PLAIN = HttpCheck(kind="http", name="plain", url="http://127.0.0.1/health", latency={"critical": "> 500 ms"})
QUEUE = QueueCheck(kind="queue", name="queue", depth={"warning": "> 1000 count"}, age={"critical": ">= 10 min"})
REPLICATION = ReplicationCheck(
    kind="replication", name="standby", address="db:5432", database="d", standby="s", lag_bytes={"warning": "> 16 MiB"}
)
DATABASE = DatabaseCheck(kind="database", name="login", address="db:5432", database="d")
METRIC = MetricCheck(
    kind="metric", name="free", metric="FreeStorage", unit="%", value={"warning": "< 20 %", "critical": "<= 5 %"}
)
TCP = TcpCheck(kind="tcp", name="port", address="db:5432")
FREE = ReplicationCheck(kind="replication", name="free", address="db:5432", database="d", standby="s")

MS, PCT, COUNT, S, D, BYTES = Unit.MILLISECONDS, Unit.PERCENT, Unit.COUNT, Unit.SECONDS, Unit.DAYS, Unit.BYTES


def reading(*measurements, finding=None, missing=None):
    return Reading(
        service="api", check="public", started_at=AT, elapsed_ms=10, finding=finding, missing=missing,
        measurements=tuple(Measurement(*m) for m in measurements),
    )  # fmt: skip


GOOD_CERTIFICATE = ("certificate", 60, D)


@pytest.mark.parametrize(
    ("check", "measured", "state", "sentence"),
    [
        (HTTPS, [("latency", 120.4, MS), GOOD_CERTIFICATE], State.OK, "latency 120 ms (limit 1,000 ms)"),
        (HTTPS, [("latency", 2310, MS), GOOD_CERTIFICATE], State.CRITICAL, "latency 2,310 ms over the limit of 2,000 ms"),
        (HTTPS, [("latency", 1500, MS), GOOD_CERTIFICATE], State.WARNING, "latency 1,500 ms over the limit of 1,000 ms"),
        (HTTPS, [("latency", 2000, MS), GOOD_CERTIFICATE], State.WARNING, "latency 2,000 ms over the limit of 1,000 ms"),
        (HTTPS, [("latency", 2000.4, MS), GOOD_CERTIFICATE], State.CRITICAL, "latency 2,000.4 ms over the limit of 2,000 ms"),
        (HTTPS, [("latency", 2.31, S), GOOD_CERTIFICATE], State.CRITICAL, "latency 2.3 s over the limit of 2 s"),
        (HTTPS, [("latency", 90, MS), ("certificate", 2.5, D)], State.CRITICAL, "certificate 2.5 d under the limit of 3 d"),
        (HTTPS, [("latency", 90, MS), ("certificate", 13.96, D)], State.WARNING, "certificate 13.96 d under the limit of 14 d"),
        (HTTPS, [("latency", 1500, MS), ("certificate", 9, D)], State.WARNING,
         "latency 1,500 ms over the limit of 1,000 ms; certificate 9 d under the limit of 14 d"),
        (HTTPS, [("latency", 1500, MS), ("certificate", 1, D)], State.CRITICAL, "certificate 1 d under the limit of 3 d"),
        (HTTPS, [("latency", 90, MS)], State.UNKNOWN, "certificate was not measured, so its limit says nothing"),
        (HTTPS, [("latency", 5000, MS)], State.CRITICAL, "latency 5,000 ms over the limit of 2,000 ms"),
        (PLAIN, [("latency", 90, MS)], State.OK, "latency 90 ms (limit 500 ms)"),
        (QUEUE, [("depth", 1204, COUNT), ("age", 5, S)], State.WARNING, "depth 1,204 over the limit of 1,000"),
        (QUEUE, [("depth", 4, COUNT), ("age", 600, S)], State.CRITICAL, "age 600 s at or over the limit of 600 s"),
        (QUEUE, [("age", 6, S)], State.UNKNOWN, "depth was not measured, so its limit says nothing"),
        (REPLICATION, [("lag_bytes", 2.5 * 2**30, BYTES)], State.WARNING, "lag_bytes 2,560 MiB over the limit of 16 MiB"),
        (REPLICATION, [("lag", 3, S), ("lag_bytes", 0, BYTES)], State.OK, "lag 3 s"),
        (REPLICATION, [("lag_bytes", 0, BYTES)], State.OK, "lag_bytes 0 MiB (limit 16 MiB)"),
        (REPLICATION, [("lag_bytes", 700, BYTES)], State.OK, "lag_bytes 700 B (limit 16,777,216 B)"),
        (METRIC, [("value", 5, PCT)], State.CRITICAL, "value 5 % at or under the limit of 5 %"),
        (METRIC, [("value", 19.99, PCT)], State.WARNING, "value 19.99 % under the limit of 20 %"),
        (METRIC, [("value", 20, PCT)], State.OK, "value 20 % (limit 20 %)"),
        (METRIC, [("value", 20, MS)], State.UNKNOWN, "value cannot be judged: a limit in '%' cannot judge a measurement in 'ms'"),
        (METRIC, [("value", math.nan, PCT)], State.UNKNOWN, "value is not a number (nan)"),
        (METRIC, [("value", math.inf, PCT)], State.UNKNOWN, "value is not a number (inf)"),
        (TCP, [("latency", math.nan, MS)], State.UNKNOWN, "latency is not a number (nan)"),
        (TCP, [("latency", 0.4, MS)], State.OK, "latency 0.4 ms"),
        (TCP, [], State.UNKNOWN, "not measured: the probe gave neither a measurement nor a reason"),
        (DATABASE, [("latency", 3, MS), ("connections", 96, PCT)], State.CRITICAL, "connections 96 % over the limit of 95 %"),
    ],
)  # fmt: skip
def test_limits(check, measured, state, sentence):
    assert assess_reading(check, reading(*measured)) == (state, sentence)
    assert is_well(check, reading(*measured)) is (state is State.OK)


@pytest.mark.parametrize(
    ("check", "measured", "sentence"),
    [
        (TCP, ("latency", 0.44, MS), "latency 0.4 ms"),
        (TCP, ("latency", 99.94, MS), "latency 99.9 ms"),
        (TCP, ("latency", 100.4, MS), "latency 100 ms"),
        (TCP, ("latency", -100.4, MS), "latency -100 ms"),
        (FREE, ("lag_bytes", 0, BYTES), "lag_bytes 0 B"),
        (FREE, ("lag_bytes", 1023, BYTES), "lag_bytes 1,023 B"),
        (FREE, ("lag_bytes", 2.5 * 2**30, BYTES), "lag_bytes 2.5 GiB"),
        (FREE, ("lag_bytes", 2**51, BYTES), "lag_bytes 2,048 TiB"),
        (PLAIN, ("latency", 100.4, MS), "latency 100 ms (limit 500 ms)"),
        (PLAIN, ("latency", 499.6, MS), "latency 499.6 ms (limit 500 ms)"),
        (PLAIN, ("latency", 500, MS), "latency 500 ms (limit 500 ms)"),
        (PLAIN, ("latency", 500.004, MS), "latency 500.004 ms over the limit of 500 ms"),
        (PLAIN, ("latency", 500.0000004, MS), "latency 500 ms over the limit of 500 ms"),
        (METRIC, ("value", 19.955, PCT), "value 19.95 % under the limit of 20 %"),
        (REPLICATION, ("lag_bytes", 17.5 * 2**20, BYTES), "lag_bytes 17.5 MiB over the limit of 16 MiB"),
    ],
)
def test_a_number_has_the_digits_a_person_needs_and_no_more(check, measured, sentence):
    """Three figures, unless more are needed to tell it from its limit; never more than six after the point."""
    assert assess_reading(check, reading(measured))[1] == sentence


def test_a_finding_is_its_own_state():
    refused = Finding(FindingCode.CONNECTION_REFUSED, "127.0.0.1:5432 refused the connection")
    assert assess_reading(HTTPS, reading(finding=refused)) == (State.CRITICAL, refused.text)
    alarm = Finding(FindingCode.ALARM, "the alarm warns", State.WARNING)
    assert assess_reading(HTTPS, reading(finding=alarm)) == (State.WARNING, "the alarm warns")
    assert not is_well(HTTPS, reading(finding=alarm))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("https://api.hearth.example:8443/health refused", "api.hearth.example"),
        ("https://[::1]:8443/health refused", "[::1]"),
        ("db1.hearth.example:5432 refused", "db1.hearth.example"),
        ("it is stopped", None),
    ],
)
def test_a_finding_says_where_for_other_languages(text, where):
    found = explain_reading(TCP, reading(finding=Finding(FindingCode.CONNECTION_REFUSED, text))).numbers
    assert found.get("where") == where
    assert found["code"] == "connection_refused"


def test_a_limit_crossed_is_worse_than_a_warning_found():
    alarm = Finding(FindingCode.ALARM, "the alarm warns", State.WARNING)
    state, sentence = assess_reading(HTTPS, reading(("latency", 9000, MS), finding=alarm))
    assert (state, sentence) == (State.CRITICAL, "latency 9,000 ms over the limit of 2,000 ms")


@pytest.mark.parametrize("claimed", [State.OK, State.UNKNOWN])
def test_a_finding_is_never_good_news(claimed):
    finding = Finding(FindingCode.RESOURCE_STATE, "stopped", claimed)
    assert assess_reading(TCP, reading(("latency", 1, MS), finding=finding))[0] is State.UNKNOWN


@pytest.mark.parametrize("code", list(MissingCode))
def test_missing_is_unknown_with_its_reason(code):
    assert assess_reading(HTTPS, reading(missing=Missing(code, "the API answered 429"))) == (
        State.UNKNOWN,
        "not measured: the API answered 429",
    )
    assert not is_well(TCP, reading(("latency", 1, MS), missing=Missing(code, "")))
    assert assess_reading(HTTPS, reading(missing=Missing(code, ""))) == (State.UNKNOWN, f"not measured: {code.value}")


def test_missing_wins_over_measurements_that_should_not_be_there():
    assert (
        assess_reading(TCP, reading(("latency", 1, MS), missing=Missing(MissingCode.DEADLINE, "late")))[0]
        is State.UNKNOWN
    )


@patient
@given(st.floats(), st.sampled_from(list(Unit)))
def test_ok_needs_a_number_within_its_limits(value, unit):
    state, sentence = assess_reading(METRIC, reading(("value", value, unit)))
    assert (state is State.OK) == (unit is PCT and math.isfinite(value) and value >= 20)
    assert sentence


@patient
@given(st.floats(min_value=0, max_value=1e6), st.floats(min_value=0, max_value=1e6))
def test_a_larger_latency_is_never_better(one, other):
    low, high = sorted((one, other))
    ranks = [assess_reading(PLAIN, reading(("latency", value, MS)))[0].rank for value in (low, high)]
    assert ranks == sorted(ranks)
