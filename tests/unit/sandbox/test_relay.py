"""The relay fails as networks fail: seen by a plain client on real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from deployments.sandbox.relay import Relay, Relays


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1000):
        writer.write(chunk)
        await writer.drain()
    writer.close()


class Line:
    """An echo service, a relay before it, and whether the service lives."""

    def __init__(self) -> None:
        self.alive = True
        self.address: tuple[str, int] | None = None
        self.relay = Relay("echo.example:7", lambda: self.address if self.alive else None)

    async def ask(self, text: bytes = b"hello") -> bytes:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.relay.port)
            try:
                writer.write(text)
                return await reader.readexactly(len(text))
            finally:
                writer.close()


@pytest.fixture
async def line():
    line = Line()
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    line.address = server.sockets[0].getsockname()
    await line.relay.adapt()
    yield line
    await line.relay.close()
    server.close()


async def test_it_passes_what_comes(line):
    assert await line.ask(b"x" * 500) == b"x" * 500


async def test_refuse_closes_the_port_and_mending_opens_the_same_one(line):
    port = line.relay.port
    await line.relay.fail("refuse")
    with pytest.raises(ConnectionRefusedError):
        await line.ask()
    await line.relay.fail(None)
    assert line.relay.port == port
    assert await line.ask() == b"hello"


async def test_refuse_breaks_what_was_open(line):
    reader, writer = await asyncio.open_connection("127.0.0.1", line.relay.port)
    writer.write(b"a")
    await reader.readexactly(1)
    await line.relay.fail("refuse")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_in_a_partition_not_even_a_connection_is_made(line):
    await line.relay.fail("partition")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await asyncio.open_connection("127.0.0.1", line.relay.port)
    await line.relay.fail(None)
    assert await line.ask() == b"hello"


async def test_in_a_partition_what_was_open_goes_silent_and_comes_back(line):
    reader, writer = await asyncio.open_connection("127.0.0.1", line.relay.port)
    writer.write(b"a")
    await reader.readexactly(1)
    await line.relay.fail("partition")
    writer.write(b"b")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await reader.readexactly(1)
    await line.relay.fail(None)
    async with asyncio.timeout(2):
        assert await reader.readexactly(1) == b"b"
    writer.close()


async def test_slow_delays_the_answer_by_about_what_was_asked(line):
    await line.relay.fail("slow", 0.4)
    began = time.monotonic()
    assert await line.ask() == b"hello"
    assert 0.38 <= time.monotonic() - began < 1.5
    await line.relay.fail(None)
    began = time.monotonic()
    await line.ask()
    assert time.monotonic() - began < 0.3


async def test_a_dead_service_has_a_closed_port(line):
    line.alive = False
    await line.relay.adapt()
    with pytest.raises(ConnectionRefusedError):
        await line.ask()
    line.alive = True
    await line.relay.adapt()
    assert await line.ask() == b"hello"


async def test_adapting_does_not_end_a_fault(line):
    await line.relay.fail("refuse")
    await line.relay.adapt()
    with pytest.raises(ConnectionRefusedError):
        await line.ask()


async def test_orders_for_what_it_has_not_are_refused_with_what_it_has(line):
    relays = Relays([line.relay])
    with pytest.raises(ValueError, match=r"partition.*echo\.example:7"):
        await relays.apply_break("echo.example:7", "melt", {})
    with pytest.raises(ValueError, match=r"echo\.example:7"):
        await relays.apply_break("other.example:7", "refuse", {})


async def test_mend_with_a_star_heals_all(line):
    relays = Relays([line.relay])
    await relays.apply_break("echo.example:7", "refuse", {})
    await relays.apply_mend("*")
    assert await line.ask() == b"hello"
