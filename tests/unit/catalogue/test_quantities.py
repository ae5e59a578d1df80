"""Do quantities keep their unit and their value, and is a bare number refused?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from blocks.catalogue.model import Slo
from blocks.catalogue.quantities import Limit, Percent, format_duration, limit_in, parse_duration, parse_limit
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
        ("> 2 B", 2.0, Unit.BYTES),
        ("> 2 kB", 2e3, Unit.BYTES),
        ("> 2 MB", 2e6, Unit.BYTES),
        ("> 2 GB", 2e9, Unit.BYTES),
        ("> 2 TB", 2e12, Unit.BYTES),
        ("> 2 KiB", 2048.0, Unit.BYTES),
        ("> 2 GiB", 2.0 * 1024**3, Unit.BYTES),
        ("> 2 TiB", 2.0 * 1024**4, Unit.BYTES),
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
    assert limit_in(parse_limit("> 2 d"), Unit.SECONDS) == Limit(">", 172_800.0, Unit.SECONDS)
    assert limit_in(parse_limit("< 6 h"), Unit.DAYS) == Limit("<", 0.25, Unit.DAYS)
    for limit, unit in [("> 1 %", Unit.COUNT), ("> 1 s", Unit.PERCENT), ("> 1 %", Unit.SECONDS)]:
        with pytest.raises(ValueError, match="cannot judge"):
            limit_in(parse_limit(limit), unit)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.5, "500ms"),
        (1, "1s"),
        (60, "1min"),
        (90, "90s"),
        (300, "5min"),
        (3600, "1h"),
        (86_400, "1d"),
        (93_600, "26h"),
    ],
)
def test_a_duration_is_written_as_a_person_would(seconds, written):
    assert format_duration(timedelta(seconds=seconds)) == written


@pytest.mark.parametrize(
    ("limit", "written"),
    [
        (Limit(">", 80.0, Unit.PERCENT), "> 80 %"),
        (Limit("<", 0.25, Unit.DAYS), "< 0.25 d"),
        (Limit(">", 67_108_864.0, Unit.BYTES), "> 67108864 bytes"),
        (Limit(">", 1e22, Unit.COUNT), "> 10000000000000000000000 count"),
    ],
)
def test_a_limit_is_written_without_idle_zeros(limit, written):
    assert str(limit) == written


@pytest.mark.parametrize("value", ["0 %", "100 %", "99,95 %"])
def test_a_percentage_goes_from_none_to_all(value):
    written = float(value.removesuffix(" %").replace(",", "."))
    assert TypeAdapter(Percent).validate_python(value) == written


def test_a_share_is_no_more_than_all():
    with pytest.raises(ValueError, match="between 0 % and 100 %"):
        TypeAdapter(Percent).validate_python("100.5 %")


@pytest.mark.parametrize("value", [-0.1, 100.1, "100.1 %", "99.9", "99.9 s", 99])
def test_what_is_no_percentage_is_refused(value):
    with pytest.raises(ValueError, match="expected"):
        Slo(name="x", objective=value)
