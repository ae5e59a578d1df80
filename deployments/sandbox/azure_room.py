"""How many machines does a region of the sandbox's Azure still allow?

Azure's quota, not its room: what is deallocated uses no cores, and what would exceed the limit is refused with 409.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployments.sandbox.azure_kinds import MACHINE_SIZES
from deployments.sandbox.azure_resources import ArmError, Resource

_MACHINE_LIMIT = 25_000


def is_machine(resource: Resource) -> bool:
    """A virtual machine."""
    return resource.kind.type == "Microsoft.Compute/virtualMachines"


def used(resources: Iterable[Resource], subscription: str, region: str, core_limit: int) -> dict[str, tuple[int, int]]:
    """Name of each quota -> (used, limit)."""
    machines = [
        one
        for one in resources
        if is_machine(one)
        and one.body["location"] == region
        and one.body["id"].split("/")[2].lower() == subscription.lower()
    ]
    cores = sum(_cores(one.body) for one in machines if one.power != "deallocated")
    return {"cores": (cores, core_limit), "virtualMachines": (len(machines), _MACHINE_LIMIT)}


def must_fit(resource: Resource, body: dict[str, Any], taken: int, limit: int) -> None:
    """400 for a size that does not exist, 409 for a machine that is more than the quota of cores allows."""
    if not is_machine(resource):
        return
    size = body["properties"]["hardwareProfile"]["vmSize"]
    if size not in MACHINE_SIZES:
        raise ArmError(400, "InvalidParameter", f"The value {size} provided for the VM size is not valid.")
    own = _cores(resource.body) if resource.power != "deallocated" else 0
    if taken - own + _cores(body) > limit:
        words = f"exceeding approved Total Regional Cores quota. Current Limit: {limit}, Current Usage: {taken}"
        raise ArmError(409, "OperationNotAllowed", f"Operation could not be completed as it results in {words}.")


def _cores(body: dict[str, Any]) -> int:
    return MACHINE_SIZES[body["properties"]["hardwareProfile"]["vmSize"]][0]
