"""Where does this sandbox keep what it knows, and who is running in it?

One folder holds a sandbox (`VIGIE_HOME`, else `.vigie` in the checkout): what is ready and where it
listens, logs, certificates, databases, and the environment a shell or worker needs to use it.
Nothing of a sandbox lives outside its folder, so two folders are two sandboxes.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from deployments.sandbox.lifetimes import is_there

CHECKOUT = Path(__file__).resolve().parents[2]
_SETTLED_S = 0.1  # whatever replaces a file of this age has another time of change


def default_home() -> Path:
    """`VIGIE_HOME`, or `.vigie` beside the code."""
    configured = os.environ.get("VIGIE_HOME")
    return Path(configured).expanduser().resolve() if configured else CHECKOUT / ".vigie"


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one sandbox, by purpose."""

    home: Path

    @classmethod
    def at(cls, home: Path | None = None) -> Self:
        """Open the folder, made if it is absent; what holds secrets is closed to others."""
        state = cls((home or default_home()).resolve())
        state.home.mkdir(parents=True, exist_ok=True)
        for private in (state.ready, state.logs, state.breaks, state.temporary):
            private.mkdir(mode=0o700, exist_ok=True)
        return state

    @property
    def ready(self) -> Path:
        """One file for each component that answers."""
        return self.home / "ready"

    @property
    def logs(self) -> Path:
        """One log for each component."""
        return self.home / "logs"

    @property
    def breaks(self) -> Path:
        """What is broken on purpose right now, one file each."""
        return self.home / "breaks"

    @property
    def temporary(self) -> Path:
        """Where components put what they need for a moment."""
        return self.home / "tmp"

    @property
    def env_file(self) -> Path:
        """What a shell sources to use this sandbox."""
        return self.home / "sandbox.env"

    @property
    def record(self) -> Path:
        """What the supervisor says of itself and its parts."""
        return self.home / "state.json"

    @property
    def bundle(self) -> Path:
        """Public authorities and the sandbox's own, for tools that know one file only."""
        return self.home / "tls" / "bundle.pem"

    def log(self, component: str) -> Path:
        """The log of one component."""
        return self.logs / f"{component}.log"

    def read_ready(self, component: str) -> dict[str, Any]:
        """What a component wrote when it was ready, else nothing. Parsed once, because some ask many times a second."""
        path = self.ready / f"{component}.json"
        try:
            seen = path.stat()
        except FileNotFoundError:
            return {}
        if time.time() - seen.st_mtime < _SETTLED_S:
            return read_json(path)
        return dict(_parsed(path, seen.st_ino, seen.st_mtime_ns))

    def is_ready(self, component: str) -> bool:
        """Has it said so, and is its process still there?"""
        pid = int(self.read_ready(component).get("pid") or 0)
        return pid > 0 and is_there(pid)

    def note_end(self, component: str) -> None:
        """Its process is gone; its address stays known, because it comes back there."""
        content = self.read_ready(component)
        if content:
            write_json(self.ready / f"{component}.json", {**content, "pid": 0})

    def address(self, component: str) -> str:
        """`127.0.0.1:port` of a component, or an empty text."""
        return str(self.read_ready(component).get("address", ""))

    def write_ready(self, component: str, address: str, **extras: Any) -> None:
        """Say that this process serves `component` at `address`."""
        content = {"name": component, "pid": os.getpid(), "address": address, **extras}
        write_json(self.ready / f"{component}.json", content)

    def environment(self) -> dict[str, str]:
        """The variables of sandbox.env; empty before it was written."""
        if not self.env_file.exists():
            return {}
        lines = self.env_file.read_text().splitlines()
        pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
        return {name: value.strip("'") for name, _, value in pairs}

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Replace sandbox.env; mode 0600, because it names databases with their passwords."""
        lines = [f"export {name}='{value}'" for name, value in sorted(variables.items())]
        write_text(self.env_file, "\n".join(lines) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one when the file is absent."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


@lru_cache(maxsize=256)
def _parsed(path: Path, _inode: int, _changed_ns: int) -> dict[str, Any]:
    """What is in a file that nobody writes into: it is replaced, and then it is another one."""
    return read_json(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file at once, so that a reader sees the old or the new and never half."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """As `write_json`, for text. The file is readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)
