"""Which Slack workspace do we write into, as whom, and what may that token do?

The rule: the token is a SecretStr and is opened only here; `examine` shows every scope it has, those
it lacks with what would not work, and those it should not have.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.clock import Clock
from blocks.errors import Refused, VigieError
from blocks.ports.capabilities import Capability
from blocks.slack.adapter import SlackMessenger, open_messenger
from blocks.slack.failures import slack_call
from blocks.slack.posting import open_client
from blocks.slack.runs import SlackRunMessenger, open_run_messenger

_NEEDED = {
    ("chat:write",): "without it nothing can be posted or updated",
    ("channels:history", "groups:history"): "without one of them a message cannot be found again after a crash",
    ("channels:read", "groups:read"): "without one of them the customer's channel must be given by its id",
}

_OF_THE_GATEWAY = {"commands"}  # /vigie; a workspace that only tells does without


class SlackWorkspace(Block):
    """The Slack workspace in which people are told, and the app's bot token there.

    Whoever administers Slack creates an app from scratch at https://api.slack.com/apps, gives it the
    bot scopes chat:write, channels:history and channels:read (groups:history and groups:read for
    private channels), installs it, invites it into each customer's channel, and puts its
    "Bot User OAuth Token" here. In production, keep the token in a vault and refer to it.
    """

    _block_type_name = "Slack workspace (vigie)"
    _block_type_slug = "vigie-slack-workspace"
    _description = "Where people are told: one message an incident, its history in the thread."

    bot_token: SecretStr = Field(title="Bot token", description="The app's bot token; it starts with xoxb-.")
    base_url: str = Field(
        default="https://slack.com/api/",
        title="API address",
        description="Slack's Web API; only the sandbox uses another.",
    )
    ca_file: str | None = Field(
        default=None, title="CA file", description="PEM file of the authorities to trust instead of the system's."
    )

    def messenger(self, clock: Clock | None = None) -> AbstractAsyncContextManager[SlackMessenger]:
        """A `Messenger`, to be used with `async with`."""
        return open_messenger(
            self.bot_token.get_secret_value(), base_url=self.base_url, ca_file=self.ca_file, clock=clock
        )

    def run_messenger(self, clock: Clock | None = None) -> AbstractAsyncContextManager[SlackRunMessenger]:
        """A `RunMessenger`, to be used with `async with`."""
        return open_run_messenger(
            self.bot_token.get_secret_value(), base_url=self.base_url, ca_file=self.ca_file, clock=clock
        )

    async def examine(self) -> tuple[Capability, ...]:
        """Log in and say what the token may do: one line a scope."""
        try:
            async with open_client(
                self.bot_token.get_secret_value(), base_url=self.base_url, ca_file=self.ca_file
            ) as client:
                with slack_call("auth.test", ""):
                    answer = await client.auth_test()
        except VigieError as error:
            return (Capability("log in", allowed=False if isinstance(error, Refused) else None, detail=str(error)),)
        who = Capability("log in", allowed=True, detail=f"as {answer.get('user')} in {answer.get('team')}")
        written = next((v for name, v in answer.headers.items() if name.lower() == "x-oauth-scopes"), None)
        if written is None:
            return (who, Capability("scopes", allowed=None, detail="Slack did not say which scopes the token has"))
        return (who, *_weigh({scope.strip() for scope in written.split(",") if scope.strip()}))


def _weigh(scopes: set[str]) -> tuple[Capability, ...]:
    needed = [
        Capability(" or ".join(names), allowed=bool(scopes & set(names)), detail="" if scopes & set(names) else why)
        for names, why in _NEEDED.items()
    ]
    useful = {name for names in _NEEDED for name in names} | _OF_THE_GATEWAY
    extra = [
        Capability(scope, allowed=True, detail="not needed: better taken away") for scope in sorted(scopes - useful)
    ]
    return (*needed, *extra)
