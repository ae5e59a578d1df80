"""How does a probe get into a database, and out again, in its time?

One login a probe, as a client would; read-only, with a statement timeout on the server's side and a
deadline on ours, so that a server that hangs after the login holds neither us nor itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from blocks.network.course import Stage
from blocks.network.names import host_and_port
from blocks.ports.health import Finding
from blocks.postgres.faults import login_failed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import psycopg

    from blocks.network.course import Course
    from blocks.network.names import Names
    from blocks.postgres.block import PostgresReader

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

T = TypeVar("T")
_GRACE_S = 0.1
_SERVER_SHARE = 0.9


async def log_in(
    reader: PostgresReader, names: Names, address: str, database: str, course: Course
) -> Connection | Finding:
    """A session that can only read, or the finding that says why there is none.

    Raises socket.gaierror, and `Refused` when our own role was turned away.
    """
    import psycopg

    host, port = host_and_port(address, 5432)
    course.stage = Stage.NAME
    places = await names.resolve(host, port)
    course.stage = Stage.CONNECT
    try:
        connection = await psycopg.AsyncConnection.connect(
            **reader.connection_options(),
            host=",".join(host for _ in places),
            hostaddr=",".join(place["host"] for place in places),
            port=",".join(str(place["port"]) for place in places),
            dbname=database,
            options="",
            connect_timeout=int(course.timeout.total_seconds()) + 2,
            application_name="vigie",
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        return login_failed(error, f"{address}/{database}", reader.user)
    course.stage = Stage.BODY
    return connection


async def first_question(connection: Connection, course: Course) -> None:
    """Nothing is written from here on, the server gives up a little before we do, and something was answered."""
    left_ms = course.timeout.total_seconds() * 1000 - course.elapsed_ms()
    limit = f"{max(1, round(left_ms * _SERVER_SHARE))}ms"
    await ask(
        connection,
        "SELECT 1, set_config('default_transaction_read_only', 'on', false),"
        " set_config('statement_timeout', %s, false)",
        limit,
    )


async def ask(connection: Connection, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """All rows of one answer. Raises psycopg.Error."""
    cursor = await connection.execute(question, values or None)
    return await cursor.fetchall() if cursor.description else []


async def bounded(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """The result of `work`, or TimeoutError in time, whatever the server does.

    Cancelled once, the client library still waits for the server to agree; cancelled twice, it hangs up.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        for _ in range(2):
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_GRACE_S)
