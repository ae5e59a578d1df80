"""A site that a failover left follows again: commits wait for it, and it never keeps the survivor from writing.

The old site's server is killed, frozen and started again while clients write on the survivor; vigie is not there.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest

from blocks.errors import Refused
from blocks.ports.recovery import DatabaseRole
from tests.contract.postgres.hosts import (
    OPERATOR,
    Host,
    Writer,
    carry_out,
    eventually,
    mark_for,
    reach,
    running_pair,
)

WAITS = [('"west_db"',)]
NOBODY = [("",)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """West died, east was promoted and serves, and west follows again."""
    with running_pair(tmp_path_factory.mktemp("again")) as opened:
        old, survivor = opened.member(opened.west), opened.member(opened.east)
        opened.west.kill()
        for change in (survivor.promote(), survivor.stand_alone(), survivor.open()):
            carry_out(change)
        with pytest.raises(Refused, match="does not stream"):
            carry_out(survivor.protect_while_followed(survivor))
        opened.west.start()
        if old.count_beyond(survivor.look()).rows:
            carry_out(old.save_beyond(survivor.look(), "again"))
        carry_out(old.follow(survivor))
        yield opened


@pytest.fixture
def protected(pair) -> Iterator[Host]:
    """The survivor, whose commits wait; so it is again for the next test."""
    survivor = pair.member(pair.east)
    if not pair.east.status()["waits_for"]:
        carry_out(survivor.protect_while_followed(pair.member(pair.west)))
    waits_again(pair)
    yield pair.east
    if pair.west.process is None:
        pair.west.start()


def waits_again(pair) -> None:
    look = eventually(lambda: (seen := pair.member(pair.east).look()).synchronous_with and seen, pair.east.log)
    assert (look.synchronous_with, look.lets_go) == ("west_db", True)
    assert pair.east.rows("SHOW synchronous_standby_names") == WAITS


def commit(host: Host) -> threading.Thread:
    """A client's commit, on its way."""
    client = threading.Thread(target=host.rows, args=("INSERT INTO devices (state) VALUES ('one more')",), daemon=True)
    client.start()
    return client


def test_it_is_protected_by_a_step_that_is_found_again(pair):
    survivor, old = pair.member(pair.east), pair.member(pair.west)
    assert pair.east.rows("SHOW synchronous_standby_names") == NOBODY, "a survivor stands alone until then"
    change = survivor.protect_while_followed(old)
    mark, evidence, seen = carry_out(change)
    assert (evidence.reference in evidence.text, "waits for west_db" in seen.text) == (True, True)
    pair.east.stop()
    pair.east.start()
    assert change.find_evidence(mark) == evidence
    change.act(mark)
    reach(change, mark)
    assert change.find_evidence(mark) == evidence, "twice is once, over a restart of host and server"


def test_a_reader_may_not_give_the_order_and_a_standby_refuses_it(pair, protected):
    with pytest.raises(Refused, match="may look and give no orders"):
        protected.hostdoor().order("protect", "a" * 64, standby="west_db")
    with pytest.raises(Refused, match="nobody commits there"):
        pair.west.hostdoor(OPERATOR).order("protect", "b" * 64, standby="east_db")


def test_a_commit_waits_for_a_standby_that_says_nothing_and_is_let_go(pair, protected):
    ((receiver,),) = pair.west.rows("SELECT pid FROM pg_stat_wal_receiver")
    with psycopg.connect(protected.server.dsn("household"), autocommit=True) as watcher:
        os.kill(receiver, signal.SIGSTOP)  # its connection stays open: nobody is told that it is gone
        try:
            client = commit(protected)
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            eventually(lambda: watcher.execute(waits).fetchall() == [(1,)], protected.log)
            client.join(60)
            assert not client.is_alive(), "it was never let go"
            assert protected.rows("SHOW synchronous_standby_names") == NOBODY
            commit(protected).join(60)
        finally:
            os.kill(receiver, signal.SIGCONT)
    waits_again(pair)
    assert pair.west.rows("SELECT count(*) > 0 FROM devices WHERE state = 'one more'") == [(True,)]


def test_a_site_that_dies_again_blocks_nobody_also_where_the_survivor_starts_without_it(pair, protected):
    pair.west.kill()
    protected.kill()
    protected.start()
    eventually(lambda: pair.member(protected).look().takes_writes, protected.log)
    client = commit(protected)
    client.join(60)
    assert not client.is_alive(), "the survivor waits for who died"
    look = pair.member(protected).look()
    assert (look.synchronous_with, look.lets_go, look.followers) == ("", True, {})
    pair.west.start()
    waits_again(pair)


def test_whom_a_person_lets_it_wait_for_is_left_alone(pair, protected):
    protected.rows("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (west_db)'")
    protected.rows("SELECT pg_reload_conf()")
    a_while(pair, protected)
    assert protected.rows("SHOW synchronous_standby_names") == [("ANY 1 (west_db)",)]
    protected.rows("ALTER SYSTEM SET synchronous_standby_names = ''")
    protected.rows("SELECT pg_reload_conf()")
    waits_again(pair)


def test_whoever_stands_alone_is_not_made_to_wait_again(pair, protected):
    carry_out(pair.member(protected).stand_alone())
    assert protected.status()["waits_for"] == ""
    a_while(pair, protected)
    assert protected.rows("SHOW synchronous_standby_names") == NOBODY
    assert pair.member(protected).look().followers.get("west_db") is not None


def test_what_was_acknowledged_survives_the_survivor_and_who_follows_then_waits_for_nobody(pair, protected):
    survivor, old = pair.member(protected), pair.member(pair.west)
    writer = Writer(protected.server.dsn("household", "app"), tried=5_000_000)
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 100)
    assert protected.rows("SHOW synchronous_standby_names") == WAITS
    protected.kill()
    writer.end()
    carry_out(old.promote())
    there = {row[0] for row in pair.west.rows("SELECT id FROM devices WHERE id > 5000000")}
    assert set(writer.acknowledged) <= there
    carry_out(old.open())
    pair.west.rows("INSERT INTO devices (state) VALUES ('waits for nobody')")
    protected.start()
    assert survivor.look().fenced_by == "itself"
    if survivor.count_beyond(old.look()).rows:  # one that nobody was told of
        carry_out(survivor.save_beyond(old.look(), "turned"))
    carry_out(survivor.follow(old))
    assert (survivor.look().role, protected.status()["waits_for"]) == (DatabaseRole.STANDBY, "")
    assert protected.rows("SHOW synchronous_standby_names") == NOBODY
    reach(survivor.follow(old), mark_for(survivor.follow(old), {}))


def a_while(pair, host: Host) -> None:
    """Several looks of the host, by its heartbeat."""
    began = pair.member(host).look().heartbeat_number
    eventually(lambda: pair.member(host).look().heartbeat_number > began + 3)
