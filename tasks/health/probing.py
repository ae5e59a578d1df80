"""How are all checks of a platform made at once, without harming anybody?

Checks run concurrently, bounded overall and per host, until the sweep's deadline. Every declared
check comes back with exactly one reading: what was not reached, not permitted or not answered by a
provider's API is `missing` with its reason, and so becomes `unknown`, never `ok`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from blocks.errors import VigieError
from blocks.ports.health import Missing, MissingCode, Probe, Prober, Reading

OpenProber = Callable[[Probe], Awaitable[Prober]]
"""Gives the prober that makes a check; raises one of the three errors when it cannot be opened."""

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
    overall = asyncio.Semaphore(at_once)
    hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(probe: Probe) -> Reading:
        async with hosts[host_of(probe)], overall:
            return await _read(probe, open_prober, on_defect)

    running = [asyncio.create_task(one(probe)) for probe in probes]
    await _wait(running, within, tell_progress)
    return [
        task.result() if task.done() and not task.cancelled() else _not_reached(probe, within)
        for probe, task in zip(probes, running, strict=True)
    ]


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


async def _wait(
    running: Sequence[asyncio.Task[Reading]], within: timedelta, tell_progress: Callable[[int, int], None]
) -> None:
    deadline = time.monotonic() + within.total_seconds()
    pending = set(running)
    while pending and (left_s := deadline - time.monotonic()) > 0:
        _, pending = await asyncio.wait(pending, timeout=min(2.0, left_s))
        if pending:
            tell_progress(len(running) - len(pending), len(running))
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=_GRACE.total_seconds())


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
