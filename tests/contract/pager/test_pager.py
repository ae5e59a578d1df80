"""The Pager's contract over both adapters, against a sink that checks what it is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from pydantic import SecretStr

from blocks.errors import Broken, Refused, Retryable
from blocks.pager.block import PagerDuty, WebhookPager
from blocks.pager.pagerduty import pagerduty_event
from blocks.pager.webhook import idempotency_key, sign
from blocks.ports.incidents import EventKind, Severity
from blocks.ports.notifications import PagerAction
from blocks.ports.showing import Call
from deployments.sandbox.pager import PagerSink, check_event
from tests.contract.pager.conftest import KEY, SIGNING
from tests.unit.messages.pictures import OPENED_AT, a_picture, an_event

ID = str(a_picture().incident.id)


def closed_picture(*events):
    return a_picture(*events, closed_at=OPENED_AT + timedelta(minutes=27))


async def test_an_incident_rings_is_taken_and_ends(sink, kind):
    events = [
        an_event(code="connection_refused"),
        an_event(EventKind.ACKNOWLEDGED, minutes=5),
        an_event(EventKind.CLOSED, minutes=27),
    ]
    async with sink.block(kind).pager() as pager:
        await pager.send(PagerAction.TRIGGER, a_picture(*events[:1]), ID)
        assert [e["state"] for e in sink.sink.ringing] == ["ringing"]
        await pager.send(PagerAction.ACKNOWLEDGE, a_picture(*events[:2]), ID)
        assert [e["state"] for e in sink.sink.ringing] == ["acknowledged"]
        await pager.send(PagerAction.RESOLVE, closed_picture(*events), ID)
    assert [(e["state"], e["rung_count"]) for e in sink.sink.ringing] == [("resolved", 1)]
    assert sink.sink.events[0]["summary"].replace("\u00a0", " ") == "hearth · device-api : connexion refusée"
    assert sink.sink.refused == []


async def test_the_same_trigger_twice_rings_once_and_a_reopening_rings_again(sink, kind):
    opened, closed = an_event(), an_event(EventKind.CLOSED, minutes=20)
    again = an_event(EventKind.REOPENED, minutes=30)
    async with sink.block(kind).pager() as pager:
        for _ in range(3):
            await pager.send(PagerAction.TRIGGER, a_picture(opened), ID)
        await pager.send(PagerAction.RESOLVE, closed_picture(opened, closed), ID)
        assert [e["rung_count"] for e in sink.sink.ringing] == [1]
        for _ in range(2):
            await pager.send(PagerAction.TRIGGER, a_picture(opened, closed, again, reopened_count=1), ID)
    assert [(e["state"], e["rung_count"]) for e in sink.sink.ringing] == [("ringing", 2)]


async def test_a_call_for_a_run_rings_ends_and_may_ring_again(sink, kind):
    key = f"{ID}:page:5"
    async with sink.block(kind).pager() as pager:
        for _ in range(2):
            await pager.ring(a_call(), key)
        assert [(e["state"], e["rung_count"]) for e in sink.sink.ringing] == [("ringing", 1)]
        await pager.ring(a_call(is_over=True, minutes=5), key)
        assert [e["state"] for e in sink.sink.ringing] == ["resolved"]
        await pager.ring(a_call(minutes=20), key)
    assert [(e["state"], e["rung_count"]) for e in sink.sink.ringing] == [("ringing", 2)]
    assert sink.sink.events[0]["summary"] == "hearth · device-api: restart needs a person"
    assert sink.sink.refused == []


async def test_what_was_over_before_it_could_ring_rings_nobody(sink, kind):
    async with sink.block(kind).pager() as pager:
        await pager.ring(a_call(is_over=True), f"{ID}:page:1")
    assert sink.sink.ringing == []


def a_call(*, is_over=False, minutes=0):
    return Call(
        summary="hearth · device-api: restart needs a person",
        sentence="it crashed again after 5 automatic resumes",
        platform="hearth",
        subject="device-api",
        customer="hearth",
        language="en",
        run_url="",
        since=OPENED_AT + timedelta(minutes=minutes),
        is_over=is_over,
    )


async def test_acknowledging_what_never_rang_rings_nobody(sink, kind):
    async with sink.block(kind).pager() as pager:
        await pager.send(PagerAction.ACKNOWLEDGE, a_picture(), ID)
    assert sink.sink.ringing == []


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("throttle", "throttled"),
        ("drop", "api_unreachable"),
        ("error", "api_unreachable"),
        ("drop-after", "api_unreachable"),
    ],
)
async def test_what_passes_is_retryable(sink, kind, how, code):
    await sink.control("break", target="pager", how=how, retry_after=9)
    async with sink.block(kind).pager() as pager:
        with pytest.raises(Retryable) as caught:
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)
    assert caught.value.code == code
    assert caught.value.retry_after == (timedelta(seconds=9) if how == "throttle" else None)
    assert len(sink.sink.events) == (1 if how == "drop-after" else 0)


async def test_a_pager_that_is_not_there_is_retryable(sink):
    block = sink.block("pagerduty").model_copy(update={"events_url": "https://127.0.0.1:1/v2/enqueue"})
    async with block.pager() as pager:
        with pytest.raises(Retryable, match="does not answer"):
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)


async def test_a_wrong_key_is_refused_and_never_shown(sink):
    block = sink.block("pagerduty").model_copy(update={"routing_key": SecretStr("f" * 32)})
    async with block.pager() as pager:
        with pytest.raises(Refused) as caught:
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)
    assert caught.value.code == "credentials"
    assert "f" * 32 not in f"{caught.value} {caught.value!r}"
    (capability,) = await block.examine()
    assert capability.allowed is False


async def test_an_address_with_a_key_in_it_is_never_shown(sink):
    block = WebhookPager(url=SecretStr(f"https://{sink.address}/gone/planted-key"), ca_file=sink.ca_file)
    async with block.pager() as pager:
        with pytest.raises(Refused) as caught:
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)
    assert "planted" not in f"{caught.value} {caught.value!r} {block!r} {block.model_dump()}"


@pytest.mark.parametrize("url", ["nonsense", "https://"])
async def test_an_address_that_is_none_is_broken(url):
    async with WebhookPager(url=SecretStr(url)).pager() as pager:
        with pytest.raises(Broken, match="block"):
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)


async def test_a_wrong_certificate_is_broken(sink):
    async with sink.block("pagerduty").model_copy(update={"ca_file": None}).pager() as pager:
        with pytest.raises(Broken, match="ca_file"):
            await pager.send(PagerAction.TRIGGER, a_picture(), ID)
    with pytest.raises(Broken, match="ca_file"):
        async with sink.block("webhook").model_copy(update={"ca_file": "/nowhere.pem"}).pager():
            pass


async def test_examining_rings_nobody(sink, kind):
    (capability,) = await sink.block(kind).examine()
    assert capability.allowed is (True if kind == "pagerduty" else None)
    assert sink.sink.ringing == []


async def test_prefects_own_notifications_ring_through_the_same_door(sink, kind, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", sink.ca_file)
    await sink.block(kind).as_webhook().anotify("nobody watches", "URGENT · hearth")
    (entry,) = sink.sink.ringing
    assert entry["summary"] == "URGENT · hearth"
    assert "planted" not in repr(sink.block(kind).as_webhook())
    assert KEY not in repr(sink.block(kind).as_webhook())


@pytest.mark.parametrize("action", list(PagerAction))
@pytest.mark.parametrize("severity", list(Severity))
def test_pagerduty_takes_every_event_also_long_ones(action, severity):
    picture = a_picture(
        an_event(), sentence="<&😀" * 5000, root="r" * 900, platform="p" * 900, affected=("x" * 900,) * 90,
        tried=("y" * 900,) * 90, clients="z" * 900, severity=severity,
    )  # fmt: skip
    event = pagerduty_event(action, picture, "k" * 400, KEY)
    assert check_event(event, KEY) == []
    assert len(json.dumps(event)) < 512 * 1024


def test_severities_are_pagerdutys():
    said = {
        s: pagerduty_event(PagerAction.TRIGGER, a_picture(severity=s), ID, KEY)["payload"]["severity"] for s in Severity
    }
    assert said == {Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.NOTICE: "info"}


def test_the_link_to_the_run_is_in_the_event():
    event = pagerduty_event(PagerAction.TRIGGER, a_picture(), ID, KEY)
    assert event["links"] == [{"href": "https://prefect.example/runs/flow-run/1", "text": "Ouvrir l'exécution"}]
    assert "links" not in pagerduty_event(PagerAction.TRIGGER, a_picture(run_url=""), ID, KEY)


def test_the_signature_is_the_published_one(conformance):
    published = json.loads(conformance("alerts/pagerduty/v3_webhook_signed.json").read_text())
    valid = next(case for case in published["cases"] if case["name"] == "valid")
    assert sign(published["body_raw"].encode(), published["secret"]) == valid["signature"]


async def test_a_webhook_is_signed_over_its_raw_body(sink):
    async with sink.block("webhook").pager() as pager:
        await pager.send(PagerAction.TRIGGER, a_picture(), ID)
    (event,) = sink.sink.events
    assert event["signature"] == sign(json.dumps(event["body"]).encode(), SIGNING)


def test_the_idempotency_key_follows_the_event_and_not_the_picture():
    picture = a_picture()
    key = idempotency_key(PagerAction.TRIGGER, picture, ID)
    assert idempotency_key(PagerAction.TRIGGER, replace(picture, tried=("more",)), ID) == key
    assert idempotency_key(PagerAction.RESOLVE, picture, ID) != key
    assert (
        idempotency_key(PagerAction.TRIGGER, a_picture(an_event(), an_event(EventKind.REOPENED, minutes=9)), ID) != key
    )


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"routing_key": "short"}, "routing_key"),
        ({"event_action": "explode"}, "event_action"),
        ({"payload": None}, "payload"),
        ({"payload": {"summary": "x", "source": "y", "severity": "loud"}}, "severity"),
        ({"payload": {"summary": "x" * 1025, "source": "y", "severity": "info"}}, "too long"),
        ({"payload": {"summary": "", "source": "y", "severity": "info"}}, "summary"),
        ({"payload": {"summary": "x", "source": "y", "severity": "info", "timestamp": "yesterday"}}, "timestamp"),
        ({"dedup_key": "k" * 256}, "dedup_key"),
        ({"colour": "red"}, "unknown"),
        ({"event_action": "resolve", "dedup_key": ""}, "dedup_key"),
    ],
)
def test_the_sink_refuses_what_pagerduty_refuses(change, objection):
    event = pagerduty_event(PagerAction.TRIGGER, a_picture(), ID, KEY) | change
    assert any(objection in text for text in check_event(event, KEY))


async def test_the_page_shows_what_rings_and_a_restart_remembers_it(sink, tmp_path):
    async with sink.block("pagerduty").pager() as pager:
        await pager.send(PagerAction.TRIGGER, a_picture(an_event(code="<b>&")), ID)
    async with aiohttp.ClientSession() as session, session.get(sink.page) as answer:
        page = await answer.text()
    assert "It rings" in page
    assert 'class="card ringing"' in page
    assert [e["state"] for e in PagerSink(tmp_path / "pager", KEY).ringing] == ["ringing"]
    assert KEY not in json.dumps(sink.sink.events)


def test_a_block_is_documented_for_who_fills_it_in():
    for block in (PagerDuty, WebhookPager):
        assert all(field.description for name, field in block.model_fields.items() if not name.startswith("_"))
        assert block.get_description()
