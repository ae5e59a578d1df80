"""How are the services that live in Azure?

One prober holds one connection for a sweep and answers any number of checks at once. The rule: what
the *service* does becomes a reading; when the *means of measuring* fail (throttled, refused, out of
reach) an error says so, and the sweep records "unknown", never "ok".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from blocks.azure.connection import Connection
from blocks.azure.fleet import read_connected, read_message_rate, read_quota
from blocks.azure.metrics import read_metric
from blocks.azure.policies import deadline
from blocks.azure.resource import AzureResource
from blocks.azure.states import Seen, read_resource_health, read_resource_state
from blocks.catalogue.model import (
    IotConnectedCheck,
    IotMessageRateCheck,
    MetricCheck,
    QuotaCheck,
    ResourceHealthCheck,
    ResourceStateCheck,
)
from blocks.errors import Broken, Retryable
from blocks.ports.health import Measurement, MissingCode, Probe, Reading

if TYPE_CHECKING:
    from blocks.azure.block import AzureReader
    from blocks.clock import Clock
    from blocks.ports.health import Prober
    from blocks.ports.network import Routes


def open_prober(block: AzureReader, *, routes: Routes, clock: Clock) -> Prober:
    """A prober for resource_health, resource_state, metric, iot_connected, iot_message_rate and quota checks.

    Authorities to trust: the block's `ca_file`, else that of `routes`, else the system's.
    """
    return AzureProber(block, routes.ca_file, clock)


class AzureProber:
    """Probes Azure resources over one shared connection; use it with `async with`."""

    def __init__(self, block: AzureReader, ca_file: str | None, clock: Clock) -> None:
        self._azure = Connection(block, ca_file, clock)
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._azure.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._azure.__aexit__(*error)

    async def probe(self, probe: Probe) -> Reading:
        """One check within its timeout. Raises Retryable, Refused or Broken when measuring itself fails."""
        started_at, began = self._clock.now(), self._clock.monotonic()
        seconds = probe.check.timeout.total_seconds()
        token = deadline.set(began + seconds)
        try:
            async with asyncio.timeout(seconds):
                seen = await self._look(probe)
        except TimeoutError as error:
            raise _too_late(probe, seconds) from error
        finally:
            deadline.reset(token)
        return Reading(
            service=probe.service.name,
            check=probe.check.name,
            started_at=started_at,
            elapsed_ms=(self._clock.monotonic() - began) * 1000,
            measurements=() if seen.missing else seen.measurements,
            finding=seen.finding,
            missing=seen.missing,
            attempt=probe.attempt,
        )

    async def _look(self, probe: Probe) -> Seen:
        resource = AzureResource.parse(probe.service.resource, probe.service.name)
        match probe.check:
            case ResourceStateCheck(expect=expect):
                return await read_resource_state(self._azure, resource, expect)
            case ResourceHealthCheck():
                return await read_resource_health(self._azure, resource)
            case MetricCheck() as check:
                read = await read_metric(self._azure, resource, check, self._clock.now())
                return Seen((read,)) if isinstance(read, Measurement) else Seen(missing=read)
            case IotConnectedCheck():
                return await read_connected(self._azure, resource, self._clock.now())
            case IotMessageRateCheck() as check:
                return await read_message_rate(self._azure, resource, check, self._clock.now())
            case QuotaCheck() as check:
                return await read_quota(self._azure, resource, check)
            case other:
                raise Broken(
                    f"a check of kind {other.kind} cannot be made in Azure",
                    where=f"{probe.service.name}/{other.name}",
                    next_step="correct the check in the catalogue",
                    code=MissingCode.PROBE_FAILED,
                )


def _too_late(probe: Probe, seconds: float) -> Retryable:
    return Retryable(
        f"Azure's interface did not answer within {seconds:g} s",
        where=f"{probe.service.name}/{probe.check.name}",
        next_step="look at the Azure status page; the service itself may be well",
        code=MissingCode.API_UNREACHABLE,
    )
