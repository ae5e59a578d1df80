"""The Slack block says what its token may do, and shows it to nobody."""

from __future__ import annotations

from uuid import uuid4

from pydantic import SecretStr

from blocks.slack.block import SlackWorkspace
from tests.contract.slack.conftest import TOKEN


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
