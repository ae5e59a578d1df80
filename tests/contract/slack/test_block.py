"""The Slack block says what its token may do, and shows it to nobody."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from blocks.errors import Refused
from blocks.slack.block import SlackWorkspace
from tests.contract.slack.conftest import TOKEN
from tests.unit.messages.pictures import a_picture, an_event

DOCUMENT = Path(__file__).parents[3] / "docs" / "telling.md"
PUBLIC, PRIVATE = (
    tuple(re.findall(r"`([\w:]+)`", part))
    for part in re.search(r"Bot scopes: ([^;]+);([^.]+)\.", DOCUMENT.read_text()).groups()
)


def a_block(slack, token: str = TOKEN, **changes) -> SlackWorkspace:
    return SlackWorkspace(
        bot_token=SecretStr(token), **({"base_url": slack.base_url, "ca_file": slack.ca_file} | changes)
    )


async def test_it_logs_in_and_weighs_each_scope(slack):
    found = {c.action: c for c in await a_block(slack).examine()}
    assert found["log in"].allowed
    assert "vigie" in found["log in"].detail
    assert found["chat:write"].allowed
    assert found["channels:history or groups:history"].allowed


async def test_a_refused_token_may_do_nothing(slack):
    (capability,) = await a_block(slack, "xoxb-wrong").examine()
    assert capability.allowed is False
    assert "xoxb" not in capability.detail


async def test_an_absent_slack_is_not_a_refusal(slack):
    (capability,) = await a_block(slack, base_url="https://127.0.0.1:1/api/").examine()
    assert capability.allowed is None


async def test_lacking_and_needless_scopes_are_named(slack):
    slack.simulator.api.scopes = ("channels:read", "groups:history", "admin")
    found = {c.action: c for c in await a_block(slack).examine()}
    assert found["chat:write"].allowed is False
    assert found["chat:write"].detail
    assert found["channels:history or groups:history"].allowed
    assert "not needed" in found["admin"].detail


async def test_the_block_opens_a_messenger_and_hides_its_token(slack):
    block = a_block(slack)
    async with block.messenger() as messenger:
        assert await messenger.find("#hearth-night", uuid4(), None) is None
    assert TOKEN not in f"{block!r} {block} {block.model_dump()} {block.model_dump_json()}"


async def say_everything(slack):
    """All that is ever asked of Slack about an incident: by a channel's name, and looked for after a crash."""
    head, line = uuid4(), uuid4()
    async with a_block(slack).messenger() as messenger:
        sent = await messenger.post("#hearth-night", a_picture(), head)
        await messenger.update(sent, a_picture())
        await messenger.reply(sent, a_picture(), an_event(), line)
        assert await messenger.find("#hearth-night", head, None) == sent
        assert await messenger.find("#hearth-night", line, sent) is not None


DOCUMENTED = {"public": PUBLIC, "private": ("chat:write", *PRIVATE)}


@pytest.mark.parametrize("scopes", DOCUMENTED.values(), ids=DOCUMENTED)
async def test_the_documented_scopes_are_enough(slack, scopes):
    slack.simulator.api.scopes = scopes
    await say_everything(slack)
    assert not [c for c in await a_block(slack).examine() if not c.allowed or "not needed" in c.detail]


@pytest.mark.parametrize(
    ("scopes", "lacking"), [(scopes, lacking) for scopes in DOCUMENTED.values() for lacking in scopes]
)
async def test_each_documented_scope_is_needed(slack, scopes, lacking):
    slack.simulator.api.scopes = tuple(scope for scope in scopes if scope != lacking)
    with pytest.raises(Refused, match="scope"):
        await say_everything(slack)


def test_three_scopes_are_documented_for_either_kind_of_channel():
    assert {len(scopes) for scopes in DOCUMENTED.values()} == {3}
