"""Which part of Resource Manager answers what?

Four tables: questions about any resource (metrics, health), children of one type (instance view,
device statistics), actions, and what a region has (quotas). The rule: what is in none of them is answered 501
and remembered, so that a test that used it fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.azure_kinds import DAILY_MESSAGES, FLEET_COUNT, MACHINE_SIZES
from deployments.sandbox.azure_lives import INSTANCES, instances, process, processes
from deployments.sandbox.azure_resources import Address, ArmError, Resource
from deployments.sandbox.azure_signals import definitions_answer, health_answer, metrics_answer, value_at
from deployments.sandbox.azure_store import PAGE_COUNT, Store

Query = dict[str, str]
Broken = dict[str, datetime]


def about(resource: Resource, what: str, query: Query, faults: Broken) -> dict[str, Any] | None:
    """Extension reads that exist for every resource; None when `what` is none of them."""
    if what == "microsoft.insights/metrics":
        return metrics_answer(resource, query, faults)
    if what == "microsoft.insights/metricdefinitions":
        return definitions_answer(resource)
    if what == "microsoft.resourcehealth/availabilitystatuses/current":
        return health_answer(resource, faults)
    if what == "microsoft.resourcehealth/availabilitystatuses":
        return {"value": [health_answer(resource, faults)]}
    return None


def split_extension(path: str) -> tuple[str, str]:
    """('/subscriptions/.../sites/x', 'microsoft.insights/metrics'); the second is empty for a plain path."""
    head, found, tail = path.rpartition("/providers/")
    if found and re.search(r"/providers/[^/]+/[^/]+/[^/]+", head, re.IGNORECASE):
        return head, tail.lower().rstrip("/")
    return path, ""


def read_child(resource: Resource, action: str, faults: Broken) -> dict[str, Any]:
    """GET of something below a resource; 501 when the sandbox does not know it."""
    read = _CHILDREN.get((resource.kind.type.lower(), action.lower())) or _deeper(resource, action)
    if read is None:
        raise ArmError(501, "NotImplemented", f"The sandbox does not know {resource.kind.type}/{action}")
    return read(resource, faults)


def act(store: Store, address: Address, fault: str = "") -> tuple[Any, int]:
    """POST of an action: the operation it began (or None) and its status; 501 when the sandbox does not know it.

    `fault` is what is wrong with changes of that resource, or empty.
    """
    resource = store.find(address)
    if address.action.lower() == "restart":
        return _restart(store, address, resource, fault)
    known = _ACTIONS.get((resource.kind.type.lower(), address.action.lower()))
    if known is None:
        raise ArmError(501, "NotImplemented", f"The sandbox does not know {resource.kind.type}/{address.action}")
    return known(store, address, fault)


def page(items: list[dict[str, Any]], url: str, query: Query) -> dict[str, Any]:
    """A few items and where the next ones are."""
    start = int(query.get("$skiptoken", "0"))
    answer: dict[str, Any] = {"value": items[start : start + PAGE_COUNT]}
    if start + PAGE_COUNT < len(items):
        answer["nextLink"] = f"{url}?api-version={query['api-version']}&$skiptoken={start + PAGE_COUNT}"
    return answer


def shown(resource: Resource, faults: Broken) -> dict[str, Any]:
    """A resource as Azure answers it: down when it is killed, and with the casing of its provider."""
    body = dict(resource.body)
    if "kill" in faults:
        body["properties"] = {**body["properties"], **resource.kind.down}
    if resource.kind.loud_ids:
        body["id"] = re.sub(r"(?<=/resourceGroups/)[^/]+", lambda group: group[0].upper(), body["id"])
    return body


def permissions(actions: list[str]) -> dict[str, Any]:
    """What the reader may do in a resource group, as Microsoft.Authorization says it."""
    role = {"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}
    return {"value": [role]}


def _instance_view(resource: Resource, faults: Broken) -> dict[str, Any]:
    power = "stopped" if "kill" in faults else resource.power
    state = "succeeded" if resource.life.up and resource.operation is None else "updating"
    if resource.failed and resource.operation is None:
        state = f"failed/{resource.failed}"
    return {
        "computerName": resource.body["name"],
        "osName": "debian",
        "osVersion": "12",
        "statuses": [
            {
                "code": f"ProvisioningState/{state}",
                "level": "Info",
                "displayStatus": f"Provisioning {state.partition('/')[0]}",
                "time": f"{resource.life.began:%Y-%m-%dT%H:%M:%S.%f+00:00}",
            },
            {"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"},
        ],
    }


def _device_stats(_resource: Resource, _: Broken) -> dict[str, Any]:
    return {"totalDeviceCount": FLEET_COUNT, "enabledDeviceCount": FLEET_COUNT, "disabledDeviceCount": 0}


def _quotas(resource: Resource, faults: Broken) -> dict[str, Any]:
    used = next(metric for metric in resource.kind.metrics if metric.name == "dailyMessageQuotaUsed")
    sent = value_at(resource.body["id"], used, datetime.now(UTC), faults) or 0.0
    return {
        "value": [
            {"name": "TotalMessages", "currentValue": int(sent), "maxValue": DAILY_MESSAGES},
            {"name": "TotalDeviceCount", "currentValue": FLEET_COUNT, "maxValue": 1_000_000},
            {"name": "TotalTwinQueries", "currentValue": 12, "maxValue": 6_000},
        ]
    }


def _sizes(_resource: Resource, _: Broken) -> dict[str, Any]:
    return {
        "value": [
            {"name": name, "numberOfCores": cores, "memoryInMB": mib, "maxDataDiskCount": 2 * cores}
            for name, (cores, mib) in MACHINE_SIZES.items()
        ]
    }


def usages(store: Store, path: str) -> list[dict[str, Any]] | None:
    """The quotas of Microsoft.Compute in a region; None for another path."""
    found = re.fullmatch(r"/subscriptions/([^/]+)/providers/microsoft\.compute/locations/([^/]+)/usages", path)
    if found is None:
        return None
    return [
        {
            "name": {"value": name, "localizedValue": name},
            "unit": "Count",
            "currentValue": used,
            "limit": limit,
        }
        for name, (used, limit) in store.used(found[1], found[2]).items()
    ]


def _power(state: str) -> Callable[[Store, Address, str], tuple[Any, int]]:
    return lambda store, address, fault: (store.power(address, state, fault), 202)


def _site_state(state: str) -> Callable[[Store, Address, str], tuple[Any, int]]:
    def change(store: Store, address: Address, fault: str) -> tuple[Any, int]:
        store.turn(address, state, fault)
        return None, 200

    return change


def _restart(store: Store, address: Address, resource: Resource, fault: str) -> tuple[Any, int]:
    kind = resource.kind.type.lower()
    if kind == _MACHINES:
        return store.restart(address, fault), 202
    if kind != _SITES:
        raise ArmError(501, "NotImplemented", f"The sandbox does not know {resource.kind.type}/{address.action}")
    if resource.body["properties"]["state"] == "Running":  # a stopped app is accepted too, and stays stopped
        resource.life.restart(fault)
    return None, 200


def _deeper(resource: Resource, action: str) -> Callable[[Resource, Broken], dict[str, Any]] | None:
    """What lies below an app's instances: their processes."""
    parts = action.lower().split("/")
    if resource.kind.type.lower() != _SITES or len(parts) < 3 or parts[0] != "instances" or parts[2] != "processes":
        return None
    if parts[1] not in INSTANCES:
        raise ArmError(404, "NotFound", f"Instance {parts[1]} was not found.")
    if len(parts) == 3:
        return lambda site, _: processes(site.body["id"], site.life, parts[1])
    found = process(resource.body["id"], resource.life, parts[1], int(parts[3]) if parts[3].isdigit() else -1)
    if found is None or len(parts) > 4:
        raise ArmError(404, "NotFound", f"Process {parts[3]} was not found.")
    return lambda _site, _: found


_MACHINES, _SITES, _HUBS = "microsoft.compute/virtualmachines", "microsoft.web/sites", "microsoft.devices/iothubs"
_CHILDREN: dict[tuple[str, str], Callable[[Resource, Broken], dict[str, Any]]] = {
    (_MACHINES, "instanceview"): _instance_view,
    (_MACHINES, "vmsizes"): _sizes,
    (_SITES, "instances"): lambda site, _: instances(site.body["id"], site.life),
    (_HUBS, "iothubstats"): _device_stats,
    (_HUBS, "quotametrics"): _quotas,
}
_ACTIONS: dict[tuple[str, str], Callable[[Store, Address, str], tuple[Any, int]]] = {
    (_MACHINES, "start"): _power("running"),
    (_MACHINES, "poweroff"): _power("stopped"),
    (_MACHINES, "deallocate"): _power("deallocated"),
    (_SITES, "start"): _site_state("Running"),
    (_SITES, "stop"): _site_state("Stopped"),
}
PAGED_CHILDREN = {"quotametrics"}
