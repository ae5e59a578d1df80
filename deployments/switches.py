"""Who notices when the sweeps themselves stop?

A dead-man's switch a platform, kept by the Prefect server and independent of every sweep and worker:
each finished sweep emits `vigie.sweep.finished`; when none came for three intervals the server itself
tells the customer's channel and the pager. It goes on telling, once each three intervals, until a
sweep finishes again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from blocks.catalogue.model import Catalogue, Customer, Platform
from blocks.ports.events import FINISHED, resource_of
from blocks.slack.words import say
from deployments.apply import Item

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import AutomationCore

INTERVALS = 3
PREFIX = "dead man's switch: "
_SHORTEST = timedelta(seconds=10)  # Prefect watches no shorter absence
_NOT_SAVED = UUID(int=0)


async def switch_items(client: PrefectClient, catalogue: Catalogue) -> list[Item]:
    """A switch each platform whose customer can be told; switches of platforms that are gone go too.

    The doors must have been saved before: an action names its door by the id it was saved under.
    """
    there = {a.name: a for a in await client.read_automations() if a.name.startswith(PREFIX)}
    items: list[Item] = []
    doors: dict[str, Sequence[UUID]] = {}
    for platform in catalogue.platforms.values():
        customer = catalogue.customers[platform.customer]
        if customer.name not in doors:
            doors[customer.name] = await _door_ids(client, customer)
        name = PREFIX + platform.name
        known = there.pop(name, None) or next(iter(await client.read_automations_by_name(name)), None)
        items.append(_switch_item(client, platform, customer, doors[customer.name], known))
    return [*items, *(_farewell(client, gone) for gone in there.values())]


def _farewell(client: PrefectClient, gone: Any) -> Item:
    name = gone.name.removeprefix(PREFIX)
    return Item("dead man's switch", name, {}, {}, lambda: client.delete_automation(gone.id), unwanted=True)


def _switch_item(
    client: PrefectClient, platform: Platform, customer: Customer, doors: Sequence[UUID], there: Any
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
    kept = ("description", "actions", "enabled")
    return {"trigger": trigger} | {key: dumped[key] for key in kept}


def _switch(platform: Platform, customer: Customer, doors: Sequence[UUID]) -> AutomationCore:
    from prefect.events.actions import DoNothing, SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    within = max(platform.sweep_every * INTERVALS, _SHORTEST)
    minutes = within.total_seconds() / 60
    words = {"platform": platform.name, "minutes": f"{minutes:g}"}
    subject = say(customer.language, "watch.silent", **words)
    body = say(customer.language, "watch.silent_next", **words)
    actions = [SendNotification(block_document_id=door, subject=subject, body=body) for door in doors]
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


async def door_items(client: PrefectClient, catalogue: Catalogue) -> list[Item]:
    """Webhook blocks that the Prefect server can call: each customer's chat and pager.

    They are made from the Slack and pager blocks, so nobody types a token twice.
    """
    owners = {platform.customer for platform in catalogue.platforms.values()}
    return [
        await _door_item(client, name, block)
        for owner in sorted(owners)
        for name, block in (await _webhooks(client, catalogue.customers[owner])).items()
    ]


async def _door_item(client: PrefectClient, name: str, block: Any) -> Item:
    saved = await _saved_door(client, name)
    return Item(
        "door of the dead man's switch",
        name,
        _opened(block),
        _opened(saved) if saved else None,
        lambda: block.save(name, overwrite=True, client=client),
    )


def _opened(block: Any) -> dict[str, Any]:
    """What a door says to whom; its secrets only as a digest, because what differs may be printed."""
    said = {"url": block.url, "headers": block.headers, "content": block.json_data}
    secrets = json.dumps(block.secrets.get_secret_value(), sort_keys=True)
    private = {"allow_private_urls": block.allow_private_urls}
    return {**said, **private, "secrets": hashlib.sha256(secrets.encode()).hexdigest()}


async def _saved_door(client: PrefectClient, name: str) -> Any:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    try:
        return await CustomWebhookNotificationBlock.aload(name, client=client)
    except ValueError:
        return None  # it will be created


async def _door_ids(client: PrefectClient, customer: Customer) -> list[UUID]:
    """Ids of the customer's doors; a door that a dry run has not saved has none yet, and counts as a change."""
    saved = [await _saved_door(client, name) for name in await _webhooks(client, customer)]
    return [door._block_document_id if door else _NOT_SAVED for door in saved]  # noqa: SLF001


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
