"""A real PostgreSQL primary with a real streaming standby, over TLS, and roles with more and fewer rights."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme
from pydantic import SecretStr, TypeAdapter

from blocks.catalogue.model import Check, Platform
from blocks.clock import SystemClock
from blocks.ports.health import Probe, Reading
from blocks.ports.network import Routes
from blocks.postgres.block import PostgresReader
from blocks.postgres.prober import open_prober
from deployments.sandbox.postgres import PostgresServer

PASSWORD = "not-for-anyone-31415"


class Pair:
    """db1.test.example:5432 and its standby db2.test.example:5432, led to loopback."""

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary, self.standby = primary, standby
        self.connect_to: dict[str, str] = {}
        self.lead()

    def lead(self) -> None:
        self.connect_to["db1.test.example:5432"] = self.primary.address
        self.connect_to["db2.test.example:5432"] = self.standby.address

    @property
    def routes(self) -> Routes:
        return Routes(self.connect_to)

    def sql(self, *statements: str, database: str = "household") -> list[Any]:
        with psycopg.connect(self.primary.dsn(database), autocommit=True) as connection:
            return [connection.execute(statement) for statement in statements]


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    primary = PostgresServer.create(folder / "db1", name="db1", settings={"max_connections": "20"})
    primary.start()
    primary.ensure_database("household")
    _roles(primary)
    standby = PostgresServer.create_standby_from(primary, folder / "db2", name="db2", application_name="hearth_db2")
    standby.start()
    opened = Pair(primary, standby)
    yield opened
    standby.remove()
    primary.remove()


def documented_rights() -> list[str]:
    """The statements of docs/probes.md that make the reader `vigie`: the tests look with these rights and no more."""
    page = Path(__file__).parents[3] / "docs" / "probes.md"
    (block,) = re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL)
    return [line.partition(";")[0].replace("'...'", f"'{PASSWORD}'") for line in block.splitlines()]


def _roles(primary: PostgresServer) -> None:
    with psycopg.connect(primary.dsn("household"), autocommit=True) as connection:
        for statement in (
            *documented_rights(),
            f"CREATE ROLE humble LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE mighty LOGIN SUPERUSER PASSWORD '{PASSWORD}'",
            f"CREATE ROLE narrow LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0",
            "CREATE TABLE readings (value int)",
            "CREATE ROLE writer LOGIN PASSWORD '" + PASSWORD + "'",
            "GRANT INSERT ON readings TO writer",
        ):
            connection.execute(statement)


def reader_of(user: str = "vigie", **changed: Any) -> PostgresReader:
    return PostgresReader(**({"user": user, "password": SecretStr(PASSWORD), "sslmode": "disable"} | changed))


def probe_of(**check: Any) -> Probe:
    written = {"name": "it", "timeout": "5s", "address": "db1.test.example:5432", "database": "household", **check}
    written = {key: given for key, given in written.items() if given is not None}
    declared = TypeAdapter[Any](Check).validate_python(written)
    site = {"name": "here", "provider": "azure", "region": "r", "role": "primary", "credentials": "none"}
    service = {"name": "data", "kind": "postgres", "site": "here", "checks": {"it": declared}}
    platform = Platform.model_validate(
        {"name": "home", "customer": "keeper", "sites": {"here": site}, "services": {"data": service}}
    )
    return Probe(platform, platform.services["data"], platform.services["data"].checks["it"])


@pytest.fixture
async def see(pair) -> AsyncIterator[Callable[..., Awaitable[Reading]]]:
    """`await see(kind="database")`, with `reader=` to look as another role."""
    async with contextlib.AsyncExitStack() as stack:

        async def look(reader: PostgresReader | None = None, routes: Routes | None = None, **check: Any) -> Reading:
            block = reader or reader_of()
            prober = await stack.enter_async_context(
                open_prober(block, routes=routes or pair.routes, clock=SystemClock())
            )
            probe = probe_of(**check)
            reading = await prober.probe(probe)
            assert reading.elapsed_ms < probe.check.timeout.total_seconds() * 1000 + 500
            assert reading.measurements or reading.finding
            assert reading.key == probe.key
            assert PASSWORD not in repr(reading)
            return reading

        yield look


@pytest.fixture
def reader() -> Callable[..., PostgresReader]:
    return reader_of


@pytest.fixture
async def behind_tls(pair, door, tmp_path) -> tuple[Routes, str]:
    """The primary as db1 and as db9.test.example behind TLS for db1 only: the wheel's PostgreSQL has none."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("db1.test.example").configure_cert(context)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # SSLRequest
        writer.write(b"S")
        await writer.start_tls(context)
        back, forth = await asyncio.open_connection("127.0.0.1", pair.primary.port)
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    return await door(relay), str(tmp_path / "ca.pem")


@pytest.fixture
async def door() -> AsyncIterator[Callable[..., Awaitable[Routes]]]:
    """`await door(behave)` -> routes that lead db1 to a server that behaves so; everything is ended afterwards."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(behave: Callable[..., Awaitable[None]]) -> Routes:
            running: set[asyncio.Task[None] | None] = set()
            writers: set[asyncio.StreamWriter] = set()

            async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                running.add(asyncio.current_task())
                writers.add(writer)
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await behave(reader, writer)
                writer.close()

            async def end() -> None:
                server.close()
                for task in running:
                    task.cancel()
                await asyncio.gather(*running)
                for writer in writers:
                    writer.transport.abort()
                await asyncio.sleep(0)

            server = await asyncio.start_server(guarded, "127.0.0.1", 0)
            stack.push_async_callback(end)
            return Routes(
                {
                    f"{name}.test.example:5432": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
                    for name in ("db1", "db9")
                }
            )

        yield start
