"""Do quantities keep their unit and their value, and is a bare number refused?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import Slo
from blocks.catalogue.quantities import Limit, format_duration, limit_in, parse_duration, parse_limit
from blocks.ports.health import Unit


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("500 ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("1,5 s", timedelta(seconds=1.5)),
        ("5 min", timedelta(minutes=5)),
        ("5m", timedelta(minutes=5)),
        ("26h", timedelta(hours=26)),
        ("14 d", timedelta(days=14)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_durations(text, meant):
    assert parse_duration(text) == meant


@pytest.mark.parametrize("text", ["30", 30, 1.5, "0s", "-1s", "s", "", None, "30 %", "1h30", "30 S", True])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_duration(text)


@settings(deadline=None)
@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=4000)))
def test_a_duration_survives_being_written(value):
    assert parse_duration(format_duration(value)) == value


@settings(deadline=None)
@given(
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15),
    st.sampled_from(Unit),
)
def test_a_limit_survives_being_written(operator, value, unit):
    limit = Limit(operator, value, unit)
    assert parse_limit(str(limit)) == limit


@settings(deadline=None)
@given(st.floats(0, 100, exclude_max=True))
def test_a_percentage_survives_being_written(value):
    promise = Slo(name="x", objective=value)
    assert Slo.model_validate(promise.model_dump(mode="json")) == promise


@pytest.mark.parametrize(
    ("text", "value", "crossed"),
    [
        ("> 80 %", 80.0, False),
        ("> 80 %", 80.1, True),
        (">= 80 %", 80.0, True),
        ("< 14 d", 14.0, False),
        ("< 14 d", 13.9, True),
        ("<= 14 d", 14.0, True),
    ],
)
def test_a_limit_is_crossed_beyond_it(text, value, crossed):
    assert parse_limit(text).crossed_by(value) is crossed


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("> 5 min", 300.0, Unit.SECONDS),
        ("> 64 MiB", 67108864.0, Unit.BYTES),
        ("< 1,5 /s", 1.5, Unit.PER_SECOND),
        ("> 2 GB", 2e9, Unit.BYTES),
    ],
)
def test_units_are_brought_to_the_ones_measured_in(text, value, unit):
    assert parse_limit(text)[1:] == (value, unit)


@pytest.mark.parametrize("text", ["80 %", "> 80", "= 80 %", "> x %", "", None, 80, "> 80 parsecs"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_limit(text)


def test_limits_go_between_units_of_time_only():
    assert limit_in(parse_limit("> 1 s"), Unit.MILLISECONDS) == Limit(">", 1000.0, Unit.MILLISECONDS)
    with pytest.raises(ValueError, match="cannot judge"):
        limit_in(parse_limit("> 1 %"), Unit.COUNT)


@pytest.mark.parametrize("value", [-0.1, 100.1, "100.1 %", "99.9", "99.9 s", 99])
def test_what_is_no_percentage_is_refused(value):
    with pytest.raises(ValueError, match="expected"):
        Slo(name="x", objective=value)
