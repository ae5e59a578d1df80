"""Can a service be reached from outside, the way its clients reach it?

Makes http, tcp, tls and dns checks. The rule: whatever the other side does, however slow, long or
malformed, costs one probe its own timeout and a bounded piece of memory, and yields one clear
reading; a failure of this machine is raised and never counted against the service.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Self

from blocks.catalogue.model import DnsCheck, HttpCheck, TcpCheck, TlsCheck
from blocks.errors import Broken, VigieError
from blocks.network.certificate import trust
from blocks.network.course import Course, Outcome
from blocks.network.faults import silence
from blocks.network.names import Names
from blocks.network.wording import plain_url
from blocks.ports.health import MissingCode, Reading
from blocks.ports.network import Routes

if TYPE_CHECKING:
    from blocks.catalogue.model import Check
    from blocks.clock import Clock
    from blocks.network.block import ProbeNetwork
    from blocks.network.http import HttpProbe
    from blocks.ports.health import Probe, Prober

_MOMENT_S = 0.002


def open_prober(block: ProbeNetwork | None, *, routes: Routes, clock: Clock) -> Prober:
    """A prober for http, tcp, tls and dns; use it with `async with`. What `block` says goes before `routes`."""
    return NetworkProber(block.over(routes) if block is not None else routes, clock)


class NetworkProber:
    """One TLS context, one HTTP session and one name cache for all probes made through it."""

    def __init__(self, routes: Routes, clock: Clock) -> None:
        self._routes = routes
        self._clock = clock
        self._http: HttpProbe | None = None

    async def __aenter__(self) -> Self:
        """Raises `Broken` when the authorities to trust cannot be read."""
        from blocks.network.http import HttpProbe

        self._trust = trust(self._routes.ca_file)
        self._names = Names(self._routes)
        self._http = HttpProbe(self._names, self._trust)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()
            await self._names.close()
            await asyncio.sleep(0)  # lets closed transports say goodbye

    async def probe(self, probe: Probe) -> Reading:
        """One reading; `Retryable` or `Broken` when this machine could not look."""
        started_at = self._clock.now()
        course = Course(self._clock, self._clock.monotonic(), probe.check.timeout)
        try:
            outcome = await self._measure(probe.check, course)
        except VigieError:
            raise
        except Exception as error:
            raise _defect(probe, error) from error
        finally:
            course.let_go()
        return _reading(probe, course, outcome, started_at)

    async def _measure(self, check: Check, course: Course) -> Outcome:
        """Never longer than the check's timeout; running out of it is itself an outcome."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + course.timeout.total_seconds()
        look = loop.call_at(deadline - _MOMENT_S, course.look)
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._dispatch(check, course)
            finally:
                look.cancel()
        return Outcome(course.measurements, course.finding or silence(_where(check), course))

    async def _dispatch(self, check: Check, course: Course) -> Outcome:
        if isinstance(check, HttpCheck):
            assert self._http is not None, "use the prober with `async with`"
            return await self._http.measure(check, course)
        if isinstance(check, TcpCheck):
            from blocks.network.tcp import measure_tcp

            return await measure_tcp(check, self._names, course)
        if isinstance(check, TlsCheck):
            from blocks.network.tls import measure_tls

            return await measure_tls(check, self._names, self._trust, course)
        if isinstance(check, DnsCheck):
            from blocks.network.dns import measure_dns

            return await measure_dns(check, self._names, course)
        raise Broken(
            f"checks of kind {check.kind} are not made by the network prober",
            next_step="report this as a defect of vigie",
            code=MissingCode.PROBE_FAILED,
        )


def _reading(probe: Probe, course: Course, outcome: Outcome, started_at: datetime) -> Reading:
    return Reading(
        service=probe.service.name,
        check=probe.check.name,
        started_at=started_at,
        elapsed_ms=course.elapsed_ms(),
        measurements=outcome.measurements,
        finding=outcome.finding,
        attempt=probe.attempt,
    )


def _where(check: Check) -> str:
    if isinstance(check, HttpCheck):
        return plain_url(check.url)
    return str(check.record if isinstance(check, DnsCheck) else getattr(check, "address", ""))


def _defect(probe: Probe, error: Exception) -> Broken:
    """Nothing of the error's own text: it may quote what was sent."""
    return Broken(
        f"the probe itself failed with {type(error).__name__}",
        where="/".join(probe.key),
        next_step="report this as a defect of vigie",
        code=MissingCode.PROBE_FAILED,
    )
