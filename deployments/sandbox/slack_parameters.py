"""Would the real Slack know these parameters?

As the published OpenAPI description has them, where VIGIE_CONFORMANCE is at hand. Stricter than Slack in
one point: an argument that is in no description is refused, since it would be ignored in silence.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from deployments.sandbox.state import CHECKOUT

_NEWER = {
    "metadata",
    "include_all_metadata",
    "markdown_text",
    "file_ids",
    "reply_broadcast",
    "team_id",
    "unfurl_app_links",
    "charset",
}
_SPEC = "slack/specs/slack_web_openapi_v2.json"


@cache
def _parameters_in(path: Path) -> dict[str, dict[str, Any]]:
    """Of each method, by name."""
    paths: dict[str, Any] = json.loads(path.read_text())["paths"]
    return {
        name.removeprefix("/"): {p["name"]: p for verb in verbs.values() for p in verb["parameters"]}
        for name, verbs in paths.items()
    }


class Parameters:
    """The published parameters of each method; without the description nothing is refused."""

    def __init__(self) -> None:
        path = CHECKOUT / os.environ.get("VIGIE_CONFORMANCE", "../shared/conformance") / _SPEC
        self.known = path.exists()
        self._types = _parameters_in(path) if self.known else {}

    def objections(self, method: str, arguments: dict[str, Any]) -> list[str]:
        """What is missing, unknown or of the wrong type."""
        types = self._types.get(method)
        if types is None:
            return []
        unknown = [
            f"[ERROR] unknown argument: {name}" for name in arguments if name not in types and name not in _NEWER
        ]
        wrong = [
            f"[ERROR] must be a {types[name]['type']} [json-pointer:/{name}]"
            for name, value in arguments.items()
            if name in types and not _is_a(types[name]["type"], value)
        ]
        absent = [
            f"[ERROR] missing required field: {name}"
            for name, type_ in types.items()
            if type_.get("required") and name != "token" and name not in arguments
        ]
        return unknown + wrong + absent


def _is_a(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool) or str(value).lower() in {"true", "false", "1", "0"}
    if kind in {"number", "integer"}:
        try:
            return kind == "number" or float(value).is_integer() if float(value) >= 0 else False
        except (TypeError, ValueError):
            return False
    return isinstance(value, str | list | dict) or not isinstance(value, bool)
