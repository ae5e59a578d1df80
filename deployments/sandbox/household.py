"""Where are a household's devices kept, seen from the device API?

Every call opens its own connection, through the relay of the database's real name, and gives up
after seconds: when the database is dead, cut off or slow, the API says so instead of hanging.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

from deployments.sandbox.names import relayed_port
from deployments.sandbox.state import State

_CONNECT_S = 3
_STATEMENT_MS = 3000
_COMPONENT = {"db1.hearth.example:5432": "household-primary", "db2.dc-west.hearth.example:5432": "household-standby"}


class UnavailableError(Exception):
    """The database cannot be asked; the text says why, without its address or password."""


class Household:
    """The devices table behind one real name."""

    def __init__(self, state: State, name: str) -> None:
        self._state, self._name = state, name

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
        async with self._connection() as connection:
            return (await connection.execute(statement, (json.dumps(state), device))).rowcount == 1

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._dsn(),
                autocommit=True,
                connect_timeout=_CONNECT_S,
                options=f"-c statement_timeout={_STATEMENT_MS}",
            )
            async with connection:
                yield connection
        except psycopg.Error as error:
            raise UnavailableError(_reason(error)) from error

    def _dsn(self) -> str:
        known = str(self._state.read_ready(_COMPONENT[self._name]).get("app_dsn", ""))
        if not known:
            raise UnavailableError("the database is not running")
        parts = urlsplit(known)
        return parts._replace(
            netloc=f"{parts.netloc.rpartition(':')[0]}:{relayed_port(self._state, self._name)}"
        ).geturl()


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return f"the database did not answer in {_CONNECT_S} s"
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return "the database is a standby and takes no writes"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"the database did not answer a query in {_STATEMENT_MS / 1000:.0f} s"
    return "the database refused or lost the connection"
