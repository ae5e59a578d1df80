"""Which Slack app speaks to us, and how do we know that it is this one?

The rules: secrets are SecretStr and opened only here; a request counts when it is signed with this secret (HTTP) or
came over a connection opened with this token (Socket Mode), and is of this app and this workspace.
"""

from __future__ import annotations

import re
from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.errors import Refused, VigieError
from blocks.ports.capabilities import Capability
from blocks.slack.failures import slack_call
from blocks.slack.posting import open_client

APP_NAME = "slack-app"
_SIGNING_SECRET = re.compile(r"^[0-9a-f]{32}$")
_APP_TOKEN = "xapp-"  # noqa: S105  how Slack's app-level tokens begin


class SlackApp(Block):
    """The Slack app through which people approve, ask and start things.

    Whoever administers Slack copies the app's signing secret and App ID (Basic Information) and the workspace's
    team id (the address of the workspace in a browser holds it). For Socket Mode, which needs no open port, they
    make an app-level token with the scope connections:write. The bot's token stands in the Slack workspace block.
    """

    _block_type_name = "Slack app (vigie)"
    _block_type_slug = "vigie-slack-app"
    _description = "Through which people approve, ask and start things in Slack."

    app_id: str = Field(title="App ID", description="Such as A0123456789.")
    team_id: str = Field(title="Team id", description="The one workspace whose people count, such as T0123456789.")
    signing_secret: SecretStr = Field(title="Signing secret", description="Signs what Slack sends over HTTP.")
    app_token: SecretStr | None = Field(
        default=None, title="App-level token", description="Begins with xapp-. With it the gateway uses Socket Mode."
    )
    workspace: str = Field(
        default="slack", title="Slack workspace", description="Name of the block with the bot token."
    )
    language: Literal["en", "fr"] = Field(
        default="en", title="Language", description="Of what is said before anybody knows which customer it is about."
    )

    async def examine(self) -> tuple[Capability, ...]:
        """Is the secret one, does the token open connections, and is it the workspace that the bot is in?"""
        secret = bool(_SIGNING_SECRET.match(self.signing_secret.get_secret_value()))
        signed = Capability(
            "verify requests", allowed=secret, detail="" if secret else "a signing secret is 32 hexadecimal digits"
        )
        return (signed, await self._connects(), await self._same_team())

    async def _connects(self) -> Capability:
        if self.app_token is None:
            return Capability("Socket Mode", allowed=None, detail="no app-level token: HTTP only")
        token = self.app_token.get_secret_value()
        if not token.startswith(_APP_TOKEN):
            return Capability("Socket Mode", allowed=False, detail=f"an app-level token begins with {_APP_TOKEN}")
        try:
            workspace = await self._workspace()
            async with open_client(token, base_url=workspace.base_url, ca_file=workspace.ca_file) as client:
                with slack_call("apps.connections.open", ""):
                    await client.apps_connections_open(app_token=token)
        except VigieError as error:
            return Capability("Socket Mode", allowed=False if isinstance(error, Refused) else None, detail=str(error))
        return Capability("Socket Mode", allowed=True)

    async def _same_team(self) -> Capability:
        try:
            workspace = await self._workspace()
            token = workspace.bot_token.get_secret_value()
            async with open_client(token, base_url=workspace.base_url, ca_file=workspace.ca_file) as client:
                with slack_call("auth.test", ""):
                    answer = await client.auth_test()
        except VigieError as error:
            return Capability("speak in the workspace", allowed=None, detail=str(error))
        team = str(answer.get("team_id") or "")
        detail = "" if team == self.team_id else f"the bot is in {team}, this block says {self.team_id}"
        return Capability("speak in the workspace", allowed=team == self.team_id, detail=detail)

    async def _workspace(self):  # noqa: ANN202  SlackWorkspace
        from blocks.slack.block import SlackWorkspace

        try:
            return await SlackWorkspace.aload(self.workspace)
        except ValueError:
            raise Refused(f"no Slack workspace block named {self.workspace!r} is saved") from None
