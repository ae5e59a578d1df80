"""How are the private cloud's servers, and the cloud itself?

Makes the checks of kind resource_state (servers), compute_services and quota with a reader's
credential. openstacksdk blocks, so its calls run in a few threads.

The rule: a cloud that does not know the state of a server, or names no services, has given no
evidence: that is missing, never ok.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from blocks.catalogue.model import ComputeServicesCheck, QuotaCheck, ResourceStateCheck
from blocks.errors import Broken
from blocks.openstack.failures import explaining
from blocks.openstack.servers import find_server
from blocks.ports.health import (
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Probe,
    Prober,
    Reading,
    State,
    Unit,
)
from blocks.threads import Answer, Threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blocks.clock import Clock
    from blocks.openstack.block import OpenStackReader
    from blocks.ports.network import Routes

_CALLS_AT_ONCE = 4
# Nova's API guide, "Server concepts": states it passes through while it serves or will soon serve again
_PASSING = {"HARD_REBOOT", "MIGRATING", "PASSWORD", "REBOOT", "RESIZE", "REVERT_RESIZE", "VERIFY_RESIZE"}
_QUOTAS = {  # the provider's word -> (limit, in use) of the project's absolute limits
    "cores": ("total_cores", "total_cores_used"),
    "ram": ("total_ram", "total_ram_used"),
    "instances": ("instances", "instances_used"),
}


def open_prober(block: OpenStackReader, *, routes: Routes, clock: Clock) -> Prober:
    """A prober over one reader block. `routes.ca_file` is trusted where the block names no authority."""
    return OpenStackProber(block, ca_file=routes.ca_file, clock=clock)


class OpenStackProber:
    """Asks Keystone and Nova in a few threads, over one connection a region."""

    def __init__(self, block: OpenStackReader, *, ca_file: str | None, clock: Clock) -> None:
        self._block = block
        self._ca_file = ca_file
        self._threads = Threads("openstack", clock=clock, limit=_CALLS_AT_ONCE)
        self._lock = threading.Lock()
        self._connections: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.close()
        await asyncio.to_thread(self._close)

    async def probe(self, probe: Probe) -> Reading:
        """Make one check. Raises Retryable, Refused or Broken when the cloud cannot be asked."""
        region = probe.platform.sites[probe.check.site or probe.service.site].region
        where = f"OpenStack {region}, {probe.service.name}/{probe.check.name}"
        return await self._threads.reading(probe, lambda: self._read(probe, region, where), where=where)

    def _read(self, probe: Probe, region: str, where: str) -> Answer:
        with explaining(where):
            compute = self._connection(region).compute
            match probe.check:
                case ResourceStateCheck() as check:
                    return _read_server(compute, probe.service.kind, probe.service.resource, check)
                case ComputeServicesCheck():
                    return compute_services_answer([(s.binary, s.host, s.status, s.state) for s in compute.services()])
                case QuotaCheck() as check:
                    return _read_quota(compute, check)
                case check:
                    raise Broken(
                        f"checks of kind {check.kind} are not made on OpenStack", code=MissingCode.PROBE_FAILED
                    )

    def _connection(self, region: str) -> Any:
        with self._lock:
            if region not in self._connections:
                self._connections[region] = self._block.connect(region, ca_file=self._ca_file)
            return self._connections[region]

    def _close(self) -> None:
        from blocks.openstack.block import close

        with self._lock:
            for connection in self._connections.values():
                close(connection)
            self._connections.clear()


def server_answer(name: str, status: str, check: ResourceStateCheck) -> Answer:
    """What Nova's word for a server's state means: `available` 1, or a finding; UNKNOWN is no evidence."""
    if status == (check.expect or "ACTIVE"):
        return Answer((Measurement("available", 1.0, Unit.COUNT),))
    if status == "UNKNOWN":
        return Answer(
            missing=Missing(MissingCode.NO_DATA, f"the private cloud does not know the state of server {name}")
        )
    wanted = f" instead of {check.expect}" if check.expect else ""
    passing = check.expect is None and status in _PASSING
    finding = Finding(
        FindingCode.RESOURCE_STATE, f"server {name} is {status}{wanted}", State.WARNING if passing else State.CRITICAL
    )
    return Answer((Measurement("available", 0.0, Unit.COUNT),), finding)


def compute_services_answer(services: Sequence[tuple[str, str, str, str]]) -> Answer:
    """`up` (% of enabled) and `down_count` from (binary, host, status, state) of each of Nova's services."""
    enabled = [(binary, host, state) for binary, host, status, state in services if status == "enabled"]
    if not enabled:
        return Answer(missing=Missing(MissingCode.NO_DATA, "the private cloud names no enabled compute service"))
    down = [f"{binary} on {host}" for binary, host, state in enabled if state != "up"]
    share = 100.0 * (len(enabled) - len(down)) / len(enabled)
    measured = (Measurement("up", share, Unit.PERCENT), Measurement("down_count", float(len(down)), Unit.COUNT))
    if not down:
        return Answer(measured)
    shown = ", ".join(down[:5]) + (f" and {len(down) - 5} more" if len(down) > 5 else "")  # noqa: PLR2004
    return Answer(measured, Finding(FindingCode.RESOURCE_STATE, f"compute services down: {shown}", State.WARNING))


def quota_answer(quota: str, limit: int, used: int) -> Answer:
    """`used` (%), `used_count` and `limit_count`; a limit of -1 is no limit, of which nothing is ever used up."""
    counted = Measurement("used_count", float(used), Unit.COUNT)
    if limit < 0:
        return Answer((Measurement("used", 0.0, Unit.PERCENT), counted))
    if limit == 0:
        return Answer(
            missing=Missing(MissingCode.NO_DATA, f"the project's quota of {quota} is zero: it may hold nothing")
        )
    share = 100.0 * used / limit
    return Answer(
        (Measurement("used", share, Unit.PERCENT), counted, Measurement("limit_count", float(limit), Unit.COUNT))
    )


def _read_server(compute: Any, kind: str, resource: str, check: ResourceStateCheck) -> Answer:
    if kind != "openstack.server":
        raise Broken(f"no state is known for services of kind {kind}", code=MissingCode.PROBE_FAILED)
    found = find_server(compute, resource)
    if found is None:
        text = f"server {resource} does not exist (deleted, or named wrongly in the catalogue)"
        return Answer(finding=Finding(FindingCode.RESOURCE_STATE, text))
    return server_answer(resource, str(found.status).upper(), check)


def _read_quota(compute: Any, check: QuotaCheck) -> Answer:
    if check.quota not in _QUOTAS:
        raise Broken(
            f"no quota {check.quota!r} is known in OpenStack",
            next_step=f"use one of {', '.join(_QUOTAS)} in the catalogue",
            code=MissingCode.PROBE_FAILED,
        )
    limit, used = _QUOTAS[check.quota]
    absolute = compute.get_limits().absolute
    return quota_answer(check.quota, int(absolute[limit]), int(absolute[used]))
