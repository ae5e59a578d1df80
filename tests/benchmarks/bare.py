"""The least that 64 concurrent checks can cost in Python: a bare asyncio loop with aiohttp.

Also, in the same process, the same loop through vigie's own prober: the difference between the two,
divided by the number of endpoints, is what a reading costs over a bare request.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp.abc import AbstractResolver

from blocks.catalogue.model import HttpCheck, Platform, Service, Site
from blocks.clock import SystemClock
from blocks.network.prober import open_prober
from blocks.ports.health import Probe
from blocks.ports.network import Routes
from tests.benchmarks.endpoints import EXPECTED, World

AT_ONCE = 64
TIMEOUT_S = 10.0


async def run_bare(world: World, count: int) -> dict[str, float]:
    """Seconds, and how many endpoints were found faulty."""

    class Home(AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        async def close(self) -> None:
            pass

    context = ssl.create_default_context(cafile=world.ca_file)
    connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=context, resolver=Home(), use_dns_cache=False)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def is_good(number: int) -> bool:
            try:
                async with session.get(world.url(number), allow_redirects=False) as answer:
                    return answer.status == 200 and EXPECTED in await answer.text()
            except (aiohttp.ClientError, OSError):
                return False

        return await at_once(count, is_good)


async def run_prober(world: World, count: int) -> dict[str, float]:
    """The same through the network prober, one reading an endpoint."""
    platform = platform_of(world, count)
    probes = [Probe(platform, service, service.checks["health"]) for service in platform.services.values()]
    async with open_prober(None, routes=Routes(world.connect_to(count), world.ca_file), clock=SystemClock()) as prober:

        async def is_good(number: int) -> bool:
            return (await prober.probe(probes[number])).finding is None

        return await at_once(count, is_good)


async def at_once(count: int, is_good: Callable[[int], Awaitable[bool]]) -> dict[str, float]:
    """64 workers over all endpoints: {"seconds", "cpu_s", "faulty"}."""
    numbers, faulty = iter(range(count)), itertools.count()
    begin, begin_cpu = time.perf_counter(), time.process_time()

    async def work() -> None:
        for number in numbers:
            if not await is_good(number):
                next(faulty)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return {
        "seconds": time.perf_counter() - begin,
        "cpu_s": time.process_time() - begin_cpu,
        "faulty": next(faulty),
    }


def platform_of(world: World, count: int, name: str = "bench") -> Platform:
    """A platform with one web service and one http check an endpoint; no rechecks, so that each is asked once."""
    services = {
        f"e{number}": Service(
            name=f"e{number}",
            kind="web",
            site="here",
            checks={
                "health": HttpCheck(
                    kind="http", name="health", url=world.url(number), expect_body=EXPECTED, attempts=1, timeout="10s"
                )
            },
        )
        for number in range(count)
    }
    site = Site(name="here", provider="azure", region="local", role="primary", credentials="none")
    return Platform(name=name, customer="bench", sites={"here": site}, services=services, probes_at_once=AT_ONCE)
