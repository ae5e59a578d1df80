"""Slack on loopback: do our messages arrive, as whom, what would people see, and what do they press?

The Web API that the official SDK drives unmodified, Socket Mode, signed requests to the app's own
addresses, response URLs, and a page where a person presses buttons and fills modals.
`python -m deployments.sandbox.slack --state DIR`; the ready file holds the page's address (`page`), the
bot's and the app-level token (`token`, `app_token`), the `signing_secret` and a webhook for each channel.

Faults: POST /_sandbox/break {"target": "slack", "how": ..., "times": N}, N occasions or until mended; the
ways are in `slack_faults.py` and in docs/sandbox-slack.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from pathlib import Path
from typing import Any

from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.listening import serve_until_told
from deployments.sandbox.slack_api import SCOPES, Api
from deployments.sandbox.slack_controls import Controls
from deployments.sandbox.slack_delivery import Delivery
from deployments.sandbox.slack_faults import CALL_FAULTS, Faults, hang_up, spoiled
from deployments.sandbox.slack_interactions import Interactions
from deployments.sandbox.slack_page import Page
from deployments.sandbox.slack_people import APP, TEAM
from deployments.sandbox.slack_receiver import Receiver, Secrets
from deployments.sandbox.slack_rules import check_blocks
from deployments.sandbox.slack_socket import Sockets
from deployments.sandbox.slack_store import BOT, Workspace
from deployments.sandbox.slack_triggers import Triggers
from deployments.sandbox.slack_views import Views
from deployments.sandbox.state import State

_MOST_TRAFFIC = 2000


class SlackSimulator:
    """One workspace with one app installed."""

    def __init__(
        self, workspace: Workspace, known: Secrets, state: State | None = None, scopes: tuple[str, ...] = SCOPES
    ) -> None:
        self.workspace = workspace
        self._secrets = known
        self._state = state
        self._faults = Faults()
        self.traffic: deque[dict[str, Any]] = deque(maxlen=_MOST_TRAFFIC)
        self.views = Views(Triggers(), workspace.changed)
        self.api = Api(workspace, self.views, known, self._faults, scopes)
        self.sockets = Sockets()
        receiver = Receiver(state)
        own_ca = str(ensure_authority(state.home).ca_file) if state else ""
        self.delivery = Delivery(receiver, self.sockets, self._faults, known.signing_secret, own_ca)
        self.interactions = Interactions(
            workspace,
            self.views,
            self.delivery,
            receiver=receiver,
            faults=self._faults,
            token=known.verification_token,
        )
        self.interactions.address = self._address
        self._page = Page(workspace, self.views, self.interactions, receiver)
        self._controls = Controls(
            workspace,
            self.views,
            interactions=self.interactions,
            delivery=self.delivery,
            receiver=receiver,
            sockets=self.sockets,
            faults=self._faults,
        )

    def app(self) -> web.Application:
        """The routes: the API, sockets, webhooks, response URLs, the page, the controls."""
        app = web.Application(client_max_size=4 * 2**20, middlewares=[_from_here])
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link/", self._link)
        app.router.add_post("/services/{team}/{channel}/{key}", self._webhook)
        for kind in ("actions", "commands"):
            app.router.add_post(f"/{kind}/{{team}}/{{name}}", self._respond)
        app.router.add_get("/_sandbox/messages", self._messages)
        app.router.add_get("/_sandbox/traffic", self._traffic)
        self._page.add_to(app.router)
        self._controls.add_to(app.router)
        app.on_shutdown.append(self._close)
        return app

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments, token = await _read(request)
        fault = await self._fault(request, method)
        if isinstance(fault, web.StreamResponse):
            self._note(method, arguments, f"fault {fault.status}")
            return fault
        if method == "apps.connections.open":
            status, headers, body = 200, {}, self.api.open_connection(token, self._ticket(request))
        else:
            status, headers, body = self.api.answer(method, arguments, token)
        self._note(method, arguments, "ok" if body["ok"] else body["error"])
        if fault == "drop-after":
            return hang_up(request)
        return web.json_response(body, status=status, headers=headers | {"x-oauth-scopes": ",".join(self.api.scopes)})

    def _ticket(self, request: web.Request) -> str:
        scheme = "wss" if request.secure else "ws"
        return f"{scheme}://{request.host}/link/?ticket={self.sockets.ticket()}&app_id={APP}"

    async def _link(self, request: web.Request) -> web.StreamResponse:
        return hang_up(request) if self._faults.holds("unreachable") else await self.sockets.connect(request)

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        fault = await self._fault(request, "webhook")
        if isinstance(fault, web.StreamResponse):
            return fault
        channel = self.workspace.channel_id(request.match_info["channel"])
        if channel is None or request.match_info["key"] != self._secrets.webhook_key:
            return web.Response(status=404, text="no_service")
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        blocks = body.get("blocks", [])
        if not body.get("text") and not blocks:
            return web.Response(status=400, text="no_text")
        if check_blocks(blocks):
            return web.Response(status=400, text="invalid_blocks")
        self.workspace.post(channel, {"text": body.get("text", ""), "blocks": blocks, "subtype": "bot_message"})
        return hang_up(request) if fault == "drop-after" else web.Response(text="ok")

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response URL."""
        fault = await self._fault(request, "response_url")
        if isinstance(fault, web.StreamResponse):
            return fault
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        status, text = self.interactions.answers.through_url(request.match_info["name"], body)
        self._note("response_url", body if isinstance(body, dict) else {}, text)
        return hang_up(request) if fault == "drop-after" else web.Response(status=status, text=text)

    async def _messages(self, _: web.Request) -> web.Response:
        return web.json_response(
            {self.workspace.name(key): list(m.values()) for key, m in self.workspace.messages.items()}
        )

    async def _traffic(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.traffic))

    def _note(self, method: str, arguments: dict[str, Any], answer: str) -> None:
        self.traffic.append({"at": time.time(), "method": method, "arguments": arguments, "answer": answer})

    async def _fault(self, request: web.Request, method: str) -> web.StreamResponse | str:
        """What is to go wrong with this call: an answer instead, "drop-after", or nothing."""
        if self._faults.holds("unreachable"):
            return hang_up(request)
        for how in CALL_FAULTS:
            fault = self._faults.take(how, method) if how != "token" else None
            if fault is None:
                continue
            if how == "slow":
                await asyncio.sleep(float(fault.get("seconds", 3)))
                continue
            return how if how == "drop-after" else spoiled(how, fault, request)
        return ""

    def _address(self) -> str:
        return f"https://{self._state.address('slack')}" if self._state else ""

    async def _close(self, _: web.Application) -> None:
        self._page.close()
        await self.sockets.close()
        await self.delivery.close()


@web.middleware
async def _from_here(request: web.Request, handler: Any) -> web.StreamResponse:
    """A page of another origin in the same browser must not press our buttons."""
    origin = request.headers.get("Origin", "")
    if origin and origin.partition("://")[2] != request.host:
        return web.json_response({"error": f"{origin} is another origin"}, status=403)
    return await handler(request)


async def _read(request: web.Request) -> tuple[dict[str, Any], str]:
    """Arguments from query, form or JSON body, and the token from its header or argument."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        arguments |= await request.json()
    elif request.method == "POST":
        arguments |= {name: str(value) for name, value in (await request.post()).items()}
    header = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    argument = str(arguments.pop("token", ""))
    return arguments, header or argument


def _catalogue_channels(folder: Path) -> list[str]:
    from blocks.catalogue.loader import load_catalogue

    return sorted({customer.channel for customer in load_catalogue(folder).customers.values()})


async def serve(state: State, channels: list[str], port: int) -> None:
    """Run until told to stop."""
    folder = state.home / "slack"
    known = Secrets.kept(folder)
    workspace = Workspace(folder, channels)
    simulator = SlackSimulator(workspace, known, state)
    webhooks = {name: f"/services/{TEAM}/{key}/{known.webhook_key}" for key, name in workspace.channels.items()}
    await serve_until_told(
        simulator.app(),
        state,
        "slack",
        "slack.com",
        "hooks.slack.com",
        port=port,
        token=known.token,
        app_token=known.app_token,
        signing_secret=known.signing_secret,
        app_id=APP,
        team_id=TEAM,
        bot_user_id=BOT["user_id"],
        webhooks=webhooks,
    )


def main() -> None:
    """Start from the command line."""
    parser = argparse.ArgumentParser(description="A Slack workspace on loopback.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--catalogue", type=Path, default=Path(__file__).resolve().parents[1] / "catalogue")
    parser.add_argument("--channel", action="append", default=[], help="besides those of the catalogue")
    options = parser.parse_args()
    channels = (
        [*_catalogue_channels(options.catalogue), *options.channel] if options.catalogue.is_dir() else options.channel
    )
    asyncio.run(serve(State.at(options.state), channels, options.port))


if __name__ == "__main__":
    main()
