"""Slack's HTTP door: what is not signed by Slack, now, for us, and new, changes nothing and crashes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from blocks.errors import Refused
from blocks.ports.approvals import Standing
from blocks.slack.app import SlackApp
from blocks.slack.signing import verify
from deployments.gateway.app import MOST_BODY_BYTES
from deployments.gateway.origin import check_origin, parse, person_of
from deployments.gateway.settings import Known
from tests.contract.gateway.conftest import APP, SECRET, TEAM, encode, running, signed, submission

OPERATOR = "U0OPERATOR"
FORM = "application/x-www-form-urlencoded"
KNOWN = Known(app_id=APP, team_id=TEAM, signing_secret=SECRET, app_token="", bot_token="xoxb-x")


@pytest.fixture
async def question(gateway):
    gateway.enrol("duty-operator", OPERATOR)
    return await gateway.asked()


async def untouched(gateway, question) -> None:
    await asyncio.sleep(0.1)
    assert gateway.journal.approval(question.id).standing is Standing.WAITING
    assert gateway.journal.approval(question.id).decisions == ()
    assert gateway.prefect.woken == []


# -- the signature --------------------------------------------------------------------------------------


def test_the_official_signing_example(conformance):
    example = json.loads(conformance("slack/signing_official_example.json").read_text())
    now = datetime.fromtimestamp(int(example["timestamp"]), UTC)
    for case in example["cases"]:
        body = b"" if "body" in case else (example["body"] + case.get("body_suffix", "")).encode()
        clock = datetime.now(UTC) if case["clock"] == "now" else now
        try:
            verify(example["signing_secret"], example["timestamp"], example["signature"], body, clock)
            believed = True
        except Refused:
            believed = False
        assert believed is case["expected"], case["name"]


@given(body=st.binary(max_size=300), flip=st.integers(min_value=0), other=st.text(min_size=1, max_size=40))
def test_any_other_body_or_secret_is_refused(body, flip, other):
    headers = signed(body, FORM, at=1_700_000_000)
    now = datetime.fromtimestamp(1_700_000_000, UTC)
    stamp, signature = headers["x-slack-request-timestamp"], headers["x-slack-signature"]
    verify(SECRET, stamp, signature, body, now)
    place = flip % (len(body) + 1)
    with pytest.raises(Refused):
        verify(SECRET, stamp, signature, body[:place] + b"x" + body[place:], now)
    if other != SECRET:
        with pytest.raises(Refused):
            verify(other, stamp, signature, body, now)


@given(stamp=st.text(max_size=20), signature=st.text(max_size=80))
def test_odd_headers_are_a_refusal_and_never_an_error(stamp, signature):
    with pytest.raises(Refused):
        verify(SECRET, stamp, signature, b"body", datetime.fromtimestamp(1_700_000_000, UTC))


@pytest.mark.parametrize("age_s", [301, -330, 86_400])  # one from the future grows older on its way
async def test_a_stale_request_is_refused(gateway, question, age_s):
    pressed = gateway.pressing(question, "approval.approve", OPERATOR)
    assert (await gateway.send("interactive", pressed, at=time.time() - age_s)).status_code == 401
    await untouched(gateway, question)


async def test_a_forged_request_is_refused(gateway, question):
    pressed = gateway.pressing(question, "approval.approve", OPERATOR)
    assert (await gateway.send("interactive", pressed, secret="0" * 32)).status_code == 401
    await untouched(gateway, question)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-slack-signature": "v0=", "x-slack-request-timestamp": "1"},
        {"x-slack-signature": "v0=" + "0" * 64, "x-slack-request-timestamp": "tomorrow"},
        {"x-slack-signature": "v0=" + "é" * 64, "x-slack-request-timestamp": "１２３"},
    ],
)
async def test_an_unsigned_request_is_refused(gateway, question, headers):
    body, kind = encode("interactive", gateway.pressing(question, "approval.approve", OPERATOR))
    encoded = {name: value.encode("utf-8") for name, value in headers.items()}
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{gateway.address}/slack/interactive", content=body, headers={"content-type": kind, **encoded}
        )
    assert answer.status_code == 401
    await untouched(gateway, question)


async def test_a_byte_identical_replay_is_refused_and_decides_nothing_again(gateway, question):
    body, kind = encode("interactive", gateway.pressing(question, "approval.approve", OPERATOR))
    headers = signed(body, kind)
    assert (await gateway.post("interactive", body, headers)).status_code == 200
    assert [(await gateway.post("interactive", body, headers)).status_code for _ in range(3)] == [409] * 3
    await gateway.until(lambda: gateway.prefect.woken == [question.run])
    assert gateway.slack.whispers == []


async def test_a_copy_whose_first_receiver_died_is_dealt_with(gateway, question):
    """Claimed by somebody who died before he acknowledged it, longer ago than the lease: this copy is the only one."""
    import psycopg

    body, kind = encode("interactive", gateway.pressing(question, "approval.approve", OPERATOR))
    headers = signed(body, kind)
    key = f"http {headers['x-slack-signature']}"
    with gateway.journal._connections.transaction() as connection:
        assert isinstance(connection, psycopg.Connection)
        connection.execute(
            "INSERT INTO gateway_request (key, claimed_at) VALUES (%s, clock_timestamp() - interval '11 s')", (key,)
        )
    assert (await gateway.post("interactive", body, headers)).status_code == 200
    await gateway.until(lambda: gateway.prefect.woken == [question.run])


# -- the body -------------------------------------------------------------------------------------------


async def test_an_oversized_body_is_refused_whatever_it_says_of_its_length(gateway):
    body = b"a" * (MOST_BODY_BYTES + 1)
    assert (await gateway.post("interactive", body, signed(body, FORM))).status_code == 413

    async def chunks():
        for _ in range(70):
            yield b"a" * 1024

    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{gateway.address}/slack/interactive", content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"payload=", b"payload=%7B", b"payload=[1]", b"payload=null", b"\xff\xfe", b"[" * 5000, b"payload=1"],
)
async def test_a_signed_body_that_cannot_be_read_is_refused(gateway, body):
    for kind, content_type in (("interactive", FORM), ("events", "application/json")):
        assert (await gateway.post(kind, body, signed(body, content_type))).status_code == 401


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json", "", "x/y; charset=z"]))
def test_any_body_is_read_or_refused(body, content_type):
    try:
        payload = parse(body, content_type)
    except Refused:
        return
    person_of(payload)
    try:
        check_origin(payload, KNOWN)
    except Refused:
        return
    assert payload.get("type") == "url_verification"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "team_id", "x"]), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["type", "user", "team", "team_id", "api_app_id", "channel", "container", "response_url"]), JSON
    )
)
def test_any_payload_is_of_somebody_or_refused(payload):
    person = person_of(payload)
    assert isinstance(person.user, str)
    try:
        check_origin(payload, KNOWN)
    except Refused:
        return
    assert payload.get("api_app_id") == APP or payload.get("type") in {"url_verification", "shortcut", "message_action"}


async def test_another_app_or_workspace_is_refused(gateway, question):
    for wrong in (
        {"api_app_id": "A0OTHER000"},
        {"team": {"id": "T0OTHER000"}},
        {"team": None},
        {"api_app_id": None},
        {"view": {"type": "modal", "app_installed_team_id": "T0OTHER000"}},
        {"authorizations": [{"team_id": TEAM}, {"team_id": "T0OTHER000"}]},
    ):
        pressed = gateway.pressing(question, "approval.approve", OPERATOR) | wrong
        assert (await gateway.send("interactive", pressed)).status_code == 401
    await untouched(gateway, question)


def payloads(folder: Path):
    kinds = {"event_callback": "events", "url_verification": "events", "slash_command": "commands"}
    for file in sorted(folder.rglob("*.json")):
        if file.parent.name not in {"specs", "view", "socket_mode", "slack"}:
            yield file, kinds.get(file.parent.name, "interactive")


async def test_every_published_view_and_form_is_answered_and_none_is_recorded(gateway, question, conformance):
    folder = conformance("slack")
    for file in sorted((folder / "view").glob("*.json")):
        sent = submission(json.loads(file.read_text()), OPERATOR, reason="x", code="123456")
        for kind in ("view_submission", "view_closed"):
            answer = await gateway.send("interactive", sent | {"type": kind})
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, (file.name, answer.status_code)
    for file in sorted((folder / "forms").glob("*.txt")):
        body = file.read_bytes()
        assert (await gateway.post("commands", body, signed(body, FORM))).status_code == 401, "of another workspace"
    await untouched(gateway, question)


async def test_no_published_envelope_closes_the_socket_and_none_is_recorded(parts, conformance):
    folder = conformance("slack/socket_mode")
    texts = {file.name: file.read_text() for file in sorted(folder.glob("*.json"))}
    envelopes = [json.loads(text) for text in texts.values() if "envelope_id" in text]
    assert len(envelopes) >= 10
    ours = [each | {"envelope_id": f"ours-{number}"} for number, each in enumerate(envelopes)]
    for each in ours:
        if isinstance(each.get("payload"), dict):
            each["payload"] = each["payload"] | {"api_app_id": APP, "team_id": TEAM, "team": {"id": TEAM}}
    parts.blocks[SlackApp] = parts.blocks[SlackApp].model_copy(update={"app_token": SecretStr("xapp-planted")})
    odd = ["{", "[]", "null", '{"envelope_id": null}', '{"envelope_id": "odd-1", "type": "interactive"}']
    told_to_leave = next(text for name, text in texts.items() if "disconnect" in name)
    parts.slack.frames = [[*texts.values(), *map(json.dumps, ours), *odd, told_to_leave]]
    async with running(parts) as gateway:
        gateway.enrol("duty-operator", OPERATOR)
        question = await gateway.asked()
        others = {each["envelope_id"] for each in envelopes}
        await gateway.until(lambda: others <= set(gateway.slack.acknowledged), "all are acknowledged")
        await untouched(gateway, question)
        pressed = gateway.pressing(question, "approval.approve", OPERATOR)
        good = {"type": "interactive", "envelope_id": "good", "payload": pressed, "accepts_response_payload": False}
        last = good | {"envelope_id": "last", "payload": pressed | {"api_app_id": "A0OTHER000"}}
        gateway.slack.frames = [[json.dumps(each) for each in (good, good, last)]]
        await gateway.slack.leave()
        await gateway.until(lambda: gateway.prefect.woken == [question.run], "the next connection is listened to")
        await gateway.until(lambda: {"good", "last"} <= set(gateway.slack.acknowledged))
        await asyncio.sleep(0.3)
        assert gateway.slack.acknowledged.count("good") == 1, "a copy is not dealt with"
        assert gateway.slack.whispers == [], "and nobody hears that it was decided already"


async def test_no_published_payload_crashes_it_and_none_is_recorded(gateway, question, conformance):
    seen = 0
    for file, kind in payloads(conformance("slack")):
        content = json.loads(file.read_text())
        if not isinstance(content, dict):
            continue
        ours = content | {"api_app_id": APP, "team_id": TEAM}
        ours |= {"team": {**content["team"], "id": TEAM}} if isinstance(content.get("team"), dict) else {}
        for each in (content, ours):
            answer = await gateway.send(kind, each)
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, (file.name, answer.status_code)
            seen += 1
    assert seen >= 30
    await untouched(gateway, question)


async def test_the_address_is_ours(gateway):
    answer = await gateway.send("events", {"type": "url_verification", "token": "old", "challenge": "abc"})
    assert (answer.status_code, "abc" in answer.text) == (200, True)


# -- pages and health ---------------------------------------------------------------------------------------


async def test_a_page_shows_the_card_and_offers_nothing_to_press(gateway):
    question = await gateway.asked(reason="<script>alert(1)</script> & {{ 7*7 }} *bold* `code`")
    async with httpx.AsyncClient() as client:
        page = await client.get(f"{gateway.address}/approvals/{question.id}")
        assert (await client.post(f"{gateway.address}/approvals/{question.id}")).status_code == 405
        assert (await client.get(f"{gateway.address}/approvals/{question.run}")).status_code == 404
        assert (await client.get(f"{gateway.address}/approvals/x")).status_code == 422
        assert [(await client.get(gateway.address + path)).status_code for path in ("/", "/docs", "/openapi.json")] == [
            404
        ] * 3
    assert page.status_code == 200
    assert "restart instance i-1" in page.text
    assert not any(tag in page.text for tag in ("<script", "<button", "<form", "<input"))
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_health_names_what_is_down_and_no_secret(gateway):
    async with httpx.AsyncClient() as client:
        well = await client.get(f"{gateway.address}/health")
        gateway.slack.down = True
        ill = await client.get(f"{gateway.address}/health")
    assert (well.status_code, well.json()["journal"], well.json()["slack"]) == (200, "ok", "ok")
    assert (ill.status_code, ill.json()["slack"]) == (200, "down")  # the other door works
    assert SECRET not in well.text + ill.text


async def test_before_the_settings_can_be_read_nobody_is_believed(gateway):
    gateway.blocks.clear()
    gateway.desk.settings._kept.clear()
    body, kind = encode("commands", {"command": "/vigie", "team_id": TEAM, "api_app_id": APP})
    async with httpx.AsyncClient() as client:
        health = await client.get(f"{gateway.address}/health")
    assert (await gateway.post("commands", body, signed(body, kind))).status_code in {401, 503}
    assert (health.status_code, health.json()["settings"]) == (503, "down")
