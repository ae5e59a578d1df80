"""Is the resource there, and in the state it should be in?

Two voices: the resource itself (its running state) and Azure Resource Health (what the platform thinks
of it). The rules: a state that Azure does not give is missing, a resource that is gone is critical,
and "unknown" from Resource Health is never taken for available.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from blocks.azure.failures import explained, not_there
from blocks.errors import Broken
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, State, Unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource

COMPUTE_VERSION = "2023-09-01"
WEB_VERSION = "2023-01-01"
IOT_VERSION = "2023-06-30"
STORAGE_VERSION = "2023-01-01"
HEALTH_VERSION = "2022-10-01"
AVAILABLE = Measurement("available", 1.0, Unit.COUNT)
UNAVAILABLE = Measurement("available", 0.0, Unit.COUNT)


class Seen(NamedTuple):
    """What one look yields: numbers, and what is wrong or why nothing is known."""

    measurements: tuple[Measurement, ...] = ()
    finding: Finding | None = None
    missing: Missing | None = None


async def read_resource_state(azure: Connection, resource: AzureResource, expect: str | None) -> Seen:
    """Compare the resource's own state with the right one for its type. Raises the three errors."""
    from azure.core.exceptions import ResourceNotFoundError

    read, right = _kind(resource)
    with explained(f"state of {resource}"):
        try:
            states = await read(azure, resource)
        except ResourceNotFoundError as error:
            if not_there(error):
                return _bad(f"{resource.name} does not exist: it was deleted, or its address in the catalogue is wrong")
            raise
    return _judge_state(states, expect or right, resource)


async def read_resource_health(azure: Connection, resource: AzureResource) -> Seen:
    """What Azure Resource Health says right now. Raises the three errors."""
    from azure.mgmt.resourcehealth.aio import ResourceHealthMgmtClient

    with explained(f"resource health of {resource}"):
        client = azure.client(ResourceHealthMgmtClient, resource.subscription, api_version=HEALTH_VERSION)
        status = await client.availability_statuses.get_by_resource(resource.id.strip("/"))
        properties = status.properties
        return _judge_health(_word(properties.availability_state), properties, resource)


def _judge_health(said: str, properties: Any, resource: AzureResource) -> Seen:
    because = _because(properties)
    if said == "Available":
        return Seen((AVAILABLE,))
    if said == "Unavailable":
        return _bad(f"Azure says {resource.name} is unavailable{because}")
    if said == "Degraded":
        text = f"Azure says {resource.name} is degraded{because}"
        return Seen(finding=Finding(FindingCode.RESOURCE_STATE, text, State.WARNING))
    if said == "Unknown":
        return Seen(missing=Missing(MissingCode.NO_DATA, f"Azure does not know how {resource.name} is{because}"))
    raise ValueError(f"availability state {said!r}")


def _judge_state(states: Sequence[str], right: str, resource: AzureResource) -> Seen:
    """The first state is the one that must be right; the others are complaints of their own."""
    state = states[0]
    if not state:
        return Seen(missing=Missing(MissingCode.NO_DATA, f"Azure gives no state of {resource.name}"))
    if state.lower() != right.lower():
        return _bad(f"{resource.name} is {state}, should be {right}")
    if states[1:]:
        text = f"{resource.name} is {state}, but {', '.join(states[1:])}"
        return Seen((AVAILABLE,), Finding(FindingCode.RESOURCE_STATE, text, State.WARNING))
    return Seen((AVAILABLE,))


def _kind(resource: AzureResource) -> tuple[Callable[[Connection, AzureResource], Awaitable[list[str]]], str]:
    try:
        return _KINDS[resource.type]
    except KeyError:
        raise Broken(
            f"the state of {resource.type} cannot be read",
            where=str(resource),
            next_step=f"use one of {', '.join(sorted(_KINDS))}, or add a line to blocks/azure/states.py",
            code=MissingCode.PROBE_FAILED,
        ) from None


async def _app_service(azure: Connection, resource: AzureResource) -> list[str]:
    from azure.mgmt.web.aio import WebSiteManagementClient

    client = azure.client(WebSiteManagementClient, resource.subscription, api_version=WEB_VERSION)
    properties = (await client.web_apps.get(resource.group, resource.name)).properties
    states = [_word(properties.state)]
    if (availability := _word(properties.availability_state)) not in ("", "Normal"):
        states.append(f"its availability is {availability}")
    if (usage := _word(properties.usage_state)) not in ("", "Normal"):
        states.append(f"its quota is {usage}")
    return states


async def _virtual_machine(azure: Connection, resource: AzureResource) -> list[str]:
    from azure.mgmt.compute.aio import ComputeManagementClient

    client = azure.client(ComputeManagementClient, resource.subscription)
    view = await client.virtual_machines.instance_view(resource.group, resource.name, api_version=COMPUTE_VERSION)
    codes = [str(status.code) for status in view.statuses or [] if status.code]
    power = [code for code in codes if code.startswith("PowerState/")]
    failed = [f"its {code}" for code in codes if code.startswith("ProvisioningState/failed")]
    return [power[0] if power else "", *failed]


async def _iot_hub(azure: Connection, resource: AzureResource) -> list[str]:
    from azure.mgmt.iothub.aio import IotHubClient

    client = azure.client(IotHubClient, resource.subscription, api_version=IOT_VERSION)
    hub = await client.iot_hub_resource.get(resource.group, resource.name)
    return [_word(hub.properties.state)]


async def _storage_account(azure: Connection, resource: AzureResource) -> list[str]:
    from azure.mgmt.storage.aio import StorageManagementClient

    client = azure.client(StorageManagementClient, resource.subscription, api_version=STORAGE_VERSION)
    account = await client.storage_accounts.get_properties(resource.group, resource.name)
    states = [_word(account.properties.status_of_primary)]
    if _word(account.properties.status_of_secondary) == "unavailable":
        states.append("its copy in the secondary region is unavailable")
    return states


_KINDS: dict[str, tuple[Callable[[Connection, AzureResource], Awaitable[list[str]]], str]] = {
    "microsoft.web/sites": (_app_service, "Running"),
    "microsoft.compute/virtualmachines": (_virtual_machine, "PowerState/running"),
    "microsoft.devices/iothubs": (_iot_hub, "Active"),
    "microsoft.storage/storageaccounts": (_storage_account, "available"),
}


def _bad(text: str) -> Seen:
    return Seen((UNAVAILABLE,), Finding(FindingCode.RESOURCE_STATE, text))


def _word(value: object) -> str:
    """An enum member or a plain word, as Azure wrote it; empty when absent."""
    return "" if value is None else str(getattr(value, "value", value))


def _because(properties: Any) -> str:
    """': <summary>' in plain words; Azure puts HTML there."""
    text = html.unescape(re.sub(r"<[^>]+>", "", properties.summary or properties.title or ""))
    return f": {' '.join(text.split())[:200]}" if text else ""
