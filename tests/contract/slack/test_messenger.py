"""The Messenger's contract, with the official SDK against a Slack that checks what it is sent."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.incidents import EventKind
from blocks.ports.notifications import Sent
from tests.contract.slack.conftest import TOKEN
from tests.unit.messages.pictures import OPENED_AT, a_picture, an_event

CHANNEL = "#hearth-night"


async def test_an_incident_is_one_message_updated_in_place_with_its_history_in_the_thread(slack):
    picture, event = a_picture(), an_event(EventKind.CLOSED, "well again", 27)
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, picture, uuid4())
        reply = await messenger.reply(sent, picture, event, uuid4())
        closed = replace(picture, incident=replace(picture.incident, closed_at=OPENED_AT + timedelta(minutes=27)))
        assert await messenger.update(sent, closed) == sent
    head, line = slack.said()
    assert (head["ts"], line["ts"]) == (sent.reference, reply.reference)
    assert head["text"].startswith("✅ Rétabli")
    assert head["blocks"][0]["text"]["text"].startswith("✅ Rétabli")
    assert line["thread_ts"] == sent.reference
    assert "Clos : well again" in line["text"].replace("\u00a0", " ")


async def test_what_was_posted_is_found_by_its_delivery(slack):
    head, line = uuid4(), uuid4()
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, a_picture(), head)
        reply = await messenger.reply(sent, a_picture(), an_event(), line)
        assert await messenger.find(CHANNEL, head, None) == sent
        assert await messenger.find(sent.channel_reference, head, None) == sent
        assert await messenger.find(CHANNEL, line, sent) == reply
        assert await messenger.find(CHANNEL, line, None) is None
        assert await messenger.find(CHANNEL, uuid4(), None) is None
        assert await messenger.find(CHANNEL, uuid4(), sent) is None


async def test_it_is_still_found_after_an_update(slack):
    delivery = uuid4()
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, a_picture(), delivery)
        await messenger.update(sent, a_picture())
        assert await messenger.find(CHANNEL, delivery, None) == sent


async def test_it_is_found_pages_back(slack):
    channel, delivery = slack.simulator.workspace.channel_id(CHANNEL), uuid4()
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, a_picture(), delivery)
        for number in range(450):
            slack.simulator.workspace.post(channel, {"text": f"chatter {number}"})
        assert await messenger.find(CHANNEL, delivery, None) == sent
    assert slack.calls("conversations.history") == 3


async def test_a_deleted_message_is_posted_anew(slack):
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, a_picture(), uuid4())
        await slack.control("delete", channel=CHANNEL, ts=sent.reference)
        again = await messenger.update(sent, a_picture())
        assert again != sent
        assert [m["ts"] for m in slack.said()] == [again.reference]
        with pytest.raises(Broken, match="thread_not_found"):
            await messenger.reply(sent, a_picture(), an_event(), uuid4())


async def test_throttling_is_retryable_with_slacks_own_wish(slack):
    await slack.control("break", target="slack", how="throttle", retry_after=7)
    async with slack.messenger() as messenger:
        with pytest.raises(Retryable) as caught:
            await messenger.post(CHANNEL, a_picture(), uuid4())
    assert (caught.value.code, caught.value.retry_after) == ("throttled", timedelta(seconds=7))
    assert slack.said() == []


async def test_more_than_one_message_a_second_is_throttled_for_real(slack):
    async with slack.messenger() as messenger:
        with pytest.raises(Retryable) as caught:
            await post_many(messenger, 10)
    assert caught.value.retry_after == timedelta(seconds=1)
    assert 4 <= len(slack.said()) <= 6


async def post_many(messenger, count: int) -> None:
    for _ in range(count):
        await messenger.post(CHANNEL, a_picture(), uuid4())


@pytest.mark.parametrize("how", ["drop", "error", "garbage"])
async def test_what_passes_is_retryable_and_nothing_was_said(slack, how):
    await slack.control("break", target="slack", how=how)
    async with slack.messenger() as messenger:
        with pytest.raises(Retryable) as caught:
            await messenger.post(CHANNEL, a_picture(), uuid4())
    assert caught.value.code == "api_unreachable"
    assert slack.said() == []


async def test_an_answer_lost_after_the_fact_is_never_repeated_by_the_sdk_and_is_found(slack):
    await slack.control("break", target="slack", how="drop-after", times=1)
    delivery = uuid4()
    async with slack.messenger() as messenger:
        with pytest.raises(Retryable):
            await messenger.post(CHANNEL, a_picture(), delivery)
        assert len(slack.said()) == 1
        found = await messenger.find(CHANNEL, delivery, None)
    assert found is not None
    assert found.reference == slack.said()[0]["ts"]


async def test_a_slack_that_is_not_there_is_retryable(slack):
    async with slack.messenger(base_url="https://127.0.0.1:1/api/") as messenger:
        with pytest.raises(Retryable, match="does not answer"):
            await messenger.post(CHANNEL, a_picture(), uuid4())


async def test_a_wrong_certificate_is_broken_and_says_what_to_check(slack):
    async with slack.messenger(ca_file=None) as messenger:
        with pytest.raises(Broken, match="ca_file"):
            await messenger.post(CHANNEL, a_picture(), uuid4())


async def test_a_ca_file_that_is_not_there_is_broken(slack):
    with pytest.raises(Broken, match="ca_file"):
        async with slack.messenger(ca_file="/nowhere/ca.pem"):
            pass


async def test_a_refused_token_is_refused_and_never_shown(slack):
    async with slack.messenger(token="xoxb-wrong-but-secret") as messenger:
        with pytest.raises(Refused) as caught:
            await messenger.post(CHANNEL, a_picture(), uuid4())
    assert caught.value.code == "credentials"
    assert "xoxb" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"


@pytest.mark.parametrize("call", ["post", "find"])
async def test_an_unknown_channel_is_refused_and_says_where_to_correct_it(slack, call):
    async with slack.messenger() as messenger:
        asked = (
            messenger.post("#nowhere", a_picture(), uuid4())
            if call == "post"
            else messenger.find("#nowhere", uuid4(), None)
        )
        with pytest.raises(Refused, match="catalogue"):
            await asked


async def test_a_slow_slack_ends_by_itself(slack):
    await slack.control("break", target="slack", how="slow", seconds=0.2)
    async with slack.messenger() as messenger:
        begin = time.monotonic()
        sent = await messenger.post(CHANNEL, a_picture(), uuid4())
    assert time.monotonic() - begin >= 0.2
    assert isinstance(sent, Sent)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", list(EventKind))
async def test_slack_takes_every_kind_of_message_also_long_ones(slack, kind, language):
    event = an_event(kind, "<&>" * 5000, who="@here" * 50, code="connection_refused")
    picture = a_picture(
        event, sentence="&" * 9000, affected=("x" * 80,) * 90, tried=("y" * 900,) * 9, language=language
    )
    async with slack.messenger() as messenger:
        sent = await messenger.post(CHANNEL, picture, uuid4())
        await messenger.reply(sent, picture, event, uuid4())
    assert len(slack.said()) == 2


def test_the_tests_token_is_planted():
    assert TOKEN.startswith("xoxb-")
