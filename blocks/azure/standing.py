"""Does an app or machine run, how large is it, and is anything going on with it?

What Azure says of the resource itself: an app and its plan (https://learn.microsoft.com/rest/api/appservice),
a machine's own model and its instance view (https://learn.microsoft.com/rest/api/compute/virtual-machines).

The rule: off is what Azure calls Stopped or deallocated, and nothing else; a word that we do not know is no rest.
A plan's size is written `P1v3:2`, name and number of instances; a machine's as Azure names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.azure.resource import AzureResource
from blocks.azure.running import apps, machines
from blocks.azure.states import COMPUTE_VERSION, WEB_VERSION
from blocks.errors import Refused

if TYPE_CHECKING:
    from blocks.azure.connection import Connection

APP, MACHINE = "microsoft.web/sites", "microsoft.compute/virtualmachines"
WORDS = {APP: "app", MACHINE: "machine"}
ON = {APP: "Running", MACHINE: "PowerState/running"}
OFF = {APP: "Stopped", MACHINE: "PowerState/deallocated"}
_AT_REST = {"Running", "Stopped", "PowerState/running", "PowerState/stopped", "PowerState/deallocated"}
_FINE, _FAILED = "ProvisioningState/succeeded", ("Failed", "Canceled")


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` and `changed`, the moment of its last change, in Azure's words; `settled`: nothing goes on with it."""

    state: str
    changed: str
    settled: bool
    text: str
    failure: str = ""  # how its last operation failed


@dataclass(frozen=True, slots=True)
class Sized:
    """`size` is what it has, `version` its ETag where Azure gives one, `model` what was read.

    `failure` says how its last operation failed, and when, where Azure tells when.
    """

    size: str
    version: str
    settled: bool
    text: str
    failure: str
    model: Any
    of: AzureResource  # the resource that has the size: an app's plan, or the machine


def known(resource: AzureResource) -> AzureResource:
    """The same, if it is an app or machine. Raises `Refused` else."""
    if resource.type in WORDS:
        return resource
    raise Refused(
        f"a resource of type {resource.type} is not started, stopped or resized by vigie",
        where=str(resource),
        next_step=f"give the plan one of {', '.join(sorted(WORDS))}, or say how the service is degraded",
    )


async def read_standing(azure: Connection, resource: AzureResource) -> Standing:
    """Whether it runs. Raises what Azure's SDK raises."""
    return await _STANDING[resource.type](azure, resource)


async def read_size(azure: Connection, resource: AzureResource) -> Sized:
    """How large it is. Raises what Azure's SDK raises."""
    return await _SIZES[resource.type](azure, resource)


def plans(azure: Connection, resource: AzureResource) -> Any:
    """The operations on plans, at the version that is checked."""
    from azure.mgmt.web.aio import WebSiteManagementClient

    return azure.client(WebSiteManagementClient, resource.subscription, api_version=WEB_VERSION).app_service_plans


async def _app(azure: Connection, resource: AzureResource) -> Standing:
    properties = (await apps(azure, resource).get(resource.group, resource.name)).properties
    state = _word(properties.state)
    moment = properties.last_modified_time_utc
    changed = moment.isoformat() if moment is not None else ""
    return Standing(state, changed, state in _AT_REST, f"{resource.name} is {state or 'in no state that Azure names'}")


async def _machine(azure: Connection, resource: AzureResource) -> Standing:
    view = await machines(azure, resource).instance_view(resource.group, resource.name, api_version=COMPUTE_VERSION)
    statuses = {str(status.code): status for status in view.statuses or [] if status.code}
    power = next((code for code in statuses if code.startswith("PowerState/")), "PowerState/unknown")
    doing = next((code for code in statuses if code.startswith("ProvisioningState/")), "ProvisioningState/unknown")
    when = statuses[doing].time if doing in statuses else None
    failure = doing.partition("/")[2] if doing.startswith("ProvisioningState/failed") else ""
    return Standing(
        state=power,
        changed=when.isoformat() if when is not None else "",
        settled=power in _AT_REST and (doing == _FINE or bool(failure)),
        text=f"{resource.name} is {power}, {doing}",
        failure=failure,
    )


async def _plan_of(azure: Connection, resource: AzureResource) -> Sized:
    site = await apps(azure, resource).get(resource.group, resource.name)
    of = AzureResource.parse(str(site.properties.server_farm_id), resource.name)
    plan = await plans(azure, of).get(of.group, of.name)
    sku, properties = plan.sku, plan.properties
    size, doing = f"{sku.name}:{sku.capacity}", _word(properties.provisioning_state)
    there, failed = properties.number_of_workers, doing in _FAILED
    settled = doing == "Succeeded" and _word(properties.status) in ("", "Ready") and there in (None, sku.capacity)
    counted = "" if there is None else f", {there} of {sku.capacity} instances there"
    text = f"plan {of.name} is {size}, {doing}{counted}"
    return Sized(size, "", settled or failed, text, doing if failed else "", plan, of)


async def _size_of_machine(azure: Connection, resource: AzureResource) -> Sized:
    machine = await machines(azure, resource).get(resource.group, resource.name, api_version=COMPUTE_VERSION)
    standing = await _machine(azure, resource)
    size, doing = _word(machine.properties.hardware_profile.vm_size), _word(machine.properties.provisioning_state)
    failure = f"{standing.failure} {standing.changed}" if standing.failure else ""
    settled = standing.settled and doing in ("Succeeded", *_FAILED)
    text = f"machine {resource.name} is {size}, {doing}"
    return Sized(size, str(machine.etag or ""), settled, text, failure, machine, resource)


def _word(value: object) -> str:
    return "" if value is None else str(getattr(value, "value", value))


_STANDING: dict[str, Callable[[Any, AzureResource], Awaitable[Standing]]] = {APP: _app, MACHINE: _machine}
_SIZES: dict[str, Callable[[Any, AzureResource], Awaitable[Sized]]] = {APP: _plan_of, MACHINE: _size_of_machine}
