"""What does a person read, press and fill in here in the sandbox's Slack? The calls that its page makes for a click.

The rule: a person sees what Slack shows. No answer is given but by a button of the message, and the form that it opens.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import httpx

    from deployments.sandbox.state import State

_FIELD = "field"
_CANNOT = 409


@dataclass
class SlackPage:
    """The sandbox's Slack before whoever sits at its page."""

    state: State
    timeout_s: float = 15.0

    @property
    def page(self) -> str:
        """The address for a browser."""
        return str(self.state.read_ready("slack").get("page", ""))

    def message(self, run: UUID, purpose: str) -> dict[str, Any] | None:
        """A message of a run as it stands now, with its `channel_name`; None as long as there is none."""
        for channel, messages in self._read("messages").items():
            for each in messages:
                about = (each.get("metadata") or {}).get("event_payload") or {}
                if (about.get("run"), about.get("purpose")) == (str(run), purpose):
                    return {**each, "channel_name": channel}
        return None

    def press(self, user: str, message: Mapping[str, Any], action: str) -> str:
        """Press a button of a message; what Slack shows beside it when that did not work, '' when it did."""
        aim = {"channel": message["channel_name"], "ts": message["ts"], "action_id": action}
        return self._act("press", user, **aim)["trouble"]

    def command(self, user: str, channel: str, text: str) -> str:
        """Type a slash command; what went wrong, '' when nothing did."""
        return self._act("command", user, channel=channel, text=text)["trouble"]

    def modal(self, user: str, callback: str) -> dict[str, Any] | None:
        """The form that lies before this person, if it is this one."""
        shown = self._read("views", user=user)["modals"]
        return shown[-1] if shown and shown[-1]["callback_id"] == callback else None

    def submit(self, user: str, view: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, str]:
        """Send a form; what is wrong by field (by '' where the app did not answer), nothing when it was taken."""
        state = {name: {_FIELD: answers[name]} for name in fields_of(view) if name in answers}
        answer = self._act("submit", user, view_id=view["id"], state=state)
        return {"": answer["trouble"]} if answer["trouble"] else dict(answer["errors"])

    def close(self, user: str) -> None:
        """Close every form of this person."""
        self._act("close", user, all=True)

    def _act(self, what: str, user: str, **content: Any) -> dict[str, Any]:
        """What a person cannot do there (a button that is gone, a form that is closed) is trouble like any other."""
        answer = self._client.post(f"{self._base}/{what}", json={"user": user, **content})
        if answer.status_code == _CANNOT:
            return {"trouble": str(answer.json()["error"]), "errors": {}}
        answer.raise_for_status()
        return {"trouble": "", "errors": {}, **answer.json()}

    def _read(self, what: str, **asked: str) -> dict[str, Any]:
        answer = self._client.get(f"{self._base}/{what}", params=asked)
        answer.raise_for_status()
        return answer.json()

    @property
    def _base(self) -> str:
        return f"https://{self.state.address('slack')}/_sandbox"

    def leave(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        """One for all calls: whoever waits looks several times a second."""
        import httpx

        trusted = ssl.create_default_context(cafile=str(self.state.home / "tls" / "ca.pem"))
        return httpx.Client(verify=trusted, timeout=self.timeout_s)


def fields_of(view: Mapping[str, Any]) -> tuple[str, ...]:
    """What a form asks for, from top to bottom."""
    return tuple(block["block_id"] for block in view["blocks"] if block["type"] == "input")


def buttons_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """What can be pressed in a message."""
    rows = [block.get("elements", []) for block in message.get("blocks", []) if block["type"] == "actions"]
    return tuple(element["action_id"] for row in rows for element in row)


def words_of(message: Mapping[str, Any]) -> str:
    """Everything that can be read in a message."""
    return json.dumps([message.get("text", ""), message.get("blocks", [])], ensure_ascii=False)
