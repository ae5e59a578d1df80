"""A pager sink of its own for each test, in this process, over TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from blocks.pager.block import PagerDuty, WebhookPager
from deployments.sandbox.listening import listening
from deployments.sandbox.pager import PagerSink
from deployments.sandbox.state import State

KEY = "0123456789abcdef0123456789abcdef"
SIGNING = "planted-signing-secret"


@dataclass
class Sink:
    sink: PagerSink
    address: str
    page: str
    ca_file: str

    def block(self, kind: str) -> PagerDuty | WebhookPager:
        if kind == "pagerduty":
            return PagerDuty(
                routing_key=SecretStr(KEY), events_url=f"https://{self.address}/v2/enqueue", ca_file=self.ca_file
            )
        return WebhookPager(
            url=SecretStr(f"https://{self.address}/ring?token=planted"),
            signing_secret=SecretStr(SIGNING),
            ca_file=self.ca_file,
        )

    async def control(self, what: str, **content: Any) -> None:
        context = ssl.create_default_context(cafile=self.ca_file)
        url = f"https://{self.address}/_sandbox/{what}"
        async with aiohttp.ClientSession() as session, session.post(url, json=content, ssl=context) as answer:
            assert answer.status == 200


@pytest.fixture
async def sink(tmp_path: Path):
    pager = PagerSink(tmp_path / "pager", KEY)
    async with listening(pager.app(), State.at(tmp_path), "pager", "events.pagerduty.com") as (address, page):
        yield Sink(pager, address, page, str(tmp_path / "tls" / "ca.pem"))


@pytest.fixture(params=["pagerduty", "webhook"])
def kind(request) -> str:
    return request.param
