"""What does each method of the sandbox's Slack do?

One function a method: it gets the workspace and the arguments and returns the answer without `ok`, or
raises Slack's own error name. A new method is one function and one line in METHODS.
Behaviour: Slack's Web API reference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.slack_rules import MOST_TEXT, check_blocks, check_metadata
from deployments.sandbox.slack_store import BOT, Message, Workspace

SCOPES = ("chat:write", "channels:history", "channels:read")
_URL = "https://sandbox.slack.com/"
_MOST_LIMIT = 999


class SlackError(Exception):
    """Slack's own word for what is wrong, and its explanations."""

    def __init__(self, code: str, *messages: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages


@dataclass(frozen=True, slots=True)
class Call:
    """The workspace and one call's arguments."""

    workspace: Workspace
    arguments: dict[str, Any]

    def channel(self) -> str:
        """The id of the channel asked for; conversations.* take no names."""
        asked = str(self.arguments.get("channel", ""))
        if asked not in self.workspace.channels:
            raise SlackError("channel_not_found")
        return asked

    def structure(self, name: str, default: Any) -> Any:
        """A list or object, sent as such or as JSON text."""
        value = self.arguments.get(name, default)
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise SlackError(f"invalid_{name}_format") from None

    def flag(self, name: str) -> bool:
        """True for true, "true" and "1"."""
        return str(self.arguments.get(name, "")).lower() in {"true", "1"}


def auth_test(_: Call) -> dict[str, Any]:
    """Who are we?"""
    return {"url": _URL, **BOT}


def post_message(call: Call) -> dict[str, Any]:
    """Say something, in the channel or in a thread."""
    channel, thread = call.channel(), call.arguments.get("thread_ts")
    if thread and thread not in call.workspace.messages[channel]:
        raise SlackError("thread_not_found")
    content = _content(call) | ({"thread_ts": str(thread)} if thread else {})
    posted = call.workspace.post(channel, content | {"user": BOT["user_id"], "bot_id": BOT["bot_id"]})
    return {"channel": channel, "ts": posted["ts"], "message": _without_metadata(posted)}


def update_message(call: Call) -> dict[str, Any]:
    """Change what we said; metadata stays when it is left out."""
    channel, ts = call.channel(), str(call.arguments.get("ts", ""))
    message = call.workspace.messages[channel].get(ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.get("bot_id") != BOT["bot_id"]:
        raise SlackError("cant_update_message")
    changed = call.workspace.update(channel, ts, _content(call))
    return {"channel": channel, "ts": ts, "text": changed["text"], "message": _without_metadata(changed)}


def history(call: Call) -> dict[str, Any]:
    """The channel's messages, newest first, a page at a time."""
    messages = list(reversed(call.workspace.top(call.channel())))
    page, cursor = _page(call, messages)
    return {
        "messages": page,
        "has_more": bool(cursor),
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
        "response_metadata": {"next_cursor": cursor},
    }


def replies(call: Call) -> dict[str, Any]:
    """A thread, its head first, then oldest first, a page at a time."""
    messages = call.workspace.thread(call.channel(), str(call.arguments.get("ts", "")))
    if not messages:
        raise SlackError("thread_not_found")
    page, cursor = _page(call, messages)
    return {"messages": page, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def list_channels(call: Call) -> dict[str, Any]:
    """The channels there are."""
    channels = [
        {"id": key, "name": name, "is_channel": True, "is_private": False, "is_archived": False, "is_member": True}
        for key, name in call.workspace.channels.items()
    ]
    start, stop = _window(call)
    return {"channels": channels[start:stop], "response_metadata": {"next_cursor": _cursor(stop, len(channels))}}


def permalink(call: Call) -> dict[str, Any]:
    """The address of a message."""
    channel, ts = call.channel(), str(call.arguments.get("message_ts", ""))
    if ts not in call.workspace.messages[channel]:
        raise SlackError("message_not_found")
    return {"channel": channel, "permalink": f"{_URL}archives/{channel}/p{ts.replace('.', '')}"}


Handler = Callable[[Call], dict[str, Any]]
METHODS: dict[str, Handler] = {
    "auth.test": auth_test,
    "chat.postMessage": post_message,
    "chat.update": update_message,
    "chat.getPermalink": permalink,
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.list": list_channels,
}


def _content(call: Call) -> Message:
    blocks = call.structure("blocks", [])
    text = str(call.arguments.get("text", ""))
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > MOST_TEXT:
        raise SlackError("msg_too_long")
    if objections := check_blocks(blocks):
        raise SlackError("invalid_blocks", *objections)
    content: Message = {"text": text, "blocks": blocks}
    if (metadata := call.structure("metadata", None)) is not None:
        if not check_metadata(metadata):
            raise SlackError("invalid_metadata_format")
        content["metadata"] = metadata
    return content


def _page(call: Call, messages: list[Message]) -> tuple[list[Message], str]:
    oldest, latest = float(call.arguments.get("oldest", 0)), float(call.arguments.get("latest", "inf"))
    within = [m for m in messages if oldest < float(m["ts"]) < latest]
    start, stop = _window(call)
    shown = (
        within[start:stop] if call.flag("include_all_metadata") else list(map(_without_metadata, within[start:stop]))
    )
    return shown, _cursor(stop, len(within))


def _window(call: Call) -> tuple[int, int]:
    limit = min(int(call.arguments.get("limit", 100)), _MOST_LIMIT)
    cursor = str(call.arguments.get("cursor", ""))
    try:
        start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("from:")) if cursor else 0
    except ValueError:
        raise SlackError("invalid_cursor") from None
    return start, start + limit


def _cursor(stop: int, total: int) -> str:
    return base64.b64encode(f"from:{stop}".encode()).decode() if stop < total else ""


def _without_metadata(message: Message) -> Message:
    return {name: value for name, value in message.items() if name != "metadata"}
