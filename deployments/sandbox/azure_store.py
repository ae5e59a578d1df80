"""Which resources exist in the sandbox's Azure, and what happens when somebody changes them?

One store for every type: ids in any casing, lists page by page, writes that take polls and refuse a
second writer meanwhile. The rule: what was not put there does not exist, and a change is there only when its
operation has ended.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.azure_kinds import KINDS
from deployments.sandbox.azure_lives import TAKES_S
from deployments.sandbox.azure_resources import Address, ArmError, Operation, Resource, merge
from deployments.sandbox.azure_rights import Rights
from deployments.sandbox.azure_room import is_machine, must_fit, used

PAGE_COUNT = 2
_ON_THE_WAY = {"running": "starting", "stopped": "stopping", "deallocated": "deallocating"}


class Store:
    """All resources and operations of the sandbox's Azure.

    `tell` hears what happens, with the resource's id, and returns how to know that it is over, or None.
    """

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._operations: dict[str, Operation] = {}
        self.rights = Rights()
        self.tell: Callable[[str, str], Callable[[], bool] | None] = lambda _event, _address: None
        self.core_limit = 100  # of each region
        self.changed = False  # since somebody last set this back
        self._returning: set[str] = set()  # what restarts

    @property
    def resources(self) -> dict[str, Resource]:
        """By id in lower case."""
        return self._resources

    @property
    def operations(self) -> dict[str, Operation]:
        """By id, oldest first."""
        return self._operations

    def seed(self, address: str, type_name: str, region: str) -> Resource:
        """Put a healthy resource there, as if it had always been."""
        kind = KINDS[type_name.lower()]
        name = address.rsplit("/", 1)[1]
        body: dict[str, Any] = {
            "id": address,
            "name": name,
            "type": kind.type,
            "location": region,
            "tags": {"seeded": "catalogue"},
            "properties": kind.properties(name),
            **copy.deepcopy(kind.top),
        }
        self._resources[address.lower()] = Resource(kind, body)
        return self._resources[address.lower()]

    def names(self) -> dict[str, str]:
        """Last segment of each id -> id, both in lower case."""
        return {key.rsplit("/", 1)[1]: key for key in self._resources}

    def groups(self, subscription: str) -> list[dict[str, Any]]:
        """The resource groups that hold something."""
        prefix = f"/subscriptions/{subscription}/resourceGroups"
        own = {key: one for key, one in self._resources.items() if key.startswith(f"{prefix.lower()}/")}
        found = {key.split("/")[4]: one for key, one in own.items()}
        kind = "Microsoft.Resources/resourceGroups"
        return [
            {
                "id": f"{prefix}/{name}",
                "name": name,
                "type": kind,
                "location": one.body["location"],
                "properties": {"provisioningState": "Succeeded"},
            }
            for name, one in sorted(found.items())
        ]

    def find(self, address: Address | str) -> Resource:
        """The resource at an id in any casing; 404 as Azure says it."""
        key = (address if isinstance(address, str) else address.id).lower()
        self._settle(key)
        found = self._resources.get(key)
        if found is None:
            name, group = key.split("/providers/", 1)[1], key.split("/")[4]
            message = f"The Resource '{name}' under resource group '{group}' was not found."
            raise ArmError(404, "ResourceNotFound", message)
        return found

    def list(self, address: Address) -> list[Resource]:
        """All of a type in the subscription or the group, in a stable order."""
        start = f"/subscriptions/{address.subscription}/resourcegroups/{address.group}".lower()
        middle = f"/providers/{address.type}/".lower()
        return [one for key, one in sorted(self._resources.items()) if key.startswith(start) and middle in key]

    def all_of(self, type_name: str) -> list[Resource]:
        """Every resource of a type, in lower case, in every subscription."""
        return [one for one in self._resources.values() if one.kind.type.lower() == type_name]

    def put(self, address: Address, body: dict[str, Any], fault: str = "") -> tuple[Resource, bool, Operation | None]:
        """Create or replace; also says whether it is new, and the operation to poll. `fault`: of its changes."""
        kind = KINDS.get(address.type.lower())
        if kind is None:
            raise ArmError(501, "NotImplemented", f"The sandbox does not know {address.type}")
        new = address.id.lower() not in self._resources
        if new:
            self.seed(address.id, kind.type, body.get("location", "westeurope"))
        resource = self._free(address)
        return resource, new, self._change(resource, merge(resource.body, body), kind.put, fault)

    def patch(self, address: Address, body: dict[str, Any], fault: str = "") -> tuple[Resource, Operation | None]:
        """Merge into what is there."""
        resource = self._free(address)
        merged = merge(resource.body, body)
        self._must_fit(resource, merged)
        return resource, self._change(resource, merged, resource.kind.patch, fault)

    def delete(self, address: Address) -> Operation | None:
        """Remove; a slow type is gone only when its operation ends."""
        resource = self._free(address)
        resource.gone = True
        operation = self._change(resource, resource.body, resource.kind.delete)
        if operation is None:
            del self._resources[address.id.lower()]
            self.changed = True
        return operation

    def power(self, address: Address, state: str, fault: str = "") -> Operation:
        """Start or stop a machine; over when its time has passed, whether anybody asks or not."""
        resource = self._free(address)
        if state == "running":
            self._must_fit(resource, resource.body)
        operation = self._begin(resource, fault)
        operation.needed_polls, resource.settled = 0, resource.body
        if fault != "no-effect" and state != resource.power:
            resource.becoming, resource.power = state, _ON_THE_WAY[state]
            operation.event = "started" if state == "running" else "stopped"
        return operation

    def turn(self, address: Address, state: str, fault: str) -> None:
        """Start or stop an app: `state` is Running or Stopped, a while later."""
        resource = self._free(address)
        operation = self._begin(resource, fault)
        operation.needed_polls, resource.settled = 0, resource.body
        if fault != "no-effect":
            changed = {"state": state, "lastModifiedTimeUtc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}
            resource.settled = merge(resource.body, {"properties": changed})
            operation.event = "started" if state == "Running" else "stopped"

    def used(self, subscription: str, region: str) -> dict[str, tuple[int, int]]:
        """Name of each quota -> (used, limit)."""
        return used(self._resources.values(), subscription, region, self.core_limit)

    def settle(self) -> None:
        """End every operation whose time has come, whoever asks."""
        for key in list(self._resources):
            self._settle(key)
        returning = {key for key, one in self._resources.items() if not one.life.up and one.life.returns}
        self.changed |= returning != self._returning
        self._returning = returning

    def hasten(self, key: str) -> None:
        """What takes long with a resource is over soon."""
        resource = self.find(key)
        resource.life.hasten()
        self.rights.hasten()
        if resource.operation is not None:
            resource.operation.hasten()

    def restart(self, address: Address, fault: str) -> Operation:
        """Restart a machine that runs; over when its time has passed, whether anybody asks or not."""
        resource = self._free(address)
        if resource.power != "running":
            message = f"Operation 'restart' is not allowed on VM '{address.name}' since it is {resource.power}."
            raise ArmError(409, "OperationNotAllowed", message)
        resource.life.restart(fault)
        operation = self._begin(resource)
        operation.needed_polls, resource.settled = 0, resource.body
        return operation

    def poll(self, number: str) -> Operation:
        """One question about an operation; each counts."""
        operation = self._operations.get(number)
        if operation is None:
            raise ArmError(404, "NotFound", f"No operation {number}")
        operation.polls += 1
        if operation.done:
            self._finish(operation)
        return operation

    def _settle(self, key: str) -> None:
        resource = self._resources.get(key)
        if resource is not None and resource.operation is not None and resource.operation.done:
            self._finish(resource.operation)

    def _must_fit(self, resource: Resource, body: dict[str, Any]) -> None:
        cores, limit = self.used(body["id"].split("/")[2], body["location"])["cores"]
        must_fit(resource, body, cores, limit)

    def _free(self, address: Address) -> Resource:
        resource = self.find(address)
        if resource.operation is not None and not resource.operation.done:
            message = "Another operation on this resource is in progress. Retry when it is over."
            raise ArmError(409, "AnotherOperationInProgress", message)
        return resource

    def _change(self, resource: Resource, body: dict[str, Any], status: int, fault: str = "") -> Operation | None:
        """Now, or when an operation ends; one that nobody can poll (200) is there only while a change is slow."""
        body = resource.body if fault == "no-effect" else body
        if status == 200 and fault != "slow-effect":
            self._arrive(resource, body)
            return None
        operation = self._begin(resource, fault)
        resource.settled = body
        if "provisioningState" in resource.body["properties"]:
            resource.body = merge(resource.body, {"properties": {"provisioningState": resource.kind.busy}})
            resource.settled = merge(body, {"properties": {"provisioningState": "Succeeded"}})
        return operation if status > 200 else None

    def _arrive(self, resource: Resource, body: dict[str, Any]) -> None:
        was, resource.body = resource.body, body
        self.changed = True
        if body is was:
            return
        resource.kind.arrive(body)
        if is_machine(resource):
            resource.life.touch()
        if "etag" in body:
            body["etag"] = str(uuid.uuid4())
        if "endpoints" in body["properties"] and body["properties"] != was["properties"]:
            self.tell("shifted", body["id"])

    def _begin(self, resource: Resource, fault: str = "") -> Operation:
        operation = Operation(str(uuid.uuid4()), resource.body["id"].lower(), fault=fault)
        if fault:
            operation.takes_s = TAKES_S[fault]
        self._operations[operation.id] = resource.operation = operation
        self.changed = True
        return operation

    def _finish(self, operation: Operation) -> None:
        resource = self._resources.get(operation.resource)
        if resource is None or resource.operation is not operation:
            return
        self.changed = True
        resource.operation = None
        if resource.gone:
            del self._resources[operation.resource]
        elif resource.settled is not None:
            body, resource.settled = resource.settled, None
            resource.failed = "AllocationFailed" if operation.fault == "no-room" else ""
            if resource.failed:
                self._give_up(resource, operation)
            else:
                self._arrive(resource, body)
                self._turn_over(resource, operation)

    def _give_up(self, resource: Resource, operation: Operation) -> None:
        """It was accepted, and the data centre had no room: all is as it was, and says why."""
        if operation.event:
            resource.power = "deallocated" if operation.event == "started" else "running"
        if "provisioningState" in resource.body["properties"]:
            resource.body = merge(resource.body, {"properties": {"provisioningState": "Failed"}})
        resource.life.touch()

    def _turn_over(self, resource: Resource, operation: Operation) -> None:
        """What starts or stops now does."""
        if not operation.event:
            return
        if is_machine(resource):
            resource.power = resource.becoming
            resource.life.touch()
        elif operation.event == "stopped":
            resource.life.stop()
        else:
            resource.life.start()
        self.tell(operation.event, resource.body["id"])
