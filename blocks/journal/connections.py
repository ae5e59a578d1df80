"""How do we reach the journal without ever hanging on it?

A few connections are kept; one that cannot begin a transaction is replaced before anything is asked
of it. Whoever waits is bounded three times: by the server (statement and lock timeouts), by TCP
(keep-alives) and, for a server that is frozen, by our own watch that cuts the line.

The rule: every failure becomes one of the three errors, says where and what next, and never shows
the password.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

_KEPT_COUNT = 4
_BEGINS_WITHIN_S = 5.0
_SETTINGS = (
    "-c statement_timeout={statement} -c lock_timeout={lock} -c idle_in_transaction_session_timeout=60s "
    "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c TimeZone=UTC"
)
_FORKED: list[psycopg.Connection] = []  # a parent's connections: never used and never closed by a child


class Connections:
    """A small pool, safe between threads and across fork. `answer_within_s` bounds every transaction."""

    def __init__(self, dsn: str, *, answer_within_s: float = 30.0) -> None:
        self._dsn = dsn
        self.where = place_of(dsn)
        self._answer_within_s = answer_within_s
        self._idle: list[psycopg.Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @contextmanager
    def transaction(self) -> Generator[psycopg.Connection]:
        """One transaction: committed when the block ends well, rolled back otherwise; errors are translated."""
        with translated(self.where):
            connection, begun = self._begin()
            try:
                with _watch(connection, self._answer_within_s), begun:
                    yield connection
            except BaseException:
                connection.close()
                raise
            self._put_back(connection)

    @contextmanager
    def own_session(self) -> Generator[psycopg.Connection]:
        """A connection of its own, in autocommit, for what belongs to a session (locks)."""
        with translated(self.where):
            connection = self.open_session()
        try:
            yield connection
        finally:
            end_session(connection)

    def open_session(self) -> psycopg.Connection:
        """The same for whoever closes it himself. Raises the driver's own errors."""
        return open_connection(self._dsn)

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(self) -> tuple[psycopg.Connection, ExitStack]:
        """A connection and the transaction just begun on it, to be entered by whoever uses it."""
        while True:
            kept = self._kept()
            connection, begun = kept or open_connection(self._dsn), ExitStack()
            try:
                with _watch(connection, _BEGINS_WITHIN_S):
                    begun.enter_context(connection.transaction())
                    return connection, begun
            except psycopg.Error:
                connection.close()
                if not kept:
                    raise
                self.close()  # what took one of them took the others too: nobody waits for each

    def _kept(self) -> psycopg.Connection | None:
        with self._lock:
            if self._pid != os.getpid():
                _FORKED.extend(self._idle)
                self._idle, self._pid = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def _put_back(self, connection: psycopg.Connection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT_COUNT and not connection.closed and self._pid == os.getpid():
                self._idle.append(connection)
                return
        connection.close()


def open_connection(dsn: str, *, patient: bool = False) -> psycopg.Connection:
    """A connection in autocommit with every timeout set; `patient` for upgrades, which may wait for each other."""
    given = conninfo_to_dict(dsn)
    statement, lock = ("10min", "5min") if patient else ("20s", "10s")
    settings: dict[str, Any] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20000,
        "application_name": "vigie",
    } | {name: value for name, value in given.items() if value is not None}
    settings["options"] = f"{_SETTINGS.format(statement=statement, lock=lock)} {given.get('options') or ''}".strip()
    return psycopg.connect(autocommit=not patient, **settings)


def place_of(dsn: str) -> str:
    """Where the journal is, without a password: "journal db.example:5432/journal". Raises `Broken`."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.Error:
        given = None
    if given is None:  # raised outside the handler: the parser's own words quote the secret
        raise Broken(
            "the journal's address cannot be read",
            next_step="write it as postgresql://user:password@host:port/database in VIGIE_JOURNAL_DSN or its block",
            code=MissingCode.PROBE_FAILED,
        )
    host = given.get("host") or given.get("hostaddr") or "the local socket"
    return f"journal {host}:{given.get('port') or 5432}/{given.get('dbname') or given.get('user') or ''}"


@contextmanager
def translated(where: str) -> Generator[None]:
    """Turn the driver's exceptions into ours."""
    try:
        yield
    except psycopg.Error as error:
        raise _translate(error, where) from error


_UPGRADE = "run `vigie journal upgrade`"
_LOGIN = ("password authentication failed", "no password supplied", "pg_hba.conf", "is not permitted to log in")
_REFUSALS = (errors.InsufficientPrivilege, errors.InvalidPassword, errors.InvalidAuthorizationSpecification)
_DEFECTS: tuple[tuple[tuple[type[psycopg.Error], ...], str, str], ...] = (
    ((errors.InvalidCatalogName,), "the journal's database is not there", f"create it, then {_UPGRADE}"),
    (
        (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction),
        "the journal's schema is not the one needed",
        _UPGRADE,
    ),
    ((errors.ReadOnlySqlTransaction,), "the journal only reads: it is a standby", "point the journal at the primary"),
)


def _translate(error: psycopg.Error, where: str) -> VigieError:
    said = " ".join(str(error).split())[:300]
    if isinstance(error, _REFUSALS) or (error.sqlstate is None and any(words in said for words in _LOGIN)):
        next_step = "check the user, its password and its rights in the journal's block"
        code = MissingCode.CREDENTIALS
        return Refused(f"the journal refused us: {said}", where=where, next_step=next_step, code=code)
    for kinds, what, next_step in _DEFECTS:
        if isinstance(error, kinds) or (error.sqlstate is None and _is_absent_database(said, kinds)):
            return _broken(f"{what}: {said}", where, next_step)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Retryable(
            f"the journal did not answer: {said}",
            where=where,
            next_step="is PostgreSQL up and reachable? The same call may be repeated safely",
            code=MissingCode.API_UNREACHABLE,
        )
    return _broken(f"the journal answered what it must not: {said}", where, "keep this message and call the developers")


def _is_absent_database(said: str, kinds: tuple[type[psycopg.Error], ...]) -> bool:
    """A failed connection carries no error code, only words."""
    return errors.InvalidCatalogName in kinds and 'FATAL: database "' in said and "does not exist" in said


def _broken(what: str, where: str, next_step: str) -> Broken:
    return Broken(what, where=where, next_step=next_step, code=MissingCode.UNEXPECTED_ANSWER)


def answers(connection: psycopg.Connection) -> bool:
    """Does the session still live? Asked for five seconds."""
    try:
        with _watch(connection, 5.0):
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def end_session(connection: psycopg.Connection) -> None:
    """Give back what the session holds, and close it.

    One that only ends holds its locks until the server notices, and the next one may be there before.
    """
    with contextlib.suppress(psycopg.Error), _watch(connection, _BEGINS_WITHIN_S):  # a lost one holds nothing
        connection.execute("SELECT pg_advisory_unlock_all()")
    connection.close()


@contextmanager
def _watch(connection: psycopg.Connection, seconds: float) -> Generator[None]:
    """Cut the line when the server is silent for too long: a frozen server answers no timeout of its own."""
    line = connection.fileno()
    timer = threading.Timer(seconds, _cut, (line,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _cut(line: int) -> None:
    with contextlib.suppress(OSError):
        duplicate = socket.socket(fileno=os.dup(line))
        try:
            duplicate.shutdown(socket.SHUT_RDWR)
        finally:
            duplicate.close()
