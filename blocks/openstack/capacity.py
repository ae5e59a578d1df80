"""What could the private cloud still take, and what does nobody know?

The rule: quota is what the project may use, not what the hosts have room for. The text says so, and says which of
the two was seen; a reader that may not see hosts is told so, and never that there are enough.
"""

from __future__ import annotations

from typing import Any

from blocks.openstack.failures import status_of
from blocks.ports.recovery import CapacityLook

_FORBIDDEN = 403


def read_capacity(compute: Any, site: str, region: str) -> CapacityLook:
    """Limits minus what is used, by project; -1 where there is no limit, 0 hosts where they are not shown."""
    absolute = compute.get_limits().absolute
    cores = _free(absolute.total_cores, absolute.total_cores_used)
    ram = _free(absolute.total_ram, absolute.total_ram_used)
    instances = _free(absolute.instances, absolute.instances_used)
    hosts, project = _hosts(compute), compute.get_project_id()
    shown = "its hosts are not shown to us" if hosts is None else f"{hosts[0]} of {hosts[1]} enabled hosts are up"
    left = f"{_said(cores)} cores, {_said(ram)} MiB, {_said(instances)} instances"
    return CapacityLook(
        site=site,
        cores_free=cores,
        ram_free_mib=ram,
        instances_free=instances,
        hosts_up=0 if hosts is None else hosts[0],
        pool=f"project {project} in {region}" if project else "",
        text=f"the quota of {site} leaves {left}; {shown}; quota is not capacity: whether they have room is not known",
    )


def _hosts(compute: Any) -> tuple[int, int] | None:
    """(up, enabled) of the compute hosts; None where the role may not see them."""
    from openstack.exceptions import ForbiddenException

    try:
        services = [each for each in compute.services(binary="nova-compute") if each.status == "enabled"]
    except ForbiddenException as error:
        if status_of(error) == _FORBIDDEN:
            return None
        raise
    return sum(each.state == "up" for each in services), len(services)


def _free(limit: int, used: int) -> int:
    return -1 if limit < 0 else max(0, int(limit) - int(used))


def _said(free: int) -> str:
    return "any number of" if free < 0 else str(free)
