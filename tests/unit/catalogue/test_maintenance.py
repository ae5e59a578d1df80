"""When exactly are people not told, on ordinary nights and in those when clocks change?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.catalogue.maintenance import active_maintenance, next_windows
from blocks.catalogue.model import Customer, Maintenance, Platform, Service, Site

CUSTOMER = Customer(name="acme", time_zone="Europe/Paris", channel="x")
SITE = Site(name="a", provider="aws", region="r", role="primary", credentials="c")  # type: ignore[arg-type]
MINUTE = timedelta(minutes=1)


def platform(*windows: Maintenance) -> Platform:
    services = {name: Service(name=name, kind="web", site="a") for name in ("one", "two")}
    return Platform(
        name="p", customer="acme", sites={"a": SITE}, services=services, maintenance={w.name: w for w in windows}
    )


def nightly(start: str, duration: str = "2h", **more: object) -> Maintenance:
    return Maintenance.model_validate(
        {"name": "night", "rrule": "FREQ=DAILY", "start": start, "duration": duration, **more}
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Europe/Paris: 29 March 2026 02:00 becomes 03:00 (01:00 UTC); 25 October 2026 03:00 becomes 02:00 (01:00 UTC).
@pytest.mark.parametrize(
    ("start", "day", "begin", "end"),
    [
        ("02:00", "2026-03-28", "2026-03-28T01:00", "2026-03-28T03:00"),  # an ordinary winter night
        ("02:00", "2026-07-01", "2026-07-01T00:00", "2026-07-01T02:00"),  # an ordinary summer night
        ("02:00", "2026-03-29", "2026-03-29T01:00", "2026-03-29T03:00"),  # the gap's first minute: 03:00 summer time
        ("02:30", "2026-03-29", "2026-03-29T01:30", "2026-03-29T03:30"),  # in the gap: an hour later, 03:30
        ("01:30", "2026-03-29", "2026-03-29T00:30", "2026-03-29T02:30"),  # over the gap: two elapsed hours, to 04:30
        ("03:00", "2026-03-29", "2026-03-29T01:00", "2026-03-29T03:00"),  # right after the gap
        ("02:00", "2026-10-25", "2026-10-25T00:00", "2026-10-25T02:00"),  # twice that night: the first of them
        ("02:30", "2026-10-25", "2026-10-25T00:30", "2026-10-25T02:30"),
        ("01:30", "2026-10-25", "2026-10-24T23:30", "2026-10-25T01:30"),  # over the fold: two elapsed hours
        ("03:00", "2026-10-25", "2026-10-25T02:00", "2026-10-25T04:00"),
    ],
)
def test_a_window_on_the_night_clocks_change(start, day, begin, end):
    rule = f"FREQ=YEARLY;BYMONTH={int(day[5:7])};BYMONTHDAY={int(day[8:])}"
    p = platform(Maintenance.model_validate({"name": "w", "rrule": rule, "start": start, "duration": "2h"}))
    for at, inside in [(utc(begin) - MINUTE, False), (utc(begin), True), (utc(end) - MINUTE, True), (utc(end), False)]:
        assert bool(active_maintenance(p, CUSTOMER, at)) is inside, at
    (window,) = next_windows(p, CUSTOMER, utc(begin) - timedelta(hours=20), timedelta(days=2))
    assert (window.begin, window.end) == (utc(begin), utc(end))
    assert next_windows(p, CUSTOMER, utc(end) - MINUTE, timedelta(days=2)) == (window,)
    assert next_windows(p, CUSTOMER, utc(end), timedelta(days=2)) == (), "what has ended comes no more"


def test_a_window_that_passes_midnight_is_seen_after_it():
    p = platform(nightly("23:30", "4h", rrule="FREQ=WEEKLY;BYDAY=SU"))
    assert active_maintenance(p, CUSTOMER, utc("2026-11-23T02:00")) == {"one": "night", "two": "night"}  # Monday 03:00
    assert active_maintenance(p, CUSTOMER, utc("2026-11-24T02:00")) == {}


def test_a_window_of_days_is_seen_on_its_last():
    p = platform(nightly("12:00", "3d", rrule="FREQ=MONTHLY;BYMONTHDAY=1"))
    assert active_maintenance(p, CUSTOMER, utc("2026-11-04T10:59")) != {}
    assert active_maintenance(p, CUSTOMER, utc("2026-11-04T11:00")) == {}


def test_only_the_named_services_are_muted_and_all_when_none_is_named():
    at = utc("2026-11-23T02:00")
    assert active_maintenance(platform(nightly("02:00", services=["two"])), CUSTOMER, at) == {"two": "night"}
    assert active_maintenance(platform(nightly("02:00")), CUSTOMER, at) == {"one": "night", "two": "night"}


def test_a_window_has_its_own_zone_when_it_names_one():
    p = platform(nightly("02:00", time_zone="America/New_York"))
    assert active_maintenance(p, CUSTOMER, utc("2026-11-23T02:00")) == {}
    assert active_maintenance(p, CUSTOMER, utc("2026-11-23T07:30")) != {}


def test_once_is_once():
    once = Maintenance.model_validate({"name": "move", "begin": "2026-12-05T22:00:00+01:00", "duration": "4h"})
    for text, inside in [
        ("2026-12-05T20:59", False),
        ("2026-12-05T21:00", True),
        ("2026-12-06T01:00", False),
        ("2027-12-05T21:30", False),
    ]:
        assert bool(active_maintenance(platform(once), CUSTOMER, utc(text))) is inside, text


def test_of_several_the_one_that_ends_last_is_named():
    long = Maintenance.model_validate(
        {"name": "a-long", "begin": "2026-11-23T02:00:00Z", "duration": "9h", "services": ["one"]}
    )
    assert active_maintenance(platform(long, nightly("02:00")), CUSTOMER, utc("2026-11-23T02:30")) == {
        "one": "a-long",
        "two": "night",
    }


def test_until_is_the_last_day():
    p = platform(nightly("02:00", rrule="FREQ=DAILY;UNTIL=20261123"))
    assert active_maintenance(p, CUSTOMER, utc("2026-11-23T02:00")) != {}
    assert active_maintenance(p, CUSTOMER, utc("2026-11-24T02:00")) == {}


def test_a_rule_that_never_falls_is_answered_at_once():
    p = platform(nightly("02:00", rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"))
    assert next_windows(p, CUSTOMER, utc("2026-11-23T02:00"), timedelta(days=4000)) == ()


def test_the_next_windows_come_in_order_and_the_open_one_first():
    p = platform(
        nightly("02:00"), Maintenance.model_validate({"name": "m", "begin": "2026-11-24T12:00:00Z", "duration": "1h"})
    )
    found = next_windows(p, CUSTOMER, utc("2026-11-23T02:00"), timedelta(days=2))
    assert [(w.name, w.begin.day) for w in found] == [("night", 23), ("night", 24), ("m", 24), ("night", 25)]


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="with its zone"):
        active_maintenance(platform(), CUSTOMER, datetime(2026, 11, 23))  # noqa: DTZ001


_zones = st.sampled_from(
    [
        "UTC",
        "Europe/Paris",
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ]
)
_starts = st.times().map(lambda t: time(t.hour, t.minute))
_moments = st.datetimes(datetime(2026, 1, 2), datetime(2027, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@settings(deadline=None)
@given(zone=_zones, start=_starts, minutes=st.integers(1, 3000), at=_moments)
def test_inside_means_that_some_day_s_window_holds_it(zone, start, minutes, at):
    """Against the plainest reading: walk every local day around, convert its start, add elapsed time."""
    duration = timedelta(minutes=minutes)
    p = platform(Maintenance(name="w", rrule="FREQ=DAILY", start=start, duration=duration, time_zone=zone))
    days = [at.date() + timedelta(days=n) for n in range(-5, 3)]
    begins = [datetime.combine(day, start, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in days]
    inside = any(begin <= at < begin + duration for begin in begins)
    assert bool(active_maintenance(p, CUSTOMER, at)) is inside


@settings(deadline=None)
@given(zone=_zones, start=_starts, minutes=st.integers(1, 3000), at=_moments)
def test_windows_last_their_elapsed_time_and_agree_with_active(zone, start, minutes, at):
    p = platform(
        Maintenance(
            name="w", rrule="FREQ=WEEKLY;BYDAY=SU,WE", start=start, duration=timedelta(minutes=minutes), time_zone=zone
        )
    )
    for window in next_windows(p, CUSTOMER, at):
        assert window.end - window.begin == timedelta(minutes=minutes)
        assert window.begin.astimezone(ZoneInfo(zone)).minute in {start.minute, (start.minute + 30) % 60}
        assert active_maintenance(p, CUSTOMER, window.begin)
        assert active_maintenance(p, CUSTOMER, window.end - timedelta(microseconds=1))


@settings(deadline=None)
@given(
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    rule=st.sampled_from(
        [
            "FREQ=MONTHLY;BYDAY=2SU",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "FREQ=WEEKLY;BYDAY=TU,TH",
            "FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO",
        ]
    ),
    lead=st.integers(0, 40),
)
def test_a_rule_names_the_same_days_whoever_asks_from_wherever(day, rule, lead):
    from blocks.catalogue.recurrence import dates_between

    near = dates_between(rule, day, day)
    far = dates_between(rule, day - timedelta(days=lead), day + timedelta(days=lead))
    assert (day in near) is (day in far)
