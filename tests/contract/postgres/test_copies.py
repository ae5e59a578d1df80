"""A drill's copy on a real pair: made of the standby, met by nobody else, promoted, counted, and gone again."""

from __future__ import annotations

import contextlib
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import yaml

from blocks.errors import Broken, Refused
from blocks.ports.copies import copy_name
from blocks.postgres.tables import judge_tables
from deployments.dbhost.processes import recorded_pid
from deployments.sandbox.postgres import REPLICATOR, SUPERUSER
from tests.contract.postgres.hosts import (
    OPERATOR,
    PASSWORD,
    Writer,
    carry_out,
    eventually,
    mark_for,
    running_pair,
)

# the suites' library warns of itself and of what it is built on
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("copies")) as opened:
        yield opened


@pytest.fixture
def name(pair):
    """A name for a copy, which is gone afterwards."""
    made = copy_name(uuid4(), "household")
    yield made
    pair.east.hostdoor(OPERATOR).order("discard", uuid4().hex, name=made)
    eventually(lambda: there(pair.east) is None and not folder_of(pair.east, made).exists(), pair.east.log)


def order(host, verb, **arguments):
    return host.hostdoor(OPERATOR).order(verb, uuid4().hex, **arguments)


def there(host):
    return host.status()["copies"]["there"]


def folder_of(host, name) -> Path:
    return host.server.place.data_dir.with_name("copies") / name


def soon(**span) -> str:
    return (datetime.now(UTC) + timedelta(**(span or {"hours": 1}))).isoformat()


def made(host, name, **span):
    order(host, "copy", name=name, until=soon(**span))
    return eventually(lambda: running(host), host.log)


def running(host):
    found = there(host)
    assert found["state"] != "failed", found
    return found if found["state"] == "running" and found["running"] else None


def login(host, user, password=PASSWORD, **more):
    return psycopg.connect(
        host="127.0.0.1", port=host.copy, dbname="household", user=user, password=password, connect_timeout=5, **more
    )


def write_on(host, name, count):
    """As its superuser, by the private socket that the copy's own lock file names: closed, it obeys one who asks."""
    socket = (folder_of(host, name) / "data" / "postmaster.pid").read_text().splitlines()[4]
    given = {"user": SUPERUSER, "password": host.server.passwords[SUPERUSER], "dbname": "household"}
    with psycopg.connect(host=socket, port=host.copy, autocommit=True, **given) as session:
        session.execute("SET default_transaction_read_only = off")
        session.execute(
            "INSERT INTO devices (id, state) SELECT n, 'strange' FROM generate_series(9001, 9000 + %s) n", (count,)
        )


def test_a_copy_is_met_by_nobody_but_the_drill(pair, name):
    east, west = pair.east, pair.west
    found = made(east, name)
    assert (found["role"], found["system_id"]) == ("standby", east.status()["system_id"])
    with login(east, "vigie_reader") as session:
        asked = "SELECT current_setting('primary_conninfo'), current_setting('archive_mode'), "
        asked += "current_setting('cluster_name'), (SELECT count(*) FROM pg_replication_slots), "
        asked += "(SELECT count(*) FROM pg_stat_wal_receiver), (SELECT count(*) FROM devices)"
        assert session.execute(asked).fetchone() == ("", "off", name, 0, 0, 50)
    app = west.server.passwords["app"]
    for user, password, more in (
        ("app", app, {}),
        (SUPERUSER, west.server.passwords[SUPERUSER], {}),
        (REPLICATOR, west.server.passwords[REPLICATOR], {"replication": "true"}),
        ("vigie_reader", "wrong", {}),
    ):
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry|password authentication failed"):
            login(east, user, password, **more)
    assert west.rows("SELECT application_name FROM pg_stat_replication") == [("east_db",)]
    assert east.rows("SELECT count(*) FROM pg_replication_slots") == [(0,)], "the backup's slot went with it"


def test_promoted_it_takes_writes_that_are_counted_and_the_pair_sees_nothing(pair, name):
    east, west = pair.east, pair.west
    before = (west.status()["timeline"], east.status()["timeline"])
    writer = Writer(west.server.dsn("household"), pause_s=0.01)
    writer.start()
    try:
        made(east, name)
        with login(east, "vigie_operator", autocommit=True) as session:
            session.execute("SELECT pg_promote(true, 60)")
        eventually(lambda: there(east)["role"] == "primary")
        assert there(east)["timeline"] == before[1] + 1
        write_on(east, name, 7)
        halted = order(east, "halt", name=name)
        assert halted["result"] == {"rows": 7, "commits": 1, "by_table": {"devices": 7}}
        assert halted["text"].startswith("7 row changes in 1 transactions")
        assert (there(east)["state"], there(east)["counted"]["rows"]) == ("halted", 7)
        with pytest.raises(psycopg.OperationalError):
            login(east, "vigie_reader")
        acknowledged = len(writer.acknowledged)
        eventually(lambda: len(writer.acknowledged) > acknowledged + 10)
    finally:
        writer.end()
    assert (west.status()["timeline"], east.status()["timeline"]) == before
    eventually(lambda: pair.member(west).look().followers.get("east_db") == 0)
    assert east.rows("SELECT count(*) FROM devices WHERE id BETWEEN 9001 AND 9007") == [(0,)]
    west.rows("DELETE FROM devices WHERE id > 50")


def test_a_host_keeps_one_copy_and_copies_no_primary(pair, name):
    east, other = pair.east, copy_name(uuid4(), "household")
    made(east, name)
    with pytest.raises(Refused, match=f"there is a copy already, {name}"):
        order(east, "copy", name=other, until=soon())
    assert order(east, "copy", name=name, until=soon())["state"] == "done", "the same one is asked for again in peace"
    with pytest.raises(Refused, match="clients wait for a primary"):
        order(pair.west, "copy", name=other, until=soon())
    with pytest.raises(Refused, match="there is no copy"):
        order(east, "halt", name=other)


@pytest.mark.parametrize("name", ["data", "../data", "vigie-drill-1", "vigie-drill-0123456789abcdeF", ""])
def test_nothing_else_is_made_or_removed(pair, name):
    data = pair.east.server.place.data_dir
    for verb, arguments in (("discard", {}), ("copy", {"until": soon()})):
        with pytest.raises(Refused, match="no name of a copy"):
            order(pair.east, verb, name=name, **arguments)
    assert (data / "PG_VERSION").exists()
    assert pair.east.rows("SELECT 1") == [(1,)]


def test_a_folder_without_the_mark_stays_and_is_told(pair):
    name = copy_name(uuid4(), "household")
    folder = folder_of(pair.east, name)
    folder.mkdir()
    (folder / "precious").write_text("a person's")
    order(pair.east, "discard", name=name)
    eventually(lambda: "bears no mark" in (there(pair.east) or {}).get("text", ""), pair.east.log)
    assert (folder / "precious").read_text() == "a person's"
    (folder / "precious").unlink()
    folder.rmdir()
    eventually(lambda: there(pair.east) is None, pair.east.log)


def test_where_it_could_not_be_removed_again_none_is_made(pair):
    name = copy_name(uuid4(), "household")
    folder = folder_of(pair.east, name)
    folder.symlink_to(pair.east.server.place.data_dir)
    try:
        with pytest.raises(Refused, match=r"could not be removed again: .* is a link to something else"):
            order(pair.east, "copy", name=name, until=soon())
        order(pair.east, "discard", name=name)
        eventually(lambda: "is a link" in (there(pair.east) or {}).get("text", ""), pair.east.log)
    finally:
        folder.unlink()
    eventually(lambda: there(pair.east) is None, pair.east.log)
    assert pair.east.rows("SELECT 1") == [(1,)]
    assert (pair.east.server.place.data_dir / "PG_VERSION").exists()


def test_it_goes_by_itself_when_its_time_is_over(pair):
    name = copy_name(uuid4(), "household")
    order(pair.east, "copy", name=name, until=soon(seconds=1))
    eventually(lambda: there(pair.east) is None and not folder_of(pair.east, name).exists(), pair.east.log)


def test_a_host_that_is_killed_makes_or_starts_it_again(pair, name):
    east = pair.east
    order(east, "copy", name=name, until=soon())
    east.kill()  # in the middle of the copying, or right after it
    east.start()
    eventually(lambda: running(east), east.log)
    with login(east, "vigie_operator", autocommit=True) as session:
        session.execute("SELECT pg_promote(true, 60)")
    eventually(lambda: there(east)["role"] == "primary")
    pid = recorded_pid(folder_of(east, name) / "data")
    east.kill()
    with contextlib.suppress(ProcessLookupError):  # its host's end told it to stop: it may have been quick
        os.kill(pid, signal.SIGKILL)
    east.start()
    assert eventually(lambda: running(east), east.log)["role"] == "primary"


def test_the_changes_of_a_drill_each_have_their_evidence_and_end_with_nothing(pair, name):
    copy = pair.member(pair.east).copy(name)
    before = pair.member(pair.east).look()
    assert (copy.look().refused, copy.look().there) == ("", "")
    _, _, alone = carry_out(copy.make(datetime.now(UTC) + timedelta(hours=1)))
    assert "follows nobody, archives nothing, and nobody follows it" in alone.text
    assert (copy.look().there, copy.look().state) == (name, "running")

    _, evidence, seen = carry_out(copy.promote())
    assert evidence.reference == f"timeline {before.timeline + 1}"
    assert "none behind its column" in seen.text
    verdict = judge_tables(pair.member(pair.east).reader, pair.routes, copy.address, pair.data, {"devices": 50})
    assert verdict.faults == ()
    assert judge_tables(pair.member(pair.east).reader, pair.routes, copy.address, pair.data, {"devices": 90}).faults, (
        "the suites look at the copy itself"
    )

    _, _, halted = carry_out(copy.halt())
    assert halted.text.startswith("0 row changes in 0 transactions")
    carry_out(copy.discard())
    assert copy.look().there == ""
    after = pair.member(pair.east).look()
    assert (after.role, after.timeline) == (before.role, before.timeline)
    assert pair.member(pair.west).look().slots == {"east_db": True}


def test_a_row_that_somebody_wrote_on_the_copy_fails_its_halt(pair, name):
    copy = pair.member(pair.east).copy(name)
    carry_out(copy.make(datetime.now(UTC) + timedelta(hours=1)))
    carry_out(copy.promote())
    write_on(pair.east, name, 1)
    mark = mark_for(copy.halt())
    copy.halt().act(mark)
    with pytest.raises(Broken, match="somebody wrote on the copy: 1 row changes"):
        copy.halt().read_effect(mark)


def test_no_order_through_a_copy_reaches_the_real_server(pair, name):
    server = pair.member(pair.east).copy(name).server()
    with pytest.raises(Refused, match="fence is no order to a copy"):
        server.ordering().order("fence", uuid4().hex)
    with pytest.raises(Refused, match="is no order to a copy"):
        server.fence().act(mark_for(server.fence(), {}))
    assert pair.east.status()["fence"] is None


def test_a_backup_is_restored_with_the_archived_log(tmp_path_factory):
    name = copy_name(uuid4(), "household")
    with running_pair(tmp_path_factory.mktemp("restored"), rooms=("archive", "backups")) as own:
        room = own.west.server.place.data_dir.parent
        own.west.rows("ALTER SYSTEM SET archive_mode = 'on'")
        own.west.rows(f"ALTER SYSTEM SET archive_command = 'cp %p {room}/archive/%f'")
        own.west.stop()
        own.west.start()
        copy = own.member(own.east).copy(name)
        assert "no backup that could be restored" in copy.look().no_backup
        with pytest.raises(Refused, match="no backup that could be restored: 0 base backups"):
            copy.make(datetime.now(UTC) + timedelta(hours=1), restored=True).act(mark_for(copy.discard()))

        own.east.stop()
        kept = own.east.server.place.own(own.east.server.place.data_dir.with_name("backups"))
        known = yaml.safe_load(own.east.config.read_text())
        known |= {"archive_dir": f"{room}/archive", "backup_dir": str(kept)}
        own.east.config.write_text(yaml.safe_dump(known))
        own.east.start()
        order(own.east, "backup")
        own.west.rows("INSERT INTO devices (id, state) VALUES (7001, 'after the backup')")
        own.west.rows("SELECT pg_switch_wal()")
        archived = "SELECT archived_count > 0 FROM pg_stat_archiver"
        eventually(lambda: own.west.rows(archived)[0][0])

        carry_out(copy.make(datetime.now(UTC) + timedelta(hours=1), restored=True))
        with login(own.east, "vigie_reader", autocommit=True) as session:
            given_back = "SELECT count(*) FROM devices WHERE id = 7001"
            eventually(lambda: session.execute(given_back).fetchone() == (1,))
        carry_out(copy.promote())
        restored_to = copy.look().restored_to
        assert restored_to is not None
        assert timedelta(0) < datetime.now(UTC) - restored_to < timedelta(minutes=10)
        _, _, halted = carry_out(copy.halt())
        assert halted.text.startswith("0 row changes")
        carry_out(copy.discard())
        assert own.east.rows("SELECT pg_is_in_recovery()") == [(True,)]
        assert own.west.rows(f"SELECT count(*) FROM pg_ls_dir('{room}/archive') f WHERE f LIKE '%.history'") == [(0,)]


def test_a_real_promotion_beside_it_sends_it_away(tmp_path_factory):
    name = copy_name(uuid4(), "household")
    with running_pair(tmp_path_factory.mktemp("giving-way")) as own:
        made(own.east, name)
        own.west.kill()
        own.east.rows("SELECT pg_promote(true, 60)")
        eventually(lambda: there(own.east) is None and not folder_of(own.east, name).exists(), own.east.log)
        assert own.east.rows("SELECT pg_is_in_recovery()") == [(False,)]
