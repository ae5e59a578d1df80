"""Who notices when the sweeps themselves stop?

A dead-man's switch a platform, kept by the Prefect server and independent of every sweep and worker:
each finished sweep emits `vigie.sweep.finished`; when none came for three intervals the server itself
tells the customer's channel and the pager. It goes on telling, once each three intervals, until a
sweep finishes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from blocks.catalogue.model import Catalogue, Customer, Platform
from blocks.ports.events import FINISHED, resource_of
from blocks.slack.words import say
from deployments.apply import Item

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import AutomationCore

INTERVALS = 3
PREFIX = "dead man's switch: "


async def switch_items(client: PrefectClient, catalogue: Catalogue) -> list[Item]:
    """A switch each platform whose customer can be told; switches of platforms that are gone go too."""
    there = {a.name: a for a in await client.read_automations() if a.name.startswith(PREFIX)}
    items: list[Item] = []
    for platform in catalogue.platforms.values():
        customer = catalogue.customers[platform.customer]
        doors = await _doors(client, customer)
        items.append(_switch_item(client, platform, customer, doors, there.pop(PREFIX + platform.name, None)))
    return [*items, *(_farewell(client, gone) for gone in there.values())]


def _farewell(client: PrefectClient, gone: Any) -> Item:
    name = gone.name.removeprefix(PREFIX)
    wanted = {"platform": "not in the catalogue"}
    return Item("dead man's switch", name, wanted, {}, lambda: client.delete_automation(gone.id))


def _switch_item(
    client: PrefectClient, platform: Platform, customer: Customer, doors: Mapping[str, Any], there: Any
) -> Item:
    core = _switch(platform, customer, doors)

    async def make() -> None:
        if there is None:
            await client.create_automation(core)
        else:
            await client.update_automation(there.id, core)

    wanted = _comparable(core)
    return Item("dead man's switch", platform.name, wanted, _comparable(there) if there else None, make)


def _comparable(automation: AutomationCore) -> dict[str, Any]:
    dumped = automation.model_dump(mode="json")
    trigger = {key: dumped["trigger"].get(key) for key in ("match", "expect", "posture", "threshold", "within")}
    trigger["within"] = float(trigger["within"])
    return {"trigger": trigger, "actions": dumped["actions"], "enabled": dumped["enabled"]}


def _switch(platform: Platform, customer: Customer, doors: Mapping[str, Any]) -> AutomationCore:
    from prefect.events.actions import DoNothing, SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    within: timedelta = platform.sweep_every * INTERVALS
    minutes = within.total_seconds() / 60
    words = {"platform": platform.name, "minutes": f"{minutes:g}"}
    subject = say(customer.language, "watch.silent", **words)
    body = say(customer.language, "watch.silent_next", **words)
    actions = [SendNotification(block_document_id=door, subject=subject, body=body) for door in doors.values()]
    return AutomationCore(
        name=PREFIX + platform.name,
        description=f"No sweep of {platform.name} has finished for {INTERVALS} intervals.",
        enabled=True,
        trigger=EventTrigger(
            match={"prefect.resource.id": resource_of(platform.name)},  # pyright: ignore[reportArgumentType]
            expect={FINISHED},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=list(actions) or [DoNothing()],
    )


# -- the doors through which the server itself speaks ------------------------------------------


async def _doors(client: PrefectClient, customer: Customer) -> dict[str, Any]:
    """Ids of webhook blocks that the Prefect server can call: the customer's chat and pager.

    They are made from the Slack and pager blocks, so nobody types a token twice.
    """
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    doors: dict[str, Any] = {}
    for name, block in (await _webhooks(client, customer)).items():
        try:
            saved = await CustomWebhookNotificationBlock.aload(name, client=client)
            if saved.model_dump() == block.model_dump():
                doors[name] = saved._block_document_id  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                continue
        except ValueError:
            pass  # there is none yet: it is saved below
        doors[name] = await block.save(name, overwrite=True, client=client)  # pyright: ignore[reportGeneralTypeIssues]
    return doors


async def _webhooks(client: PrefectClient, customer: Customer) -> dict[str, Any]:
    from blocks.pager.block import load_pager
    from blocks.slack.block import SlackWorkspace

    found: dict[str, Any] = {}
    try:
        slack = await SlackWorkspace.aload(customer.slack, client=client)
        found[f"watch-{customer.name}-slack"] = _slack_webhook(slack, customer.channel)
    except ValueError:
        pass  # no Slack block is saved yet; `vigie apply` is run again after it is
    if customer.pager:
        pager = await load_pager(customer.pager, client)
        if pager is not None:
            found[f"watch-{customer.name}-pager"] = pager.as_webhook()
    return found


def _slack_webhook(slack: Any, channel: str) -> Any:
    from prefect.blocks.fields import SecretDict
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    return CustomWebhookNotificationBlock(  # pyright: ignore[reportCallIssue]  its optional fields have defaults
        name="vigie watch",
        url=f"{str(slack.base_url).rstrip('/')}/chat.postMessage",
        headers={"Authorization": "Bearer {{token}}", "Content-Type": "application/json; charset=utf-8"},
        json_data={"channel": channel, "text": "*{{subject}}*\n{{body}}"},
        secrets=SecretDict({"token": slack.bot_token.get_secret_value()}),
        allow_private_urls=is_private(str(slack.base_url)),
    )


def is_private(url: str) -> bool:
    """Is this an address inside our own walls, which Prefect calls only when told that it may?"""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"
