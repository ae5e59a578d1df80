"""Which modals does each person have open, and what stands in them?

At most three on top of each other, as Slack allows. A view keeps its id while it is updated, its hash
changes each time, and what the person filled in stays where block and action keep their names.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from deployments.sandbox.slack_elements import KINDS, answered, completed, initial, interactive, named
from deployments.sandbox.slack_people import APP, TEAM
from deployments.sandbox.slack_store import BOT
from deployments.sandbox.slack_triggers import Spent, Trigger, Triggers

View = dict[str, Any]
Plain = dict[str, dict[str, Any]]  # block id -> action id -> what the person gave
MOST_OPEN = 3


class Views:
    """Modals by person, the top one last; a home tab for each."""

    def __init__(self, triggers: Triggers, changed: Callable[[], None]) -> None:
        self.triggers = triggers
        self._changed = changed
        self._open: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}
        self._given: dict[str, Plain] = {}
        self._offered: dict[tuple[str, str, str], list[dict[str, Any]]] = {}

    def stack(self, user: str) -> list[View]:
        """The person's modals, the one they see last."""
        return self._open.get(user, [])

    def home(self, user: str) -> View | None:
        """What the app published as the person's home tab."""
        return self._homes.get(user)

    def find(self, user: str, view_id: str) -> View | None:
        """An open modal or the home tab of this person."""
        home = self._homes.get(user)
        return next((view for view in [*self.stack(user), *([home] if home else [])] if view["id"] == view_id), None)

    def open(self, trigger_id: str, asked: View, *, push: bool) -> View:
        """Open a modal, alone or above the one the trigger came from. Raises `Spent`."""
        trigger = self.triggers.spend(trigger_id)
        stack = self.stack(trigger.user)
        if push and not stack:
            raise Spent("not_found")
        if len(stack) >= MOST_OPEN:
            raise Spent("push_limit_reached")
        self._taken(asked)
        return self._add(trigger, asked)

    def push(self, user: str, asked: View) -> None:
        """Open one more, as the answer to a submission asks. Raises `Spent`."""
        if len(self.stack(user)) >= MOST_OPEN:
            raise Spent("push_limit_reached")
        self._add(Trigger(user, "", 0), asked)

    def update(self, asked: View, *, view_id: str = "", external_id: str = "", seen: str = "") -> View:
        """Replace what stands in an open view. Raises `Spent` when it is gone or has changed since `seen`."""
        found = next((view for view in self._all() if _is(view, view_id, external_id)), None)
        if found is None:
            raise Spent("not_found")
        if seen and seen != found["hash"]:
            raise Spent("hash_conflict")
        found.update(self._content(asked) | {"hash": _hash()})
        self.remember(found, {})
        return found

    def publish(self, user: str, asked: View, seen: str = "") -> View:
        """Show a home tab. Raises `Spent` when it has changed since `seen`."""
        before = self._homes.get(user)
        if seen and before is not None and seen != before["hash"]:
            raise Spent("hash_conflict")
        view = self._made(asked, None) | ({"id": before["id"], "root_view_id": before["id"]} if before else {})
        self._homes[user] = view
        self.remember(view, {})
        return view

    def close(self, user: str, *, all_: bool = False) -> list[View]:
        """Close the top modal or all; what was closed, the top one first."""
        stack = self._open.get(user, [])
        gone = [stack.pop() for _ in range(len(stack) if all_ else min(1, len(stack)))]
        self._changed()
        return gone

    def remember(self, view: View, plain: Plain) -> None:
        """What the person has given so far; the rest stands as the app set it. Raises `NotOffered`."""
        given = self._given.setdefault(view["id"], {})
        for block_id, answers in plain.items():
            given.setdefault(block_id, {}).update(answers)
        values: dict[str, dict[str, Any]] = {}
        for block, element in interactive(view["blocks"]):
            if element["type"] in {"button", "overflow"}:
                continue
            value = self.typed(view["id"], block, element, self.plain(view, block, element))
            values.setdefault(block["block_id"], {})[element["action_id"]] = value
        view["state"] = {"values": values}
        self._changed()

    def plain(self, view: View, block: dict[str, Any], element: dict[str, Any]) -> Any:
        """What stands in one input now."""
        given = self._given.get(view["id"], {}).get(block["block_id"], {})
        return given.get(element["action_id"], initial(element))

    def typed(self, place: str, block: dict[str, Any], element: dict[str, Any], plain: Any) -> dict[str, Any]:
        """One answer as it stands in `state.values`."""
        return state_value(element, plain, self.offered(place, block, element))

    def offer(self, place: str, block_id: str, action_id: str, options: list[dict[str, Any]]) -> None:
        """What the app suggested for an external select can be chosen from now on."""
        self._offered.setdefault((place, block_id, action_id), []).extend(options)

    def offered(self, place: str, block: dict[str, Any], element: dict[str, Any]) -> list[dict[str, Any]]:
        """Everything that the app has suggested there."""
        return self._offered.get((place, block["block_id"], element.get("action_id", "")), [])

    def _add(self, trigger: Trigger, asked: View) -> View:
        stack = self._open.setdefault(trigger.user, [])
        view = self._made(asked, stack[-1] if stack else None)
        stack.append(view)
        self.remember(view, {})
        return view

    def _taken(self, asked: View) -> None:
        if asked.get("external_id") and any(_is(view, "", asked["external_id"]) for view in self._all()):
            raise Spent("duplicate_external_id")

    def _all(self) -> list[View]:
        return [*(view for stack in self._open.values() for view in stack), *self._homes.values()]

    def _made(self, asked: View, below: View | None) -> View:
        name = f"V{secrets.token_hex(5).upper()}"
        return {
            "id": name,
            "team_id": TEAM,
            **self._content(asked),
            "state": {"values": {}},
            "hash": _hash(),
            "previous_view_id": below["id"] if below else None,
            "root_view_id": below["root_view_id"] if below else name,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT["bot_id"],
        }

    def _content(self, asked: View) -> View:
        return {
            "type": asked["type"],
            "blocks": named(asked["blocks"]),
            "private_metadata": asked.get("private_metadata", ""),
            "callback_id": asked.get("callback_id", ""),
            "clear_on_close": bool(asked.get("clear_on_close", False)),
            "notify_on_close": bool(asked.get("notify_on_close", False)),
            "title": completed(asked.get("title")),
            "close": completed(asked.get("close")),
            "submit": completed(asked.get("submit")),
            "external_id": asked.get("external_id", ""),
        }


def state_value(element: dict[str, Any], plain: Any, offered: list[dict[str, Any]]) -> dict[str, Any]:
    """`{"type": ..., "<name of the answer>": ...}`. Raises `NotOffered`."""
    return {"type": element["type"], KINDS[element["type"]].answer: answered(element, plain, offered)}


def _is(view: View, view_id: str, external_id: str) -> bool:
    return view["id"] == view_id if view_id else bool(external_id) and view["external_id"] == external_id


def _hash() -> str:
    return f"{int(time.time())}.{secrets.token_hex(4)}"
