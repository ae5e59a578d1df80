"""What runs in an Azure resource, and since when?

An app's processes with the moment each began, as its management site shows them
(https://learn.microsoft.com/rest/api/appservice/web-apps/list-instance-processes), and a machine's last
operation, as its instance view shows it (https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view).

The rule: moments are told apart, never compared with a clock of ours. Nothing that runs is no proof of anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from blocks.azure.states import COMPUTE_VERSION, WEB_VERSION
from blocks.errors import Refused

if TYPE_CHECKING:
    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource

_PROCESSES_PER_INSTANCE = 50


@dataclass(frozen=True, slots=True)
class Running:
    """`since` names what runs -> when it began, in Azure's words; `ready`: it serves; `text` says both."""

    since: Mapping[str, str]
    ready: bool
    text: str
    refusal: str = ""  # why it cannot be restarted in this state

    def anew(self, before: Mapping[str, str]) -> bool:
        """Something runs, something ran before, and nothing of that is left."""
        return bool(self.since) and bool(before) and not set(self.since.items()) & set(before.items())


async def read_running(azure: Connection, resource: AzureResource) -> Running:
    """What runs there now. Raises `Refused` for a type that is not restarted, and what Azure's SDK raises."""
    read = _READERS.get(resource.type)
    if read is None:
        raise Refused(
            f"a resource of type {resource.type} is not restarted by vigie",
            where=str(resource),
            next_step=f"restart one of {', '.join(sorted(_READERS))}",
        )
    return await read(azure, resource)


def apps(azure: Connection, resource: AzureResource) -> Any:
    """The operations on apps, at the version that is checked."""
    from azure.mgmt.web.aio import WebSiteManagementClient

    return azure.client(WebSiteManagementClient, resource.subscription, api_version=WEB_VERSION).web_apps


def machines(azure: Connection, resource: AzureResource) -> Any:
    """The operations on virtual machines; each wants `api_version=COMPUTE_VERSION`."""
    from azure.mgmt.compute.aio import ComputeManagementClient

    return azure.client(ComputeManagementClient, resource.subscription).virtual_machines


async def _app(azure: Connection, resource: AzureResource) -> Running:
    web = apps(azure, resource)
    properties = (await web.get(resource.group, resource.name)).properties
    state, availability = _word(properties.state), _word(properties.availability_state)
    instances = [each async for each in web.list_instance_identifiers(resource.group, resource.name)]
    since: dict[str, str] = {}
    for instance in instances:
        since |= await _processes(web, resource, str(instance.name))
    ready_count = sum(_word(each.properties and each.properties.state) == "READY" for each in instances)
    text = f"{resource.name} is {state}, {ready_count} of {len(instances)} instances ready, {len(since)} processes"
    ready = state == "Running" and availability in ("", "Normal") and 0 < ready_count == len(instances)
    return Running(since, ready, text, "" if state == "Running" else f"{text}; only a running app is restarted")


async def _processes(web: Any, resource: AzureResource, instance: str) -> dict[str, str]:
    """The app's own processes of one instance, those of its management site left out; none where we may not look.

    Azure shows the environment of each process too. Nothing but the moment it began is kept.
    """
    from azure.core.exceptions import HttpResponseError

    since: dict[str, str] = {}
    try:
        async for listed in web.list_instance_processes(resource.group, resource.name, instance):
            number = str(listed.name).rpartition("/")[2]
            found = (await web.get_instance_process(resource.group, resource.name, number, instance)).properties
            if found.start_time is not None and not found.is_scm_site:
                since[f"{instance}/{number}"] = found.start_time.isoformat()
            if len(since) >= _PROCESSES_PER_INSTANCE:
                break
    except HttpResponseError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):  # it went while we looked, or
            raise  # the role leaves processes out: then the activity log is the only evidence
    return since


async def _machine(azure: Connection, resource: AzureResource) -> Running:
    view = await machines(azure, resource).instance_view(resource.group, resource.name, api_version=COMPUTE_VERSION)
    statuses = {str(status.code): status for status in view.statuses or [] if status.code}
    power = next((code for code in statuses if code.startswith("PowerState/")), "PowerState/unknown")
    provisioning = next((code for code in statuses if code.startswith("ProvisioningState/")), "")
    when = statuses[provisioning].time if provisioning else None
    text = f"{resource.name} is {power}, {provisioning or 'ProvisioningState/unknown'}"
    ready = (power, provisioning) == ("PowerState/running", "ProvisioningState/succeeded")
    since = {"last operation": when.isoformat()} if when is not None else {}
    return Running(since, ready, text, "" if ready else f"{text}; only a running machine at rest is restarted")


def _word(value: object) -> str:
    return "" if value is None else str(getattr(value, "value", value))


_READERS: dict[str, Callable[[Any, Any], Awaitable[Running]]] = {
    "microsoft.web/sites": _app,
    "microsoft.compute/virtualmachines": _machine,
}
