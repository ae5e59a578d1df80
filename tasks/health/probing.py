"""How are all checks of a platform made at once, without harming anybody?

Checks run concurrently, bounded overall and per host, until the sweep's deadline. Every declared
check comes back with exactly one reading: what was not reached, not permitted or not answered by a
provider's API is `missing` with its reason, and so becomes `unknown`, never `ok`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from blocks.errors import VigieError
from blocks.ports.health import Missing, MissingCode, Probe, Prober, Reading

OpenProber = Callable[[Probe], Awaitable[Prober]]
"""Gives the prober that makes a check; raises one of the three errors when it cannot be opened."""

_TELL_EVERY_S = 2.0
_GRACE = timedelta(seconds=2)  # a prober keeps its own timeout; this guards against one that does not


async def take_readings(
    probes: Sequence[Probe],
    open_prober: OpenProber,
    *,
    at_once: int,
    per_host: int,
    within: timedelta,
    tell_progress: Callable[[int, int], None] = lambda _done, _all: None,
    on_defect: Callable[[Probe, Exception], None] = lambda _probe, _error: None,
) -> list[Reading]:
    """Make every check once; one reading a check, in the order given.

    `within` is the time until the deadline. `tell_progress(done, all)` is called every two seconds,
    `on_defect` for an exception that no prober should raise.
    """
    turns = _Turns([host_of(probe) for probe in probes], per_host)
    readings: list[Reading | None] = [None] * len(probes)

    async def work() -> None:
        while (number := await turns.take()) is not None:
            try:
                readings[number] = await _read(probes[number], open_prober, on_defect)
            finally:
                turns.give_back(number)

    workers = [asyncio.create_task(work()) for _ in range(min(at_once, len(probes)))]
    await _wait(workers, within, lambda: tell_progress(turns.done_count, len(probes)))
    return [reading or _not_reached(probe, within) for probe, reading in zip(probes, readings, strict=True)]


class _Turns:
    """Whose turn is it? Hosts take turns, and none has more than its share at once."""

    def __init__(self, hosts: Sequence[str], per_host: int) -> None:
        self._hosts = hosts
        self._waiting: dict[str, deque[int]] = defaultdict(deque)
        for number, host in enumerate(hosts):
            self._waiting[host].append(number)
        self._free = dict.fromkeys(self._waiting, per_host)
        self._ready = deque(self._waiting)
        self._left_count = len(hosts)
        self._changed = asyncio.Event()
        self.done_count = 0

    async def take(self) -> int | None:
        """The number of the next check, None when there is none left. Waits while every host has its share."""
        while not self._ready:
            if not self._left_count:
                return None
            self._changed.clear()
            await self._changed.wait()
        host = self._ready.popleft()
        number = self._waiting[host].popleft()
        self._free[host] -= 1
        self._left_count -= 1
        self._offer(host)
        if not self._left_count:
            self._changed.set()  # whoever waits for a turn may go home
        return number

    def give_back(self, number: int) -> None:
        """A check is done; its host may have another."""
        host = self._hosts[number]
        self.done_count += 1
        self._free[host] += 1
        if self._free[host] == 1:
            self._offer(host)

    def _offer(self, host: str) -> None:
        if self._waiting[host] and self._free[host]:
            self._ready.append(host)
            self._changed.set()


def host_of(probe: Probe) -> str:
    """Whom a check burdens: the host it connects to, or the provider's API under one credential."""
    check = probe.check
    match check.kind:
        case "http":
            return urlsplit(check.url).netloc
        case "tcp" | "tls" | "database" | "replication":
            return check.address
        case "dns":
            return check.resolver or "resolver"
        case "heartbeat":
            return "journal"
        case _:
            return probe.platform.credentials_for(probe.service, check)


async def _wait(workers: Sequence[asyncio.Task[None]], within: timedelta, tell: Callable[[], None]) -> None:
    deadline = time.monotonic() + within.total_seconds()
    pending = set(workers)
    while pending and (left_s := deadline - time.monotonic()) > 0:
        _, pending = await asyncio.wait(pending, timeout=min(_TELL_EVERY_S, left_s))
        if pending:
            tell()
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=_GRACE.total_seconds())
    for task in set(workers) - pending:
        task.result()  # a defect in our own turns must not look like checks that were not reached


async def _read(probe: Probe, open_prober: OpenProber, on_defect: Callable[[Probe, Exception], None]) -> Reading:
    started = time.monotonic()
    limit_s = (probe.check.timeout + _GRACE).total_seconds()
    try:
        prober = await open_prober(probe)  # not on the check's time: a cloud's SDK takes a second to load
        started = time.monotonic()
        async with asyncio.timeout(limit_s):
            return await prober.probe(probe)
    except VigieError as error:
        return _missing(probe, started, _code_of(error), str(error))
    except TimeoutError:
        text = f"the probe did not keep its own timeout of {probe.check.timeout.total_seconds():g} s"
        return _missing(probe, started, MissingCode.PROBE_FAILED, text)
    except Exception as error:  # noqa: BLE001 - a defect in one probe must not blind the whole sweep; it is told
        on_defect(probe, error)
        return _missing(probe, started, MissingCode.PROBE_FAILED, f"the probe failed with {type(error).__name__}")


def _code_of(error: VigieError) -> MissingCode:
    try:
        return MissingCode(error.code)
    except ValueError:
        return MissingCode.PROBE_FAILED


def _missing(probe: Probe, started: float, code: MissingCode, text: str) -> Reading:
    elapsed_s = time.monotonic() - started
    return Reading(
        service=probe.service.name,
        check=probe.check.name,
        started_at=datetime.now(UTC) - timedelta(seconds=elapsed_s),
        elapsed_ms=elapsed_s * 1000,
        missing=Missing(code, text),
        attempt=probe.attempt,
    )


def _not_reached(probe: Probe, within: timedelta) -> Reading:
    text = f"not reached before the sweep's deadline of {within.total_seconds():g} s"
    return _missing(probe, time.monotonic(), MissingCode.DEADLINE, text)
