"""A site is asked at its own door, by the name that clients use, a few at a time; our own faults count for nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.clock import SystemClock
from blocks.errors import Retryable
from blocks.network.entrance import AT_ONCE, led_to, open_entrance
from blocks.network.prober import NetworkProber
from blocks.ports.network import Routes
from tests.contract.network.test_http_faults import http

SHARED = "https://shared.zoo.example/health"


@pytest.fixture
def at_door(zoo, ca, probe_for):
    """`at_door(name, behave)`: a door behind which that is done under the shared name; asked in a thread of its own."""
    platform = probe_for(kind="http", url=SHARED).platform

    async def serve(name, behave, *urls, timeout_s=1.0):
        await zoo.serve(name, behave, leaf=ca.issue_cert("shared.zoo.example"))
        return open_entrance(
            platform,
            "here",
            urls or (SHARED,),
            f"{name}.zoo.example",
            timeout=timedelta(seconds=timeout_s),
            routes=zoo.routes,
            clock=SystemClock(),
        )

    return serve


async def ask(entrance, count):
    return await asyncio.to_thread(entrance.ask, count)


def answering(status="200 OK", seen=None):
    async def behave(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(request.decode())
        writer.write(http(b"ok", status))
        await writer.drain()

    return behave


async def test_clients_name_and_certificate_at_the_door_of_one_site(at_door):
    seen: list[str] = []
    north, south = (
        await at_door("north", answering(seen=seen)),
        await at_door("south", answering("503 Service Unavailable")),
    )
    asked = await ask(north, 6)
    assert len(asked) == len(seen) == 6
    assert all(each.served and each.latency_ms > 0 for each in asked)
    assert all("GET /health" in each and "Host: shared.zoo.example" in each for each in seen)
    failed = await ask(south, 3)
    assert [each.served for each in failed] == [False] * 3
    assert "503" in failed[0].text


async def test_a_door_with_another_certificate_is_not_the_site(zoo, at_door, ca):
    other = await at_door("north", answering())
    await zoo.serve("north", answering(), leaf=ca.issue_cert("stranger.zoo.example"))
    stranger = open_entrance(
        other.probes[0].platform, "here", (SHARED,), "north.zoo.example",
        timeout=timedelta(seconds=1), routes=zoo.routes, clock=SystemClock(),
    )  # fmt: skip
    (asked,) = await ask(stranger, 1)
    assert not asked.served


async def test_nobody_at_the_door_is_a_failure_and_a_silent_one_costs_its_own_timeout(at_door, zoo, free_port):
    async def silent(reader, writer):
        await asyncio.sleep(60)

    entrance = await at_door("north", silent, timeout_s=0.3)
    asked = await ask(entrance, 2)
    assert [each.served for each in asked] == [False, False]
    assert all(each.latency_ms is None for each in asked)
    zoo.lead("north.zoo.example:443", free_port)
    gone = open_entrance(
        entrance.probes[0].platform, "here", (SHARED,), "north.zoo.example",
        timeout=timedelta(seconds=1), routes=zoo.routes, clock=SystemClock(),
    )  # fmt: skip
    assert [each.served for each in await ask(gone, 2)] == [False, False]


async def test_no_more_than_a_few_at_once_and_each_address_in_turn(at_door):
    here, most, seen, lock = [0], [0], [], threading.Lock()

    async def counting(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        seen.append(request.split(b" ")[1].decode())
        await asyncio.sleep(0.05)
        here[0] -= 1
        writer.write(http(b"ok"))
        await writer.drain()

    entrance = await at_door("north", counting, SHARED, "https://shared.zoo.example/other", timeout_s=10)
    assert len(await ask(entrance, 12)) == 12
    assert 1 < most[0] <= AT_ONCE
    assert sorted(seen) == ["/health"] * 6 + ["/other"] * 6


class Blind(NetworkProber):
    """Every other look fails on this machine."""

    count = 0

    async def probe(self, probe):
        Blind.count += 1
        if Blind.count % 2:
            raise Retryable("this machine could not open a connection (Too many open files)")
        return await super().probe(probe)


async def test_what_this_machine_cannot_ask_is_not_counted(at_door):
    entrance = await at_door("north", answering())
    assert [each.served for each in await ask(replace(entrance, prober=Blind), 6)] == [True] * 3
    assert await ask(replace(entrance, probes=()), 5) == ()


def test_only_the_asked_names_are_led_and_each_to_its_own_port():
    routes = Routes({"door.example:443": "127.0.0.1:7001", "else.example:443": "127.0.0.1:7002"}, "ca.pem")
    led = led_to((SHARED, "http://plain.example:8080/x"), "door.example", routes)
    assert led.lead("shared.zoo.example", 443) == ("127.0.0.1", 7001)
    assert led.lead("plain.example", 8080) == ("door.example", 8080)
    assert led.lead("else.example", 443) == ("127.0.0.1", 7002)
    assert led.ca_file == "ca.pem"


async def test_no_connection_outlives_its_loop_where_the_other_side_is_slow_to_say_goodbye(at_door):
    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(b"ok"))
        time.sleep(0.5)  # noqa: ASYNC251  nobody here answers the end of TLS meanwhile

    assert [each.served for each in await ask(await at_door("slow", behave), 1)] == [True]
    gc.collect()  # a socket that is still open would be told of, and fail this test
