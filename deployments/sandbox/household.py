"""Where are a household's devices kept, seen from the device API and from the digest's worker?

Every call opens its own connection, PostgreSQL's own way with several hosts: its site's database first, by its real
name, then the other site's, by the line between the two. Who writes takes the first that takes writes; who reads asks
its own site's, and where that does not answer the one that takes writes. It gives up after seconds: when the databases
are dead, cut off or slow, the API says so instead of hanging.

The rules: what was not said to be safe in both sites, where both are asked for, is not acknowledged; a copy elsewhere
is no excuse for a database that is gone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString
from urllib.parse import quote, urlsplit
from uuid import UUID

import psycopg

from deployments.sandbox.names import ACROSS, relayed_port
from deployments.sandbox.state import State

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
_CONNECT_S = 2  # for each of the two: the least that PostgreSQL's client library knows
_STATEMENT_MS = 3000
_NOT_BOTH = "committed locally"  # in PostgreSQL's warning when a wait for the standby was cut short
TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS devices (id text PRIMARY KEY, household text NOT NULL,"
        " state jsonb NOT NULL DEFAULT '{}', updated_at timestamptz NOT NULL DEFAULT now())"
    ),
    (
        "CREATE TABLE IF NOT EXISTS rows (id uuid PRIMARY KEY, number bigint NOT NULL,"
        " made_at timestamptz NOT NULL DEFAULT now())"
    ),
    "CREATE INDEX IF NOT EXISTS rows_newest ON rows (made_at)",
    (
        "CREATE TABLE IF NOT EXISTS digests (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), site text NOT NULL,"
        " made_at timestamptz NOT NULL DEFAULT now())"
    ),
)
"""Everything hearth keeps of a household; `rows` are the steady writer's, `digests` the second worker's."""
DATABASES = {"azure-west": "db1.hearth.example:5432", "dc-west": "db2.dc-west.hearth.example:5432"}
"""Site -> the real name of its database."""
_COMPONENT = {"db1.hearth.example:5432": "household-primary", "db2.dc-west.hearth.example:5432": "household-standby"}


class UnavailableError(Exception):
    """The database cannot be asked; the text says why, without its address or password."""


class Household:
    """The devices table as it is found from one site."""

    def __init__(self, state: State, site: str) -> None:
        self._state, self._site = state, site

    async def count(self) -> int:
        """How many devices there are. Raises `UnavailableError`."""
        async with self._connection() as connection:
            row = await (await connection.execute("SELECT count(*) FROM devices")).fetchone()
        return int(row[0]) if row else 0

    async def read(self, device: str) -> dict[str, Any] | None:
        """A device's state, None for an unknown device. Raises `UnavailableError`."""
        async with self._connection() as connection:
            answer = await connection.execute("SELECT state FROM devices WHERE id = %s", (device,))
            row = await answer.fetchone()
        return dict(row[0]) if row else None

    async def write(self, device: str, state: dict[str, Any]) -> bool:
        """Replace a device's state; False for an unknown device. Raises `UnavailableError`."""
        statement = "UPDATE devices SET state = %s, updated_at = now() WHERE id = %s"
        async with self._connection(writing=True) as connection:
            return (await connection.execute(statement, (json.dumps(state), device))).rowcount == 1

    async def add_row(self, row: UUID, number: int) -> bool:
        """Keep one numbered row; False when it was there already. Raises `UnavailableError`."""
        statement = "INSERT INTO rows (id, number) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING"
        return await self._add(statement, (row, number)) == 1

    async def add_digest(self, site: str) -> None:
        """Note that a digest was made there. Raises `UnavailableError`."""
        await self._add("INSERT INTO digests (site) VALUES (%s)", (site,))

    async def _add(self, statement: LiteralString, values: tuple[Any, ...]) -> int:
        said: list[str] = []
        async with self._connection(writing=True) as connection:
            connection.add_notice_handler(
                lambda notice: said.append(f"{notice.message_primary} {notice.message_detail}")
            )
            added = (await connection.execute(statement, values)).rowcount
        if any(_NOT_BOTH in each for each in said):
            raise UnavailableError("the row may be in one site only")
        return added

    @asynccontextmanager
    async def _connection(self, *, writing: bool = False) -> AsyncGenerator[Connection]:
        try:
            connection = await (self._writable() if writing else self._readable())
            async with connection:
                yield connection
        except psycopg.Error as error:
            raise UnavailableError(_reason(error)) from error

    async def _writable(self) -> Connection:
        return await _connected(household_dsn(self._state, *lines_from(self._site)), "read-write")

    async def _readable(self) -> Connection:
        own, other = (household_dsn(self._state, line) for line in lines_from(self._site))
        try:
            return await _connected(own, "any")
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                return await _connected(other, "read-write")
            raise error from None


def lines_from(site: str) -> tuple[str, str]:
    """The names on which a service of that site reaches its own database, and the other site's."""
    (across,) = [line for other, line in ACROSS.items() if other != site]
    return DATABASES[site], across


def household_dsn(state: State, *lines: str) -> str:
    """The databases behind these names, as a service finds them, in this order. Raises `UnavailableError`."""
    announced = (state.read_ready(component).get("app_dsn", "") for component in _COMPONENT.values())
    known = next((str(dsn) for dsn in announced if dsn), "")  # roles and passwords are the same on both
    if not known:
        raise UnavailableError("the database is not running")
    if "relays" not in state.read_ready("relay"):  # what is known is of the sandbox's last life
        raise UnavailableError("the network is not there yet")
    parts = urlsplit(known)
    places = ",".join(f"127.0.0.1:{relayed_port(state, line)}" for line in lines)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{places}").geturl()


def reader_dsn(state: State, name: str) -> str:
    """Where the reader finds the database with that real name, by the line of clients. Raises `UnavailableError`."""
    known = state.read_ready("household-primary")  # roles and passwords are the same on both
    if "reader_password" not in known:
        raise UnavailableError("the database has not been there yet")
    who = f"{known['reader']}:{quote(known['reader_password'], safe='')}"
    return f"postgresql://{who}@127.0.0.1:{relayed_port(state, name)}/household"


def present_ids(dsn: str, ids: Collection[UUID]) -> set[UUID]:
    """Which of these rows a database has. Raises psycopg.Error."""
    with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_S) as connection:
        return {row for (row,) in connection.execute("SELECT id FROM rows WHERE id = ANY(%s)", (list(ids),))}


async def _connected(dsn: str, wanted: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        dsn,
        target_session_attrs=wanted,
        autocommit=True,
        connect_timeout=_CONNECT_S,
        options=f"-c statement_timeout={_STATEMENT_MS}",
    )


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction) or "read-only" in str(error):
        return "no database takes writes"
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return f"the database did not answer in {_CONNECT_S} s"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"the database did not answer a query in {_STATEMENT_MS / 1000:.0f} s"
    return "the database refused or lost the connection"
