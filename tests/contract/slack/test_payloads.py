"""What the sandbox's Slack sends has the keys and types of the published examples, and Slack's own signature."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import Clock, SignatureVerifier

from deployments.sandbox.slack_delivery import sign
from tests.contract.slack.receiver import MODAL, over_http, over_socket
from tests.contract.slack.test_interactions import card, press, until

# What the examples have and a workspace outside an enterprise has not, or what only some clients send.
_ENTERPRISE = {"enterprise_id", "enterprise_name", "enterprise"}
_ELSEWHERE = {"response_urls"}  # view_closed has it in one example of three
_LOOSE = {"state", "blocks", "values"}  # named by the app


def example(conformance, name: str):
    return json.loads(conformance(f"slack/{name}").read_text())


def differences(wanted, got, at: str = "") -> list[str]:
    """Keys of the example that are missing and values of another type; what is null in either fits anything."""
    if wanted is None or got is None or at.rpartition(".")[2] in _LOOSE:
        return []
    if type(wanted) is not type(got):
        return [f"{at}: {type(got).__name__}, not {type(wanted).__name__}"]
    if isinstance(wanted, dict):
        missing = [f"{at}.{k} is missing" for k in wanted.keys() - got.keys() - _ENTERPRISE - _ELSEWHERE]
        return missing + [d for k in wanted.keys() & got.keys() for d in differences(wanted[k], got[k], f"{at}.{k}")]
    if isinstance(wanted, list) and wanted and got:
        return differences(wanted[0], got[0], f"{at}[]")
    return []


def test_the_comparison_sees_what_is_missing_or_of_another_type():
    found = differences({"a": 1, "b": {"c": "x"}}, {"a": "1", "b": {}})
    assert sorted(found) == [".a: str, not int", ".b.c is missing"]


@pytest.fixture
async def heard(slack):
    """One of each, as it reached the app."""
    async with over_http(slack) as receiver:
        ts = await card(receiver)
        await press(slack, ts, "ask")
        await until(lambda: slack.simulator.views.stack("U0OPERATOR0"), "no modal")
        state = {"platform": {"pick": "hearth"}, "reason": {"typed": "pumps"}}
        receiver.answer = {"response_action": "update", "view": MODAL}
        await slack.control("submit", user="operator", state=state)
        await slack.control("close", user="operator")
        await slack.control("command", user="operator", channel="hearth-night", text="/vigie status")
        await slack.control("shortcut", user="operator", callback_id="start_runbook")
        await slack.control("write", user="operator", channel="hearth-night", text="@vigie hello")
        await until(lambda: receiver.bodies("closed") and receiver.bodies("mention"), "the last")
        yield receiver


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("ask", "block_actions/block_actions__body.json"),
        ("ask", "block_actions/request__payload.json"),
        ("start", "view_submission/view_submission__body.json"),
        ("start", "view_submission/request__payload.json"),
        ("closed", "view_closed/view_closed__body.json"),
        ("closed", "view_closed/request__payload.json"),
        ("command", "slash_command/payload_utils__slash_command_body.json"),
        ("command", "slash_command/unmatched_suggestions__slash_command.json"),
        ("shortcut", "shortcut/aws_chalice__input.json"),
    ],
)
async def test_payloads_have_the_published_shape(heard, conformance, what, name):
    body = heard.bodies(what)[0]
    assert differences(example(conformance, name), body) == []


async def test_a_mention_has_the_published_shape(heard, conformance):
    wanted = example(conformance, "event_callback/app__app_mention_event_body.json")
    wanted["event"].pop("client_msg_id")
    assert differences(wanted, heard.bodies("mention")[0]) == []


async def test_forms_carry_the_published_fields(heard, slack, conformance):
    wanted = parse_qs(conformance("slack/forms/aws_chalice__input.txt").read_text(), keep_blank_values=True)
    (sent,) = [each for each in await slack.read("deliveries") if each["kind"] == "commands"]
    assert wanted.keys() - _ENTERPRISE <= parse_qs(sent["body"], keep_blank_values=True).keys()


async def test_envelopes_and_hello_have_the_published_shape(slack, conformance):
    async with over_socket(slack) as receiver:
        await press(slack, await card(receiver), "more", value="later")
        await slack.control("command", user="operator", channel="hearth-night", text="/vigie")
        await slack.control("shortcut", user="operator", callback_id="start_runbook")
        await slack.control("write", user="operator", channel="hearth-night", text="@vigie")
        await until(lambda: receiver.bodies("mention"), "the last")
    sent = {each["envelope"]["type"]: each["envelope"] for each in await slack.read("deliveries")}
    folder = "socket_mode/mock_socket_mode_server__socket_mode"
    assert differences(example(conformance, f"{folder}_envelopes-2.json"), sent["slash_commands"]) == []
    assert differences(example(conformance, f"{folder}_envelopes.json"), sent["interactive"]) == []
    event = example(conformance, f"{folder}_envelopes-5.json")
    event["payload"]["event"] = {}
    assert differences(event, sent["events_api"]) == []
    for name, said in (("hello", slack_hello(1)), ("disconnect", slack_disconnect("warning", 1))):
        assert differences(example(conformance, f"{folder}_{name}_message.json"), said) == []


def slack_hello(count: int):
    from deployments.sandbox.slack_socket import _hello

    return _hello(count)


def slack_disconnect(reason: str, count: int):
    from deployments.sandbox.slack_socket import _disconnect

    return _disconnect(reason, count)


async def test_slacks_own_signing_example(conformance):
    known = example(conformance, "signing_official_example.json")
    assert sign(known["signing_secret"], known["timestamp"], known["body"].encode()) == known["signature"]

    class At(Clock):
        def __init__(self, clock):
            self.clock = clock

        def now(self):
            return time.time() if self.clock == "now" else float(self.clock)

    for case in known["cases"]:
        body = None if "body" in case else known["body"] + case["body_suffix"]
        verifier = SignatureVerifier(known["signing_secret"], At(case["clock"]))
        signature = sign(known["signing_secret"], known["timestamp"], known["body"].encode())
        assert verifier.is_valid(body, known["timestamp"], signature) is case["expected"], case["name"]
