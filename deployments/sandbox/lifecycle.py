"""How is a sandbox brought up, looked at and taken down from outside?

For the `vigie` command, the demonstration and tests. Bringing up what is up says so and succeeds;
taking down what is down too; and what was killed leaves nothing that stands in the way.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.errors import Broken
from deployments.sandbox.control import tell
from deployments.sandbox.lifetimes import Identity, end_marked
from deployments.sandbox.state import CHECKOUT, State, read_json

_UP_PATIENCE_S = 300.0
_DOWN_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component as an operator sees it. `healthy`: its process lives and its port accepts, or it rests."""

    name: str
    phase: str
    healthy: bool
    address: str = ""
    pid: int | None = None
    seconds: float = 0.0
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The whole sandbox: `phase` is absent, starting, ready, stopping, stopped, failed or killed."""

    phase: str
    reason: str = ""
    seconds: float = 0.0
    components: tuple[Component, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def healthy(self) -> bool:
        """Ready, and every component well."""
        return self.phase == "ready" and all(component.healthy for component in self.components)


def bring_up(
    home: Path | None = None,
    *,
    only: tuple[str, ...] = (),
    tied: bool = False,
    progress: Callable[[Picture], None] | None = None,
) -> Picture:
    """Start a sandbox in the background and wait until all is ready; one that runs is left as it is.

    `tied`: it ends with this process, however that ends. `only`: names or groups of components.
    Raises `Broken` naming the log to read when a component does not start.
    """
    state = State.at(home)
    if _supervisor(state) is None:
        _launch(state, only, tied)
    deadline = time.monotonic() + _UP_PATIENCE_S
    while time.monotonic() < deadline:
        picture = look(home)
        if progress is not None:
            progress(picture)
        if picture.phase == "ready":
            return picture
        if picture.phase in ("failed", "stopped", "killed"):
            raise Broken(picture.reason or f"the sandbox ended while starting; read {state.log('supervisor')}")
        time.sleep(0.1)
    take_down(home)
    raise Broken(f"the sandbox was not ready in {_UP_PATIENCE_S:.0f} s", next_step=f"read {state.logs}")


def look(home: Path | None = None) -> Picture:
    """How the sandbox is now, by looking at processes and ports and not only at what was recorded."""
    state = State.at(home)
    record = read_json(state.record)
    if not record:
        return Picture(phase="absent")
    phase = str(record["phase"])
    alive = _supervisor(state) is not None
    if not alive and phase not in ("stopped", "failed"):
        phase = "killed"
    components = tuple(_component(name, part) for name, part in record["parts"].items()) if alive else ()
    return Picture(
        phase=phase,
        reason=str(record["reason"]),
        seconds=float(record["seconds"]),
        components=components,
        addresses=_addresses(state) if alive else {},
    )


def take_down(home: Path | None = None) -> bool:
    """Stop everything of this sandbox; False when nothing ran."""
    state = State.at(home)
    supervisor = _supervisor(state)
    if supervisor is None:
        _bury_the_dead()
        return end_marked(state.home) > 0
    ready = state.read_ready("supervisor")
    try:
        tell(str(ready["address"]), "/stop", {}, token=str(ready["token"]))
    except (Broken, KeyError):
        supervisor.send(signal.SIGTERM)
    if not _gone(supervisor, _DOWN_PATIENCE_S):
        supervisor.send(signal.SIGKILL)
        _gone(supervisor, 5)
        end_marked(state.home)
    return True


def require_running(state: State) -> None:
    """Raises `Broken` saying what to do, unless a sandbox runs in this folder."""
    if _supervisor(state) is None or not state.read_ready("supervisor"):
        raise Broken("no sandbox is running here", where=str(state.home), next_step="vigie up")


def order(state: State, verb: str, component: str) -> None:
    """Tell the supervisor to `start`, `rest` or `kill` a component, or to `cut` some and let them `return`.

    Raises `Refused`, `Broken`.
    """
    require_running(state)
    ready = state.read_ready("supervisor")
    tell(str(ready["address"]), f"/{verb}/{component}", {}, token=str(ready["token"]), timeout_s=120)


def _launch(state: State, only: tuple[str, ...], tied: bool) -> None:
    if not _held(state):
        state.record.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "deployments.sandbox.supervisor",
        "--home",
        str(state.home),
        "--only",
        ",".join(only),
    ]
    keep: tuple[int, ...] = ()
    line: int | None = None
    if tied:
        reader, line = os.pipe()  # our end closes with this process, however it ends
        keep, command = (reader,), [*command, "--tied", str(reader)]
    with state.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=CHECKOUT,
            start_new_session=True,
            pass_fds=keep,
        )
    for descriptor in keep:
        os.close(descriptor)
    _launched.append(_Launched(process, line))
    _await_record(state, process)


def _await_record(state: State, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if _supervisor(state) is not None:
            return
        if process.poll() is not None and not _held(state):
            raise Broken("the supervisor ended at once", next_step=f"read {state.log('supervisor')}")
        time.sleep(0.05)
    raise Broken("the supervisor did not report in 30 s", next_step=f"read {state.log('supervisor')}")


def _held(state: State) -> bool:
    """Does a supervisor hold this folder? One may, that has not yet said anything of itself."""
    with (state.home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _supervisor(state: State) -> Identity | None:
    known: dict[str, Any] = read_json(state.record).get("supervisor", {})
    identity = Identity(int(known["pid"]), float(known["started"])) if known else None
    return identity if identity is not None and identity.alive() else None


def _component(name: str, part: dict[str, Any]) -> Component:
    alive = part["pid"] is not None and Identity(part["pid"], part["started"]).alive()
    healthy = part["phase"] in ("done", "resting") or (part["phase"] == "ready" and alive and _accepts(part["address"]))
    return Component(
        name=name,
        phase=part["phase"],
        healthy=healthy,
        address=part["address"],
        pid=part["pid"],
        seconds=part["seconds"],
        log=part["log"],
    )


def _accepts(address: str) -> bool:
    if not address:
        return True
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=2):
        return True
    return False


def _addresses(state: State) -> dict[str, str]:
    prefect = state.address("prefect-server")
    pages = {"Slack": "slack", "Pager": "pager"}
    found = {name: str(state.read_ready(component).get("page", "")) for name, component in pages.items()}
    return {name: page for name, page in {"Prefect UI": prefect and f"http://{prefect}", **found}.items() if page}


def _gone(process: Identity, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while process.alive():
        if time.monotonic() > deadline:
            return False
        _bury_the_dead()
        time.sleep(0.05)
    _bury_the_dead()
    return True


def _bury_the_dead() -> None:
    """Whoever ended and was started by this process is waited for, else it stays in the table of processes."""
    for ours in _launched:
        ours.bury()


@dataclass(slots=True)
class _Launched:
    """A supervisor that this process started, with the line that ties it to us."""

    process: subprocess.Popen[bytes]
    line: int | None

    def bury(self) -> None:
        """Wait for it if it is dead, and let go of its line."""
        if self.process.poll() is not None and self.line is not None:
            os.close(self.line)
            self.line = None


_launched: list[_Launched] = []
