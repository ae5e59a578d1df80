"""Pieces of the PostgreSQL probes that real servers show only by chance of timing."""

from __future__ import annotations

import asyncio
import time

import pytest

from blocks.catalogue.model import ReplicationCheck
from blocks.errors import Refused
from blocks.ports.health import FindingCode
from blocks.postgres.replication import _follower, _itself
from blocks.postgres.session import bounded

CHECK = ReplicationCheck(kind="replication", address="db1.test.example:5432", database="d", standby="db2")


@pytest.mark.parametrize(
    ("row", "lag_s"),
    [
        (("streaming", 0.002, 1_000_000.0, 7.0), 7.002),  # the standby's last word is seven seconds old
        (("streaming", None, 1_000_000.0, 7.0), 7.0),
        (("catchup", 30.0, 5.0, 0.5), 30.5),
        (("streaming", None, 0.0, 9.0), 0.0),  # idle: nothing to replay
        (("streaming", 4.0, 0.0, 9.0), 0.0),  # the last measured lag of a standby that has caught up
    ],
)
def test_lag_grows_while_a_standby_says_nothing(row, lag_s):
    outcome = _follower(CHECK, row)
    assert outcome.finding is None
    assert [m.value for m in outcome.measurements] == [pytest.approx(lag_s), row[2]]


@pytest.mark.parametrize(
    "row", [("startup", None, None, None), ("backup", None, 5.0, 0.1), ("streaming", 0.1, None, 1.0)]
)
def test_a_connected_standby_that_does_not_follow(row):
    outcome = _follower(CHECK, row)
    assert outcome.finding.code is FindingCode.NOT_REPLICATING
    assert outcome.measurements == ()


def test_a_hidden_row_is_no_evidence():
    with pytest.raises(Refused):
        _follower(CHECK, (None, None, None, None))


@pytest.mark.parametrize("row", [(None, 0.0, 0.0), ("waiting", 0.0, 0.0), ("streaming", None, 0.0)])
def test_a_standby_without_a_primary_never_looks_caught_up(row):
    assert _itself(CHECK, row).finding.code is FindingCode.NOT_REPLICATING


async def test_work_that_ignores_one_cancellation_is_ended_all_the_same():
    heard = []

    async def stubborn():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            heard.append("once")
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                heard.append("twice")
                raise

    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        await bounded(stubborn(), 0.1)
    assert time.monotonic() - begin < 1
    assert heard == ["once", "twice"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
