"""What do views.open, views.push, views.update and views.publish do?

The view is checked before the trigger is spent, as Slack does: a modal that is refused may be sent again.
"""

from __future__ import annotations

from typing import Any

from deployments.sandbox.slack_methods import Call, SlackError
from deployments.sandbox.slack_rules import check_view
from deployments.sandbox.slack_triggers import Spent
from deployments.sandbox.slack_views import View


def open_view(call: Call) -> dict[str, Any]:
    """Open a modal."""
    return _opened(call, push=False)


def push_view(call: Call) -> dict[str, Any]:
    """Open one above the modal that the trigger came from."""
    return _opened(call, push=True)


def update_view(call: Call) -> dict[str, Any]:
    """Replace what stands in an open view."""
    view = _view(call)
    arguments = {name: str(call.arguments.get(name) or "") for name in ("view_id", "external_id")}
    try:
        return {"view": call.views.update(view, **arguments, seen=str(call.arguments.get("hash") or ""))}
    except Spent as error:
        raise SlackError(error.code) from error


def publish_view(call: Call) -> dict[str, Any]:
    """Show a person's home tab."""
    person, view = call.person("user_id"), _view(call, "home")
    try:
        return {"view": call.views.publish(person.id, view, seen=str(call.arguments.get("hash") or ""))}
    except Spent as error:
        raise SlackError(error.code) from error


def _opened(call: Call, *, push: bool) -> dict[str, Any]:
    view = _view(call, "modal")
    try:
        return {"view": call.views.open(str(call.arguments.get("trigger_id", "")), view, push=push)}
    except Spent as error:
        raise SlackError(error.code) from error


def _view(call: Call, kind: str = "") -> View:
    view = call.structure("view", None)
    objections = check_view(view)
    if not objections and kind and view["type"] != kind:
        objections = [f"[ERROR] must be {kind} [json-pointer:/view/type]"]
    if objections:
        raise SlackError("invalid_arguments", *objections)
    return view
