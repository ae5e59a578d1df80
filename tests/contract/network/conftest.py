"""A zoo of servers that misbehave for real, on loopback, under real names and real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import TypeAdapter

from blocks.catalogue.model import Check, Platform
from blocks.clock import SystemClock
from blocks.errors import VigieError
from blocks.network.prober import open_prober
from blocks.ports.health import Probe, Reading
from blocks.ports.network import Routes

_GOODBYE_S = 5.0
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def probe_of(**check: Any) -> Probe:
    """A probe with a check written as in the catalogue, of service `animal`."""
    declared = TypeAdapter[Any](Check).validate_python({"name": "it", "timeout": "1s", **check})
    platform = Platform.model_validate(
        {
            "name": "zoo",
            "customer": "keeper",
            "sites": {
                "here": {"name": "here", "provider": "azure", "region": "r", "role": "primary", "credentials": "none"}
            },
            "services": {"animal": {"name": "animal", "kind": "web", "site": "here", "checks": {"it": declared}}},
        }
    )
    service = platform.services["animal"]
    return Probe(platform, service, service.checks["it"])


class Zoo:
    """Servers by name: `<name>.zoo.example:443`, or `:80` without TLS, led to a free loopback port."""

    def __init__(self, ca: trustme.CA, ca_file: Path) -> None:
        self.ca = ca
        self.connect_to: dict[str, str] = {}
        self.routes = Routes(self.connect_to, str(ca_file))
        self.connection_count = 0
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def serve(self, name: str, behave: Behave, leaf: trustme.LeafCert | None = None, *, tls: bool = True) -> str:
        """Start one; its address."""
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            (leaf or self.ca.issue_cert(f"{name}.zoo.example")).configure_cert(context)
        server = await asyncio.start_server(self._guarded(behave), "127.0.0.1", 0, ssl=context)
        self._servers.append(server)
        self.lead(f"{name}.zoo.example:{443 if tls else 80}", server.sockets[0].getsockname()[1])
        return f"{'https' if tls else 'http'}://{name}.zoo.example"

    def lead(self, address: str, port: int) -> None:
        self.connect_to[address] = f"127.0.0.1:{port}"

    def _guarded(self, behave: Behave) -> Behave:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connection_count += 1
            self._writers.add(writer)
            self._tasks.add(asyncio.current_task())
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await behave(reader, writer)
            writer.close()

        return run

    async def close(self) -> None:
        closed = [asyncio.create_task(server.wait_closed()) for server in self._servers]
        await asyncio.sleep(0)  # from now on they wait; one that is closed already would not be waited for
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(t for t in self._tasks if t), return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(*closed), _GOODBYE_S)  # also who left in the middle of a handshake


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def zoo(ca: trustme.CA, tmp_path: Path) -> AsyncIterator[Zoo]:
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    opened = Zoo(ca, ca_file)
    yield opened
    await opened.close()


_STALL_S = 0.25
"""Less than the shortest time that a check of these tests has, and than the moment that ends may come late."""
_LOOKS = 10


async def undisturbed(probe: Callable[[], Awaitable[Reading]]) -> Reading:
    """What the probe says on a machine that let us run: where all of us stood still meanwhile, it is made again."""
    outcome: Reading | VigieError | None = None
    for _ in range(_LOOKS):
        stalls = Stalls()
        watching = asyncio.create_task(stalls.watch())
        await asyncio.sleep(0)
        try:
            outcome = await probe()
        except VigieError as error:
            outcome = error
        watching.cancel()
        if stalls.longest_s() < _STALL_S:
            break
    if isinstance(outcome, VigieError):
        raise outcome
    assert outcome is not None
    return outcome


class Stalls:
    """By how much short sleeps were too long."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due, self._longest_s = self._loop.time(), 0.0

    async def watch(self) -> None:
        while True:
            self._longest_s = self.longest_s()
            self._due = self._loop.time() + 0.02
            await asyncio.sleep(0.02)

    def longest_s(self) -> float:
        return max(self._longest_s, self._loop.time() - self._due)


@pytest.fixture
async def see(zoo: Zoo) -> AsyncIterator[Callable[..., Awaitable[Reading]]]:
    """`await see(kind="http", url=...)` -> the reading; every reading is held against its own timeout."""
    async with open_prober(None, routes=zoo.routes, clock=SystemClock()) as prober:

        async def look(**check: Any) -> Reading:
            probe = probe_of(**check)
            reading = await undisturbed(lambda: prober.probe(probe))
            assert timedelta(milliseconds=reading.elapsed_ms) < probe.check.timeout + timedelta(seconds=0.4)
            assert reading.measurements or reading.finding
            assert reading.missing is None
            assert reading.key == probe.key
            assert reading.started_at.tzinfo is not None
            if reading.finding:
                assert reading.finding.text.isprintable()
                assert len(reading.finding.text) < 400
            return reading

        yield look


@pytest.fixture
def probe_for() -> Callable[..., Probe]:
    return probe_of


@pytest.fixture
def free_port() -> int:
    """A loopback port where nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def full_backlog():
    """A loopback port whose listener never accepts and whose queue is full: connections just hang."""
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        client = socket.socket()
        client.settimeout(0)
        client.connect_ex(listener.getsockname())
        waiting.append(client)
    yield listener.getsockname()[1]
    for opened in (*waiting, listener):
        opened.close()
