"""A gateway that says in its ready file where it listens is found there, over HTTPS, and elements keep their limits."""

from __future__ import annotations

import json
import ssl

import aiohttp
import pytest
from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.slack_rules import check_blocks
from deployments.sandbox.state import State
from tests.contract.slack.receiver import Receiver
from tests.contract.slack.test_interactions import card, press, until


async def test_the_ready_file_of_the_gateway_is_enough(slack, tmp_path):
    receiver, state = Receiver(slack), State.at(tmp_path)
    runner = web.AppRunner(receiver.app.web_app("/slack"), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(ensure_authority(state.home).issue("127.0.0.1"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    ts = await card(receiver)
    assert (await press(slack, ts, "more", value="later"))["trouble"] == "unset"
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    state.write_ready("gateway", address, interactivity_url=f"https://{address}/slack")
    try:
        assert (await press(slack, ts, "more", value="later"))["trouble"] == ""
        await until(lambda: receiver.bodies("more"), "it came over HTTPS")
    finally:
        await runner.cleanup()
    assert (await press(slack, ts, "more", value="later"))["trouble"] == "connection"


async def test_another_page_in_the_same_browser_presses_nothing(slack):
    headers = {"Origin": "http://elsewhere.example"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{slack.page}_sandbox/mend", json={}) as answer,
    ):
        assert answer.status == 403


def test_the_limits_of_elements_are_the_published_ones(conformance):
    limits = json.loads(conformance("slack/blockkit_limits_python_sdk.json").read_text())["limits"]

    def option(n: int, value: int = 1) -> dict:
        return {"text": {"type": "plain_text", "text": "x" * n}, "value": "v" * value}

    def acted(**element) -> list:
        return [{"type": "actions", "elements": [element]}]

    confirm = {name: {"type": "plain_text", "text": "x"} for name in ("title", "text", "confirm", "deny")}
    cases = {
        limits["Option"]["label_max_length"]: lambda n: acted(type="static_select", options=[option(n)]),
        limits["Option"]["value_max_length"]: lambda n: acted(type="static_select", options=[option(1, n)]),
        limits["SelectElement"]["options_max_length"]: lambda n: acted(type="static_select", options=[option(1)] * n),
        limits["OverflowMenuElement"]["options_max_length"]: lambda n: acted(type="overflow", options=[option(1)] * n),
        limits["InteractiveElement"]["action_id_max_length"]: lambda n: acted(type="datepicker", action_id="a" * n),
        limits["ConfirmObject"]["text_max_length"]: lambda n: acted(
            type="datepicker", confirm=confirm | {"text": {"type": "plain_text", "text": "x" * n}}
        ),
    }
    for most, make in cases.items():
        assert check_blocks(make(most)) == []
        assert check_blocks(make(most + 1)) != []


@pytest.mark.parametrize("kind", ["plain_text_input", "nonsense"])
def test_an_input_stands_in_no_actions_block(kind):
    assert check_blocks([{"type": "actions", "elements": [{"type": kind}]}]) != []
