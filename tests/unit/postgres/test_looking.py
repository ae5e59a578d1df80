"""One look out of what a server says and what its host says: nothing unseen is taken for gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ports.recovery import DatabaseRole
from blocks.postgres.looking import Seen, put_together, rate

PRIMARY = Seen(
    is_standby=False,
    system_id="7",
    timeline=2,
    position_bytes=100,
    replayed_bytes=100,
    read_only=False,
    followers={"hearth_db2": 5},
)
STANDBY = replace(PRIMARY, is_standby=True, followers={})
CLOSED = replace(PRIMARY, read_only=True)


def status(role: str, **more):
    return {"role": role, "system_id": "7", "timeline": 1, "position_bytes": 90, "fence": None, "left_at": {}, **more}


FENCED = status("fenced", fence={"by": "itself", "since": "", "why": "db2 is ahead"})


@pytest.mark.parametrize(
    ("seen", "host", "role"),
    [
        (PRIMARY, status("primary"), DatabaseRole.PRIMARY),
        (PRIMARY, None, DatabaseRole.PRIMARY),
        (PRIMARY, FENCED, DatabaseRole.PRIMARY),  # what shows itself writable is believed before a fence is
        (CLOSED, status("closed"), DatabaseRole.FENCED),
        (STANDBY, status("standby"), DatabaseRole.STANDBY),
        (STANDBY, FENCED, DatabaseRole.FENCED),
        (None, FENCED, DatabaseRole.FENCED),
        (None, status("primary"), DatabaseRole.PRIMARY),  # only the way to it is cut
        (None, status("closed"), DatabaseRole.FENCED),
        (None, status("standby"), DatabaseRole.STANDBY),
        (None, status("stopped"), DatabaseRole.STOPPED),
        (None, status("starting"), DatabaseRole.STOPPED),
        (None, None, DatabaseRole.UNREACHABLE),
    ],
)
def test_what_it_is(seen, host, role):
    look = put_together("db1:5432", "household-data", seen, host, ["no answer"])
    assert look.role is role
    assert look.takes_writes is (role is DatabaseRole.PRIMARY)


@pytest.mark.parametrize(
    ("seen", "host", "closed"),
    [
        (CLOSED, status("closed"), True),
        (CLOSED, None, True),
        (None, status("closed"), True),
        (CLOSED, FENCED, False),  # its host is about to stop it
        (PRIMARY, status("closed"), False),
        (replace(STANDBY, read_only=True), status("standby"), False),  # it is about to be promoted
        (None, FENCED, False),
    ],
)
def test_closed_is_what_runs_and_takes_no_writes(seen, host, closed):
    look = put_together("db1:5432", "household-data", seen, host, ["no answer"])
    assert look.is_closed is closed
    assert look.text.startswith("household-data is closed to writes") is (closed or (seen is CLOSED))


def test_the_fence_and_the_history_come_from_the_host():
    look = put_together("db1:5432", "household-data", None, FENCED | {"left_at": {"1": 4096}})
    assert (look.fenced_by, look.left_at, look.timeline) == ("itself", {1: 4096}, 1)
    assert "db2 is ahead" in look.text


def test_what_nobody_answers_for_says_why():
    look = put_together("db1:5432", "household-data", None, None, ["db1:8443: refused", "db1:5432: silent"])
    assert look.text == "household-data cannot be seen: db1:8443: refused; db1:5432: silent"


def test_a_host_that_does_not_answer_is_told():
    text = put_together("db1:5432", "household-data", PRIMARY, None).text
    assert text == "household-data is primary on timeline 2, hearth_db2 5 bytes behind; its host does not answer"


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([], 0.0),
        ([(1, NOW, 10)], 0.0),
        ([(9, NOW, 300), (5, NOW - timedelta(seconds=4), 100)], 50.0),
        ([(9, NOW, 3), (5, NOW - timedelta(seconds=4), 100)], 0.0),  # the counter began anew
        ([(9, NOW, 300), (9, NOW, 100)], 0.0),
    ],
)
def test_how_many_rows_change_a_second(beats, expected):
    assert rate(beats) == expected
