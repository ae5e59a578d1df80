"""Where does the app want to hear of what people do, and with which secrets do both sides know each other?

The gateway says so in `ready/gateway.json` when it starts; a test says so with POST /_sandbox/app, which
counts more. The file is read at each delivery, so that a gateway may come and go.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from deployments.sandbox.state import State, read_json, write_json

MODES = ("auto", "socket", "http")
_ADDRESSES = ("interactivity_url", "commands_url", "events_url", "options_url")
_FIELDS = (*_ADDRESSES, "ca_file", "mode", "commands", "shortcuts")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The app's secrets: made once, kept, readable by their owner only."""

    token: str
    webhook_key: str
    app_token: str
    signing_secret: str
    verification_token: str

    @classmethod
    def made(cls) -> Self:
        """New ones."""
        return cls(
            token=f"xoxb-sandbox-{secrets.token_hex(12)}",
            webhook_key=secrets.token_hex(12),
            app_token=f"xapp-1-sandbox-{secrets.token_hex(16)}",
            signing_secret=secrets.token_hex(16),
            verification_token=secrets.token_hex(12),
        )

    @classmethod
    def kept(cls, folder: Path) -> Self:
        """Those of this folder; what an older version did not know is made now."""
        folder.mkdir(parents=True, exist_ok=True)
        known = read_json(folder / "secrets.json")
        found = cls(**(asdict(cls.made()) | known))
        if asdict(found) != known:
            write_json(folder / "secrets.json", asdict(found))
        return found


class Receiver:
    """The app's settings as Slack's pages would have them."""

    def __init__(self, state: State | None) -> None:
        self._state = state
        self._told: dict[str, Any] = {}

    def tell(self, told: dict[str, Any]) -> list[str]:
        """Set some of them; the names that are no settings, and then nothing is set."""
        wrong = [name for name in told if name not in _FIELDS]
        if told.get("mode", "auto") not in MODES:
            wrong.append(f"mode is one of {', '.join(MODES)}")
        self._told |= {} if wrong else told
        return wrong

    @property
    def settings(self) -> dict[str, Any]:
        """All of them as they hold now."""
        gateway = self._state.read_ready("gateway") if self._state else {}
        said = {name: gateway[name] for name in _FIELDS if name in gateway}
        return {"mode": "auto", "commands": ["/vigie"], "shortcuts": [], **said, **self._told}

    def url(self, kind: str) -> str:
        """Where one kind goes ("interactivity", "commands", "events", "options"); empty when nowhere."""
        settings = self.settings
        fallback = settings.get("interactivity_url", "") if kind == "options" else ""
        return str(settings.get(f"{kind}_url") or fallback)

    @property
    def ca_file(self) -> str:
        """Whom to trust with HTTPS; empty for the sandbox's own authority."""
        return str(self.settings.get("ca_file") or "")
