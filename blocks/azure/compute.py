"""What runs in our Azure sites, what could they still take, and how is it started, stopped and resized?

Apps and machines behind one port. The rules: a look changes nothing; what Azure does not tell is said to be unknown
(-1 and a sentence), never guessed; quota is not capacity. Starting and stopping stand in power.py, sizes in sizing.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.azure.access import Access
from blocks.azure.power import Power
from blocks.azure.resource import AzureResource
from blocks.azure.sizing import Resize
from blocks.azure.standing import APP, ON, known, read_size, read_standing
from blocks.azure.states import COMPUTE_VERSION
from blocks.errors import Refused
from blocks.ports.recovery import CapacityLook, Compute, ComputeLook

if TYPE_CHECKING:
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.azure.connection import Connection
    from blocks.azure.standing import Sized, Standing
    from blocks.catalogue.model import Service, Site
    from blocks.clock import Clock
    from blocks.ports.changes import Change
    from blocks.ports.network import Routes

_PLAN_SIZE, _MACHINE_SIZE = re.compile(r"[A-Za-z]+\d+\w*(:[1-9]\d{0,2})?"), re.compile(r"(Standard|Basic)_\w+")


def open_compute(
    reader: AzureReader, operator: Callable[[], AzureOperator], *, routes: Routes, clock: Clock
) -> Compute:
    """Apps and machines: `reader` looks, `operator` is called only when something is changed.

    Authorities to trust: the block's `ca_file`, else that of `routes`, else the system's.
    """
    return AzureCompute(Access(reader, operator, routes.ca_file, clock))


@dataclass(frozen=True, slots=True)
class AzureCompute:
    """App Services and virtual machines."""

    access: Access

    def look(self, service: Service) -> ComputeLook:
        """How the service's app or machine is. Raises the three errors."""
        resource = _resource(service)

        async def read(azure: Connection) -> tuple[Standing, Sized]:
            return await read_standing(azure, resource), await read_size(azure, resource)

        standing, sized = self.access.look(resource, read)
        return ComputeLook(
            service=service.name,
            running=standing.state == ON[resource.type],
            settled=standing.settled and sized.settled,
            size=sized.size,
            text=f"{standing.text}; {sized.text}",
        )

    def capacity(self, site: Site) -> CapacityLook:
        """The quota of machines that is left in the site's region. Raises the three errors."""
        where = f"quota of {site.region}"
        used = self.access.look(where, lambda azure: self._usages(azure, site.region))
        cores, machines = used.get("cores"), used.get("virtualmachines")
        said = [
            f"{taken} of {limit} {what} of {site.region} are used" if limit >= 0 else f"Azure names no limit of {what}"
            for what, (taken, limit) in (("cores", cores or (0, -1)), ("machines", machines or (0, -1)))
        ]
        unknown = "it has no quota of memory, and tells neither room nor the quota of app service plans"
        return CapacityLook(
            site=site.name,
            cores_free=_left(cores),
            ram_free_mib=-1,
            instances_free=_left(machines),
            hosts_up=0,
            pool=f"subscription {self.access.reader.subscription_id} in {site.region}",
            text=f"{'; '.join(said)}; {unknown}; quota is not capacity: only a reservation promises room",
        )

    def start(self, service: Service) -> Change:
        """It runs, every instance ready."""
        return Power(self.access, _resource(service), on=True)

    def stop(self, service: Service) -> Change:
        """Azure calls it Stopped, or deallocated."""
        return Power(self.access, _resource(service), on=False)

    def resize(self, service: Service, size: str) -> Change:
        """An app's plan with every app on it (`P1v3`, `P1v3:3`), or a machine. Raises `Refused` for what is no size."""
        resource = _resource(service)
        shape = _PLAN_SIZE if resource.type == APP else _MACHINE_SIZE
        if shape.fullmatch(size) is None:
            raise Refused(
                f"{size!r} is no size of a {'plan' if resource.type == APP else 'machine'} in Azure",
                where=f"service {service.name}",
                next_step="write P1v3 or P1v3:3 for an app's plan, Standard_D4s_v3 for a machine",
            )
        return Resize(self.access, resource, size)

    def evacuate(self, service: Service) -> Change:
        """Azure moves what a dead host ran by itself; nobody can ask for it."""
        raise Refused(
            f"{service.name} cannot be evacuated: Azure moves apps and machines off a dead host by itself",
            where=f"service {service.name}",
            next_step="wait for Azure, or move the platform to another site",
        )

    async def _usages(self, azure: Connection, region: str) -> dict[str, tuple[int, int]]:
        """Name of each quota in lower case -> (used, limit)."""
        from azure.mgmt.compute.aio import ComputeManagementClient

        usage = azure.client(ComputeManagementClient, self.access.reader.subscription_id).usage
        pages = usage.list(region, api_version=COMPUTE_VERSION)
        return {str(each.name.value).lower(): (int(each.current_value), int(each.limit)) async for each in pages}


def _resource(service: Service) -> AzureResource:
    return known(AzureResource.parse(service.resource, service.name))


def _left(quota: tuple[int, int] | None) -> int:
    return -1 if quota is None or quota[1] < 0 else max(0, quota[1] - quota[0])
