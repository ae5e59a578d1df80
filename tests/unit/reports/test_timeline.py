"""The picture of the last hours: true, small, and never green where nothing was measured."""

from __future__ import annotations

import io
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from blocks.ports.health import CheckKey, Measurement, Reading, State, Unit
from blocks.ports.journal import StatePoint
from tasks.reports.timeline import (
    MOST_BYTES,
    MOST_CHECKS,
    MOST_LATENCIES,
    draw_timeline,
    latency_line,
    slowest,
    stretches,
    worst_checks,
)
from tests.unit.reports.sweeps import AT, history, missing_reading

KEY = CheckKey("device-api", "health")
FIVE = timedelta(minutes=5)


def a_point(minutes: int, state: str = "ok", value: float | None = 40.0, unit: str = "ms") -> StatePoint:
    return StatePoint(key=KEY, at=AT + timedelta(minutes=minutes), state=state, value=value, unit=unit)


def shape(points) -> list[tuple[int, int, str]]:
    return [
        (round((s.begin - AT) / timedelta(minutes=1)), round((s.end - AT) / timedelta(minutes=1)), s.state)
        for s in stretches(points)
    ]


def test_equal_neighbours_are_one_stretch_and_a_change_begins_another():
    points = [a_point(0), a_point(5), a_point(10, "critical"), a_point(15, "critical"), a_point(20)]
    assert shape(points) == [(0, 10, "ok"), (10, 20, "critical"), (20, 25, "ok")]


def test_a_gap_is_not_painted_with_the_last_good_state():
    points = [a_point(0), a_point(5), a_point(10), a_point(60), a_point(65)]
    assert shape(points) == [(0, 20, "ok"), (60, 70, "ok")]


def test_a_single_point_is_still_seen():
    assert shape([a_point(0, "critical")]) == [(0, 5, "critical")]


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from([*State])), max_size=60))
def test_stretches_never_overlap_and_never_claim_more_than_two_intervals(steps):
    points = [a_point(minute, state.value) for minute, state in sorted(dict(steps).items())]
    found = stretches(points)
    assert all(a.end <= b.begin for a, b in pairwise(found))
    for point in points:
        assert any(s.begin <= point.at < s.end and s.state == point.state for s in found)


def test_the_worst_checks_are_chosen_and_none_twice():
    histories = {CheckKey(f"s{i:02d}", "c"): [a_point(0)] for i in range(60)}
    histories[CheckKey("s59", "c")] = [a_point(0, "critical")]
    histories[CheckKey("s58", "c")] = [a_point(0, "from the future")]
    chosen = worst_checks(histories)
    assert len(chosen) == len(set(chosen)) == MOST_CHECKS
    assert {CheckKey("s58", "c"), CheckKey("s59", "c")} <= set(chosen)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_night_becomes_a_small_picture_with_the_colours_of_its_states(language):
    picture = draw_timeline(history(), language=language, time_zone="Europe/Paris")
    assert 5_000 < len(picture) < MOST_BYTES
    with Image.open(io.BytesIO(picture)) as image, image.convert("RGB") as flat:
        assert flat.width >= 800
        colours = {colour for _, colour in flat.getcolors(1 << 24)}
    for wanted in ((58, 167, 109), (242, 177, 52), (217, 45, 32), (138, 99, 210)):
        assert any(all(abs(a - b) <= 8 for a, b in zip(colour, wanted, strict=True)) for colour in colours), wanted


def test_a_state_takes_the_room_that_it_lasted():
    """Three hours well, one hour down: three times as much green as red, and nothing hides the other."""
    points = [a_point(5 * n, "critical" if 24 <= n < 36 else "ok") for n in range(48)]
    with Image.open(io.BytesIO(draw_timeline(points, language="en", time_zone="UTC"))) as image:
        bars = image.convert("RGB").crop((0, 40, image.width, image.height))  # below the legend

    def columns(wanted):
        """In how many columns of the picture this colour stands."""
        bands = [
            band.point(lambda v, w=w: 255 * (abs(v - w) <= 8)) for band, w in zip(bars.split(), wanted, strict=True)
        ]
        seen = ImageChops.multiply(ImageChops.multiply(bands[0], bands[1]), bands[2])
        return sum(bool(seen.crop((x, 0, x + 1, seen.height)).getbbox()) for x in range(seen.width))

    assert columns((58, 167, 109)) / columns((217, 45, 32)) == pytest.approx(3, rel=0.1)


def test_the_slowest_of_a_sweep_have_a_line():
    def took(name, value, unit=Unit.MILLISECONDS):
        measured = (Measurement("latency", value, unit), Measurement("certificate", 9e9, Unit.DAYS))
        return Reading(service=name, check="c", started_at=AT, elapsed_ms=1.0, measurements=measured)

    readings = [took(f"s{n}", 10.0 * n) for n in range(9)] + [took("depth", 1e9, Unit.COUNT), missing_reading()]
    found = [key.service for key in slowest(readings)]
    assert found == [f"s{n}" for n in range(8, 8 - MOST_LATENCIES, -1)]


def test_sixty_checks_stay_small():
    picture = draw_timeline(
        history(6, [f"service-with-a-long-name-{i:02d}" for i in range(60)]), language="fr", time_zone="Europe/Paris"
    )
    assert 0 < len(picture) < MOST_BYTES


def test_nothing_to_draw_is_no_picture():
    assert draw_timeline([], language="fr", time_zone="Europe/Paris") == b""


@settings(max_examples=3, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9000), st.sampled_from(["ok", "critical", "odd"]), st.none() | st.floats(0, 1e9)),
        min_size=1,
        max_size=30,
    )
)
def test_any_history_can_be_drawn(steps):
    assert draw_timeline([a_point(m, s, v) for m, s, v in steps], language="en", time_zone="UTC")


def test_the_line_of_latencies_breaks_where_nothing_was_measured():
    silent = [a_point(0), a_point(5), a_point(10), a_point(90), a_point(95, value=None), a_point(100)]
    drawn = [(at - AT, value) for at, value in latency_line(silent)]
    broken = [at for at, value in drawn if value != value]  # noqa: PLR0124 - not a number
    assert broken == [timedelta(minutes=20), timedelta(minutes=95)]
    assert [at for at, _ in drawn] == sorted(at for at, _ in drawn)
    assert all(value != value for _, value in latency_line([a_point(0, unit="count"), a_point(5, unit="count")]))  # noqa: PLR0124
