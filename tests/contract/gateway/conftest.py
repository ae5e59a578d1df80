"""A real gateway over real HTTP, on a real journal; Slack's API and Prefect are scripted and keep what they were told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr
from pyotp.totp import TOTP

from blocks.approvals.block import ApprovalRulesBlock, ApproverKey, new_key
from blocks.catalogue.approvals import ApprovalRules
from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.loader import load_catalogue
from blocks.errors import Refused
from blocks.journal.adapter import PostgresJournal
from blocks.ports.approvals import Policy
from blocks.ports.orchestration import Startable
from blocks.slack.app import APP_NAME, SlackApp
from blocks.slack.block import SlackWorkspace
from deployments.environment import CHECKOUT
from deployments.gateway.desk import Desk
from deployments.gateway.serve import listen, make_server
from deployments.gateway.settings import Settings
from tasks.approvals.codes import STEP_S, new_secret
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401
from tests.unit.approvals.asked import plan

TEAM, APP, SECRET, CHANNEL = "T0OURS0000", "A0OURS0000", "8f742231b10e8888abcd99eeee33aa85", "C0NIGHT000"
PEOPLE = ("duty-operator", "shift-lead", "platform-engineer")
POLICY = Policy(approvers=PEOPLE, quorum=1, glass=("shift-lead",))
PATIENCE_S = 15.0


class SlackApi:
    """Slack's Web API as far as it must answer; `down` closes every connection without an answer.

    `frames` is what each Socket Mode connection is sent in turn; the last one stays open.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.whispers: list[dict[str, Any]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.frames: list[list[str]] = []
        self.acknowledged: list[str] = []
        self.socket: web.WebSocketResponse | None = None
        self.down = False
        self.address = ""

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/respond", self._respond)
        app.router.add_get("/socket", self._socket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _api(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        kind = request.content_type
        given = await request.json() if kind == "application/json" else dict(await request.post())
        method = request.match_info["method"]
        self.calls.append((method, given))
        answer: dict[str, Any] = {"ok": True, "messages": [], "channels": [{"id": CHANNEL, "name": "hearth-ops"}]}
        if method == "chat.postMessage":
            ts = f"{time.time():.6f}"
            self.messages[ts] = given
            answer |= {"ts": ts, "channel": CHANNEL}
        if method == "apps.connections.open":
            answer |= {"url": f"{self.address.replace('http', 'ws', 1)}/socket"}
        if method == "chat.update":
            self.messages[given["ts"]] = given
        return web.json_response(answer)

    async def _respond(self, request: web.Request) -> web.Response:
        self.whispers.append(await request.json())
        return web.Response(text="ok")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.socket = socket
        for frame in self.frames.pop(0) if self.frames else ():
            await socket.send_str(frame)
        async for said in socket:
            self.acknowledged.append(json.loads(said.data)["envelope_id"])
        return socket

    async def leave(self) -> None:
        """Drop the connection, as Slack does every few hours."""
        assert self.socket is not None
        await self.socket.close()

    def of(self, method: str) -> list[dict[str, Any]]:
        return [given for name, given in self.calls if name == method]

    @property
    def views(self) -> list[dict[str, Any]]:
        found = [given["view"] for given in self.of("views.open")]
        return [json.loads(view) if isinstance(view, str) else view for view in found]


class Prefect:
    """Scripted: what was started, released, woken and retried."""

    def __init__(self) -> None:
        self.woken: list[UUID] = []
        self.started: list[tuple[UUID, dict[str, Any], UUID]] = []
        self.released: list[UUID] = []
        self.retried: list[UUID] = []
        self.crashed: list[UUID] = []
        self.offered: list[Startable] = []

    def view(self, run: UUID) -> None:
        return None

    def startables(self, tag: str = "") -> list[Startable]:
        return self.offered

    def start(self, deployment: UUID, parameters, *, tags: tuple[str, ...] = ()) -> UUID:
        run = uuid4()
        self.started.append((deployment, dict(parameters), run))
        return run

    def release(self, run: UUID) -> None:
        self.released.append(run)

    def resume(self, run: UUID) -> bool:
        self.woken.append(run)
        return True

    def retry(self, run: UUID, why: str) -> None:
        self.retried.append(run)

    def declare_crashed(self, run: UUID, why: str) -> None:
        self.crashed.append(run)


@dataclass
class Gateway:
    """The running gateway, and everything around it."""

    journal: PostgresJournal
    slack: SlackApi
    prefect: Prefect
    desk: Desk
    address: str = ""
    secrets: dict[str, str] = field(default_factory=dict)

    # -- people
    def enrol(self, name: str, user: str = "") -> None:
        """With a phone, and linked to a Slack account where one is named."""
        key: ApproverKey = self.blocks[ApproverKey]
        self.secrets[name] = new_secret()
        self.journal.enrol(name, key.seal(self.secrets[name]))
        if user:
            step = int(self.journal.now().timestamp()) // STEP_S - 100
            self.journal.link_slack(name, TEAM, user, step)

    def code(self, name: str, shift: int = 0) -> str:
        return TOTP(self.secrets[name]).at(int(self.journal.now().timestamp()) + shift * STEP_S)

    blocks: dict[Any, Any] = field(default_factory=dict)

    # -- questions
    def ask(self, policy: Policy = POLICY, requester: str = "service-manager", **more: Any):
        run = uuid4()
        self.journal.open_run(
            run, platform="hearth", action="service-restart", subject="device-api",
            parameters={"platform": "hearth"}, requested_by=requester, customer="hearth",
        )  # fmt: skip
        return self.journal.ask(run, plan=plan(**more), policy=policy, requester=requester)

    async def asked(self, policy: Policy = POLICY, requester: str = "service-manager", **more: Any):
        """A question whose card is in Slack."""
        question = self.ask(policy, requester, **more)
        await self.until(lambda: self.card(question) is not None)
        return question

    def card(self, question):
        return self.journal.sent_message(question.run, f"approval:{question.number}")

    def shown(self, question) -> str:
        """The card's whole text, as it is in Slack now."""
        return json.dumps(self.slack.messages[self.card(question).reference], ensure_ascii=False)

    async def until(self, holds, what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < deadline, what or "it did not come true in time"
            await asyncio.sleep(0.05)

    # -- requests
    async def post(self, kind: str, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(f"{self.address}/slack/{kind}", content=body, headers=headers or {})

    async def send(self, kind: str, content: Any, *, secret: str = SECRET, at: float | None = None) -> httpx.Response:
        body, content_type = encode(kind, content)
        return await self.post(kind, body, signed(body, content_type, secret, at))

    async def press(self, question, action: str, user: str, **more: Any) -> httpx.Response:
        return await self.send("interactive", self.pressing(question, action, user, **more))

    def pressing(self, question, action: str, user: str, **more: Any) -> dict[str, Any]:
        place = self.card(question)
        value = {"value": str(question.id)}
        given = {"selected_option": value} if action.endswith("break_glass") else value
        container = {"type": "message", "message_ts": place.reference, "channel_id": place.channel_reference}
        return {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM, "username": "shift-lead", "name": "shift-lead"},
            "api_app_id": APP,
            "token": "old",
            "team": {"id": TEAM, "domain": "ours"},
            "container": container,
            "channel": {"id": place.channel_reference, "name": "hearth-night"},
            "trigger_id": f"1.2.{uuid4().hex}",
            "response_url": f"{self.slack.address}/respond",
            "actions": [{"action_id": action, "block_id": "b", "type": "button", "action_ts": "1.0", **given}],
        } | more

    async def submit(self, view: dict[str, Any], user: str, **fields: Any) -> httpx.Response:
        """Send a modal that was opened, filled in."""
        return await self.send("interactive", submission(view, user, **fields))

    async def command(self, text: str, user: str) -> httpx.Response:
        form = {
            "token": "old", "team_id": TEAM, "team_domain": "ours", "channel_id": CHANNEL, "channel_name": "night",
            "user_id": user, "user_name": "x", "command": "/vigie", "text": text, "api_app_id": APP,
            "response_url": f"{self.slack.address}/respond", "trigger_id": f"1.2.{uuid4().hex}",
        }  # fmt: skip
        return await self.send("commands", form)

    async def shortcut(self, user: str, *, name: str = "vigie", secret: str = SECRET, **more: str) -> httpx.Response:
        """The global shortcut, as Slack's own menu sends it: of no channel, and naming no app."""
        content = {
            "type": "shortcut", "token": "old", "action_ts": "1.2", "team": {"id": TEAM, "domain": "ours"},
            "user": {"id": user, "username": "x", "team_id": TEAM}, "callback_id": name,
            "trigger_id": f"1.2.{uuid4().hex}",
        }  # fmt: skip
        return await self.send("interactive", content | more, secret=secret)


def submission(view: dict[str, Any], user: str, **fields: Any) -> dict[str, Any]:
    values = {
        name: {"field": given if isinstance(given, dict) else {"type": "plain_text_input", "value": given}}
        for name, given in fields.items()
    }
    return {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "ours"},
        "user": {"id": user, "team_id": TEAM, "username": "x", "name": "x"},
        "api_app_id": APP,
        "token": "old",
        "trigger_id": f"1.2.{uuid4().hex}",
        "view": {**view, "id": "V1", "state": {"values": values}},
        "response_urls": [],
    }


def encode(kind: str, content: Any) -> tuple[bytes, str]:
    if kind == "events":
        return json.dumps(content).encode(), "application/json"
    form = {"payload": json.dumps(content)} if kind == "interactive" else content
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def signed(body: bytes, content_type: str, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Slack's own scheme, written out here a second time."""
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "content-type": content_type,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": f"v0={digest}",
    }


CATALOGUE = load_catalogue(CHECKOUT / "deployments" / "catalogue")


def blocks_of(slack: SlackApi) -> dict[Any, Any]:
    platform = CATALOGUE.platforms["hearth"]
    customer = CATALOGUE.customers[platform.customer].model_copy(update={"pager": None, "language": "en"})
    rules = ApprovalRules.model_validate({"rules": [{"action": "service-restart", "approvers": list(PEOPLE)}]})
    return {
        SlackApp: SlackApp(app_id=APP, team_id=TEAM, signing_secret=SecretStr(SECRET)),
        SlackWorkspace: SlackWorkspace(bot_token=SecretStr("xoxb-planted"), base_url=f"{slack.address}/api/"),
        ApproverKey: ApproverKey(key=SecretStr(new_key())),
        PlatformBlock: PlatformBlock.of(platform, customer),
        ApprovalRulesBlock: ApprovalRulesBlock.of(rules),
    }


@pytest.fixture
def journal(journal_dsn: str):  # noqa: F811
    with PostgresJournal(journal_dsn) as opened:
        yield opened


@pytest.fixture
async def parts(journal):
    """Everything around a gateway, and no gateway yet."""
    slack = SlackApi()
    runner = await slack.start()
    blocks = blocks_of(slack)

    async def load(kind: type[Any], name: str) -> Any:
        if kind not in blocks or (kind is SlackApp and name != APP_NAME):
            raise Refused(f"no block {name}")
        return blocks[kind]

    prefect = Prefect()
    yield Gateway(journal, slack, prefect, Desk(journal, prefect, Settings(load)), blocks=blocks)
    await runner.cleanup()


@asynccontextmanager
async def running(parts: Gateway) -> AsyncIterator[Gateway]:
    """The gateway serves while the context lasts."""
    listener = listen("127.0.0.1", 0)
    server = make_server(parts.desk)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    parts.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield parts
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def gateway(parts):
    async with running(parts) as served:
        yield served
