"""The simulated Slack refuses what Slack refuses, shows what people would see, and forgets nothing."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import aiohttp
import pytest

from deployments.sandbox.slack_markup import to_html
from deployments.sandbox.slack_parameters import Parameters
from deployments.sandbox.slack_rules import check_blocks
from deployments.sandbox.slack_store import Workspace
from tests.contract.slack.conftest import TOKEN


async def call(slack, method: str, token: str = TOKEN, **arguments):
    context = ssl.create_default_context(cafile=slack.ca_file)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{slack.base_url}{method}"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, data=arguments, ssl=context) as answer,
    ):
        return answer.status, await answer.json()


def section(text: str, kind: str = "mrkdwn") -> dict:
    return {"type": "section", "text": {"type": kind, "text": text}}


def test_the_limits_are_the_published_ones(conformance):
    limits = json.loads(conformance("slack/blockkit_limits_python_sdk.json").read_text())["limits"]
    at_limit = {
        "header": lambda n: {"type": "header", "text": {"type": "plain_text", "text": "x" * n}},
        "section": lambda n: section("x" * n),
        "actions": lambda n: {"type": "actions", "elements": [button("x")] * n},
        "context": lambda n: {"type": "context", "elements": [section("x")["text"]] * n},
        "fields": lambda n: {"type": "section", "fields": [section("x")["text"]] * n},
        "button": lambda n: {"type": "actions", "elements": [button("x" * n)]},
        "value": lambda n: {"type": "actions", "elements": [button("x", value="v" * n)]},
    }
    published = {
        "header": limits["HeaderBlock"]["text_max_length"],
        "section": limits["SectionBlock"]["text_max_length"],
        "actions": limits["ActionsBlock"]["elements_max_length"],
        "context": limits["ContextBlock"]["elements_max_length"],
        "fields": limits["SectionBlock"]["fields_max_length"],
        "button": limits["ButtonElement"]["text_max_length"],
        "value": limits["ButtonElement"]["value_max_length"],
    }
    for name, most in published.items():
        assert check_blocks([at_limit[name](most)]) == [], name
        assert check_blocks([at_limit[name](most + 1)]) != [], name
    assert check_blocks([section("x")] * 50) == []
    assert check_blocks([section("x")] * 51) != []


def button(text: str, **more) -> dict:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, **more}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "section"},
        {"type": "section", "text": {"type": "mrkdwn", "text": ""}},
        {"type": "section", "text": "bare"},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "nonsense"},
        {"type": "context", "elements": []},
        {"type": "divider", "colour": "red"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}},
        "text",
    ],
)
async def test_a_block_that_slack_refuses_is_refused_with_its_place(slack, block):
    _, body = await call(slack, "chat.postMessage", channel="#hearth-night", text="x", blocks=json.dumps([block]))
    assert body["error"] == "invalid_blocks"
    assert "json-pointer:/blocks/0" in body["response_metadata"]["messages"][0]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#hearth-night"}, "no_text"),
        ("chat.postMessage", {"channel": "#hearth-night", "text": "x" * 40_001}, "msg_too_long"),
        (
            "chat.postMessage",
            {"channel": "#hearth-night", "text": "x", "metadata": '{"a":1}'},
            "invalid_metadata_format",
        ),
        ("chat.postMessage", {"channel": "#hearth-night", "text": "x", "blocks": "not json"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": "#hearth-night", "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
        ("chat.update", {"channel": "#hearth-night", "text": "x", "ts": "1.0"}, "message_not_found"),
        ("conversations.history", {"channel": "#hearth-night"}, "channel_not_found"),
        ("conversations.history", {"channel": "C000000000", "cursor": "?"}, "invalid_cursor"),
        ("conversations.replies", {"channel": "C000000000", "ts": "1.0"}, "thread_not_found"),
        ("chat.getPermalink", {"channel": "C000000000", "message_ts": "1.0"}, "message_not_found"),
    ],
)
async def test_slacks_own_words_for_what_is_wrong(slack, method, arguments, error):
    assert (await call(slack, method, **arguments))[1]["error"] == error


async def test_tokens_and_methods_are_checked(slack):
    assert (await call(slack, "auth.test", token=""))[1]["error"] == "not_authed"
    assert (await call(slack, "auth.test", token="wrong"))[1]["error"] == "invalid_auth"
    assert (await call(slack, "auth.test"))[1]["ok"]
    status, body = await call(slack, "admin.users.remove")
    assert (status, body["error"]) == (501, "unknown_method")
    assert slack.simulator.traffic[-1]["answer"] == "unknown_method"


async def test_parameters_are_those_of_the_published_description(slack, conformance, monkeypatch):
    path = conformance("slack/specs/slack_web_openapi_v2.json")
    monkeypatch.setenv("VIGIE_CONFORMANCE", str(path.parents[2]))
    parameters = Parameters()
    assert parameters.known
    assert (
        parameters.objections("chat.postMessage", {"channel": "C1", "text": "x", "mrkdwn": True, "metadata": {}}) == []
    )
    assert parameters.objections("chat.postMessage", {"text": "x"}) == ["[ERROR] missing required field: channel"]
    assert "unknown argument: colour" in parameters.objections("chat.postMessage", {"channel": "C1", "colour": "x"})[0]
    assert "must be a boolean" in parameters.objections("chat.postMessage", {"channel": "C1", "mrkdwn": "maybe"})[0]
    assert "must be a integer" in parameters.objections("conversations.history", {"channel": "C1", "limit": "many"})[0]


async def test_an_incoming_webhook_posts(slack):
    context = ssl.create_default_context(cafile=slack.ca_file)
    base = f"https://{slack.address}/services/T0SANDBOX0/C000000000"
    async with aiohttp.ClientSession() as session:

        async def post(path: str, body: str) -> tuple[int, str]:
            async with session.post(f"{base}/{path}", data=body, ssl=context) as answer:
                return answer.status, await answer.text()

        assert await post("hookkey", '{"text": "hello"}') == (200, "ok")
        assert await post("wrong", '{"text": "hello"}') == (404, "no_service")
        assert await post("hookkey", "{}") == (400, "no_text")
        assert await post("hookkey", "nonsense") == (400, "invalid_payload")
    assert [m["text"] for m in slack.said()] == ["hello"]


def test_a_restart_forgets_nothing_that_was_confirmed(tmp_path: Path):
    first = Workspace(tmp_path, ["#one"])
    channel = first.add_channel("one")
    kept, changed, gone = (first.post(channel, {"text": t}) for t in ("kept", "changed", "gone"))
    first.update(channel, changed["ts"], {"text": "better"})
    first.delete(channel, gone["ts"])
    with (tmp_path / "messages.jsonl").open("a") as file:
        file.write('{"do": "put", "channel": "C0000')  # killed while writing
    second = Workspace(tmp_path, ["#one", "#two"])
    assert [m["text"] for m in second.top(channel)] == ["kept", "better"]
    assert sorted(second.channels.values()) == ["one", "two"]
    assert float(second.post(channel, {"text": "next"})["ts"]) > float(kept["ts"])
    assert [m["text"] for m in Workspace(tmp_path).top(channel)] == ["kept", "better", "next"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* and _slanted_ and ~gone~", "<b>bold</b> and <i>slanted</i> and <s>gone</s>"),
        ("2*3*4", "2*3*4"),
        ("`code *not bold*`", "<code>code <b>not bold</b></code>"),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        (
            "<https://a.example/?x=1&amp;y=2|Open>",
            '<a href="https://a.example/?x=1&amp;y=2" target="_blank" rel="noreferrer">Open</a>',
        ),
        ("<javascript:alert(1)|x>", '<a href="#" target="_blank" rel="noreferrer">x</a>'),
        ("<!here> look", '<span class="mention">@here</span> look'),
        ("a\nb", "a<br>b"),
        (
            "<script>alert(1)</script>",
            '<a href="#" target="_blank" rel="noreferrer">script</a>alert(1)<a href="#" target="_blank" rel="noreferrer">/script</a>',
        ),
    ],
)
def test_words_are_shown_as_slack_shows_them(text, shown):
    assert to_html(text) == shown


async def test_the_page_shows_channels_messages_and_threads_without_outside_files(slack):
    channel = slack.simulator.workspace.channel_id("hearth-night")
    head = slack.simulator.workspace.post(
        channel,
        {
            "text": "*down* &lt;x&gt;",
            "blocks": [{"type": "actions", "elements": [button("Take it")]}, section("*down* &lt;x&gt;")],
        },
    )
    slack.simulator.workspace.post(channel, {"text": "again", "thread_ts": head["ts"]})
    async with aiohttp.ClientSession() as session, session.get(slack.page) as answer:
        page = await answer.text()
    assert "# hearth-night" in page
    assert "<b>down</b> &lt;x&gt;" in page
    assert '<div class="thread"><div class="count">1 reply</div>' in page
    assert "Take it" in page
    assert "src=" not in page
    assert 'rel="stylesheet"' not in page


async def test_an_empty_channel_says_so_in_the_readers_language(slack):
    async with aiohttp.ClientSession() as session:
        for person, words in (("engineer", "Nothing has been said"), ("operator", "Rien n'a encore été dit")):
            async with session.get(f"{slack.page}?as={person}") as answer:
                assert words in await answer.text()


async def test_the_fault_asked_for_must_exist(slack):
    assert "error" in await slack.control("break", target="slack", how="explode")
    await slack.control("break", target="slack", how="token")
    assert (await call(slack, "auth.test"))[1]["error"] == "invalid_auth"
    await slack.control("mend", target="slack")
    assert (await call(slack, "auth.test"))[1]["ok"]
