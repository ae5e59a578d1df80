"""Which moments may be gone back to, in which order, and how much is left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Refused
from blocks.ports.backups import BaseBackup, Beat, Kept
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move, plan_restore
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.moments import read_moment
from tasks.recovery.order import groups_of
from tasks.recovery.proving import aged
from tasks.recovery.restoring import Most, Past, written_since
from tasks.recovery.values import Ran
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    FENCED,
    HEARTH,
    NOW,
    PRIMARY,
    STANDBY,
    STOPPED,
    UNREACHABLE,
    MoveKind,
    a_move,
    database,
    elsewhere,
    quiet,
    with_database,
)

MIN = timedelta(minutes=1)
MOMENT = NOW - 10 * MIN
BACKUPS = (
    BaseBackup(name="base-old", ended_at=NOW - 300 * MIN, timeline=2, end_bytes=90),
    BaseBackup(name="base-new", ended_at=NOW - 60 * MIN, timeline=3, end_bytes=200),
    BaseBackup(name="base-lost", ended_at=NOW - 30 * MIN, timeline=2, end_bytes=150),
)


def beats(*changed: int, first: datetime = MOMENT, every_s: float = 1.0) -> tuple[Beat, ...]:
    return tuple(Beat(at=first + timedelta(seconds=n * every_s), changed_rows=c) for n, c in enumerate(changed))


PAST = {"household": Past(kept=Kept(refused="", backups=BACKUPS), beats=beats(100, 140, 180, every_s=300.0))}


def facts(**changes):
    """A quiet day on timeline 3, which left timeline 2 at 100."""
    seen = quiet(**changes)
    return with_database(seen, AZURE, database(PRIMARY, left_at={2: 100}))


def restored(seen=None, past=None, moment=MOMENT, **more):
    return plan_restore(HEARTH, seen or facts(), PAST if past is None else past, moment, **more)


def kept(**changes):
    return {"household": replace(PAST["household"], kept=replace(PAST["household"].kept, **changes))}


# -- which moments


@pytest.mark.parametrize(
    ("moment", "backup"),
    [(MOMENT, "base-new"), (NOW - 20 * MIN, "base-new"), (NOW - 61 * MIN, "base-old")],
    ids=["now", "the newest was made on a line that was left", "before the newest"],
)
def test_the_newest_backup_that_leads_there_is_named(moment, backup):
    (guard,) = [each for each in restored(moment=moment).guards if each.name == "household can go back"]
    assert guard.holds
    assert f"is reached from {backup} of" in guard.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"moment": NOW}, "future"),
        ({"moment": NOW + MIN}, "future"),
        ({"moment": NOW - timedelta(seconds=1)}, "after_the_log"),
        ({"past": kept(refused="it keeps nothing")}, "no_backup"),
        ({"past": {}}, "no_backup"),
        ({"past": kept(backups=(replace(BACKUPS[1], gap="000000030000000000000009"),))}, "hole"),
        ({"seen": with_database(facts(), CELLAR, database(STANDBY, heartbeat_at=None))}, "after_the_log"),
        ({"seen": with_database(facts(), CELLAR, database(STOPPED))}, "no_standby"),
        ({"seen": with_database(facts(), CELLAR, database(PRIMARY))}, "no_standby"),
        ({"seen": with_database(facts(), CELLAR, database(STANDBY, system_id="8"))}, "no_standby"),
        ({"seen": with_database(facts(), AZURE, database(UNREACHABLE))}, "not_fenced"),
        ({"seen": with_database(facts(), AZURE, None)}, "not_fenced"),
    ],
)
def test_what_is_refused(changes, code):
    with pytest.raises(Refused) as refused:
        restored(**changes)
    assert refused.value.code == code
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (NOW - 301 * MIN, "had ended by"),
        (NOW - 20 * MIN, "on a line that timeline 3 does not come from"),
    ],
)
def test_a_moment_that_no_backup_leads_to_is_refused(moment, said):
    past = kept(backups=(BACKUPS[2],)) if "line" in said else PAST
    with pytest.raises(Refused, match=said):
        restored(past=past, moment=moment)


def test_a_dead_database_behind_a_host_that_answers_is_gone_back_from_as_well():
    assert restored(with_database(facts(), AZURE, database(STOPPED, left_at={2: 100}))).candidate == CELLAR


def test_a_restore_is_no_move_without_its_moment():
    with pytest.raises(Refused, match="needs the moment"):
        plan_move(MoveKind.RESTORE, HEARTH, facts())


# -- the order


def test_the_phases_and_their_order():
    plan = restored()
    groups = [
        [parse_item(step.item) for step in group]
        for phase in dict.fromkeys(step.phase for step in plan.steps)
        for group in groups_of(HEARTH, [step for step in plan.steps if step.phase == phase])
    ]
    place = {str(item).partition("@")[0]: number for number, group in enumerate(groups) for item in group}
    ordered = [
        f"fence-database:household:{AZURE}",
        f"restore-database:household:{CELLAR}",
        f"adopt-restored:household:{CELLAR}",
        f"stand-alone:household:{CELLAR}",
        f"verify-data:household:{CELLAR}",
        f"open-database:household:{CELLAR}",
        f"start-service:device-api:{CELLAR}",
        f"shift-traffic:api:{CELLAR}",
        f"save-beyond:household:{AZURE}",
        f"follow-database:household:{AZURE}",
    ]
    assert [place[each] for each in ordered] == sorted(place[each] for each in ordered)
    assert len({place[each] for each in ordered}) == len(ordered), "no two of them side by side"
    assert place[f"close-traffic:api:{AZURE}"] < place[ordered[1]], "clients are away before anything is replaced"
    assert place[f"stop-worker:digest:{AZURE}"] < place[f"start-worker:digest:{CELLAR}"]
    assert not [item for item in items_of(plan.steps) if item.verb is Verb.PROMOTE_DATABASE]


def test_the_moment_is_in_the_digest_and_a_moving_number_is_not():
    most = Most(rows={"household": 9000}, seconds=9000.0)
    asked = restored(most=most)
    later = replace(facts(), now=NOW + 5 * MIN)
    assert restored(later, most=most).digest == asked.digest
    assert restored(most=most, moment=MOMENT - MIN).digest != asked.digest
    assert "2026-11-28 02:50:00 UTC" in asked.subject
    assert not asked.rolls_back, "what was wrong is not gone back to by itself"


# -- how much


def test_what_is_left_behind_is_a_bound_that_has_room_for_the_hour_in_which_one_decides():
    rows, seconds = restored().bounds
    assert (rows.unit, rows.at_most >= rows.measured + 3600, rows.holds) == ("rows", True, True)
    assert (seconds.measured, seconds.at_most) == (600.0, 4200.0)
    passed = restored(most=Most(rows={"household": 10}, seconds=4200.0)).bounds
    assert [bound.holds for bound in passed] == [False, True]


@pytest.mark.parametrize(
    ("seen", "rows"),
    [
        (beats(100, 140, 180), 80 + 40),  # counted; one second more at the fastest pace
        (beats(100, 140, 5), 40 + 5 + 40),  # the counter began anew
        (beats(100, 100), 0 + 1),  # nothing changed: the slowest pace there is
        ((), 3),  # no row of it: two seconds and one more
        (beats(7, 7, first=MOMENT + timedelta(seconds=1)), 0 + 1 + 1),  # they begin a second late
    ],
)
def test_rows_written_since(seen, rows):
    until = seen[-1].at if seen else MOMENT + timedelta(seconds=2)
    assert written_since("household", seen, MOMENT, until).rows == rows


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=30),
    st.integers(0, 29),
    st.integers(0, 3),
)
def test_a_bound_never_understates(steps, moment_at, late_s):
    """Whatever was written beat by beat: what lies after the moment is never more than what is said."""
    totals = [sum(steps[: n + 1]) for n in range(len(steps))]
    began = MOMENT
    all_beats = beats(*totals, first=began)
    moment = began + timedelta(seconds=min(moment_at, len(steps) - 1))
    held = [beat for beat in all_beats if beat.at >= moment + timedelta(seconds=late_s)] or list(all_beats[-1:])
    if late_s:  # rows that nobody saw are only bounded while the pace was no faster then
        pace = max([0, *(b.changed_rows - a.changed_rows for a, b in pairwise(held))])
        unseen = [b - a for a, b in pairwise(totals)]
        if any(each > max(pace, 1) for each in unseen):
            return
    truth = totals[-1] - next(beat.changed_rows for beat in all_beats if beat.at == moment)
    assert written_since("household", held, moment, all_beats[-1].at).rows >= truth


# -- afterwards


def test_the_way_home_and_a_failover_know_that_a_restore_took_over():
    ran = (
        Ran(phase="promote", item=f"restore-database:household:{CELLAR}@20261128T025000.000000Z"),
        Ran(phase="promote", item=f"adopt-restored:household:{CELLAR}@20261128T025000.000000Z"),
    )
    served = elsewhere(ran=ran, moves=(a_move(kind=MoveKind.RESTORE),))
    items = [str(item) for item in items_of(plan_move(MoveKind.FAILBACK, HEARTH, served).steps)]
    assert f"save-beyond:household:{AZURE}" in items
    assert f"promote-database:household:{AZURE}" in items

    half = facts(ran=ran, moves=(a_move(kind=MoveKind.RESTORE, state=a_move().state.ABANDONED),))
    half = with_database(half, AZURE, database(FENCED, fenced_by="x", timeline=3))
    half = with_database(half, CELLAR, database(FENCED, timeline=4, left_at={3: 9}))
    on = plan_move(MoveKind.FAILOVER, HEARTH, half)
    assert f"open-database:household:{CELLAR}" in [str(item) for item in items_of(on.steps)]


# -- what a person writes


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-28T03:10:00+01:00", datetime(2026, 11, 28, 2, 10, tzinfo=UTC)),
        ("2026-11-28T02:10:00Z", datetime(2026, 11, 28, 2, 10, tzinfo=UTC)),
        ("2026-11-28 03:10 Europe/Paris", datetime(2026, 11, 28, 2, 10, tzinfo=UTC)),
        ("  2026-11-28   02:10:00.25  UTC ", datetime(2026, 11, 28, 2, 10, 0, 250000, tzinfo=UTC)),
        ("2026-10-25 02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 03:30 Europe/Paris", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_that_is_one(text, moment):
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("2026-11-28T03:10:00", "no_zone", "names no time zone"),
        ("2026-11-28", "no_zone", "names no time zone"),
        ("ten past three", "no_moment", "is no moment"),
        ("", "no_moment", "is no moment"),
        ("2026-11-28 03:10 Nowhere/City", "no_moment", "is no moment"),
        ("2026-11-28 03:10+01:00 Europe/Paris", "no_moment", "two time zones"),
        ("2026-10-25 02:30 Europe/Paris", "two_moments", "was twice"),
        ("2026-03-29 02:30 Europe/Paris", "no_moment", "never was"),
    ],
)
def test_what_is_no_moment_or_two(text, code, said):
    with pytest.raises(Refused, match=said) as refused:
        read_moment(text)
    assert refused.value.code == code


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001  a wall clock
def test_a_wall_clock_is_one_moment_or_none_is_guessed(wall):
    zone = ZoneInfo("Europe/Paris")
    once = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    if len(once) == 1:
        assert read_moment(f"{wall.isoformat()} Europe/Paris") in once
    else:
        with pytest.raises(Refused):
            read_moment(f"{wall.isoformat()} Europe/Paris")


# -- the data afterwards


@pytest.mark.parametrize("hours", [0, 1, 50])
def test_what_had_to_be_recent_then_is_older_now_and_nothing_else_is_asked_less(hours):
    data = HEARTH.recovery.data["household"]
    aging = aged(data, NOW - timedelta(hours=hours), NOW)
    (before,), (after,) = data.tables.values(), aging.tables.values()
    assert timedelta(0) <= after.recent_within - before.recent_within - timedelta(hours=hours) <= timedelta(minutes=5)
    assert after.model_copy(update={"recent_within": before.recent_within}) == before
    assert aged(data, None, NOW) is data
