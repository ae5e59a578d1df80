"""Slack on loopback: do our messages arrive, as whom, and what would people see?

A subset of the Web API that the official SDK drives unmodified: tokens are checked, Block Kit's limits
and the published parameters hold, posting is limited to one message a second a channel, and an
unknown method answers 501. `python -m deployments.sandbox.slack --state DIR`; the page is at `page` of
the ready file, the bot token at `token`, an incoming webhook for each channel at `webhooks`.

Faults: POST /_sandbox/break {"target": "slack", "how": ..., "times": N}, N calls or until mended:
throttle (429, "retry_after" seconds), drop (connection closed, nothing done), drop-after (done, but
the answer is lost), error (503), garbage, slow ("seconds"), token (every token refused).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any

from aiohttp import web

from deployments.sandbox.listening import serve_until_told
from deployments.sandbox.slack_methods import METHODS, SCOPES, Call, Handler, SlackError
from deployments.sandbox.slack_page import render_content, render_page
from deployments.sandbox.slack_rules import Parameters, check_blocks
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.state import State, read_json, write_json

HOWS = ("throttle", "drop", "drop-after", "error", "garbage", "slow", "token")
_BURST, _PER_SECOND = 4.0, 1.0
_MOST_TRAFFIC = 2000


class SlackSimulator:
    """One workspace with one app installed."""

    def __init__(self, workspace: Workspace, token: str, webhook_key: str, scopes: tuple[str, ...] = SCOPES) -> None:
        self.workspace = workspace
        self.scopes = scopes
        self._token = token
        self._webhook_key = webhook_key
        self._parameters = Parameters()
        self._faults: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, tuple[float, float]] = {}
        self.traffic: deque[dict[str, Any]] = deque(maxlen=_MOST_TRAFFIC)

    def app(self) -> web.Application:
        """The routes: the API, the webhooks, the page, the controls."""
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/services/{team}/{channel}/{key}", self._webhook)
        app.router.add_get("/", self._page)
        app.router.add_get("/_sandbox/content", self._content)
        app.router.add_get("/_sandbox/messages", self._messages)
        app.router.add_get("/_sandbox/traffic", self._traffic)
        app.router.add_post("/_sandbox/break", self._break)
        app.router.add_post("/_sandbox/mend", self._mend)
        app.router.add_post("/_sandbox/delete", self._delete)
        return app

    # -- the Web API ------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments, token = await _read(request)
        fault = await self._fault(request)
        if isinstance(fault, web.StreamResponse):
            self._note(method, arguments, f"fault {fault.status}")
            return fault
        status, headers, body = self._answer(method, arguments, token)
        self._note(method, arguments, "ok" if body["ok"] else body["error"])
        if fault == "drop-after":
            return _hang_up(request)
        return web.json_response(body, status=status, headers=headers | {"x-oauth-scopes": ",".join(self.scopes)})

    def _answer(self, method: str, arguments: dict[str, Any], token: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        handler = METHODS.get(method)
        if handler is None:
            return 501, {}, {"ok": False, "error": "unknown_method", "req_method": method}
        try:
            return self._perform(handler, method, arguments, token)
        except SlackError as error:
            return 200, {}, {"ok": False, "error": error.code, "response_metadata": {"messages": list(error.messages)}}

    def _perform(
        self, handler: Handler, method: str, arguments: dict[str, Any], token: str
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        if token != self._token or "token" in self._faults:
            raise SlackError("invalid_auth" if token else "not_authed")
        if objections := self._parameters.objections(method, arguments):
            raise SlackError("invalid_arguments", *objections)
        if method in {"chat.postMessage", "chat.update"}:
            arguments["channel"] = self._channel(arguments)
        if method == "chat.postMessage" and (wait := self._wait(arguments["channel"])):
            return 429, {"Retry-After": str(wait)}, {"ok": False, "error": "ratelimited"}
        return 200, {}, {"ok": True, **handler(Call(self.workspace, arguments))}

    def _channel(self, arguments: dict[str, Any]) -> str:
        channel = self.workspace.channel_id(str(arguments.get("channel", "")))
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def _wait(self, channel: str) -> int:
        """Whole seconds until the channel takes another message; 0 takes it now. A bucket that tolerates a burst."""
        left, since = self._tokens.get(channel, (_BURST, time.monotonic()))
        now = time.monotonic()
        left = min(_BURST, left + (now - since) * _PER_SECOND)
        taken = left >= 1
        self._tokens[channel] = (left - 1 if taken else left, now)
        return 0 if taken else 1

    # -- incoming webhooks ------------------------------------------------------------------------

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        fault = await self._fault(request)
        if isinstance(fault, web.StreamResponse):
            return fault
        channel = self.workspace.channel_id(request.match_info["channel"])
        if channel is None or request.match_info["key"] != self._webhook_key:
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
        return _hang_up(request) if fault == "drop-after" else web.Response(text="ok")

    # -- the page ---------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=render_page(self.workspace, self._shown(request)), content_type="text/html")

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(text=render_content(self.workspace, self._shown(request)), content_type="text/html")

    def _shown(self, request: web.Request) -> str:
        asked = self.workspace.channel_id(request.query.get("channel", ""))
        return asked or max(self.workspace.channels, key=self._newest, default="")

    def _newest(self, channel: str) -> str:
        return max(self.workspace.messages[channel], default="")

    # -- the controls -----------------------------------------------------------------------------

    async def _break(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("how") not in HOWS:
            return web.json_response({"error": f"how is one of {', '.join(HOWS)}"}, status=400)
        self._faults[asked["how"]] = asked
        return web.json_response({"done": f"slack: {asked['how']}"})

    async def _mend(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({"done": "slack: whole again"})

    async def _delete(self, request: web.Request) -> web.Response:
        asked = await request.json()
        gone = self.workspace.delete(self.workspace.channel_id(asked["channel"]) or "", asked["ts"])
        return web.json_response({"done": gone}, status=200 if gone else 404)

    async def _messages(self, _: web.Request) -> web.Response:
        return web.json_response(
            {name: list(self.workspace.messages[key].values()) for key, name in self.workspace.channels.items()}
        )

    async def _traffic(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.traffic))

    def _note(self, method: str, arguments: dict[str, Any], answer: str) -> None:
        self.traffic.append({"at": time.time(), "method": method, "arguments": arguments, "answer": answer})

    async def _fault(self, request: web.Request) -> web.StreamResponse | str:
        """What is to go wrong with this call: an answer instead, "drop-after", or nothing."""
        for how in HOWS:
            fault = self._faults.get(how)
            if fault is None or how == "token":
                continue
            self._count_down(how, fault)
            if how == "slow":
                await asyncio.sleep(float(fault.get("seconds", 3)))
                continue
            return how if how == "drop-after" else _spoiled(how, fault, request)
        return ""

    def _count_down(self, how: str, fault: dict[str, Any]) -> None:
        if "times" in fault:
            fault["times"] -= 1
            if fault["times"] <= 0:
                del self._faults[how]


def _spoiled(how: str, fault: dict[str, Any], request: web.Request) -> web.StreamResponse:
    if how == "throttle":
        wish = str(int(fault.get("retry_after", 2)))
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": wish})
    if how == "error":
        return web.Response(status=503, text="upstream connect error", content_type="text/plain")
    if how == "garbage":
        return web.Response(text="<html>proxy login</html>", content_type="application/json")
    return _hang_up(request)


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


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


def _secrets(folder: Path) -> dict[str, str]:
    """The app's token and the webhooks' key: made once, kept, readable by their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    known = read_json(folder / "secrets.json")
    if not known:
        known = {"token": f"xoxb-sandbox-{secrets.token_hex(12)}", "webhook_key": secrets.token_hex(12)}
        write_json(folder / "secrets.json", known)
    return known


def _catalogue_channels(folder: Path) -> list[str]:
    from blocks.catalogue.loader import load_catalogue

    return sorted({customer.channel for customer in load_catalogue(folder).customers.values()})


async def serve(state: State, channels: list[str], port: int) -> None:
    """Run until told to stop."""
    folder = state.home / "slack"
    known = _secrets(folder)
    workspace = Workspace(folder, channels)
    simulator = SlackSimulator(workspace, known["token"], known["webhook_key"])
    webhooks = {name: f"/services/T0SANDBOX0/{key}/{known['webhook_key']}" for key, name in workspace.channels.items()}
    await serve_until_told(
        simulator.app(),
        state,
        "slack",
        "slack.com",
        "hooks.slack.com",
        port=port,
        token=known["token"],
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
