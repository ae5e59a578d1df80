"""What did Slack send, for which app, of which workspace, and who did it?

The rule: only our app and our workspace count, at both doors; a person is a team id and a user id, never a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from blocks.errors import Refused
from deployments.gateway.settings import Known

_OWN_CHECK = "url_verification"  # Slack asks whether the address is ours; nobody did anything
_KINDS = frozenset({"block_actions", "view_submission", "view_closed", "shortcut", "message_action", "event_callback"})
_OF_NO_APP = frozenset({"shortcut", "message_action"})  # Slack names no app in these: the signature says whose it is
_VIEWS = frozenset({"modal", "home"})


@dataclass(frozen=True, slots=True)
class Person:
    """A Slack account. `response_url` is where it can be answered alone."""

    team: str
    user: str
    response_url: str = ""
    channel: str = ""


def parse(body: bytes, content_type: str) -> Mapping[str, Any]:
    """What stands in a body: JSON, a form, or a form whose `payload` is JSON. Raises `Refused` for anything else."""
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == "application/json":
            found = json.loads(text)
        else:
            form = {name: values[0] for name, values in parse_qs(text, max_num_fields=100).items()}
            found = json.loads(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError):
        raise Refused("the body cannot be read") from None
    if not isinstance(found, dict) or not found:
        raise Refused("the body holds nothing that Slack sends")
    return found


def check_origin(payload: Mapping[str, Any], known: Known) -> None:
    """Raises `Refused` for another app or workspace, where it does not say which, and for what we know nothing of."""
    kind = payload.get("type")
    if kind == _OWN_CHECK and "user" not in payload:
        return
    if not (kind in _KINDS if isinstance(kind, str) else "command" in payload):
        raise Refused(f"nothing of ours is of the kind {str(kind)[:40]!r}")
    view = payload.get("view")
    if isinstance(view, dict) and str(view.get("type")) not in _VIEWS:
        raise Refused("this is a view that we never open")
    app = str(payload.get("api_app_id") or "")
    if app != known.app_id and (app or kind not in _OF_NO_APP):
        raise Refused(f"this is for the Slack app {app or 'nobody names'}, not for ours")
    others = _installed_in(payload) - {known.team_id}
    if others or _team(payload) != known.team_id:
        raise Refused(f"this comes from the workspace {', '.join(sorted(others)) or 'nobody names'}, not from ours")


def person_of(payload: Mapping[str, Any]) -> Person:
    """Who did it."""
    user = payload.get("user")
    own: Mapping[str, Any] = user if isinstance(user, dict) else {}
    channel = payload.get("channel")
    container = payload.get("container")
    place: Mapping[str, Any] = (
        channel if isinstance(channel, dict) else container if isinstance(container, dict) else {}
    )
    return Person(
        team=str(own.get("team_id") or _team(payload)),
        user=str(own.get("id") or payload.get("user_id") or ""),
        response_url=str(payload.get("response_url") or ""),
        channel=str(place.get("id") or place.get("channel_id") or payload.get("channel_id") or ""),
    )


def _installed_in(payload: Mapping[str, Any]) -> set[str]:
    """Every workspace that it is said to be for; a shared channel's view names another than its request."""
    view, found = payload.get("view"), payload.get("authorizations")
    authorized = found if isinstance(found, list) else ()
    shared = [each.get("team_id") if isinstance(each, dict) else each for each in authorized]
    installed = view.get("app_installed_team_id") if isinstance(view, dict) else None
    return {str(team) for team in (_team(payload), installed, *shared) if team}


def _team(payload: Mapping[str, Any]) -> str:
    team = payload.get("team")
    named = team.get("id") if isinstance(team, dict) else None
    return str(named or payload.get("team_id") or "")
