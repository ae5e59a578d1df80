"""One contract for every adapter of the Prober port, whatever it measures.

A *case* opens one prober against something real on loopback and gives it probes: one that should
succeed, one whose service is down, and one that it cannot measure. To add an adapter, write an async
context manager that yields a `Case` and add it to CASES.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter

from blocks.catalogue.model import Check, Platform
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.network.prober import open_prober as open_network
from blocks.ports.health import CheckKey, MissingCode, Probe, Prober, Reading
from blocks.ports.network import Routes
from blocks.postgres.block import PostgresReader
from blocks.postgres.prober import open_prober as open_postgres

GOOD, DOWN, SILENT, FOREIGN = "good", "down", "silent", "foreign"


@dataclass
class Case:
    """A prober and the probes of it, by what should come of them.

    `good` measures, `down` finds, `silent` never answers and must keep its timeout, `foreign` is a
    check that this prober does not make.
    """

    prober: Prober
    probes: dict[str, Probe]


def probe_of(service: str, **check: Any) -> Probe:
    """A probe of `service`, its check written as in the catalogue."""
    declared = TypeAdapter[Any](Check).validate_python({"name": "it", "timeout": "1s", **check})
    site = {"name": "here", "provider": "azure", "region": "r", "role": "primary", "credentials": "none"}
    made = {"name": service, "kind": "web", "site": "here", "checks": {"it": declared}}
    platform = Platform.model_validate(
        {"name": "port", "customer": "port", "sites": {"here": site}, "services": {service: made}}
    )
    return Probe(platform, platform.services[service], platform.services[service].checks["it"])


@contextlib.asynccontextmanager
async def listening(behave: Callable[..., Any]) -> AsyncIterator[int]:
    """A loopback server; its port."""
    writers, tasks = set(), set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks)
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


def nobody() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def network_case(_folder: Path) -> AsyncIterator[Case]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    async with listening(echo) as port, listening(silence) as mute:
        routes = Routes({"a.example:80": f"127.0.0.1:{port}", "b.example:80": f"127.0.0.1:{nobody()}"})
        routes = Routes({**routes.connect_to, "c.example:80": f"127.0.0.1:{mute}"})
        async with open_network(None, routes=routes, clock=SystemClock()) as prober:
            yield Case(
                prober,
                {
                    GOOD: probe_of(GOOD, kind="http", url="http://a.example/good", expect_body="/good"),
                    DOWN: probe_of(DOWN, kind="http", url="http://b.example/"),
                    SILENT: probe_of(SILENT, kind="http", url="http://c.example/"),
                    FOREIGN: probe_of(FOREIGN, kind="resource_state"),
                },
            )


@contextlib.asynccontextmanager
async def postgres_case(folder: Path) -> AsyncIterator[Case]:
    from deployments.sandbox.postgres import PostgresServer

    server = PostgresServer.create(folder / "db", name="port").start()
    try:
        async with listening(silence) as mute:
            places = {"a.example": server.port, "b.example": nobody(), "c.example": mute}
            routes = Routes({f"{name}:5432": f"127.0.0.1:{port}" for name, port in places.items()})
            reader = PostgresReader(
                user="postgres", password=SecretStr(server.passwords["postgres"]), sslmode="disable"
            )
            database = {"kind": "database", "database": "postgres"}
            async with open_postgres(reader, routes=routes, clock=SystemClock()) as prober:
                yield Case(
                    prober,
                    {
                        GOOD: probe_of(GOOD, address="a.example:5432", **database, timeout="10s"),
                        DOWN: probe_of(DOWN, address="b.example:5432", **database),
                        SILENT: probe_of(SILENT, address="c.example:5432", **database),
                        FOREIGN: probe_of(FOREIGN, kind="resource_state"),
                    },
                )
    finally:
        server.remove()


CASES: dict[str, Callable[[Path], AbstractAsyncContextManager[Case]]] = {
    "network": network_case,
    "postgres": postgres_case,
}


@pytest.fixture(params=sorted(CASES))
async def case(request, tmp_path) -> AsyncIterator[Case]:
    async with CASES[request.param](tmp_path) as opened:
        yield opened


def held_to_the_port(reading: Reading, probe: Probe) -> None:
    assert reading.key == probe.key == CheckKey(probe.service.name, "it")
    assert reading.attempt == probe.attempt
    assert reading.started_at.utcoffset() is not None
    assert reading.elapsed_ms >= 0
    if reading.missing is not None:
        assert reading.measurements == ()
        assert reading.finding is None
    else:
        assert reading.measurements or reading.finding
    names = [m.name for m in reading.measurements]
    assert len(names) == len(set(names))
    assert set(probe.check.limits()) >= {name for name in names if name in probe.check.limits()}


async def test_a_good_service_is_measured_and_found_right(case):
    reading = await case.prober.probe(case.probes[GOOD])
    held_to_the_port(reading, case.probes[GOOD])
    assert reading.finding is None
    assert reading.measurements
    assert case.probes[GOOD].check.limits().keys() & {m.name for m in reading.measurements}


async def test_a_service_that_is_down_is_a_finding_and_no_error(case):
    reading = await case.prober.probe(case.probes[DOWN])
    held_to_the_port(reading, case.probes[DOWN])
    assert reading.finding is not None
    assert reading.finding.text
    assert reading.finding.text.isprintable()


async def test_silence_costs_the_timeout_and_no_more(case):
    probe = case.probes[SILENT]
    begin = time.monotonic()
    reading = await case.prober.probe(probe)
    held_to_the_port(reading, probe)
    assert reading.finding is not None
    assert time.monotonic() - begin < probe.check.timeout.total_seconds() + 1.5


async def test_what_cannot_be_measured_raises_one_of_the_three(case):
    with pytest.raises((Retryable, Refused, Broken)) as caught:
        await case.prober.probe(case.probes[FOREIGN])
    assert caught.value.code in set(MissingCode)


async def test_concurrent_probes_do_not_mix(case):
    wanted = [case.probes[(GOOD, DOWN, SILENT)[number % 3]] for number in range(18)]
    readings = await asyncio.gather(*(case.prober.probe(probe) for probe in wanted))
    for reading, probe in zip(readings, wanted, strict=True):
        held_to_the_port(reading, probe)
        assert (reading.finding is None) == (probe.service.name == GOOD)


async def test_a_cancelled_probe_ends_at_once(case):
    task = asyncio.create_task(case.prober.probe(case.probes[SILENT]))
    await asyncio.sleep(0.1)
    task.cancel()
    begin = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begin < 0.8
    held_to_the_port(await case.prober.probe(case.probes[GOOD]), case.probes[GOOD])
