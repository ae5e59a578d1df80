"""A small app of the tests' own on the official bolt: what the gateway will be, over HTTP or Socket Mode."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

MODAL = {
    "type": "modal",
    "callback_id": "start",
    "notify_on_close": True,
    "private_metadata": "opaque",
    "title": {"type": "plain_text", "text": "Start a runbook"},
    "submit": {"type": "plain_text", "text": "Start"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "blocks": [
        {
            "type": "input",
            "block_id": "platform",
            "label": {"type": "plain_text", "text": "Platform"},
            "element": {
                "type": "static_select",
                "action_id": "pick",
                "options": [
                    {"text": {"type": "plain_text", "text": t.capitalize()}, "value": t}
                    for t in ("hearth", "storefront")
                ],
            },
        },
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "typed", "min_length": 3, "multiline": True},
        },
        {
            "type": "input",
            "block_id": "devices",
            "optional": True,
            "label": {"type": "plain_text", "text": "Devices"},
            "element": {"type": "number_input", "action_id": "count", "is_decimal_allowed": False, "max_value": "200"},
        },
        {
            "type": "input",
            "block_id": "service",
            "optional": True,
            "label": {"type": "plain_text", "text": "Service"},
            "element": {"type": "external_select", "action_id": "service", "min_query_length": 1},
        },
    ],
}
CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Fail over hearth?*"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "style": "primary",
                "value": "opaque-1",
                "text": {"type": "plain_text", "text": "Approve"},
            },
            {
                "type": "button",
                "action_id": "ask",
                "value": "opaque-2",
                "text": {"type": "plain_text", "text": "Ask"},
                "confirm": {
                    "title": {"type": "plain_text", "text": "Sure?"},
                    "text": {"type": "plain_text", "text": "A modal opens."},
                    "confirm": {"type": "plain_text", "text": "Yes"},
                    "deny": {"type": "plain_text", "text": "No"},
                },
            },
            {"type": "button", "action_id": "silent", "text": {"type": "plain_text", "text": "Silent"}},
            {
                "type": "overflow",
                "action_id": "more",
                "options": [{"text": {"type": "plain_text", "text": "Later"}, "value": "later"}],
            },
            {"type": "users_select", "action_id": "who", "placeholder": {"type": "plain_text", "text": "Who?"}},
        ],
    },
]


class Receiver:
    """The app and everything that reached its handlers."""

    def __init__(self, slack: Any) -> None:
        self._slack = slack
        self.client = AsyncWebClient(
            token=slack.token, base_url=slack.base_url, ssl=ssl.create_default_context(cafile=slack.ca_file)
        )
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] = {}
        self.app = AsyncApp(client=self.client, signing_secret=slack.signing_secret, process_before_response=True)
        self._handlers()

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [body for what, body in self.heard if what == name]

    def _handlers(self) -> None:
        app, heard = self.app, self.heard

        @app.action("approve")
        async def approve(ack, body, respond):
            await ack()
            heard.append(("approve", body))
            await respond(text="Approved", replace_original=True, blocks=[CARD[0]])

        @app.action("ask")
        async def ask(ack, body, client):
            await ack()
            heard.append(("ask", body))
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

        @app.action("silent")
        async def silent(body):
            heard.append(("silent", body))
            await asyncio.sleep(3.5)

        @app.action(re.compile("more|who"))
        async def act(ack, body):
            await ack()
            heard.append((body["actions"][0]["action_id"], body))

        @app.options("service")
        async def options(ack, body):
            heard.append(("options", body))
            await ack(options=[{"text": {"type": "plain_text", "text": "device-api"}, "value": "device-api"}])

        @app.view("start")
        async def start(ack, body):
            heard.append(("start", body))
            await ack(**self.answer)

        @app.view_closed("start")
        async def closed(ack, body):
            await ack()
            heard.append(("closed", body))

        @app.command("/vigie")
        async def command(ack, body):
            heard.append(("command", body))
            await ack("on it")

        @app.shortcut("start_runbook")
        async def shortcut(ack, body):
            await ack()
            heard.append(("shortcut", body))

        @app.event("app_mention")
        async def mentioned(body):
            heard.append(("mention", body))


@asynccontextmanager
async def over_http(slack: Any) -> AsyncGenerator[Receiver]:
    """The app behind request URLs of its own, told to Slack."""
    receiver = Receiver(slack)
    runner = web.AppRunner(receiver.app.web_app("/slack"), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack"
    await slack.control("app", mode="http", interactivity_url=url, commands_url=url, events_url=url)
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_socket(slack: Any) -> AsyncGenerator[Receiver]:
    """The app behind a Socket Mode connection."""
    receiver = Receiver(slack)
    handler = AsyncSocketModeHandler(receiver.app, slack.app_token, ping_interval=1)
    await handler.connect_async()
    try:
        yield receiver
    finally:
        await handler.close_async()


WAYS = {"http": over_http, "socket": over_socket}
