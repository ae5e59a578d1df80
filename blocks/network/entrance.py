"""Does a site answer clients whom nobody sends there yet?

The addresses that clients ask, with their names and certificates, over connections that are led to the site itself, as
curl's --connect-to does. The rules: few requests at once, each within its own timeout, a new connection each; what
this machine could not ask counts for nothing, neither good nor bad.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle, islice
from urllib.parse import urlsplit

from blocks.catalogue.model import HttpCheck, Platform, Service
from blocks.clock import Clock
from blocks.errors import VigieError
from blocks.network.prober import NetworkProber
from blocks.ports.clients import Asked, Entrance
from blocks.ports.health import Probe, Prober, Reading
from blocks.ports.network import Routes

AT_ONCE = 4
_HTTPS, _HTTP = 443, 80


def open_entrance(
    platform: Platform,
    site: str,
    addresses: Sequence[str],
    entrance: str,
    *,
    timeout: timedelta,
    routes: Routes,
    clock: Clock,
) -> Entrance:
    """`addresses` are asked in turns at `entrance`, the host at which clients of the site arrive."""
    probes = tuple(_probe(platform, site, number, url, timeout) for number, url in enumerate(addresses))
    return NetworkEntrance(probes, led_to(addresses, entrance, routes), clock)


def led_to(addresses: Sequence[str], entrance: str, routes: Routes) -> Routes:
    """Routes on which each address leads to the same port of the site's entrance, and everything else as before."""
    led = {f"{host}:{port}": routes.lead(entrance, port) for host, port in map(_place, addresses)}
    return replace(routes, connect_to={**routes.connect_to, **{at: f"{to}:{port}" for at, (to, port) in led.items()}})


@dataclass(frozen=True, slots=True)
class NetworkEntrance:
    """One site, asked from where this process runs."""

    probes: tuple[Probe, ...]
    routes: Routes
    clock: Clock
    prober: Callable[[Routes, Clock], Prober] = NetworkProber

    def ask(self, count: int) -> Sequence[Asked]:
        """In turns, `AT_ONCE` at a time."""
        return asyncio.run(self._ask(count)) if self.probes else ()

    async def _ask(self, count: int) -> list[Asked]:
        turns = asyncio.Semaphore(AT_ONCE)
        async with self.prober(self.routes, self.clock) as prober:

            async def one(probe: Probe) -> Asked | None:
                async with turns:
                    try:
                        return _asked(await prober.probe(probe))
                    except VigieError:
                        return None

            found = await asyncio.gather(*(one(probe) for probe in islice(cycle(self.probes), count)))
        return [each for each in found if each is not None]


def _asked(reading: Reading) -> Asked | None:
    if reading.missing is not None:
        return None
    if reading.finding is not None:
        return Asked(served=False, text=reading.finding.text)
    return Asked(served=True, latency_ms=reading.measurements[0].value)


def _probe(platform: Platform, site: str, number: int, url: str, timeout: timedelta) -> Probe:
    check = HttpCheck(name=f"address-{number}", kind="http", url=url, timeout=timeout)
    return Probe(platform, Service(name="clients", kind="web", site=site, checks={check.name: check}), check)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)
