"""What may be lost is never understated, and an exact count is never replaced by a guess."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import Promise
from blocks.ports.recovery import CommitLook, Loss, LossKind
from tasks.recovery.losses import better_known, bound_loss, lag
from tests.unit.recovery.scenes import AZURE, FENCED, HEARTH, NOW, PRIMARY, STANDBY, STOPPED, UNREACHABLE, database

HOUSEHOLD = HEARTH.recovery.data["household"]
SAFE = HOUSEHOLD.model_copy(update={"promise": Promise.ZERO_LOSS})


def bound(data=HOUSEHOLD, until=NOW, **looks):
    seen = {"standby": database(STANDBY, behind_s=31), "primary": None, "last_known": None} | looks
    return bound_loss(data, until=until, **seen)


@pytest.mark.parametrize("role", [PRIMARY, FENCED])
def test_a_living_primary_tells_the_second_on_its_own_clock(role):
    loss = bound(primary=database(role, behind_s=26), until=NOW + timedelta(days=1))
    assert (loss.rows, loss.seconds, loss.kind) == (240, 6.0, LossKind.BOUND)
    assert loss.text == "at most 240 rows or 6 s of household may be lost (heartbeat 4969 of 4974, 40 rows/s)"


@pytest.mark.parametrize("primary", [None, database(UNREACHABLE), database(STOPPED)])
def test_of_a_dead_one_only_the_time_is_known_when_it_was_seen_to_live(primary):
    loss = bound(primary=primary)
    assert (loss.rows, loss.seconds) == (1280, 32.0)
    assert (
        loss.text
        == "at most 1280 rows or 32 s of household may be lost (newest heartbeat 02:59:29, last write by 03:00:00 UTC, 40 rows/s)"
    )


def test_a_primary_behind_its_standby_has_lost_less_than_a_second():
    assert bound(primary=database(PRIMARY, behind_s=60)).seconds == 1.0
    assert bound(until=NOW - timedelta(hours=1)).seconds == 1.0


def test_the_fastest_pace_that_was_seen_counts():
    fast = database(UNREACHABLE, changed_rows_per_s=100.5)
    assert bound(last_known=fast).rows == math.ceil(32 * 100.5)
    still = replace(database(STANDBY, behind_s=31), changed_rows_per_s=0.0)
    assert bound(standby=still).rows == 32  # the heartbeat's own


@pytest.mark.parametrize("standby", [None, database(STANDBY, heartbeat_at=None)])
def test_without_a_heartbeat_nobody_knows(standby):
    loss = bound(standby=standby)
    assert math.isinf(loss.seconds)
    assert loss.rows > 10**12
    assert "nobody knows how much of household may be lost" in loss.text


WAITED = CommitLook(data="household", site=AZURE, waits=True, seen_at=NOW, seen_by="readiness", standby="hearth_db2")


def test_zero_is_said_only_where_each_commit_was_seen_to_wait():
    loss = bound(SAFE, waited=WAITED)
    assert (loss.rows, loss.seconds) == (0, 0.0)
    assert loss.text == (
        "household loses nothing: each commit waited for hearth_db2, seen at 03:00:00 UTC by readiness; "
        "whether somebody lifted that by hand since is not known"
    )
    assert bound(SAFE, last_known=database(PRIMARY, synchronous_with="hearth_db2")).rows == 1280
    assert bound(SAFE).rows == 1280
    assert bound(HOUSEHOLD, waited=WAITED).rows == 1280


@given(behind=st.floats(0, 10_000), pace=st.floats(0, 10_000), dead=st.booleans())
def test_a_bound_is_never_below_what_was_acknowledged(behind, pace, dead):
    standby = database(STANDBY, behind_s=behind, changed_rows_per_s=pace)
    primary = database(UNREACHABLE) if dead else database(PRIMARY)
    loss = bound(standby=standby, primary=primary)
    assert loss.seconds >= behind - 1e-6
    assert loss.rows >= behind * pace * (1 - 1e-9) - 1e-3


def test_how_far_behind():
    assert lag(database(STANDBY, behind_s=5), database(PRIMARY)) == timedelta(seconds=5)
    assert lag(database(STANDBY), database(PRIMARY, behind_s=5)) == timedelta(0)
    assert lag(None, database(PRIMARY)) is None
    assert lag(database(STANDBY), None) is None
    assert lag(database(STOPPED), database(PRIMARY)) is None
    assert lag(database(STANDBY), database(STOPPED)) is None


def a_loss(kind, rows):
    return Loss(data="household", kind=kind, rows=rows, seconds=1.0, text="lost")


@pytest.mark.parametrize(
    ("known", "new", "stands"),
    [
        (None, a_loss(LossKind.BOUND, 5), 5),
        (a_loss(LossKind.BOUND, 5), a_loss(LossKind.BOUND, 9), 9),
        (a_loss(LossKind.BOUND, 5), a_loss(LossKind.EXACT, 3), 3),
        (a_loss(LossKind.EXACT, 3), a_loss(LossKind.BOUND, 5), 3),
        (a_loss(LossKind.EXACT, 3), a_loss(LossKind.EXACT, 4), 4),
    ],
)
def test_an_exact_count_stays(known, new, stands):
    assert better_known(known, new).rows == stands
