"""A primary dies under a writer, the standby takes over, the old one comes back: who writes, and what was lost?"""

from __future__ import annotations

import json

import pytest

from blocks.errors import Refused, Retryable
from blocks.ports.recovery import DatabaseRole, LossKind
from tests.contract.postgres.hosts import OPERATOR, Writer, carry_out, eventually, mark_for, running_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("failover")) as opened:
        yield opened


def test_the_whole_story(pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)
    _the_quiet_pair(primary, standby)

    # the line to the standby dies, clients write on, then the primary's machine dies too
    east.kill()
    writer = Writer(west.server.dsn("household", "app"))
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 300)
    west.kill()
    writer.end()
    east.start()
    assert primary.look().role is DatabaseRole.UNREACHABLE
    with pytest.raises(Retryable):
        primary.fence().check()

    carry_out(standby.promote())
    now = standby.look()
    assert (now.role, now.timeline) == (DatabaseRole.PRIMARY, 2)
    assert set(now.left_at) == {1}
    assert now.row_counts["devices"] < 50 + len(writer.acknowledged)
    with pytest.raises(Refused, match="needs a standby"):
        standby.promote().check()

    # it comes back, by itself, and stays away from the clients
    west.start()
    stale = primary.look()
    assert (stale.role, stale.fenced_by) == (DatabaseRole.FENCED, "itself")
    assert "timeline 2 and takes writes" in stale.text
    with pytest.raises(Refused, match="must not take writes"):
        primary.release().act(mark_for(primary.release()))

    # nothing is thrown away before it was counted and saved
    follow = primary.follow(standby)
    with pytest.raises(Refused, match="count it first"):
        follow.act(mark_for(follow))
    loss = primary.count_beyond(now)
    there = {row[0] for row in east.rows("SELECT id FROM devices WHERE state = 'written'")}
    lost = set(writer.acknowledged) - there
    assert loss.kind is LossKind.EXACT
    assert len(lost) <= loss.rows <= len(lost) + 1  # one may have been committed while its answer was on the way
    assert loss.by_table == {"devices": loss.rows}
    assert loss.seconds > 0
    with pytest.raises(Refused, match="saved nowhere"):
        follow.act(mark_for(follow))
    _, evidence, _ = carry_out(primary.save_beyond(now, "run-1"))
    saved = [
        json.loads(line)
        for line in west.hostdoor(OPERATOR).evidence(evidence.reference.rpartition("/")[2]).splitlines()
    ]
    assert lost <= {line["row"]["id"] for line in saved[1:]}
    assert len(saved) == loss.rows + 1
    assert primary.count_beyond(now).saved_in == evidence.reference

    # and it follows
    _, _, seen = carry_out(follow)
    assert "behind" in seen.text
    assert primary.look().role is DatabaseRole.STANDBY
    east.rows("INSERT INTO devices (state) VALUES ('after')")
    eventually(lambda: west.rows("SELECT count(*) FROM devices WHERE state = 'after'") == [(1,)])
    assert west.rows("SELECT slot_name FROM pg_replication_slots") == []


def _the_quiet_pair(primary, standby):
    caught_up = {"east_db": 0}
    look = eventually(lambda: (found := primary.look()).heartbeat_number > 1 and found.followers == caught_up and found)
    assert (look.role, look.timeline, look.followers) == (DatabaseRole.PRIMARY, 1, caught_up)
    assert look.slots == {"east_db": True}
    assert look.row_counts == {"devices": 50}
    behind = eventually(lambda: (found := standby.look()).heartbeat_number > 1 and found)
    assert (behind.role, behind.timeline, behind.system_id) == (DatabaseRole.STANDBY, 1, look.system_id)
    with pytest.raises(Refused, match="needs a standby"):
        primary.promote().check()
    with pytest.raises(Refused, match="fence it first"):
        primary.follow(primary).check()
