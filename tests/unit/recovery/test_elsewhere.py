"""What is missing for the way back is said by name, and people are told in their own morning, once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import Promise
from blocks.ports.recovery import Loss, LossKind, MoveState
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.recovery.elsewhere import active_after, commit_day, missing_for_return, reminder_day
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    HEARTH,
    PRIMARY,
    STANDBY,
    STOPPED,
    UNREACHABLE,
    a_move,
    database,
    elsewhere,
    with_database,
    with_plan,
)

PARIS = "Europe/Paris"
KEPT = Loss(data="household", kind=LossKind.EXACT, rows=412, seconds=3.0, text="412", saved_in="evidence/1")


def follows(**changes):
    """Home follows, what was lost is counted and kept."""
    databases = {
        ("household", AZURE): database(STANDBY, behind_s=1, timeline=4),
        ("household", CELLAR): database(PRIMARY, timeline=4),
    }
    return elsewhere(**({"databases": databases, "moves": (a_move(losses=(KEPT,)),)} | changes))


def lost(**changes):
    values = {"data": "household", "kind": LossKind.EXACT, "rows": 412, "seconds": 3.0, "text": "lost"}
    return (a_move(losses=(Loss(**(values | changes)),)),)


def away(**changes):
    return with_database(follows(), CELLAR, database(PRIMARY, timeline=4, **changes))


def test_where_all_is_ready_nothing_is_missing():
    assert missing_for_return(HEARTH, follows()) == ()
    assert missing_for_return(HEARTH, follows(moves=lost(rows=0))) == ()
    assert missing_for_return(HEARTH, follows(moves=())) == ()


UNSEEN = database(UNREACHABLE)
MISSING = {
    "home is dark": (with_database(follows(), AZURE, UNSEEN), "household in azure-west does not follow"),
    "home was not looked at": (with_database(follows(), AZURE, None), "household in azure-west does not follow"),
    "home is stopped": (with_database(follows(), AZURE, database(STOPPED)), "household in azure-west does not follow"),
    "home has another history": (
        with_database(follows(), AZURE, database(STANDBY, timeline=3)),
        "household in azure-west does not follow",
    ),
    "home shows no heartbeat": (
        with_database(follows(), AZURE, database(STANDBY, timeline=4, heartbeat_at=None)),
        "household in azure-west does not follow",
    ),
    "home is far behind": (
        with_database(follows(), AZURE, database(STANDBY, timeline=4, behind_s=301)),
        "household in azure-west is 301 s behind",
    ),
    "nobody counted": (
        follows(moves=lost(kind=LossKind.BOUND)),
        "what only azure-west has of household was not counted",
    ),
    "nobody saved": (follows(moves=lost()), "412 rows that only azure-west has of household are not saved"),
    "a slot fills the disk": (
        away(slots={"hearth_db1": False, "used": True}),
        "slot hearth_db1 of household is used by nobody and keeps the log until the disk is full",
    ),
    "a machine at home does not answer": (
        follows(compute=scenes.compute("device-api-recovery", "household-digest", "household-digest-recovery")),
        "device-api in azure-west is not ready to take over device-api: its provider does not answer for it",
    ),
    "a switch does not answer": (
        follows(shares={"database-name": {AZURE: 0, CELLAR: 100}}),
        "does not say where clients are sent now, so it could not be moved",
    ),
}


@pytest.mark.parametrize(("facts", "sentence"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_said_and_in_french_too(facts, sentence):
    found = missing_for_return(HEARTH, facts)
    assert sentence in found
    assert len(found) == len(set(found))
    assert retell(Voice("fr", PARIS), sentence) != sentence


def test_a_promise_of_zero_loss_needs_a_commit_that_waits():
    data = HEARTH.recovery.data["household"].model_copy(update={"promise": Promise.ZERO_LOSS})
    promised = with_plan(data={"household": data})
    sentence = "household promises zero loss, and no commit waits for the other site"
    assert sentence in missing_for_return(promised, away())
    assert sentence not in missing_for_return(promised, away(synchronous_with="hearth_db1"))
    assert sentence not in missing_for_return(HEARTH, away())


def test_a_primary_that_nobody_sees_is_said_too():
    assert any(
        "cannot be drained" in each for each in missing_for_return(HEARTH, with_database(follows(), CELLAR, None))
    )


# -- when ---------------------------------------------------------------------------------------


def at(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)


@pytest.mark.parametrize(
    ("since", "now", "day"),
    [
        (at(27, 3), at(27, 7, 59), None),
        (at(27, 3), at(27, 14, 59), None),  # whoever was up all night knows
        (at(27, 3), at(27, 15), 27),
        (at(27, 22), at(28, 7, 59), None),
        (at(27, 22), at(28, 9, 59), None),
        (at(27, 22), at(28, 10), 28),
        (at(20, 22), at(28, 0, 1), None),  # not at midnight
        (at(20, 22), at(28, 8), 28),
        (at(20, 22), at(28, 23, 59), 28),
    ],
)
def test_people_are_reminded_in_their_own_morning(since, now, day):
    found = reminder_day(now, since, PARIS)
    assert (found.day if found else None) == day


@pytest.mark.parametrize(
    ("due", "now", "day"),
    [
        (at(27, 3), at(27, 3), 27),  # it ends now: at once, whatever the hour
        (at(27, 23, 58), at(28, 0, 1), None),
        (at(27, 23, 58), at(28, 8), 28),
        (at(20, 3), at(28, 7, 59), None),
    ],
)
def test_a_window_that_ends_is_told_at_once_and_then_each_morning(due, now, day):
    found = commit_day(now, due, PARIS)
    assert (found.day if found else None) == day


@given(minutes=st.integers(0, 60 * 24 * 20), zone=st.sampled_from([PARIS, "America/New_York", "Asia/Tokyo", "UTC"]))
def test_looked_at_every_five_minutes_each_day_is_named_once_at_most(minutes, zone):
    since = datetime(2026, 10, 20, tzinfo=UTC)
    now = since + timedelta(minutes=minutes)
    day = reminder_day(now, since, zone)
    if day is not None:
        assert day == now.astimezone(ZoneInfo(zone)).date()
        assert reminder_day(now + timedelta(minutes=5), since, zone) in {day, None}


def test_the_newest_move_says_where_it_runs():
    assert active_after(a_move()) == active_after(a_move(state=MoveState.COMMITTED)) == CELLAR
    assert active_after(a_move(state=MoveState.ROLLED_BACK)) == AZURE
