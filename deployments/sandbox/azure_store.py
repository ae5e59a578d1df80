"""Which resources exist in the sandbox's Azure, and what happens when somebody changes them?

One store for every type: ids in any casing, lists page by page, writes that take polls and refuse a
second writer meanwhile. The rule: what was not put there does not exist, and an operation is over
only when it was asked about often enough and enough time has passed.
"""

from __future__ import annotations

import copy
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.azure_kinds import KINDS, Kind
from deployments.sandbox.azure_lives import Life

PAGE_COUNT = 2
_POLLS = 2
_SECONDS = 1.0
_ID = re.compile(
    r"^/subscriptions/(?P<sub>[^/]+)(?:/resourcegroups/(?P<group>[^/]+))?/providers/(?P<type>[^/]+/[^/]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<action>.+))?)?$",
    re.IGNORECASE,
)


class ArmError(Exception):
    """An error that Resource Manager answers."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass(frozen=True)
class Address:
    """A path of Resource Manager, in parts; what is absent is empty."""

    subscription: str
    group: str
    type: str
    name: str
    action: str

    @classmethod
    def parse(cls, path: str) -> Address | None:
        """None where the path is no resource, list or action."""
        match = _ID.match(path)
        return (
            None if match is None else cls(*(match[part] or "" for part in ("sub", "group", "type", "name", "action")))
        )

    @property
    def id(self) -> str:
        """The resource's id, in this casing."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{self.type}/{self.name}"


@dataclass
class Operation:
    """A change that is still going on."""

    id: str
    resource: str
    polls: int = 0
    needed_polls: int = _POLLS
    takes_s: float = _SECONDS
    began: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> bool:
        """Polled often enough, and long enough ago."""
        return self.polls >= self.needed_polls and time.monotonic() - self.began >= self.takes_s


@dataclass
class Resource:
    """One resource as it is stored; `power` is the running state of a virtual machine."""

    kind: Kind
    body: dict[str, Any]
    operation: Operation | None = None
    power: str = "running"
    settled: dict[str, Any] | None = None  # what it becomes when the operation ends; None with `gone`: deleted
    gone: bool = False
    life: Life = field(default_factory=Life)


class Store:
    """All resources and operations of the sandbox's Azure."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._operations: dict[str, Operation] = {}

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

    def put(self, address: Address, body: dict[str, Any]) -> tuple[Resource, bool, Operation | None]:
        """Create or replace; also says whether it is new, and the operation to poll."""
        kind = KINDS.get(address.type.lower())
        if kind is None:
            raise ArmError(501, "NotImplemented", f"The sandbox does not know {address.type}")
        new = address.id.lower() not in self._resources
        if new:
            self.seed(address.id, kind.type, body.get("location", "westeurope"))
        resource = self._free(address)
        return resource, new, self._change(resource, _merge(resource.body, body), kind.put)

    def patch(self, address: Address, body: dict[str, Any]) -> tuple[Resource, Operation | None]:
        """Merge into what is there."""
        resource = self._free(address)
        return resource, self._change(resource, _merge(resource.body, body), resource.kind.patch)

    def delete(self, address: Address) -> Operation | None:
        """Remove; a slow type is gone only when its operation ends."""
        resource = self._free(address)
        resource.gone = True
        operation = self._change(resource, resource.body, resource.kind.delete)
        if operation is None:
            del self._resources[address.id.lower()]
        return operation

    def power(self, address: Address, state: str) -> Operation:
        """Start, stop or restart a machine: it is over when polled to the end."""
        resource = self._free(address)
        operation = self._begin(resource)
        resource.settled, resource.power = resource.body, state
        return operation

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

    def _free(self, address: Address) -> Resource:
        resource = self.find(address)
        if resource.operation is not None and not resource.operation.done:
            message = "Another operation on this resource is in progress. Retry when it is over."
            raise ArmError(409, "AnotherOperationInProgress", message)
        return resource

    def _change(self, resource: Resource, body: dict[str, Any], status: int) -> Operation | None:
        if status == 200:
            resource.body = body
            return None
        operation = self._begin(resource)
        resource.settled = body
        if "provisioningState" in resource.body["properties"]:
            resource.body = _merge(resource.body, {"properties": {"provisioningState": "Updating"}})
            resource.settled = _merge(body, {"properties": {"provisioningState": "Succeeded"}})
        return operation

    def _begin(self, resource: Resource) -> Operation:
        operation = Operation(str(uuid.uuid4()), resource.body["id"].lower())
        self._operations[operation.id] = resource.operation = operation
        return operation

    def _finish(self, operation: Operation) -> None:
        resource = self._resources.get(operation.resource)
        if resource is None or resource.operation is not operation:
            return
        resource.operation = None
        if resource.gone:
            del self._resources[operation.resource]
        elif resource.settled is not None:
            resource.body, resource.settled = resource.settled, None


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396: null removes, objects merge, the rest replaces; ids and types stay."""
    merged = copy.deepcopy(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        elif key not in ("id", "name", "type"):
            merged[key] = value
    return merged
