"""What has been said in the sandbox's Slack, also after a restart?

Channels and messages in memory, each change appended to a file first, so that a killed simulator
comes back with everything it had confirmed. Timestamps are Slack's: unique in a channel, growing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Message = dict[str, Any]
BOT = {"user_id": "U0VIGIE000", "bot_id": "B0VIGIE000", "user": "vigie", "team": "Sandbox", "team_id": "T0SANDBOX0"}


class Workspace:
    """Channels by id, their messages by ts in the order they were posted."""

    def __init__(self, folder: Path, channels: Iterable[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "messages.jsonl"
        self.channels: dict[str, str] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self._last = 0
        for change in self._recorded():
            self._apply(change)
        for name in channels:
            self.add_channel(name)

    def add_channel(self, name: str) -> str:
        """The id of the channel, made if it is new."""
        name = name.removeprefix("#")
        known = next((key for key, value in self.channels.items() if value == name), None)
        if known is None:
            known = f"C0{len(self.channels):08d}"
            self._change({"do": "channel", "id": known, "name": name})
        return known

    def channel_id(self, asked: str) -> str | None:
        """By id or by name, with or without #; None when there is none."""
        if asked in self.channels:
            return asked
        return next((key for key, name in self.channels.items() if name == asked.removeprefix("#")), None)

    def post(self, channel: str, message: Message) -> Message:
        """Add a message; its ts is given here."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        ts = f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
        posted = {"type": "message", "ts": ts, **message}
        self._change({"do": "put", "channel": channel, "message": posted})
        return posted

    def update(self, channel: str, ts: str, changes: Message) -> Message:
        """Change a message that is there; what `changes` leaves out stays."""
        changed = (
            self.messages[channel][ts] | changes | {"edited": {"user": BOT["user_id"], "ts": f"{time.time():.6f}"}}
        )
        self._change({"do": "put", "channel": channel, "message": changed})
        return changed

    def delete(self, channel: str, ts: str) -> bool:
        """As a person does it by hand; False when there was nothing."""
        if ts not in self.messages.get(channel, {}):
            return False
        self._change({"do": "delete", "channel": channel, "ts": ts})
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

    def _apply(self, change: dict[str, Any]) -> None:
        if change["do"] == "channel":
            self.channels[change["id"]] = change["name"]
            self.messages.setdefault(change["id"], {})
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
