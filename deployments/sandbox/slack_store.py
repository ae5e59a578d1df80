"""What has been said in the sandbox's Slack, also after a restart?

Channels, direct messages and what was said there in memory, each change appended to a file first, so that a
killed simulator comes back with everything it had confirmed. Timestamps are Slack's: unique, growing. What
only one person sees is kept in memory alone, as Slack forgets it too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from deployments.sandbox.slack_elements import named
from deployments.sandbox.slack_people import TEAM, find_person

Message = dict[str, Any]
BOT = {"user_id": "U0VIGIE000", "bot_id": "B0VIGIE000", "user": "vigie", "team": "Sandbox", "team_id": TEAM}


class Workspace:
    """Channels by id, their messages by ts in the order they were posted."""

    def __init__(self, folder: Path, channels: Iterable[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "messages.jsonl"
        self.channels: dict[str, str] = {}
        self.directs: dict[str, str] = {}  # channel id -> the person the app talks to
        self.messages: dict[str, dict[str, Message]] = {}
        self.whispers: dict[str, dict[str, Message]] = {}  # channel id -> ts -> what one person sees
        self.on_change: Callable[[], None] = lambda: None
        self._last = 0
        for change in self._recorded():
            self._apply(change)
        for name in channels:
            self.add_channel(name)

    def changed(self) -> None:
        """Something that people see is no longer as it was."""
        self.on_change()

    def add_channel(self, name: str) -> str:
        """The id of the channel, made if it is new."""
        name = name.removeprefix("#")
        known = next((key for key, value in self.channels.items() if value == name), None)
        if known is None:
            known = f"C0{len(self.channels):08d}"
            self._change({"do": "channel", "id": known, "name": name})
        return known

    def direct(self, user: str) -> str:
        """The id of the conversation between the app and one person, made if it is new."""
        known = next((key for key, value in self.directs.items() if value == user), None)
        if known is None:
            known = f"D0{len(self.directs):08d}"
            self._change({"do": "direct", "id": known, "user": user})
        return known

    def name(self, channel: str) -> str:
        """What Slack calls it: a channel's name, or "directmessage"."""
        return self.channels.get(channel, "directmessage")

    def sees(self, user: str, channel: str) -> bool:
        """Everybody is in every channel, and each in their own conversation."""
        return channel in self.channels or self.directs.get(channel) == user

    def channel_id(self, asked: str) -> str | None:
        """By id or by name, with or without #, or a person's id; None when there is none."""
        if asked in self.channels or asked in self.directs:
            return asked
        if asked[:1] in {"U", "W"} and (person := find_person(asked)):
            return self.direct(person.id)
        return next((key for key, name in self.channels.items() if name == asked.removeprefix("#")), None)

    def post(self, channel: str, message: Message) -> Message:
        """Add a message; its ts is given here."""
        posted = self._stamped(message)
        self._change({"do": "put", "channel": channel, "message": posted})
        return posted

    def whisper(self, channel: str, user: str, message: Message) -> Message:
        """Say something that only one person sees, until the next start."""
        posted = self._stamped(message)
        self.whispers.setdefault(channel, {})[posted["ts"]] = {**posted, "only_for": user}
        self.changed()
        return posted

    def unsay(self, channel: str, ts: str) -> None:
        """Take back what only one person sees."""
        self.whispers.get(channel, {}).pop(ts, None)
        self.changed()

    def rewrite(self, channel: str, ts: str, changes: Message) -> None:
        """Change what only one person sees."""
        content = changes | ({"blocks": named(changes["blocks"])} if changes.get("blocks") else {})
        self.whispers[channel][ts] |= content
        self.changed()

    def _stamped(self, message: Message) -> Message:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        ts = f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
        blocks = {"blocks": named(message["blocks"])} if message.get("blocks") else {}
        return {"type": "message", "ts": ts, **message, **blocks}

    def update(self, channel: str, ts: str, changes: Message) -> Message:
        """Change a message that is there; what `changes` leaves out stays."""
        blocks = {"blocks": named(changes["blocks"])} if changes.get("blocks") else {}
        edited = {"user": BOT["user_id"], "ts": f"{time.time():.6f}"}
        changed = self.messages[channel][ts] | changes | blocks | {"edited": edited}
        self._change({"do": "put", "channel": channel, "message": changed})
        return changed

    def delete(self, channel: str, ts: str) -> bool:
        """As a person does it by hand; False when there was nothing."""
        if ts not in self.messages.get(channel, {}):
            return False
        self._change({"do": "delete", "channel": channel, "ts": ts})
        return True

    def react(self, channel: str, ts: str, name: str, user: str) -> bool:
        """Put a reaction; False when this user's is there already."""
        reactions = [dict(each) for each in self.messages[channel][ts].get("reactions", [])]
        found = next((each for each in reactions if each["name"] == name), None)
        if found is not None and user in found["users"]:
            return False
        if found is None:
            reactions.append(found := {"name": name, "users": [], "count": 0})
        found["users"] = [*found["users"], user]
        found["count"] = len(found["users"])
        self._change({"do": "react", "channel": channel, "ts": ts, "reactions": reactions})
        return True

    def top(self, channel: str) -> list[Message]:
        """The channel's own messages, oldest first, with what Slack adds to the head of a thread."""
        heads = [m for m in self.messages[channel].values() if m.get("thread_ts", m["ts"]) == m["ts"]]
        return [self._head(channel, message) for message in heads]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A message and its replies, oldest first; empty when it is gone."""
        head = self.messages[channel].get(ts)
        return [] if head is None else [self._head(channel, head), *self._replies(channel, ts)]

    def _replies(self, channel: str, ts: str) -> list[Message]:
        return [m for m in self.messages[channel].values() if m.get("thread_ts") == ts and m["ts"] != ts]

    def _head(self, channel: str, message: Message) -> Message:
        replies = self._replies(channel, message["ts"])
        if not replies:
            return message
        return message | {"thread_ts": message["ts"], "reply_count": len(replies), "latest_reply": replies[-1]["ts"]}

    def _change(self, change: dict[str, Any]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(change, ensure_ascii=False) + "\n")
        self._apply(change)
        self.changed()

    def _apply(self, change: dict[str, Any]) -> None:
        if change["do"] == "channel":
            self.channels[change["id"]] = change["name"]
            self.messages.setdefault(change["id"], {})
        elif change["do"] == "direct":
            self.directs[change["id"]] = change["user"]
            self.messages.setdefault(change["id"], {})
        elif change["do"] == "react":
            self.messages[change["channel"]][change["ts"]]["reactions"] = change["reactions"]
        elif change["do"] == "delete":
            self.messages[change["channel"]].pop(change["ts"], None)
        else:
            self.messages[change["channel"]][change["message"]["ts"]] = change["message"]

    def _recorded(self) -> list[dict[str, Any]]:
        """What the file holds; a last line cut by a kill was never confirmed, and is cut off."""
        if not self._file.exists():
            return []
        whole, _, rest = self._file.read_bytes().rpartition(b"\n")
        if rest:
            self._file.write_bytes(whole + b"\n" if whole else b"")
        return [json.loads(line) for line in whole.splitlines()]
