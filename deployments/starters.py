"""Which events start a deployment at once?

An automation each deployment that prefect.yaml gives an `on_event`: the Prefect server itself starts it when a
run with the tag comes to that event, besides its schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.apply import Item
from deployments.listing import DeploymentEntry, OnEvent, PrefectFile

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import AutomationCore
    from prefect.flows import Flow

PREFIX = "start at once: "


async def starter_items(client: PrefectClient, listing: PrefectFile, flows: dict[str, Flow[..., Any]]) -> list[Item]:
    """One a deployment that has events; those that no longer have any go. The deployments were saved before."""
    there = {each.name: each for each in await client.read_automations() if each.name.startswith(PREFIX)}
    items: list[Item] = []
    for entry in listing.deployments:
        if entry.on_event is not None:
            full = f"{flows[entry.entrypoint].name}/{entry.name}"
            items.append(await _item(client, entry, entry.on_event, full, there.pop(PREFIX + full, None)))
    return [*items, *(_farewell(client, gone) for gone in there.values())]


def _farewell(client: PrefectClient, gone: Any) -> Item:
    name = gone.name.removeprefix(PREFIX)
    return Item("starter", name, {}, {}, lambda: client.delete_automation(gone.id), unwanted=True)


async def _item(client: PrefectClient, entry: DeploymentEntry, on: OnEvent, full: str, there: Any) -> Item:
    async def make() -> None:
        core = await _automation(client, entry, on, full)
        if there is None:
            await client.create_automation(core)
        else:
            await client.update_automation(there.id, core)

    return Item("starter", full, _wanted(on), _comparable(there) if there else None, make)


def _wanted(on: OnEvent) -> dict[str, Any]:
    return {
        "events": sorted(on.events),
        "match_related": {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{on.tag}"},
        "enabled": True,
    }


def _comparable(there: Any) -> dict[str, Any]:
    dumped = there.model_dump(mode="json")
    return {
        "events": sorted(dumped["trigger"].get("expect") or ()),
        "match_related": dumped["trigger"].get("match_related"),
        "enabled": dumped["enabled"],
    }


async def _automation(client: PrefectClient, entry: DeploymentEntry, on: OnEvent, full: str) -> AutomationCore:
    from prefect.events.actions import RunDeployment
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    deployment = await client.read_deployment_by_name(full)
    wanted = _wanted(on)
    start: Any = RunDeployment(source="selected", deployment_id=deployment.id)  # pyright: ignore[reportCallIssue]
    return AutomationCore(
        name=PREFIX + full,
        description=entry.description,
        enabled=True,
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},  # pyright: ignore[reportArgumentType]
            match_related=wanted["match_related"],
            expect=set(on.events),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[start],
    )
