"""Does Prefect still know all that a former start of this sandbox told it? Then nobody needs to tell it again.

Registering loads every flow and block, and costs more than anything else of a start. The rule: it is left out only when
the code, the catalogue, what the components said of themselves and every answer of Prefect's API about it are what they
were when it was done last; whatever cannot be compared counts as changed.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deployments.sandbox.kept import Kept
from deployments.sandbox.state import CHECKOUT, State

_CODE = ("blocks", "tasks", "flows", "deployments")
_KINDS = frozenset({".py", ".yaml"})
_ASKED = ("deployments", "automations", "block_documents", "block_types", "block_schemas", "work_pools")
_PAGE = 200
_PASSING = frozenset({"pid", "server_pid", "control", "page", "copy"})
"""Of a component: what is another at each start, and stands in no block."""
_OWN_PASSING = {"relay": frozenset({"address"})}
"""The same of one component only: nothing leads to the relay itself, only to its lines."""
_MOVING = frozenset({"updated", "status", "last_polled", "default_queue_id", "work_queue_id"})
"""Of an object of Prefect: what changes by itself. A block's `updated` counts nevertheless: its secrets are hidden."""
_PATIENCE_S = 20.0


class Furnished:
    """What was so when this sandbox was furnished last, against what is so now."""

    def __init__(self, state: State, api: str = "") -> None:
        self._state = state
        self._api = api or os.environ.get("PREFECT_API_URL", "")
        self._kept = Kept(state.home / "furnished.json")

    def may_hold(self) -> bool:
        """Is the code what it was? Told before anything else is there."""
        return self._kept.read().get("code") == code_digest()

    def holds(self, components: frozenset[str]) -> bool:
        """Is everything what it was?"""
        kept = self._kept.read()
        if not kept or kept != {**kept, "code": code_digest(), "components": self._components(components)}:
            return False
        return kept.get("prefect") == self._prefect()

    def remember(self, components: frozenset[str]) -> None:
        """It was furnished now."""
        told = {"code": code_digest(), "components": self._components(components), "prefect": self._prefect()}
        self._kept.write(told if told["prefect"] else {})

    def _components(self, names: frozenset[str]) -> str:
        said = {name: self._said(name) for name in sorted(names)}
        lines = self._state.home / "relays.json"
        return _digest([said, lines.read_text() if lines.exists() else "", self._api])

    def _said(self, name: str) -> Any:
        return _without(self._state.read_ready(name), _PASSING | _OWN_PASSING.get(name, frozenset()))

    def _prefect(self) -> str:
        """The digest of what Prefect says; empty when it does not say all of it."""
        try:
            return _digest({kind: sorted(_steady(kind, each) for each in self._all(kind)) for kind in _ASKED})
        except (OSError, ValueError, TypeError):
            return ""

    def _all(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask(kind, {"limit": _PAGE, "offset": len(found)})
            found += page
            if len(page) < _PAGE:
                return found

    def _ask(self, kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        asked = urllib.request.Request(  # noqa: S310  our own server, over http on loopback
            f"{self._api}/{kind}/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return json.load(answer)


def code_digest(folder: Path = CHECKOUT) -> str:
    """Of everything that decides what is registered: our code, its lists, and the packages that read them."""
    files = [folder / "prefect.yaml", folder / "requirements.lock"]
    for name in _CODE:
        files += sorted(each for each in (folder / name).rglob("*") if each.suffix in _KINDS)
    digest = sha256(f"{folder} {sys.version} {version('prefect')}".encode())
    for each in files:
        digest.update(str(each).encode() + b"\0" + each.read_bytes() + b"\0")
    return digest.hexdigest()


def _steady(kind: str, each: dict[str, Any]) -> str:
    leaves = _MOVING - {"updated"} if kind == "block_documents" else _MOVING
    return json.dumps(_without(each, leaves), sort_keys=True)


def _without(value: Any, leaves: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, leaves) for key, each in value.items() if key not in leaves}
    if not isinstance(value, list):
        return value
    kept = [_without(each, leaves) for each in value]
    return sorted(kept) if all(isinstance(each, str) for each in kept) else kept  # Prefect tells sets in any order


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
