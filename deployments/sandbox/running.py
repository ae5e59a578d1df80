"""Which component runs, since when, and how is one started, killed and started again?

The supervisor's hands. A component that is started again gets its former port, because the blocks that
name it were saved with that address; until then nobody else can have it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil

from deployments.sandbox.environment import (
    child_environment,
    folder_of_children,
    sandbox_environment,
    server_environment,
    write_bundle,
)
from deployments.sandbox.lifetimes import Identity, bury_orphans, start_child
from deployments.sandbox.parts import WORK_POOL, Part
from deployments.sandbox.processes import hold, is_free
from deployments.sandbox.resting import Resting
from deployments.sandbox.state import State, read_json, write_json

_READY_PATIENCE_S = 150.0
_REST_PATIENCE_S = 8.0


class PartFailedError(Exception):
    """A component did not become ready; the text names it and its log."""


@dataclass(slots=True)
class Child:
    """One component's process, and what became of it."""

    part: Part
    phase: str = "waiting"  # waiting, resting, starting, ready, done, failed, ended
    process: subprocess.Popen[bytes] | None = None
    identity: Identity | None = None
    started: float = 0.0
    seconds: float = 0.0
    address: str = ""
    held: socket.socket | None = None  # its port, while it is down
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Running:
    """All components of one sandbox."""

    def __init__(self, state: State, run: str, prefect_socket: socket.socket, resting: Resting) -> None:
        self._state, self._run, self._socket = state, run, prefect_socket
        self._prefect = f"127.0.0.1:{prefect_socket.getsockname()[1]}"
        self._children: dict[str, Child] = {}
        self._resting = resting
        self._write_environment()

    async def start_all(self, parts: Sequence[Part]) -> None:
        """Start everything, each as soon as it may. Raises `PartFailedError` at the first that fails."""
        write_bundle(self._state)
        self._children = {part.name: Child(part, address=self._former_address(part)) for part in parts}
        try:
            async with asyncio.TaskGroup() as group:
                for child in self._children.values():
                    group.create_task(self._start_in_turn(child))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the others only followed it
        self._write_environment()
        self._keep_ports()

    async def start_again(self, name: str) -> None:
        """Start a component that ended; nothing happens when it runs. Raises KeyError, RuntimeError."""
        child = self._children[name]
        if child.process is not None and child.process.poll() is None:
            return
        self._resting.note(name, rests=False)
        try:
            await self._start(child)
        except PartFailedError as error:
            raise RuntimeError(str(error)) from error

    async def kill(self, name: str) -> None:
        """SIGKILL to a component's whole session, as a crash would. Raises KeyError."""
        child = self._children[name]
        if child.process is None or child.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        await asyncio.to_thread(child.process.wait, 10)
        await self._await_server_gone(name)
        self.look()

    async def rest(self, name: str) -> None:
        """Stop a component politely, as a machine is shut down; from then on it is not missed. Raises KeyError."""
        child = self._children[name]
        await self._stop([child], _REST_PATIENCE_S)
        await self._await_server_gone(name)
        self._state.note_end(name)
        _hold_port(child)
        child.phase = "resting"
        self._resting.note(name, rests=True)

    async def cut(self, names: str) -> None:
        """SIGKILL to all these components at once with whatever they run, as when the power goes: nothing is flushed.

        Those that do not run are passed over. `names` are separated by commas.
        """
        running = [child for child in self._those(names) if child.process is not None and child.process.poll() is None]
        for process in [each for child in running for each in _family(child)]:
            with suppress(psutil.Error):
                process.kill()
        for child in running:
            assert child.process is not None
            await asyncio.to_thread(child.process.wait, 10)
            await self._await_server_gone(child.part.name)
        self.look()

    async def bring_back(self, names: str) -> None:
        """Start what ended among these, all at once, as when the power returns; what rests goes on resting."""
        self.look()
        ended = [child.part.name for child in self._those(names) if child.phase in ("ended", "failed")]
        done = await asyncio.gather(*(self.start_again(name) for name in ended), return_exceptions=True)
        if failed := [str(each) for each in done if isinstance(each, BaseException)]:
            raise RuntimeError("; ".join(failed))

    async def stop_all(self, patience_s: float) -> None:
        """Tell those first that nobody depends on, then what they stand on; kill what does not listen."""
        left = {name: child for name, child in self._children.items() if child.process is not None}
        while left:
            needed = {name for child in left.values() for name in (*child.part.after, *child.part.uses)}
            stage = [child for name, child in left.items() if name not in needed]
            await self._stop(stage, patience_s)
            left = {name: child for name, child in left.items() if child not in stage}

    def look(self) -> None:
        """Notice components that ended, and bury orphans that became ours."""
        for child in self._children.values():
            if child.phase == "ready" and child.process is not None and child.process.poll() is not None:
                child.phase = "ended"
                _hold_port(child)
                self._state.note_end(child.part.name)
        bury_orphans({child.process.pid for child in self._children.values() if child.process is not None})

    def describe(self) -> dict[str, dict[str, Any]]:
        """What state.json says of each component."""
        return {name: _described(child, self._state) for name, child in self._children.items()}

    # -- ports -----------------------------------------------------------------------------------

    def _former_address(self, part: Part) -> str:
        """Where it listened in the sandbox's last life, if that is free: blocks were saved with it."""
        port = int(read_json(self._state.home / "ports.json").get(part.name, 0)) if part.keeps_port else 0
        return f"127.0.0.1:{port}" if is_free(port) else ""

    def _keep_ports(self) -> None:
        """For the next life."""
        file = self._state.home / "ports.json"
        now = {name: int(child.address.rpartition(":")[2] or 0) for name, child in self._children.items()}
        write_json(file, read_json(file) | {name: port for name, port in now.items() if port})

    # -- pieces --------------------------------------------------------------------------------

    def _those(self, names: str) -> list[Child]:
        """Those of the named components that this sandbox has."""
        return [self._children[name] for name in names.split(",") if name in self._children]

    async def _start_in_turn(self, child: Child) -> None:
        for name in child.part.after:
            await self._children[name].ready.wait()
        if child.part.rests:
            child.phase = "resting"
            child.ready.set()
            return
        former = child.address
        try:
            await self._start(child)
        except PartFailedError:
            if not former:
                raise
            child.address = ""  # somebody may have taken its former port meanwhile
            await self._start(child)

    async def _start(self, child: Child) -> None:
        part = child.part
        child.phase, child.started = "starting", time.monotonic()
        with self._state.log(part.name).open("ab") as log:
            child.process = start_child(
                self._command(child),
                environment=self._environment(part),
                log=log,
                folder=folder_of_children(),
                keep=[self._socket.fileno()] if part.ready == "server" else [],
            )
        child.identity = Identity.of(child.process.pid)
        await self._await_ready(child)
        _let_go(child)
        child.seconds = round(time.monotonic() - child.started, 1)
        if part.name == "control-database":
            self._write_environment()
        child.ready.set()

    def _command(self, child: Child) -> list[str]:
        part = child.part
        command = part.argv
        if part.ready == "server":
            return [*command, "--fd", str(self._socket.fileno())]
        command += ["--state", str(self._state.home)]
        port = child.address.rpartition(":")[2]
        return [*command, "--port", port] if port and part.keeps_port else command

    def _environment(self, part: Part) -> dict[str, str]:
        variables = child_environment(self._state, self._prefect, self._run)
        return variables | (dict(server_environment(self._state, self._prefect)) if part.ready == "server" else {})

    def _write_environment(self) -> None:
        self._state.write_environment(sandbox_environment(self._state, self._prefect))

    async def _await_ready(self, child: Child) -> None:
        assert child.process is not None
        deadline = time.monotonic() + _READY_PATIENCE_S
        while time.monotonic() < deadline:
            code = child.process.poll()
            if code is not None:
                if child.part.ready == "once" and code == 0:
                    child.phase = "done"
                    return
                raise self._failed(child, f"ended with code {code}")
            if child.part.ready != "once" and await self._answers(child):
                child.phase = "ready"
                return
            await asyncio.sleep(0.05 if child.part.ready == "file" else 0.2)
        raise self._failed(child, f"was not ready in {_READY_PATIENCE_S:.0f} s")

    async def _answers(self, child: Child) -> bool:
        name = child.part.name
        assert child.process is not None
        if child.part.ready == "file":
            child.address = self._state.address(name)
            return self._state.read_ready(name).get("pid") == child.process.pid
        if not await self._asked(child.part.ready):
            return False
        child.address = self._prefect if child.part.ready == "server" else ""
        self._state.write_ready(name, child.address, pid=child.process.pid)
        return True

    async def _asked(self, what: str) -> bool:
        """Does Prefect's API answer, and does it know of a living worker?"""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with aiohttp.ClientSession(timeout=timeout, base_url=f"http://{self._prefect}") as session:
                if what == "server":
                    async with session.get("/api/health") as answer:
                        return answer.status == 200
                async with session.post(f"/api/work_pools/{WORK_POOL}/workers/filter", json={}) as answer:
                    workers = await answer.json() if answer.status == 200 else []
                    return any(worker.get("status") == "ONLINE" for worker in workers)
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _failed(self, child: Child, how: str) -> PartFailedError:
        child.phase = "failed"
        return PartFailedError(f"{child.part.name} {how}; read {self._state.log(child.part.name)}")

    async def _stop(self, children: Sequence[Child], patience_s: float) -> None:
        for child in children:
            with suppress(ProcessLookupError):
                if child.process is not None and child.process.poll() is None:
                    child.process.terminate()
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(c.process and c.process.poll() is None for c in children):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        for child in children:
            with suppress(ProcessLookupError):
                if child.process is not None:
                    os.killpg(child.process.pid, signal.SIGKILL)
            if child.process is not None:
                child.process.wait(10)
                child.phase = "ended" if child.phase != "failed" else "failed"

    async def _await_server_gone(self, name: str) -> None:
        """A database's server ends a moment after the process that held it."""
        server = Identity.of(int(self._state.read_ready(name).get("server_pid") or 0) or -1)
        deadline = time.monotonic() + 10
        while server is not None and server.alive() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _hold_port(child: Child) -> None:
    """While it is down, its port is nobody's: any connection that goes out might else be given it."""
    if child.part.keeps_port and child.held is None:
        child.held = hold(int(child.address.rpartition(":")[2] or 0))


def _let_go(child: Child) -> None:
    if child.held is not None:
        child.held.close()
        child.held = None


def _family(child: Child) -> list[psutil.Process]:
    """A component's process and all that it started; itself last, so that nobody is told to end politely before."""
    assert child.process is not None
    with suppress(psutil.Error):
        own = psutil.Process(child.process.pid)
        return [*own.children(recursive=True), own]
    return []


def _described(child: Child, state: State) -> dict[str, Any]:
    identity = child.identity if child.process is not None and child.process.poll() is None else None
    return {
        "phase": child.phase,
        "pid": identity.pid if identity else None,
        "started": identity.started if identity else None,
        "address": child.address,
        "seconds": child.seconds,
        "exit_code": child.process.returncode if child.process is not None else None,
        "log": str(state.log(child.part.name)),
    }
