"""May the app still open a modal, or answer, because of what a person just did?

A trigger id lives three seconds and works once; a response URL lives thirty minutes and works five times.
Both are Slack's own figures.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta

TRIGGER_LIFE = timedelta(seconds=3)
RESPONSE_LIFE, MOST_RESPONSES = timedelta(minutes=30), 5


class Spent(Exception):
    """Slack's own word for a trigger or address that no longer works."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Trigger:
    """Who did something, and in which view (empty: not in a view)."""

    user: str
    view: str
    until: float
    used: bool = False


class Triggers:
    """Every trigger id that was given out since the start."""

    def __init__(self) -> None:
        self._given: dict[str, Trigger] = {}

    def issue(self, user: str, view: str = "") -> str:
        """A new id for what `user` does now."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._given[name] = Trigger(user, view, time.monotonic() + TRIGGER_LIFE.total_seconds())
        return name

    def spend(self, name: str) -> Trigger:
        """Use it up. Raises `Spent` with Slack's word when that is not possible."""
        trigger = self._given.get(name)
        if trigger is None:
            raise Spent("invalid_trigger_id")
        if trigger.used:
            raise Spent("exchanged_trigger_id")
        if time.monotonic() > trigger.until:
            raise Spent("expired_trigger_id")
        trigger.used = True
        return trigger


@dataclass(slots=True)
class Response:
    """What a response URL stands for: a channel, a person there, and the message that was pressed ("" for none)."""

    channel: str
    user: str
    ts: str
    until: float = field(default_factory=lambda: time.monotonic() + RESPONSE_LIFE.total_seconds())
    left: int = MOST_RESPONSES


class Responses:
    """Every response URL that was given out since the start, by its last part."""

    def __init__(self) -> None:
        self._given: dict[str, Response] = {}

    def issue(self, channel: str, user: str, ts: str = "") -> str:
        """The secret last part of a new address."""
        name = secrets.token_urlsafe(18)
        self._given[name] = Response(channel, user, ts)
        return name

    def find(self, name: str) -> Response:
        """What it stands for. Raises `Spent`."""
        response = self._given.get(name)
        if response is None:
            raise Spent("no_such_url")
        if time.monotonic() > response.until:
            raise Spent("expired_url")
        if response.left <= 0:
            raise Spent("used_url")
        return response

    def age(self, name: str, by: timedelta) -> None:
        """Make one older than it is: nobody waits thirty minutes."""
        self.find(name).until -= by.total_seconds()
