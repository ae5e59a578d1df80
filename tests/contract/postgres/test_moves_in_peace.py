"""Fence, release, drain, promote, follow, stand alone, protect: done, entered again, refused where they must be."""

from __future__ import annotations

import os
import signal
import threading
import time

import psycopg
import pytest

from blocks.errors import Refused, Retryable
from blocks.ports.network import Routes
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.block import DatabaseHost
from blocks.postgres.host import HostDoor, examine_doors
from tests.contract.postgres.hosts import OPERATOR, Writer, carry_out, eventually, mark_for, reach, running_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("peace")) as opened:
        yield opened


# -- the door


def test_a_wrong_token_opens_nothing(pair):
    with pytest.raises(Refused, match="opens nothing here"):
        pair.west.hostdoor("guessed").status()


def test_a_readers_token_gives_no_orders(pair):
    with pytest.raises(Refused, match="may look and give no orders"):
        pair.west.hostdoor().order("fence", "a" * 64)
    assert pair.west.status()["fence"] is None


def test_a_token_is_shown_to_its_own_doors_only(pair):
    stranger = HostDoor("db3.test.example:8443", pair.block(OPERATOR), Routes({"db3.test.example:8443": "127.0.0.1:9"}))
    with pytest.raises(Refused, match="the token is for"):
        stranger.status()


def test_a_door_that_shows_another_certificate_is_no_door(pair):
    door = f"{'db2.test.example'}:8443"
    led = Routes({door: pair.routes.connect_to["db1.test.example:8443"]}, str(pair.ca_file))
    with pytest.raises(Retryable, match="does not answer"):
        HostDoor(door, pair.block(OPERATOR), led).status()


@pytest.mark.parametrize(("verb", "token", "why"), [("drop", "a" * 64, "is no order"), ("fence", "x", "needs a token")])
def test_only_known_orders_with_a_token_are_taken(pair, verb, token, why):
    with pytest.raises(Refused, match=why):
        pair.west.hostdoor(OPERATOR).order(verb, token)


def test_a_long_body_is_not_read(pair):
    with pytest.raises(Refused, match="Request Entity Too Large"):
        pair.west.hostdoor(OPERATOR).order("start", "b" * 64, why="x" * 20_000)


def test_it_looks_at_what_it_was_allowed_to(pair):
    door = pair.west.hostdoor()
    assert door.look(["db2.test.example:5432", "db1.test.example:8443"]) == {
        "db2.test.example:5432": True,
        "db1.test.example:8443": True,
    }
    with pytest.raises(Refused, match="only configured addresses"):
        door.look(["10.0.0.1:22"])


def test_what_a_token_may_do_can_be_seen(pair):
    def may(block: DatabaseHost) -> set[bool | None]:
        return {c.allowed for c in examine_doors(block, pair.routes) if c.action.startswith("give orders")}

    assert may(pair.block(OPERATOR)) == {True}
    assert may(pair.block("reader-token-4711")) == {False}


async def test_what_the_operators_role_may_do_can_be_seen(pair):
    member = pair.member(pair.west)
    found = await member.operator().examine(pair.west.server.address, "household")
    assert {c.action for c in found if c.allowed} == {
        f"log in to {pair.west.server.address}/household",
        "change whom commits wait for",
        "drain and release",
        "promote",
        "reload the configuration",
        "end clients' sessions",
        "see sessions and standbys",
    }


def test_the_operators_role_reads_and_writes_no_table(pair):
    member = pair.member(pair.west)
    for statement in ("SELECT * FROM devices", "DELETE FROM devices"):
        with pytest.raises(Refused, match="may not do this"), member.acting() as connection:
            connection.execute(statement)


def test_a_role_without_the_rights_is_refused_and_changes_nothing(pair):
    member = pair.member(pair.west, operator="vigie_reader")
    drain = member.drain()
    with pytest.raises(Refused, match=r"docs/permissions-postgres\.md"):
        drain.act(mark_for(drain))
    assert member.look().takes_writes


# -- fence and release


def test_a_fence_holds_over_a_restart_and_is_found_again(pair):
    west = pair.west
    member = pair.member(west)
    fence = member.fence()
    mark, evidence, seen = carry_out(fence)
    assert member.look().fenced_by == mark.key
    assert evidence.reference in evidence.text
    assert "fenced" in seen.text
    west.kill()
    west.start()
    again = fence.find_evidence(mark)
    assert again == evidence
    assert member.look().role is DatabaseRole.FENCED
    with pytest.raises(psycopg.OperationalError):
        west.rows("SELECT 1")
    with pytest.raises(Refused, match="release it first"):
        west.hostdoor(OPERATOR).order("start", "c" * 64)
    fence.act(mark)  # twice is once
    assert fence.find_evidence(mark) == evidence


def test_a_release_lets_it_write_again(pair):
    member = pair.member(pair.west)
    carry_out(member.release())
    pair.west.rows("UPDATE devices SET state = 'released' WHERE id = 1")
    assert member.look().fenced_by == ""
    eventually(lambda: member.look().followers.get("east_db") == 0)


def test_a_server_that_dies_alone_is_started_again(pair):
    before = pair.west.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: pair.west.pid not in (before, None) and pair.member(pair.west).look().takes_writes)
    eventually(lambda: pair.member(pair.west).look().followers.get("east_db") == 0)


def test_what_a_killed_postmaster_leaves_running_is_waited_for(pair):
    ((left,),) = pair.west.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    before = pair.west.pid
    os.kill(left, signal.SIGSTOP)  # as one that waits for its disk: it does not see yet that its postmaster is gone
    os.kill(before, signal.SIGKILL)
    threading.Timer(2.0, os.kill, (left, signal.SIGCONT)).start()
    eventually(
        lambda: pair.west.pid not in (before, None) and pair.member(pair.west).look().takes_writes, pair.west.log
    )
    eventually(lambda: pair.member(pair.west).look().followers.get("east_db") == 0)


# -- a switchover


def test_a_drain_that_is_undone_changes_nothing(pair):
    member = pair.member(pair.west)
    carry_out(member.drain())
    with (
        psycopg.connect(pair.west.server.dsn("household", "app")) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("INSERT INTO devices (state) VALUES ('late')")
    carry_out(member.release())
    pair.west.rows("INSERT INTO devices (state) VALUES ('in time')")


def test_a_drain_that_died_before_it_ended_sessions_is_no_drain_yet(pair):
    member = pair.member(pair.west)
    drain = member.drain()
    mark = mark_for(drain)
    with psycopg.connect(pair.west.server.dsn("household", "app")) as late:
        late.execute("SELECT 1")  # in a transaction that may write and has not
        with member.acting() as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = 'on'")
            connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: member.look().is_closed)
        assert drain.find_evidence(mark) is None
        assert drain.act(mark) is not None
        with pytest.raises(psycopg.OperationalError):
            late.execute("INSERT INTO devices (state) VALUES ('after the drain')")
    reach(drain, mark)
    carry_out(member.release())


def test_nobody_is_drained_without_a_standby(pair):
    pair.east.stop()
    eventually(lambda: not pair.member(pair.west).look().followers)
    with pytest.raises(Refused, match="nobody to send the rest to"):
        pair.member(pair.west).drain().check()
    pair.east.start()
    eventually(lambda: pair.member(pair.west).look().followers.get("east_db") == 0)


def test_a_switchover_loses_nothing(pair):
    old, new = pair.member(pair.west), pair.member(pair.east)
    writer = Writer(pair.west.server.dsn("household", "app"), tried=2_000_000)
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 100)
    _, _, seen = carry_out(old.drain())
    writer.end()
    assert "0 bytes behind, 0 writing" in seen.text
    assert new.look().position_bytes >= old.look().position_bytes > 0
    carry_out(old.fence())
    _, _, seen = carry_out(new.promote())
    assert "1 of 1 sequences looked at, behind: devices.id" in seen.text  # as before: the writer gives its own numbers
    there = {row[0] for row in pair.east.rows("SELECT id FROM devices WHERE id > 2000000")}
    assert there == set(writer.acknowledged)
    with pytest.raises(Refused, match="must not take writes"):
        old.release().act(mark_for(old.release()))
    carry_out(old.follow(new))
    assert pair.west.rows("SHOW default_transaction_read_only") == [("off",)]
    drain = new.drain()  # closed already, and followed: nothing is left to do
    reach(drain, _acted(drain))
    assert new.look().is_closed


def _acted(change):
    change.check()
    mark = mark_for(change)
    change.act(mark)
    return mark


def test_a_sequence_that_is_behind_is_told(pair):
    new = pair.member(pair.east)
    carry_out(new.open())
    pair.east.rows("SELECT setval('devices_id_seq', 3)")
    pair.east.rows("ALTER SYSTEM SET default_transaction_read_only = on")
    pair.east.rows("SELECT pg_reload_conf()")
    eventually(lambda: new.look().is_closed)
    change = new.promote()
    seen = change.read_effect(mark_for(change, {"timeline": "1"}))
    assert not seen.reached
    assert "devices.id (at 3, used up to" in seen.text
    carry_out(new.open())
    pair.east.rows("SELECT setval('devices_id_seq', (SELECT max(id) FROM devices))")
    assert not change.read_effect(mark_for(change, {"timeline": "1"})).reached, "it takes writes already"
    pair.east.rows("ALTER SYSTEM SET default_transaction_read_only = on")
    pair.east.rows("SELECT pg_reload_conf()")
    eventually(lambda: change.read_effect(mark_for(change, {"timeline": "1"})).reached)
    carry_out(new.open())


def test_a_survivor_waits_for_nobody_and_keeps_nothing_for_the_dead(pair):
    survivor, other = pair.member(pair.east), pair.member(pair.west)
    with pytest.raises(Refused, match="does not stream"):
        survivor.protect(survivor).check()
    carry_out(survivor.protect(other))
    pair.east.rows("SELECT pg_create_physical_replication_slot('gone', true)")
    pair.west.stop()
    eventually(lambda: not survivor.look().followers)
    writer = Writer(pair.east.server.dsn("household", "app"), tried=3_000_000)
    writer.start()
    time.sleep(1.0)
    assert not writer.acknowledged, "a commit did not wait for the standby"
    _, _, seen = carry_out(survivor.stand_alone())
    assert "unused slots: none" in seen.text
    eventually(lambda: len(writer.acknowledged) > 10)
    writer.end()
    assert survivor.look().slots == {}
    pair.west.start()
    carry_out(other.follow(survivor))


def test_with_protection_a_dead_primary_takes_no_acknowledged_row_with_it(pair):
    old, new = pair.member(pair.east), pair.member(pair.west)
    carry_out(old.protect(new))
    writer = Writer(pair.east.server.dsn("household", "app"), tried=4_000_000)
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 100)
    pair.east.kill()
    writer.end()
    carry_out(new.promote())
    there = {row[0] for row in pair.west.rows("SELECT id FROM devices WHERE id > 4000000")}
    assert set(writer.acknowledged) <= there
    carry_out(new.open())
    pair.west.rows("INSERT INTO devices (state) VALUES ('waits for nobody')")
    pair.east.start()
    stale = old.look()
    assert (stale.role, stale.fenced_by) == (DatabaseRole.FENCED, "itself")
    loss = old.count_beyond(new.look())
    assert loss.rows <= 1  # one that nobody was told of
    if loss.rows:
        carry_out(old.save_beyond(new.look(), "peace"))
    carry_out(old.follow(new))
    reach(old.follow(new), mark_for(old.follow(new), {}))
