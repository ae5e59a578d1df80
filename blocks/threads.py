"""How does a check wait for an SDK that blocks, without the sweep waiting with it?

boto3 and openstacksdk answer when they answer. Their calls run here in a few threads a prober, and
a check that gets no answer before its own timeout is told so at once, whatever the thread still does.

The rule: the number of threads is bounded, and a hung API costs a check its timeout and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from blocks.catalogue.quantities import format_duration
from blocks.clock import Clock
from blocks.errors import Retryable
from blocks.ports.health import Finding, Measurement, Missing, MissingCode, Probe, Reading

T = TypeVar("T")
_ROOM_S = 0.5  # what a second try needs at least


@dataclass(frozen=True, slots=True)
class Answer:
    """What a blocking read found out; becomes a reading when the time it took is added."""

    measurements: tuple[Measurement, ...] = ()
    finding: Finding | None = None
    missing: Missing | None = None


class Threads:
    """A bounded pool of threads for one prober. `close` waits for nobody."""

    def __init__(self, name: str, *, clock: Clock, limit: int = 8) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=limit, thread_name_prefix=name)

    async def reading(self, probe: Probe, read: Callable[[], Answer], *, where: str) -> Reading:
        """Run `read` in a thread within the check's timeout. Raises what `read` raises, or Retryable when late."""
        started_at, begun = self._clock.now(), self._clock.monotonic()
        answer = await self._patiently(probe, read, where, until=begun + probe.check.timeout.total_seconds())
        return Reading(
            service=probe.service.name,
            check=probe.check.name,
            started_at=started_at,
            elapsed_ms=(self._clock.monotonic() - begun) * 1000,
            measurements=answer.measurements,
            finding=answer.finding,
            missing=answer.missing,
            attempt=probe.attempt,
        )

    async def _patiently(self, probe: Probe, read: Callable[[], T], where: str, *, until: float) -> T:
        """Once more when we were throttled and the wait that was asked for fits into the check's timeout."""
        try:
            return await self._within(probe, read, where, until)
        except Retryable as error:
            wait = error.retry_after
            if error.code != MissingCode.THROTTLED or wait is None:
                raise
            if self._clock.monotonic() + wait.total_seconds() + _ROOM_S > until:
                raise
            await self._clock.sleep(wait)
            return await self._within(probe, read, where, until)

    async def _within(self, probe: Probe, read: Callable[[], T], where: str, until: float) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._pool, read)
        try:
            return await asyncio.wait_for(future, max(until - self._clock.monotonic(), 0.001))
        except TimeoutError:
            raise Retryable(
                f"no answer within {format_duration(probe.check.timeout)}",
                where=where,
                next_step="see the provider's status page; the service itself may be well",
                code=MissingCode.API_UNREACHABLE,
            ) from None

    def close(self) -> None:
        """Give up what has not begun; threads that hang end by their SDK's own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)
