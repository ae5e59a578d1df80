"""People in the sandbox's Slack: they type, press and fill in by the very code that its page uses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pyotp.totp import TOTP

from tasks.approvals.codes import STEP_S, new_secret
from tasks.approvals.keys import load_key
from tests.scenario.runs.conftest import Desk

TEAM = "T0SANDBOX0"
USERS = {"operator": "U0OPERATOR0", "engineer": "U0ENGINEER0", "manager": "U0MANAGER00", "stranger": "U0STRANGER0"}


@dataclass
class Slack:
    """The sandbox's Slack as its people use it; `secrets` are their phones."""

    desk: Desk
    secrets: dict[str, str]

    def act(self, what: str, **content: Any) -> dict[str, Any]:
        with self.desk._client() as client:
            answer = client.post(f"https://{self.desk.sandbox.state.address('slack')}/_sandbox/{what}", json=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def modal(self, user: str) -> dict[str, Any]:
        """The modal on top of what this person sees."""

        def top() -> Any:
            with self.desk._client() as client:
                address = self.desk.sandbox.state.address("slack")
                shown = client.get(f"https://{address}/_sandbox/views", params={"user": user}).json()
            return shown["modals"][-1] if shown["modals"] else None

        return self.desk.until(top, f"{user} sees a modal")

    def submit(self, user: str, **fields: Any) -> dict[str, Any]:
        self.modal(user)
        answer = self.act("submit", user=user, state={name: {"field": value} for name, value in fields.items()})
        assert not answer["trouble"], answer
        return answer

    def command(self, user: str, text: str, channel: str = "hearth-ops") -> None:
        answer = self.act("command", user=user, channel=channel, text=f"/vigie {text}".strip())
        assert not answer["trouble"], answer

    def whispers(self) -> str:
        with self.desk._client() as client:
            found = client.get(f"https://{self.desk.sandbox.state.address('slack')}/_sandbox/whispers").json()
        return json.dumps(found, ensure_ascii=False)

    # -- phones and accounts
    def code(self, name: str, shift: int = 0) -> str:
        return TOTP(self.secrets[name]).at(int(self.desk.journal.now().timestamp()) + shift * STEP_S)

    def enrol(self, name: str) -> None:
        self.secrets[name] = new_secret()
        self.desk.journal.enrol(name, load_key().seal(self.secrets[name]))

    def link(self, user: str, name: str) -> None:
        """The step-up, as a person does it."""
        self.enrol(name)
        self.command(user, "link")
        answer = self.submit(user, name=name, code=self.code(name))
        assert not answer["errors"], answer
        self.act("close", user=user, all=True)
        assert self.desk.journal.approver_of(TEAM, USERS[user]).name == name

    # -- messages
    def message(self, run: UUID, purpose: str) -> dict[str, Any] | None:
        """The message of a run for a purpose, as it is in Slack now."""
        found = [
            each
            for each in self.desk.sandbox.slack_messages()
            if (each.get("metadata") or {}).get("event_payload", {}).get("run") == str(run)
            and each["metadata"]["event_payload"]["purpose"] == purpose
        ]
        assert len(found) <= 1, f"{len(found)} messages for {purpose} of {run}"
        return found[0] if found else None

    def shows(self, run: UUID, purpose: str, text: str, patience_s: float = 60) -> dict[str, Any]:
        def there() -> Any:
            message = self.message(run, purpose)
            return message if message and text in json.dumps(message, ensure_ascii=False) else None

        return self.desk.until(there, f"{purpose} shows {text!r}", patience_s)

    def press(self, user: str, message: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
        answer = self.act(
            "press", user=user, channel=message["channel_name"], ts=message["ts"], action_id=action, **more
        )
        assert not answer["trouble"], answer
        return answer
