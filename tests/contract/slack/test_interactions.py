"""What a person does reaches an app on the official bolt, over HTTP and Socket Mode, and its answers are shown."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.contract.slack.receiver import CARD, MODAL, WAYS, over_http, over_socket

PERSON = "operator"


@pytest.fixture(params=WAYS)
async def receiver(slack, request):
    async with WAYS[request.param](slack) as receiver:
        yield receiver


async def press(slack, ts, action_id, user=PERSON, **more):
    return await slack.control("press", ts=ts, action_id=action_id, user=user, **more)


async def until(condition, what: str):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def card(receiver) -> str:
    return (await receiver.client.chat_postMessage(channel="#hearth-night", text="Fail over?", blocks=CARD))["ts"]


async def test_a_press_arrives_and_the_answer_replaces_the_message(slack, receiver):
    ts = await card(receiver)
    assert (await press(slack, ts, "approve"))["trouble"] == ""
    await until(lambda: slack.said()[0]["text"] == "Approved", "the message was not replaced")
    (body,) = receiver.bodies("approve")
    assert body["user"]["id"] == "U0OPERATOR0"
    assert body["actions"][0]["value"] == "opaque-1"
    assert body["container"]["message_ts"] == ts
    assert [block["type"] for block in slack.said()[0]["blocks"]] == ["section"]
    assert "error" in await press(slack, ts, "approve")


async def test_choices_carry_what_was_chosen_and_nothing_that_is_not_offered(slack, receiver):
    ts = await card(receiver)
    await press(slack, ts, "more", value="later")
    await press(slack, ts, "who", value="U0MANAGER00")
    await until(lambda: len(receiver.heard) == 2, "two presses")
    assert receiver.bodies("more")[0]["actions"][0]["selected_option"]["value"] == "later"
    assert receiver.bodies("who")[0]["actions"][0]["selected_user"] == "U0MANAGER00"
    assert "does not offer" in (await press(slack, ts, "more", value="never"))["error"]


async def test_a_modal_opens_is_corrected_filled_and_submitted(slack, receiver):
    await press(slack, await card(receiver), "ask")
    await until(lambda: slack.simulator.views.stack("U0OPERATOR0"), "no modal")
    (view,) = (await slack.read(f"views?user={PERSON}"))["modals"]
    offered = await slack.control("suggest", user=PERSON, view_id=view["id"], action_id="service", value="dev")
    assert offered["options"][0]["value"] == "device-api"
    empty = await slack.control("submit", user=PERSON, state={"devices": {"count": "300"}})
    assert set(empty["errors"]) == {"platform", "reason", "devices"}
    assert receiver.bodies("start") == []
    filled = {
        "platform": {"pick": "hearth"},
        "reason": {"typed": "the pumps are down"},
        "devices": {"count": "12"},
        "service": {"service": "device-api"},
    }
    receiver.answer = {"response_action": "errors", "errors": {"reason": "say more"}}
    assert (await slack.control("submit", user=PERSON, state=filled))["errors"] == {"reason": "say more"}
    receiver.answer = {"response_action": "push", "view": MODAL | {"callback_id": "second"}}
    await slack.control("submit", user=PERSON, state=filled)
    first, second = slack.simulator.views.stack("U0OPERATOR0")
    assert second["previous_view_id"] == first["id"] == second["root_view_id"]
    assert len((await slack.control("close", user=PERSON))["closed"]) == 1
    receiver.answer = {}
    assert (await slack.control("submit", user=PERSON, state=filled))["trouble"] == ""
    assert slack.simulator.views.stack("U0OPERATOR0") == []
    values = receiver.bodies("start")[-1]["view"]["state"]["values"]
    assert values["platform"]["pick"]["selected_option"]["value"] == "hearth"
    assert values["reason"]["typed"] == {"type": "plain_text_input", "value": "the pumps are down"}
    assert values["devices"]["count"] == {"type": "number_input", "value": "12"}


async def test_closing_is_told_where_the_modal_asked_for_it(slack, receiver):
    await press(slack, await card(receiver), "ask")
    await until(lambda: slack.simulator.views.stack("U0OPERATOR0"), "no modal")
    await slack.control("close", user=PERSON)
    await until(lambda: receiver.bodies("closed"), "closing was not told")
    assert receiver.bodies("closed")[0]["is_cleared"] is False


async def test_commands_shortcuts_and_mentions_arrive(slack, receiver):
    assert (await slack.control("command", user=PERSON, channel="#hearth-night", text="/vigie status hearth"))[
        "trouble"
    ] == ""
    assert receiver.bodies("command")[0]["text"] == "status hearth"
    assert [m["text"] for m in (await slack.read("whispers"))["hearth-night"]] == ["on it"]
    await slack.control("command", user=PERSON, channel="#hearth-night", text="/nothing")
    assert "n'est pas une commande" in (await slack.read("whispers"))["hearth-night"][-1]["text"]
    await slack.control("shortcut", user=PERSON, callback_id="start_runbook")
    await slack.control("write", user=PERSON, channel="#hearth-night", text="@vigie are you there?")
    await until(lambda: receiver.bodies("shortcut") and receiver.bodies("mention"), "shortcut and mention")


async def test_a_trigger_works_once_and_for_three_seconds(slack):
    async with over_http(slack) as receiver:
        await press(slack, await card(receiver), "more", value="later")
        trigger = receiver.bodies("more")[0]["trigger_id"]
        await receiver.client.views_open(trigger_id=trigger, view=MODAL)
        for spent, error in ((trigger, "exchanged_trigger_id"), ("1.2.3", "invalid_trigger_id")):
            with pytest.raises(SlackApiError, match=error):
                await receiver.client.views_open(trigger_id=spent, view=MODAL)
        await slack.control("break", how="late", seconds=3.3, times=1)
        ts = await card(receiver)
        assert (await press(slack, ts, "more", value="later"))["trouble"] == "timeout"
        await until(lambda: len(receiver.bodies("more")) == 2, "it arrives all the same")
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await receiver.client.views_open(trigger_id=receiver.bodies("more")[1]["trigger_id"], view=MODAL)


async def test_a_modal_that_is_refused_leaves_its_trigger(slack):
    async with over_http(slack) as receiver:
        await press(slack, await card(receiver), "more", value="later")
        trigger = receiver.bodies("more")[0]["trigger_id"]
        with pytest.raises(SlackApiError, match="invalid_arguments"):
            await receiver.client.views_open(trigger_id=trigger, view={k: v for k, v in MODAL.items() if k != "submit"})
        opened = await receiver.client.views_open(trigger_id=trigger, view=MODAL)
        with pytest.raises(SlackApiError, match="hash_conflict"):
            await receiver.client.views_update(view_id=opened["view"]["id"], view=MODAL, hash="old")


async def test_what_is_not_acknowledged_shows_slacks_warning(slack, receiver):
    ts = await card(receiver)
    assert (await press(slack, ts, "silent"))["trouble"] == "timeout"
    assert slack.simulator.interactions.troubles["U0OPERATOR0", ts, "decide", "silent"].startswith("Délai dépassé")


async def test_without_an_app_that_listens_slack_says_so(slack):
    async with over_http(slack) as receiver:
        ts = await card(receiver)
        await slack.control("app", mode="socket")
        assert (await press(slack, ts, "approve"))["trouble"] == "unset"
        await slack.control("app", mode="http", interactivity_url="http://127.0.0.1:1/")
        assert (await press(slack, ts, "approve"))["trouble"] == "connection"
        await slack.control("break", how="unreachable")
        assert (await press(slack, ts, "approve"))["trouble"] == "unreachable"
        assert receiver.heard == []


async def test_a_response_url_works_five_times_and_for_half_an_hour(slack):
    async with over_http(slack) as receiver:
        ts = await card(receiver)
        await press(slack, ts, "more", value="later")
        url = receiver.bodies("more")[0]["response_url"]
        name = url.rpartition("/")[2]
        answers = slack.simulator.interactions.answers
        bodies = [
            {"text": "x"},
            {"text": "y", "response_type": "in_channel"},
            {"nothing": 1},
            {"delete_original": True},
        ]
        assert [answers.through_url(name, body)[0] for body in bodies] == [200, 200, 400, 200]
        assert [m["text"] for m in slack.said()] == ["y"]
        assert [answers.through_url(name, {"text": "x"}) for _ in range(3)][1:] == [(200, "ok"), (404, "used_url")]
        await press(slack, await card(receiver), "more", value="later")
        second = receiver.bodies("more")[1]["response_url"]
        await slack.control("age", response_url=second, minutes=31)
        assert answers.through_url(second.rpartition("/")[2], {"text": "x"}) == (404, "expired_url")


@pytest.mark.parametrize("how", ["tamper-signature", "tamper-body", "stale"])
async def test_bolt_refuses_what_was_tampered_with_or_is_stale(slack, how):
    async with over_http(slack) as receiver:
        await slack.control("break", how=how, times=1)
        ts = await card(receiver)
        answer = await press(slack, ts, "more", value="later")
        assert (answer["trouble"], answer["status"]) == ("status", 401)
        assert receiver.heard == []
        assert (await press(slack, ts, "more", value="later"))["trouble"] == ""


@pytest.mark.parametrize("how", ["duplicate", "redeliver"])
async def test_what_is_delivered_twice_is_heard_twice(slack, receiver, how):
    await slack.control("break", how=how, times=1)
    await press(slack, await card(receiver), "more", value="later")
    await until(lambda: len(receiver.bodies("more")) == 2, "heard twice")
    assert receiver.bodies("more")[0]["trigger_id"] == receiver.bodies("more")[1]["trigger_id"]


async def test_a_delivery_can_be_replayed_to_the_last_byte(slack, receiver):
    await press(slack, await card(receiver), "more", value="later")
    assert (await slack.control("replay"))["status"] == 200
    assert len(receiver.bodies("more")) == 2


async def test_what_is_lost_never_arrives(slack, receiver):
    await slack.control("break", how="lose", times=1)
    assert (await press(slack, await card(receiver), "more", value="later"))["trouble"] == "timeout"
    assert receiver.heard == []


@pytest.mark.parametrize("how", ["drop-socket", "warn-socket", "refresh-socket"])
async def test_the_official_client_comes_back_over_a_new_socket(slack, how):
    async with over_socket(slack) as receiver:
        (before,) = slack.simulator.sockets._open
        await slack.control("break", how=how)
        await until(lambda: len(slack.simulator.sockets) and slack.simulator.sockets._open[0] is not before, "back")
        assert (await press(slack, await card(receiver), "more", value="later"))["trouble"] == ""


async def test_a_ticket_admits_once_and_tokens_are_kept_apart(slack):
    async with over_socket(slack) as receiver:
        with pytest.raises(SlackApiError, match="not_allowed_token_type"):
            await receiver.client.apps_connections_open(app_token=slack.token)
        opened = await receiver.client.apps_connections_open(app_token=slack.app_token)
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(opened["url"], ssl=receiver.client.ssl) as socket:
                assert (await socket.receive_json())["type"] == "hello"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(opened["url"], ssl=receiver.client.ssl)


async def test_any_method_can_be_throttled(slack):
    async with over_http(slack) as receiver:
        ts = await card(receiver)
        await slack.control("break", how="throttle", method="chat.update", retry_after=7, times=1)
        with pytest.raises(SlackApiError) as caught:
            await receiver.client.chat_update(channel="C000000000", ts=ts, text="x")
        assert caught.value.response.headers["Retry-After"] == "7"
        await receiver.client.chat_update(channel="C000000000", ts=ts, text="x")
