"""Is this call of the Web API one that Slack takes: known, with the right token, scope and parameters?

Tokens are checked, posting is limited to one message a second a channel, and an unknown method answers 501.
"""

from __future__ import annotations

import time
from typing import Any

from deployments.sandbox import slack_methods as methods
from deployments.sandbox import slack_view_methods as views
from deployments.sandbox.slack_faults import Faults
from deployments.sandbox.slack_methods import Call, Handler, SlackError
from deployments.sandbox.slack_parameters import Parameters
from deployments.sandbox.slack_receiver import Secrets
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.slack_views import Views

Answer = tuple[int, dict[str, str], dict[str, Any]]
SCOPES = (
    "chat:write",
    "channels:history",
    "channels:read",
    "commands",
    "users:read",
    "im:write",
    "reactions:write",
)
_READ, _HISTORY = ("channels:read", "groups:read"), ("channels:history", "groups:history")
METHODS: dict[str, tuple[Handler, tuple[str, ...]]] = {
    "auth.test": (methods.auth_test, ()),
    "chat.postMessage": (methods.post_message, ("chat:write",)),
    "chat.postEphemeral": (methods.post_ephemeral, ("chat:write",)),
    "chat.update": (methods.update_message, ("chat:write",)),
    "chat.delete": (methods.delete_message, ("chat:write",)),
    "chat.getPermalink": (methods.permalink, ()),
    "conversations.history": (methods.history, _HISTORY),
    "conversations.replies": (methods.replies, _HISTORY),
    "conversations.list": (methods.list_channels, _READ),
    "conversations.info": (methods.channel_info, _READ),
    "conversations.members": (methods.members, _READ),
    "conversations.open": (methods.open_conversation, ("im:write",)),
    "users.conversations": (methods.list_channels, _READ),
    "users.info": (methods.user_info, ("users:read",)),
    "users.list": (methods.list_users, ("users:read",)),
    "reactions.add": (methods.add_reaction, ("reactions:write",)),
    "views.open": (views.open_view, ()),
    "views.push": (views.push_view, ()),
    "views.update": (views.update_view, ()),
    "views.publish": (views.publish_view, ()),
}
_BY_NAME = {"chat.postMessage", "chat.postEphemeral", "chat.update"}
_BURST, _PER_SECOND = 4.0, 1.0


class Api:
    """The methods of one workspace for one app."""

    def __init__(
        self, workspace: Workspace, modals: Views, known: Secrets, faults: Faults, scopes: tuple[str, ...] = SCOPES
    ) -> None:
        self._workspace = workspace
        self._views = modals
        self._secrets = known
        self._faults = faults
        self._parameters = Parameters()
        self._tokens: dict[str, tuple[float, float]] = {}
        self.scopes = scopes

    def answer(self, method: str, arguments: dict[str, Any], token: str) -> Answer:
        """Status, headers and body of one call."""
        if method not in METHODS:
            return 501, {}, {"ok": False, "error": "unknown_method", "req_method": method}
        try:
            return self._perform(method, arguments, token)
        except SlackError as error:
            said = {"response_metadata": {"messages": list(error.messages)}} | error.more
            return 200, {}, {"ok": False, "error": error.code, **said}

    def open_connection(self, token: str, address: str) -> dict[str, Any]:
        """`apps.connections.open`: for the app-level token only; `address` carries the ticket."""
        if token != self._secrets.app_token or self._faults.holds("token"):
            known = token == self._secrets.token
            return {
                "ok": False,
                "error": "not_allowed_token_type" if known else "invalid_auth" if token else "not_authed",
            }
        return {"ok": True, "url": address}

    def _perform(self, method: str, arguments: dict[str, Any], token: str) -> Answer:
        handler, scopes = METHODS[method]
        self._admit(token, scopes)
        if objections := self._parameters.objections(method, arguments):
            raise SlackError("invalid_arguments", *objections)
        if method in _BY_NAME:
            arguments["channel"] = self._channel(arguments)
        if method == "chat.postMessage" and (wait := self._wait(arguments["channel"])):
            return 429, {"Retry-After": str(wait)}, {"ok": False, "error": "ratelimited"}
        return 200, {}, {"ok": True, **handler(Call(self._workspace, arguments, self._views))}

    def _admit(self, token: str, scopes: tuple[str, ...]) -> None:
        if token and token == self._secrets.app_token:
            raise SlackError("not_allowed_token_type")
        if token != self._secrets.token or self._faults.holds("token"):
            raise SlackError("invalid_auth" if token else "not_authed")
        if scopes and not set(scopes) & set(self.scopes):
            raise SlackError("missing_scope", more={"needed": scopes[0], "provided": ",".join(self.scopes)})

    def _channel(self, arguments: dict[str, Any]) -> str:
        channel = self._workspace.channel_id(str(arguments.get("channel", "")))
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def _wait(self, channel: str) -> int:
        """Whole seconds until the channel takes another message; 0 takes it now. A bucket that tolerates a burst."""
        left, since = self._tokens.get(channel, (_BURST, time.monotonic()))
        now = time.monotonic()
        left = min(_BURST, left + (now - since) * _PER_SECOND)
        taken = left >= 1
        self._tokens[channel] = (left - 1 if taken else left, now)
        return 0 if taken else 1
