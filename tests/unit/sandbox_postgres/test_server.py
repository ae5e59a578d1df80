"""A real PostgreSQL from the wheel: as root and as a user, tied to its parent, never losing what it confirmed."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from blocks.errors import Broken
from deployments.sandbox import postgres_place
from deployments.sandbox.postgres import PostgresServer
from deployments.sandbox.postgres_place import find_place
from tests.postgres_fixture import QUICK, postgres_server, private_server  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def _ask(dsn: str, statement: str):
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def _eventually(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# -- who and where ----------------------------------------------------------------------------


@pytest.fixture
def reachable():
    """A folder that everybody may pass through, as a checkout under /srv would be."""
    with tempfile.TemporaryDirectory(prefix="vigie-test-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _whole_life(*arguments: object) -> dict[str, object]:
    program = Path(__file__).with_name("as_user.py")
    command = [sys.executable, str(program), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_whole_life_as_whoever_runs_the_tests(tmp_path):
    told = _whole_life(tmp_path)
    assert told["row"] == [1]
    assert told["process"] == told["data"] != 0
    assert list(tmp_path.iterdir()) in ([], [tmp_path / ".postgres-room.lock"])


@pytest.mark.usefixtures("as_root")
def test_a_user_id_without_a_name_is_told_what_is_missing(reachable):
    home = reachable / "home"
    home.mkdir()
    os.chown(home, 54321, 54321)
    program = Path(__file__).with_name("as_user.py")
    command = [sys.executable, str(program), str(home), "54321"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "user id 54321 has no name" in done.stderr
    assert "run as a user that has an entry there" in done.stderr


def test_a_whole_life_as_an_ordinary_user(reachable):
    """As root: as the user whom every system has. Else: as who we are."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    mine = reachable / "home"
    mine.mkdir(mode=0o700)
    if user != os.geteuid():
        os.chown(mine, user, user)
    told = _whole_life(mine, *([user] if user != os.geteuid() else []))
    assert told == {"euid": user, "process": user, "data": user, "in_place": True, "row": [1]}


@pytest.mark.usefixtures("as_root")
def test_root_changes_nobody_elses_permissions_and_leaves_no_room(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    watched = [closed, *closed.parents]
    before = [(each.stat().st_mode, each.stat().st_uid) for each in watched]
    accounts = Path("/etc/passwd").read_bytes()
    server = PostgresServer.create(closed / "data", name="roomy", settings=QUICK)
    try:
        server.start()
        room = server.place.room
        assert room is not None
        assert stat.S_IMODE(server.place.data_dir.stat().st_mode) == 0o700
        assert find_place(closed / "other").room == room, "one sandbox has one room"
    finally:
        server.remove()
    assert [(each.stat().st_mode, each.stat().st_uid) for each in watched] == before
    assert Path("/etc/passwd").read_bytes() == accounts
    assert not room.exists()


@pytest.mark.usefixtures("as_root")
def test_root_uses_a_reachable_folder_as_it_is(reachable):
    place = find_place(reachable / "data")
    assert place.data_dir == reachable / "data"
    assert place.uid == pwd.getpwnam("nobody").pw_uid


@pytest.mark.usefixtures("as_root")
def test_a_room_whose_sandbox_was_deleted_is_cleared_by_the_next(tmp_path):
    base = tmp_path / "rooms"
    base.mkdir()
    rooms = {}
    for name, sandbox in (("kept", tmp_path / "kept"), ("gone", tmp_path / "gone"), ("young", tmp_path / "young")):
        room = rooms[name] = base / f"vigie-postgres-{name}"
        room.mkdir()
        (room / "sandbox").write_text(f"{sandbox}\n")
        if name != "young":
            os.utime(room / "sandbox", (0, 0))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ".postgres-room").write_text(f"{rooms['kept']}\n")
    postgres_place._clear_abandoned(base)
    assert {name for name, room in rooms.items() if room.exists()} == {"kept", "young"}


@pytest.mark.usefixtures("as_root")
def test_programs_that_cannot_be_reached_are_copied_and_run(reachable):
    account = pwd.getpwnam("nobody")
    assert not postgres_place._runs(reachable / "nowhere", account)
    bin_dir = postgres_place._copied_programs(reachable)
    assert postgres_place._runs(bin_dir, account)
    assert bin_dir == postgres_place._copied_programs(reachable)
    place = postgres_place.Place(
        data_dir=reachable / "data", bin_dir=bin_dir, room=reachable, uid=account.pw_uid, gid=account.pw_gid
    )
    server = PostgresServer(name="copied", wanted_dir=reachable / "data", place=place, passwords={"postgres": "x" * 20})
    try:
        server._initdb("--no-sync")
        server._configure({})
        assert _ask(server.start().dsn(), "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'") == [
            (1,)
        ]
    finally:
        server.kill()


# -- one server -------------------------------------------------------------------------------


def test_it_listens_on_loopback_only_with_scram(postgres_server):  # noqa: F811
    assert _ask(postgres_server.dsn(), "SHOW listen_addresses") == [("127.0.0.1",)]
    assert _ask(postgres_server.dsn(), "SHOW unix_socket_directories") == [("",)]
    rules = _ask(postgres_server.dsn(), "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert rules == [("scram-sha-256",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.dsn().replace(postgres_server.passwords["postgres"], "wrong"))


def test_passwords_are_neither_shown_nor_readable_by_others(postgres_server):  # noqa: F811
    for password in postgres_server.passwords.values():
        assert password not in repr(postgres_server)
        assert password not in repr(postgres_server.source())
        assert password not in Path(f"/proc/{postgres_server.pid}/cmdline").read_text()
        assert password not in Path(f"/proc/{postgres_server.pid}/environ").read_text()
    assert stat.S_IMODE(postgres_server._memory.stat().st_mode) == 0o600


def test_what_was_confirmed_survives_kill_9_and_the_same_folder_is_found_again(tmp_path):
    server = private_server(tmp_path, "kept").start()
    try:
        dsn = server.ensure_database("household")
        _ask(dsn, "CREATE TABLE devices AS SELECT generate_series(1, 1000) AS id")
        port = server.port
        server.kill()
        assert not server.running
        again = private_server(tmp_path, "kept").start()
        try:
            assert again.port == port, "clients find it where it was"
            assert again.ensure_database("household") == dsn
            assert _ask(dsn, "SELECT count(*) FROM devices") == [(1000,)]
            assert again.start().pid == again.pid, "starting what runs changes nothing"
        finally:
            again.stop()
            assert again.pid is None
    finally:
        server.remove()


def test_a_leftover_server_is_stopped_and_not_stepped_over(tmp_path):
    first = private_server(tmp_path, "leftover").start()
    second = private_server(tmp_path, "leftover")
    try:
        old = first.pid
        second.start()
        assert old is not None
        assert _gone(old)
        assert _ask(second.dsn(), "SELECT 1") == [(1,)]
    finally:
        first.stop()
        second.remove()


def test_a_foreign_process_with_the_recorded_number_is_left_alone(tmp_path):
    server = private_server(tmp_path, "unlucky")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (server.place.data_dir / "postmaster.pid").write_text(f"{stranger.pid}\n{server.place.data_dir}\n")
        server.start()
        assert stranger.poll() is None
    finally:
        server.remove()
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_given_up_unless_it_was_asked_for(tmp_path):
    server = private_server(tmp_path, "crowded").start()
    try:
        port = server.port
        server.stop()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            assert server.start().port != port
            server.stop()
            fixed = PostgresServer.create(tmp_path / "crowded", name="crowded", port=port, settings=QUICK)
            with pytest.raises(Broken, match=f"no free port.*127.0.0.1:{port}"):
                fixed.start()
    finally:
        server.remove()


def test_a_server_that_cannot_start_says_why(tmp_path):
    server = PostgresServer.create(tmp_path / "bad", name="bad", settings={"shared_buffers": "a lot"})
    try:
        with pytest.raises(Broken, match=r"bad did not start.*shared_buffers"):
            server.start()
    finally:
        server.remove()


def test_only_the_main_thread_may_start_one(tmp_path):
    server = private_server(tmp_path, "threaded")
    caught: list[Exception] = []

    def start() -> None:
        try:
            server.start()
        except Broken as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(60)
    server.remove()
    assert "main thread" in str(caught[0])


# -- primary and standby ----------------------------------------------------------------------


def test_a_standby_streams_is_promoted_and_takes_writes(tmp_path):
    primary = private_server(tmp_path, "db1").start()
    standby = None
    try:
        household = primary.ensure_database("household")
        standby = PostgresServer.create_standby_from(
            primary, tmp_path / "db2", name="db2", application_name="hearth_db2", synchronous=True
        ).start()
        replicas = "SELECT application_name, state, sync_state FROM pg_stat_replication"
        assert _eventually(lambda: _ask(primary.dsn(), replicas) == [("hearth_db2", "streaming", "sync")])
        _ask(household, "CREATE TABLE devices AS SELECT generate_series(1, 10) AS id")
        theirs = standby.dsn("household", user="household")
        assert _eventually(lambda: _ask(theirs, "SELECT to_regclass('devices') IS NOT NULL") == [(True,)])
        assert _ask(theirs, "SELECT count(*) FROM devices") == [(10,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            _ask(theirs, "DELETE FROM devices")

        standby.stop()
        primary.asynchronous()
        _ask(household, "INSERT INTO devices VALUES (11)")
        primary.stop()
        primary.fixed_port = None
        primary.port = 0
        primary.start()
        standby = PostgresServer.create_standby_from(
            primary, tmp_path / "db2", name="db2", application_name="hearth_db2"
        )
        standby.start()
        theirs = standby.dsn("household", user="household")
        assert _eventually(lambda: _ask(theirs, "SELECT count(*) FROM devices") == [(11,)]), (
            "it follows to another port"
        )

        primary.kill()
        standby.promote()
        _ask(theirs, "INSERT INTO devices VALUES (12)")
        assert _ask(theirs, "SELECT count(*), pg_is_in_recovery() FROM devices") == [(12, False)]
    finally:
        if standby is not None:
            standby.remove()
        primary.remove()


# -- as a program -----------------------------------------------------------------------------


def _program(state: Path, name: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deployments.sandbox.postgres", "--state", str(state), "--name", name]
    return subprocess.Popen([*command, "--set", "fsync=off", *more], cwd=ROOT, env=ENVIRONMENT)


def _ready(state: Path, name: str) -> dict[str, object]:
    path = state / "ready" / f"{name}.json"
    assert _eventually(path.exists, 60), f"{name} was never ready"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())


def test_the_program_announces_serves_and_leaves(tmp_path):
    program = _program(tmp_path, "db1", "--database", "household")
    standby = None
    try:
        ready = _ready(tmp_path, "db1")
        assert (ready["name"], ready["pid"]) == ("db1", program.pid)
        assert _ask(ready["databases"]["household"], "SELECT current_user") == [("household",)]
        standby = _program(tmp_path, "db2", "--standby-of", "db1", "--application-name", "hearth_db2")
        follower = _ready(tmp_path, "db2")
        assert _ask(follower["dsn"], "SELECT pg_is_in_recovery()") == [(True,)]
        for process, told in ((standby, follower), (program, ready)):
            process.terminate()
            assert process.wait(40) == 0
            assert _gone(int(told["server_pid"]))
        assert list((tmp_path / "ready").iterdir()) == []
    finally:
        for process in (standby, program):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(40)
        for name in ("db1", "db2"):
            PostgresServer.create(tmp_path / "postgres" / name, name=name).remove()


def test_the_server_dies_with_its_program_and_the_program_with_its_server(tmp_path):
    program = _program(tmp_path, "db1")
    try:
        server_pid = int(_ready(tmp_path, "db1")["server_pid"])  # type: ignore[call-overload]
        program.send_signal(signal.SIGKILL)
        program.wait()
        assert _eventually(lambda: _gone(server_pid), 30), "kill -9 of the program left its server behind"
        (tmp_path / "ready" / "db1.json").unlink()

        program = _program(tmp_path, "db1")
        os.kill(int(_ready(tmp_path, "db1")["server_pid"]), signal.SIGKILL)  # type: ignore[call-overload]
        assert program.wait(30) == 1
        assert not (tmp_path / "ready" / "db1.json").exists()
    finally:
        if program.poll() is None:
            program.terminate()
            program.wait(40)
        PostgresServer.create(tmp_path / "postgres" / "db1", name="db1").remove()
