"""What kinds of Azure resources does the sandbox know, and how do they look when they are well?

One row a type: how slow its writes are, what a fresh one looks like, what it measures. A new plain
type costs one row and a seed body. The rule: numbers are normal unless somebody broke the resource,
and a spike is large enough to cross a sensible limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PLAN_TIERS = {"B1": "Basic", "S1": "Standard", "P0v3": "Premium0V3", "P1v3": "PremiumV3", "P2v3": "PremiumV3"}
MACHINE_SIZES = {"Standard_D2s_v3": (2, 8192), "Standard_D4s_v3": (4, 16384), "Standard_D8s_v3": (8, 32768)}
"""Size -> cores, MiB of memory."""
FLEET_COUNT = 1200
DAILY_MESSAGES = 400_000


@dataclass(frozen=True)
class Metric:
    """One metric: `base` is its weekly mean a minute, `swing` how strongly it follows the week, `spike` when broken."""

    name: str
    unit: str
    aggregation: str
    base: float
    swing: float = 0.0
    spike: float = 0.0
    killed: float | None = 0.0  # what is recorded while the resource is down; None: nothing
    ceiling: float | None = None


@dataclass(frozen=True)
class Kind:
    """One ARM type. `put`, `patch`, `delete` are the status codes of its writes; above 200 means it takes polls.

    `busy` is its provisioning state meanwhile; `arrive` sets what Azure itself sets once a write is done.
    """

    type: str
    properties: Callable[[str], dict[str, Any]]
    top: dict[str, Any] = field(default_factory=dict[str, Any])
    metrics: tuple[Metric, ...] = ()
    down: Mapping[str, Any] = field(default_factory=dict[str, Any])  # properties while killed
    put: int = 200
    patch: int = 200
    delete: int = 200
    loud_ids: bool = False  # answers ids with the group in capitals
    busy: str = "Updating"
    arrive: Callable[[dict[str, Any]], None] = field(default=lambda _body: None)


def _site(name: str) -> dict[str, Any]:
    host = f"{name}.azurewebsites.net"
    return {
        "state": "Running",
        "hostNames": [host],
        "repositorySiteName": name,
        "usageState": "Normal",
        "enabled": True,
        "enabledHostNames": [host, f"{name}.scm.azurewebsites.net"],
        "availabilityState": "Normal",
        "httpsOnly": True,
        "reserved": True,
        "lastModifiedTimeUtc": "2026-01-15T09:00:00Z",
    }


def _machine(name: str) -> dict[str, Any]:
    return {
        "vmId": "8f0f3c1e-2a0b-4d5c-9e77-5d1a4a1f0c01",
        "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
        "osProfile": {"computerName": name, "adminUsername": "hearth"},
        "provisioningState": "Succeeded",
    }


def _hub(name: str) -> dict[str, Any]:
    return {
        "state": "Active",
        "provisioningState": "Succeeded",
        "hostName": f"{name}.azure-devices.net",
        "locations": [
            {"location": "West Europe", "role": "primary"},
            {"location": "North Europe", "role": "secondary"},
        ],
        "eventHubEndpoints": {"events": {"retentionTimeInDays": 1, "partitionCount": 4, "path": name}},
    }


def _storage(name: str) -> dict[str, Any]:
    return {
        "provisioningState": "Succeeded",
        "statusOfPrimary": "available",
        "statusOfSecondary": "available",
        "primaryLocation": "westeurope",
        "secondaryLocation": "northeurope",
        "primaryEndpoints": {"blob": f"https://{name}.blob.core.windows.net/"},
        "supportsHttpsTrafficOnly": True,
    }


def _plan(_: str) -> dict[str, Any]:
    workers = {"maximumNumberOfWorkers": 30, "numberOfWorkers": 2}
    return {"status": "Ready", "provisioningState": "Succeeded", "numberOfSites": 1, "reserved": True, **workers}


def _plan_arrives(body: dict[str, Any]) -> None:
    sku = body["sku"]
    sku["tier"] = PLAN_TIERS[sku["name"]]
    body["properties"] |= {"numberOfWorkers": sku["capacity"], "status": "Ready"}


def _profile(name: str) -> dict[str, Any]:
    return {
        "profileStatus": "Enabled",
        "trafficRoutingMethod": "Weighted",
        "dnsConfig": {"relativeName": name, "fqdn": f"{name}.trafficmanager.net", "ttl": 30},
        "monitorConfig": {"profileMonitorStatus": "Online", "protocol": "HTTPS", "port": 443, "path": "/health"},
        "endpoints": [],
        "trafficViewEnrollmentStatus": "Disabled",
    }


def _profile_arrives(body: dict[str, Any]) -> None:
    """What its probes find: what is enabled is well here."""
    properties = body["properties"]
    properties["monitorConfig"]["profileMonitorStatus"] = "Online"
    properties["dnsConfig"]["fqdn"] = f"{properties['dnsConfig']['relativeName']}.trafficmanager.net"
    for endpoint in properties["endpoints"]:
        on = endpoint["properties"].get("endpointStatus", "Enabled") == "Enabled"
        endpoint["properties"]["endpointMonitorStatus"] = "Online" if on else "Disabled"


def _autoscale(_: str) -> dict[str, Any]:
    return {"profiles": [], "enabled": True}


_KINDS = (
    Kind(
        "Microsoft.Web/sites",
        _site,
        {"kind": "app,linux"},
        (
            Metric("Requests", "Count", "Total", 900, 0.6, 9000),
            Metric("Http5xx", "Count", "Total", 0.2, 0.5, 300),
            Metric("HttpResponseTime", "Seconds", "Average", 0.09, 0.2, 6, killed=None),
            Metric("AverageResponseTime", "Seconds", "Average", 0.09, 0.2, 6, killed=None),
            Metric("AverageMemoryWorkingSet", "Bytes", "Average", 4.2e8, 0.1, 1.6e9),
        ),
        {"state": "Stopped", "availabilityState": "Limited"},
        put=202,
    ),
    Kind(
        "Microsoft.Compute/virtualMachines",
        _machine,
        {"etag": "1"},
        (Metric("Percentage CPU", "Percent", "Average", 28, 0.4, 98, killed=None, ceiling=100),),
        put=201,
        patch=202,
        delete=202,
        loud_ids=True,
    ),
    Kind(
        "Microsoft.Devices/IotHubs",
        _hub,
        {"etag": "AAAAAAWSGos=", "sku": {"name": "S1", "tier": "Standard", "capacity": 1}},
        (
            Metric(
                "connectedDeviceCount",
                "Count",
                "Average",
                FLEET_COUNT * 0.97,
                0.02,
                FLEET_COUNT * 0.5,
                ceiling=FLEET_COUNT,
            ),
            Metric("totalDeviceCount", "Count", "Average", FLEET_COUNT, killed=FLEET_COUNT),
            Metric("d2c.telemetry.ingress.success", "Count", "Total", 130, 0.5, 2),
            Metric("dailyMessageQuotaUsed", "Count", "Maximum", 160_000, 0.3, 396_000),
        ),
        {"state": "Suspended"},
        put=201,
        delete=202,
    ),
    Kind(
        "Microsoft.Storage/storageAccounts",
        _storage,
        {"kind": "StorageV2", "sku": {"name": "Standard_GRS", "tier": "Standard"}},
        (
            Metric("Availability", "Percent", "Average", 100, 0, 91, killed=0, ceiling=100),
            Metric("Transactions", "Count", "Total", 220, 0.5, 8000),
            Metric("UsedCapacity", "Bytes", "Average", 7.3e10, 0, 4e12, killed=7.3e10),
        ),
        {"statusOfPrimary": "unavailable"},
        put=202,
    ),
    Kind(
        "Microsoft.Web/serverfarms",
        _plan,
        {"kind": "linux", "sku": {"name": "P1v3", "tier": "PremiumV3", "capacity": 2}},
        put=202,
        busy="InProgress",
        arrive=_plan_arrives,
    ),
    Kind("Microsoft.Network/trafficManagerProfiles", _profile, arrive=_profile_arrives),
    Kind("Microsoft.Insights/autoscaleSettings", _autoscale),
)
KINDS: dict[str, Kind] = {kind.type.lower(): kind for kind in _KINDS}
HOURLY_ONLY = {"usedcapacity"}  # Azure keeps these by the hour
CATALOGUE_KINDS = {
    "azure.app_service": "Microsoft.Web/sites",
    "azure.virtual_machine": "Microsoft.Compute/virtualMachines",
    "azure.iot_hub": "Microsoft.Devices/IotHubs",
    "azure.storage_account": "Microsoft.Storage/storageAccounts",
}
"""Kind of the catalogue -> ARM type that a service of that kind is seeded as."""
