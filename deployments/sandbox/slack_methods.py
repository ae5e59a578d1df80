"""What does each method of the sandbox's Slack do with messages, channels and people?

One function a method: it gets the workspace and the arguments and returns the answer without `ok`, or
raises Slack's own error name. A new method is one function and one line in `slack_api.py`'s METHODS.
Behaviour: Slack's Web API reference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.slack_people import PEOPLE, Person, described
from deployments.sandbox.slack_rules import MOST_TEXT, check_blocks, check_metadata
from deployments.sandbox.slack_store import BOT, Message, Workspace
from deployments.sandbox.slack_views import Views

_URL = "https://sandbox.slack.com/"
_MOST_LIMIT = 999


class SlackError(Exception):
    """Slack's own word for what is wrong, and its explanations."""

    def __init__(self, code: str, *messages: str, more: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.more = more or {}


@dataclass(frozen=True, slots=True)
class Call:
    """The workspace, its modals, and one call's arguments."""

    workspace: Workspace
    arguments: dict[str, Any]
    views: Views

    def channel(self) -> str:
        """The id of the channel asked for; conversations.* take no names."""
        asked = str(self.arguments.get("channel", ""))
        if asked not in self.workspace.messages:
            raise SlackError("channel_not_found")
        return asked

    def person(self, name: str) -> Person:
        """The member asked for, by id."""
        found = PEOPLE.get(str(self.arguments.get(name, "")))
        if found is None:
            raise SlackError("user_not_found")
        return found

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
    posted = call.workspace.post(channel, content | _OURS)
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
    channels = [_described(call.workspace, key) for key in call.workspace.channels]
    start, stop = _window(call)
    return {"channels": channels[start:stop], "response_metadata": {"next_cursor": _cursor(stop, len(channels))}}


def permalink(call: Call) -> dict[str, Any]:
    """The address of a message."""
    channel, ts = call.channel(), str(call.arguments.get("message_ts", ""))
    if ts not in call.workspace.messages[channel]:
        raise SlackError("message_not_found")
    return {"channel": channel, "permalink": f"{_URL}archives/{channel}/p{ts.replace('.', '')}"}


def post_ephemeral(call: Call) -> dict[str, Any]:
    """Say something that only one person sees."""
    channel, person = call.channel(), call.person("user")
    if not call.workspace.sees(person.id, channel):
        raise SlackError("user_not_in_channel")
    said = call.workspace.whisper(channel, person.id, _content(call) | _OURS)
    return {"message_ts": said["ts"]}


def delete_message(call: Call) -> dict[str, Any]:
    """Take back what we said."""
    channel, ts = call.channel(), str(call.arguments.get("ts", ""))
    message = call.workspace.messages[channel].get(ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.get("bot_id") != BOT["bot_id"]:
        raise SlackError("cant_delete_message")
    call.workspace.delete(channel, ts)
    return {"channel": channel, "ts": ts}


def add_reaction(call: Call) -> dict[str, Any]:
    """React to a message."""
    channel, ts = call.channel(), str(call.arguments.get("timestamp", ""))
    if ts not in call.workspace.messages[channel]:
        raise SlackError("message_not_found")
    if not call.workspace.react(channel, ts, str(call.arguments["name"]), BOT["user_id"]):
        raise SlackError("already_reacted")
    return {}


def open_conversation(call: Call) -> dict[str, Any]:
    """The conversation with one person."""
    asked = str(call.arguments.get("users", ""))
    if asked not in PEOPLE:
        raise SlackError("user_not_found" if asked else "users_list_not_supplied")
    before = asked in call.workspace.directs.values()
    channel = call.workspace.direct(asked)
    shown = {"id": channel, "user": asked, "is_im": True} if call.flag("return_im") else {"id": channel}
    return {"channel": shown, **({"no_op": True, "already_open": True} if before else {})}


def channel_info(call: Call) -> dict[str, Any]:
    """One channel."""
    return {"channel": _described(call.workspace, call.channel())}


def members(call: Call) -> dict[str, Any]:
    """Who is in a channel: everybody and the app."""
    channel = call.channel()
    return {"members": [BOT["user_id"], *(key for key in PEOPLE if call.workspace.sees(key, channel))]}


def user_info(call: Call) -> dict[str, Any]:
    """One member."""
    return {"user": described(call.person("user"), include_locale=call.flag("include_locale"))}


def list_users(call: Call) -> dict[str, Any]:
    """All members."""
    found = [described(person, include_locale=call.flag("include_locale")) for person in PEOPLE.values()]
    return {"members": found, "response_metadata": {"next_cursor": ""}}


Handler = Callable[[Call], dict[str, Any]]
_OURS = {"user": BOT["user_id"], "bot_id": BOT["bot_id"]}


def _described(workspace: Workspace, channel: str) -> dict[str, Any]:
    if channel in workspace.directs:
        return {"id": channel, "is_im": True, "user": workspace.directs[channel], "is_archived": False}
    return {
        "id": channel,
        "name": workspace.channels[channel],
        "is_channel": True,
        "is_private": False,
        "is_archived": False,
        "is_member": True,
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
