"""A Slack simulator of its own for each test, in this process, over TLS."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blocks.slack.adapter import open_messenger
from deployments.sandbox.listening import listening
from deployments.sandbox.slack import SlackSimulator
from deployments.sandbox.slack_receiver import Secrets
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.state import State

TOKEN = "xoxb-planted-secret-123"
KNOWN = Secrets(
    token=TOKEN,
    webhook_key="hookkey",
    app_token="xapp-planted-secret-456",
    signing_secret="planted-signing-secret-789",
    verification_token="planted-verification",
)


class TestClock:
    """Wall time is real (Slack's timestamps are); sleeping is not."""

    __test__ = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(0)


@dataclass
class Slack:
    simulator: SlackSimulator
    address: str
    page: str
    ca_file: str
    token: str = TOKEN
    app_token: str = KNOWN.app_token
    signing_secret: str = KNOWN.signing_secret
    clock: Any = field(default_factory=TestClock)

    @property
    def base_url(self) -> str:
        return f"https://{self.address}/api/"

    def messenger(self, token: str | None = None, base_url: str | None = None, ca_file: str | None = "ours"):
        trusted = self.ca_file if ca_file == "ours" else ca_file
        return open_messenger(
            token or self.token, base_url=base_url or self.base_url, ca_file=trusted, clock=self.clock
        )

    def said(self, channel: str = "hearth-night") -> list[dict[str, Any]]:
        key = self.simulator.workspace.channel_id(channel)
        return list(self.simulator.workspace.messages[key].values())

    def calls(self, method: str) -> int:
        return sum(1 for call in self.simulator.traffic if call["method"] == method)

    async def read(self, what: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{self.page}_sandbox/{what}") as answer:
            return await answer.json()

    async def control(self, what: str, **content: Any) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=self.ca_file)
        url = f"https://{self.address}/_sandbox/{what}"
        async with aiohttp.ClientSession() as session, session.post(url, json=content, ssl=context) as answer:
            return await answer.json()


@pytest.fixture
async def slack(tmp_path: Path):
    state = State.at(tmp_path)
    simulator = SlackSimulator(Workspace(tmp_path / "slack", ["#hearth-night"]), KNOWN, state)
    async with listening(simulator.app(), state, "slack", "slack.com") as (address, page):
        yield Slack(simulator, address, page, str(tmp_path / "tls" / "ca.pem"))
