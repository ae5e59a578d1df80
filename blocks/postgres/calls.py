"""How are a few questions put to a PostgreSQL server, with an end in time whatever the server does?

For steps, which are synchronous. One login a call; the server gives up a little before we do, and a connection that
goes silent is shut from our side.

The rule: our own role being turned away is `Refused`; a server that does not answer is `Retryable`; neither is guessed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused, Retryable
from blocks.network.names import host_and_port
from blocks.network.wording import tidy
from blocks.postgres.faults import login_failed

if TYPE_CHECKING:
    import psycopg

    from blocks.ports.network import Routes
    from blocks.postgres.block import PostgresReader

    Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_S = 3
_SERVER_SHARE = 0.9


@contextmanager
def session(
    block: PostgresReader, routes: Routes, address: str, database: str, seconds: float = 5.0
) -> Generator[Connection]:
    """A session at `address` (host:port) for at most `seconds`. Raises `Refused`, `Retryable`."""
    import psycopg

    connection = _log_in(block, routes, address, database)
    silence = threading.Timer(seconds, _shut, [connection])
    silence.daemon = True
    silence.start()
    try:
        connection.execute(f"SET statement_timeout = {round(seconds * 1000 * _SERVER_SHARE)}".encode())
        yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"{block.user} may not do this: {_said(error)}",
            where=address,
            next_step="compare its rights with docs/permissions-postgres.md",
        ) from None
    except psycopg.OperationalError as error:
        raise Retryable(f"the server did not answer to the end: {_said(error)}", where=address) from None
    except psycopg.Error as error:
        raise Refused(f"PostgreSQL refused: {_said(error)}", where=address, next_step="look at the server") from None
    finally:
        silence.cancel()
        connection.close()


def _log_in(block: PostgresReader, routes: Routes, address: str, database: str) -> Connection:
    import psycopg

    host, port = host_and_port(address, 5432)
    place, number = routes.lead(host, port)
    try:
        return psycopg.connect(
            **block.connection_options(),
            host=host,
            hostaddr=_resolved(place, address),
            port=number,
            dbname=database,
            options="",
            connect_timeout=_CONNECT_S,
            application_name="vigie",
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        finding = login_failed(error, f"{address}/{database}", block.user)
        raise Retryable(finding.text, where=address, code=finding.code) from None


def _resolved(place: str, address: str) -> str:
    try:
        return str(socket.getaddrinfo(place, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise Retryable(f"the name {place} leads nowhere: {error}", where=address) from None


def _shut(connection: Connection) -> None:
    """Whoever waits for an answer on it is told that the connection is gone."""
    with suppress(Exception), socket.socket(fileno=connection.fileno()) as shared:
        try:
            shared.shutdown(socket.SHUT_RDWR)
        finally:
            shared.detach()


def _said(error: psycopg.Error) -> str:
    return tidy(str(error).strip(), 160)
