"""What does Slack tell an app that a person did?

Pure: each function returns one payload in Slack's shape (its reference on interaction payloads, slash
commands and events; outside examples in `conformance/slack`), from the person, the place and the answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.slack_people import APP, TEAM, Person
from deployments.sandbox.slack_store import BOT

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """Who did it, the app's verification token, the trigger id given for it."""

    person: Person
    token: str
    trigger: str = ""

    @property
    def user(self) -> Payload:
        """The person as interactions name them."""
        person = self.person
        return {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team}

    @property
    def head(self) -> Payload:
        """What every interaction begins with."""
        return {
            "user": self.user,
            "api_app_id": APP,
            "token": self.token,
            "team": {"id": self.person.team, "domain": self.person.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message stands: channel, its name, timestamp, and whether only one person sees it."""

    channel: str
    name: str
    ts: str
    ephemeral: bool
    thread: str = ""

    @property
    def container(self) -> Payload:
        """How an action names the message it came from."""
        found = {
            "type": "message",
            "message_ts": self.ts,
            "channel_id": self.channel,
            "is_ephemeral": self.ephemeral,
        }
        return found | ({"thread_ts": self.thread} if self.thread else {})


def message_action(
    scene: Scene, spot: Spot, message: Payload, *, values: Payload, action: Payload, url: str
) -> Payload:
    """`block_actions` from a message. Of an ephemeral one Slack does not send the message."""
    shown = {} if spot.ephemeral else {"message": message}
    return {
        "type": "block_actions",
        **scene.head,
        "container": spot.container,
        "trigger_id": scene.trigger,
        "channel": {"id": spot.channel, "name": spot.name},
        **shown,
        "state": {"values": values},
        "response_url": url,
        "actions": [action],
    }


def view_action(scene: Scene, view: Payload, action: Payload) -> Payload:
    """`block_actions` from a modal or a home tab."""
    return {
        "type": "block_actions",
        **scene.head,
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": scene.trigger,
        "view": view,
        "actions": [action],
    }


def suggestion(scene: Scene, origin: Payload, block_id: str, action_id: str, typed: str) -> Payload:
    """`block_suggestion`: what could an external select offer for these letters?"""
    return {
        "type": "block_suggestion",
        **scene.head,
        **origin,
        "block_id": block_id,
        "action_id": action_id,
        "value": typed,
    }


def submission(scene: Scene, view: Payload) -> Payload:
    """`view_submission`."""
    return {"type": "view_submission", **scene.head, "trigger_id": scene.trigger, "view": view, "response_urls": []}


def closing(scene: Scene, view: Payload, *, cleared: bool) -> Payload:
    """`view_closed`."""
    return {"type": "view_closed", **scene.head, "view": view, "is_cleared": cleared}


def shortcut(scene: Scene, callback_id: str) -> Payload:
    """A global `shortcut`; Slack names no app in it."""
    user = {name: value for name, value in scene.user.items() if name != "name"}
    return {
        "type": "shortcut",
        **{name: value for name, value in scene.head.items() if name != "api_app_id"},
        "user": user,
        "action_ts": stamp(),
        "callback_id": callback_id,
        "trigger_id": scene.trigger,
    }


def command(scene: Scene, channel: tuple[str, str], words: tuple[str, str], url: str) -> dict[str, str]:
    """A slash command's form: (channel id, name), (command, text)."""
    return {
        "token": scene.token,
        "team_id": scene.person.team,
        "team_domain": scene.person.domain,
        "channel_id": channel[0],
        "channel_name": channel[1],
        "user_id": scene.person.id,
        "user_name": scene.person.name,
        "command": words[0],
        "text": words[1],
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": scene.trigger,
    }


def event(token: str, inner: Payload, number: str) -> Payload:
    """`event_callback`: something happened that the app asked to hear of."""
    return {
        "token": token,
        "team_id": TEAM,
        "api_app_id": APP,
        "event": {**inner, "event_ts": stamp()},
        "type": "event_callback",
        "event_id": f"Ev{number}",
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM,
                "user_id": BOT["user_id"],
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"1-{inner['type']}-{TEAM}-{number}",
    }


def stamp() -> str:
    """Now, as Slack writes times: seconds with six digits."""
    return f"{time.time():.6f}"
