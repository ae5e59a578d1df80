"""Two real PostgreSQL servers behind their real doors, each door a process of its own over TLS."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import trustme
import yaml
from pydantic import SecretStr

from blocks.catalogue.recovery import ReplicatedData
from blocks.clock import SystemClock
from blocks.errors import VigieError
from blocks.ports.changes import Change, Evidence, Mark, Seen
from blocks.ports.network import Routes
from blocks.ports.recovery import DatabaseLook
from blocks.postgres.block import DatabaseHost, PostgresOperator, PostgresReader
from blocks.postgres.host import HostDoor
from blocks.postgres.member import PostgresMember, open_member
from deployments.dbhost.processes import recorded_pid
from deployments.sandbox.postgres import REPLICATOR, SUPERUSER, PostgresServer
from deployments.sandbox.processes import free_port

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "pass word:31415"
READER, OPERATOR = "reader-token-4711", "operator-token-0815"
ADDRESSES = {"west": "db1.test.example", "east": "db2.test.example"}
QUICK = {"shared_buffers": "16MB", "max_connections": "40", "wal_sender_timeout": "3s", "fsync": "off"}


@dataclass
class Host:
    """One server and its door."""

    site: str
    server: PostgresServer
    config: Path
    folder: Path
    door: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        log = (self.folder / "door.log").open("ab")
        command = [sys.executable, "-m", "deployments.dbhost", "--config", str(self.config)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        log.close()
        if wait:
            eventually(lambda: self.status()["role"] not in ("stopped", "starting"), self.log)

    def kill(self) -> None:
        """As a power cut: the door and every process of its server, at once."""
        pid = self.pid
        for each in (self.process.pid if self.process else None, pid):
            if each is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
        eventually(lambda: pid is None or not Path(f"/proc/{pid}").exists() or _zombie(pid))
        self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    @property
    def pid(self) -> int | None:
        return recorded_pid(self.server.place.data_dir)

    def status(self) -> dict[str, Any]:
        return dict(self.hostdoor().status())

    def hostdoor(self, token: str = READER) -> HostDoor:
        return self.pair.door_of(self, token)

    def log(self) -> str:
        return (self.folder / "door.log").read_text()[-2000:]

    def rows(self, question: str, database: str = "household") -> list[Any]:
        with psycopg.connect(self.server.dsn(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(question)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    pair: Pair = field(init=False, repr=False)


@dataclass
class Pair:
    """The household's data in west and east."""

    west: Host
    east: Host
    ca_file: Path
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def routes(self) -> Routes:
        led = {}
        for host in (self.west, self.east):
            led[f"{ADDRESSES[host.site]}:5432"] = host.server.address
            led[f"{ADDRESSES[host.site]}:8443"] = f"127.0.0.1:{host.door}"
        return Routes(led, str(self.ca_file))

    @property
    def data(self) -> ReplicatedData:
        return ReplicatedData.model_validate(
            {
                "name": "household",
                "members": {"west": "data-west", "east": "data-east"},
                "hosts": {site: f"{name}:8443" for site, name in ADDRESSES.items()},
                "database": "household",
                "tables": {"devices": {"key": ["id"]}},
            }
        )

    def block(self, token: str) -> DatabaseHost:
        doors = [f"{name}:8443" for name in ADDRESSES.values()]
        return DatabaseHost(token=SecretStr(token), doors=doors, ca_file=str(self.ca_file))

    def door_of(self, host: Host, token: str) -> HostDoor:
        return HostDoor(f"{ADDRESSES[host.site]}:8443", self.block(token), self.routes)

    def member(self, host: Host, routes: Routes | None = None, operator: str = "vigie_operator") -> PostgresMember:
        secret = {"password": SecretStr(PASSWORD), "sslmode": "disable"}
        opened = open_member(
            self.data,
            host.site,
            service_name=f"data-{host.site}",
            address=f"{ADDRESSES[host.site]}:5432",
            reader=PostgresReader(user="vigie_reader", **secret),
            operator=lambda: PostgresOperator(user=operator, **secret),
            host=self.block(READER),
            host_operator=lambda: self.block(OPERATOR),
            routes=routes or self.routes,
            clock=SystemClock(),
        )
        assert isinstance(opened, PostgresMember)
        return opened


def eventually(condition: Callable[[], Any], said: Callable[[], str] = lambda: "", seconds: float = 30.0) -> Any:
    """What the condition gives once it is true; a server that does not answer yet is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(VigieError, psycopg.OperationalError):
            if found := condition():
                return found
        assert time.monotonic() < deadline, f"it never came true: {said()}"
        time.sleep(0.05)


@contextlib.contextmanager
def running_pair(folder: Path, **west: Any) -> Iterator[Pair]:
    """A pair of its own: west is primary, east follows it, both doors are open."""
    pair = make_pair(folder, **west)
    try:
        pair.west.start()
        pair.east.start()
        eventually(lambda: pair.member(pair.west).look().followers.get("east_db") == 0, pair.east.log)
        yield pair
    finally:
        for host in (pair.west, pair.east):
            with contextlib.suppress(subprocess.TimeoutExpired):
                host.stop()
            host.kill()
            host.server.remove()


def make_pair(folder: Path, **west: Any) -> Pair:
    """The folders and configurations, nothing running."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    primary = PostgresServer.create(folder / "west", name="west", settings=QUICK)
    primary.start()
    primary.ensure_database("household", "app")
    _furnish(primary)
    standby = PostgresServer.create_standby_from(primary, folder / "east", name="east", application_name="east_db")
    standby.port = free_port()
    _let_rewind(primary)
    primary.stop()
    doors = {"west": free_port(), "east": free_port()}
    hosts = {
        server.name: _host(folder, server, ca, doors, {"west": primary, "east": standby}, west)
        for server in (primary, standby)
    }
    pair = Pair(hosts["west"], hosts["east"], folder / "ca.pem")
    for host in hosts.values():
        host.pair = pair
    return pair


def _host(
    folder: Path,
    server: PostgresServer,
    ca: trustme.CA,
    doors: dict[str, int],
    servers: dict[str, PostgresServer],
    west: dict[str, Any],
) -> Host:
    own, other = server.name, "east" if server.name == "west" else "west"
    mine = folder / f"{own}-host"
    mine.mkdir()
    ca.issue_cert(ADDRESSES[own]).private_key_and_cert_chain_pem.write_to_path(str(mine / "door.pem"))
    for name, secret in {
        "reader": READER,
        "operator": OPERATOR,
        "superuser": server.passwords[SUPERUSER],
        "replication": server.passwords[REPLICATOR],
    }.items():
        (mine / name).write_text(f"{secret}\n")
    config = {
        "name": f"data-{own}",
        "listen": f"127.0.0.1:{doors[own]}",
        "certificate": str(mine / "door.pem"),
        "reader_token_file": str(mine / "reader"),
        "operator_token_file": str(mine / "operator"),
        "state_dir": str(mine / "state"),
        "data_dir": str(server.place.data_dir),
        "bin_dir": str(server.place.bin_dir),
        "port": server.port,
        "run_as": "nobody" if server.place.uid is not None else "",
        "superuser_password_file": str(mine / "superuser"),
        "database": "household",
        "application_name": f"{own}_db",
        "replication_user": REPLICATOR,
        "replication_password_file": str(mine / "replication"),
        "replication_options": "sslmode=disable",
        "follows": f"{ADDRESSES[other]}:5432" if own == "east" else "",
        "sources": [f"{ADDRESSES[other]}:5432"],
        "peers": [{"address": f"{ADDRESSES[other]}:8443", "token_file": str(mine / "reader")}],
        "ca_file": str(folder / "ca.pem"),
        "starts_alone": True,
        "looks_at": [f"{ADDRESSES[other]}:5432", f"{ADDRESSES[other]}:8443", f"{ADDRESSES[own]}:8443"],
        "connect_to": {
            **{f"{ADDRESSES[name]}:5432": f"127.0.0.1:{each.port}" for name, each in servers.items()},
            **{f"{ADDRESSES[name]}:8443": f"127.0.0.1:{port}" for name, port in doors.items()},
        },
        **(west if own == "west" else {}),
    }
    (mine / "host.yaml").write_text(yaml.safe_dump(config))
    return Host(own, server, mine / "host.yaml", mine, doors[own])


def _furnish(primary: PostgresServer) -> None:
    quoted = PASSWORD.replace("'", "''")
    with psycopg.connect(primary.dsn("household"), autocommit=True) as connection:
        for statement in (
            "CREATE TABLE devices (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, state text NOT NULL, "
            "at timestamptz NOT NULL DEFAULT now())",
            "INSERT INTO devices (state) SELECT 'auto' FROM generate_series(1, 50)",
            "ALTER TABLE devices OWNER TO app",
            f"CREATE ROLE vigie_reader LOGIN PASSWORD '{quoted}'",
            "GRANT pg_monitor, pg_read_all_data TO vigie_reader",
            f"CREATE ROLE vigie_operator LOGIN PASSWORD '{quoted}' CONNECTION LIMIT 5",
            "GRANT pg_monitor, pg_signal_backend TO vigie_operator",
            "GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names, default_transaction_read_only TO vigie_operator",
            "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO vigie_operator",
        ):
            connection.execute(statement)  # type: ignore[arg-type]


def _let_rewind(primary: PostgresServer) -> None:
    functions = (
        "pg_ls_dir(text, boolean, boolean)",
        "pg_stat_file(text, boolean)",
        "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)",
    )
    with psycopg.connect(primary.dsn("postgres"), autocommit=True) as connection:
        for function in functions:
            connection.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {REPLICATOR}")  # type: ignore[arg-type]


# -- what a step does with a change


def mark_for(change: Change, baseline: dict[str, str] | None = None) -> Mark:
    key = uuid.uuid4().hex + uuid.uuid4().hex
    return Mark(
        key=key,
        run=uuid.uuid4(),
        intended_at=datetime.now(UTC),
        baseline=baseline if baseline is not None else dict(change.read_baseline()),
    )


def carry_out(change: Change, *, seconds: float = 40.0) -> tuple[Mark, Evidence, Seen]:
    """Check, baseline, act, wait for the effect, and enter the step again: the evidence must be there."""
    change.check()
    mark = mark_for(change)
    assert change.find_evidence(mark) is None, f"{change.text}: evidence before the act"
    change.act(mark)
    seen = reach(change, mark, seconds)
    evidence = change.find_evidence(mark)
    assert evidence is not None, f"{change.text}: no evidence after {seen.text}"
    return mark, evidence, seen


def reach(change: Change, mark: Mark, seconds: float = 40.0) -> Seen:
    """The effect, as the engine awaits it."""
    last = ""

    def reached() -> Seen | None:
        nonlocal last
        seen = change.read_effect(mark)
        last = seen.text
        return seen if seen.reached else None

    return eventually(reached, lambda: f"{change.text}: {last}", seconds)


@dataclass
class Writer(threading.Thread):
    """A client that inserts rows and keeps its own log of what was acknowledged."""

    dsn: str
    pause_s: float = 0.002
    acknowledged: list[int] = field(default_factory=list)
    tried: int = 1_000_000
    stop_at: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.stop_at.is_set():
            with contextlib.suppress(psycopg.Error), psycopg.connect(self.dsn, autocommit=True, connect_timeout=2) as to:
                while not self.stop_at.wait(self.pause_s):
                    self.tried += 1
                    to.execute("INSERT INTO devices (id, state) VALUES (%s, 'written')", (self.tried,))
                    self.acknowledged.append(self.tried)
            self.stop_at.wait(0.05)

    def end(self) -> None:
        self.stop_at.set()
        self.join(10)


def diverged_look(pair: Pair) -> DatabaseLook:
    return pair.member(pair.east).look()


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
