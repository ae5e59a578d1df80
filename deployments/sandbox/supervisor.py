"""Is the whole sandbox running, and does all of it end together?

`python -m deployments.sandbox.supervisor --home DIR [--only a,b] [--tied FD]` starts every component
in parallel, each as soon as what it needs is ready, and keeps them until told to stop (POST /stop,
SIGTERM, or the end of the process that holds the other end of FD). `state.json` says how far it is.

The rule: whatever happens to this process, kill -9 included, nothing of it is left running.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from deployments.sandbox.lifetimes import Identity, adopt_orphans, dismiss_guardian, end_marked, start_guardian
from deployments.sandbox.state import State, write_json

_STOP_PATIENCE_S = 8.0


def main() -> None:
    """Supervise one sandbox in the foreground; exit 1 when it could not be started."""
    arguments = _arguments()
    state = State.at(arguments.home)
    run = secrets.token_hex(8)
    guardian = start_guardian(state.home, run)
    lock = _only_one(state)
    adopt_orphans()
    end_marked(state.home, other_than=run)
    code = asyncio.run(_supervise(state, run, arguments, lock))
    dismiss_guardian(guardian)
    sys.exit(code)


async def _supervise(state: State, run: str, arguments: argparse.Namespace, lock: TextIO) -> int:
    from deployments.sandbox.parts import chosen_parts
    from deployments.sandbox.resting import Resting
    from deployments.sandbox.running import PartFailedError, Running

    resting = Resting(state)
    _forget(state, resting.names)
    prefect_socket = _reserved_port(state)
    running = Running(state, run, prefect_socket, resting)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    if arguments.tied is not None:
        asyncio.get_running_loop().add_reader(arguments.tied, told.set)
    parts = chosen_parts(tuple(filter(None, arguments.only.split(","))), resting.of)
    record = _Record(state, running)
    await _serve_orders(state, running, told, record)
    watching = asyncio.create_task(record.keep())
    starting = asyncio.create_task(running.start_all(parts))
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    failed = starting.exception() if starting.done() else None
    if starting.done() and failed is None:
        record.phase = "ready"
        record.write()
        await stopping
    for task in (watching, starting, stopping):
        task.cancel()
    if failed is not None and not isinstance(failed, PartFailedError):
        record.reason = f"{type(failed).__name__}: {failed}"
    record.reason = record.reason or (str(failed) if failed else "")
    record.phase = "stopping"
    record.write()
    await running.stop_all(_STOP_PATIENCE_S)
    end_marked(state.home, run=run)
    record.phase = "failed" if failed else "stopped"
    record.write()
    _forget(state, resting.names)
    state.env_file.unlink(missing_ok=True)  # nobody should be led to what is gone
    lock.close()
    return 1 if failed else 0


class _Record:
    """`state.json`: what `vigie up` and `vigie status` read."""

    def __init__(self, state: State, running: Any) -> None:
        self.phase, self.reason = "starting", ""
        self._state, self._running = state, running
        self._began = time.monotonic()
        self._identity = Identity.of(os.getpid())
        self.write()

    def write(self) -> None:
        assert self._identity is not None
        content = {
            "phase": self.phase,
            "reason": self.reason,
            "seconds": round(time.monotonic() - self._began, 1),
            "supervisor": {"pid": self._identity.pid, "started": self._identity.started},
            "parts": self._running.describe(),
        }
        write_json(self._state.record, content)

    async def keep(self) -> None:
        """Notice what ended, and write when something changed."""
        last: object = None
        while True:
            self._running.look()
            now = self._running.describe()
            if now != last:
                last = now
                self.write()
            await asyncio.sleep(0.3)


async def _serve_orders(state: State, running: Any, told: asyncio.Event, record: _Record) -> None:
    """Orders from `vigie` and the clouds: stop everything; start, rest or kill one component; cut a whole site."""
    from aiohttp import web

    token = secrets.token_urlsafe(24)

    orders = {
        "start": running.start_again,
        "kill": running.kill,
        "rest": running.rest,
        "cut": running.cut,
        "return": running.bring_back,
    }

    async def order(request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.headers.get("X-Vigie-Sandbox", ""), token):
            return web.json_response({"error": "this is not your sandbox"}, status=403)
        verb, name = request.match_info["verb"], request.match_info.get("name", "")
        try:
            await orders[verb](name)
        except (KeyError, ValueError) as error:
            return web.json_response({"error": f"unknown component or order: {error}"}, status=400)
        except RuntimeError as error:
            return web.json_response({"error": str(error)}, status=409)
        record.write()
        return web.json_response({"done": f"{verb} {name}"})

    async def stop(request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.headers.get("X-Vigie-Sandbox", ""), token):
            return web.json_response({"error": "this is not your sandbox"}, status=403)
        told.set()
        return web.json_response({"done": "stopping"})

    app = web.Application()
    app.router.add_post("/stop", stop)
    app.router.add_post("/{verb}/{name}", order)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    state.write_ready("supervisor", f"127.0.0.1:{runner.addresses[0][1]}", token=token)


def _only_one(state: State) -> TextIO:
    """Hold the folder's lock; it goes with us. A second supervisor leaves at once."""
    lock = (state.home / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"a sandbox is already running in {state.home}")
    return lock


def _forget(state: State, resting: Collection[str]) -> None:
    """What was ready in a former life is not. Of what rests the address stays known, because it comes back there."""
    for left in (*state.ready.glob("*.json"), *state.breaks.glob("*.json")):
        if left.parent != state.ready or left.stem not in resting:
            left.unlink(missing_ok=True)
    for name in resting:
        state.note_end(name)


def _reserved_port(state: State) -> socket.socket:
    """Prefect's port, held from the start so that everybody can be told; the former one where it is free."""
    former = state.home / "prefect.port"
    wanted = int(former.read_text()) if former.exists() else 0
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # a server does not set this on a socket it was handed, and every small answer would wait 40 ms for the client's nod
    reserved.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        reserved.bind(("127.0.0.1", wanted))
    if reserved.getsockname()[1] == 0:
        reserved.bind(("127.0.0.1", 0))
    former.write_text(str(reserved.getsockname()[1]))
    return reserved


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--only", default="", help="names or groups of components, with commas")
    parser.add_argument("--tied", type=int, default=None, help="a descriptor whose end of file stops everything")
    return parser.parse_args()


if __name__ == "__main__":
    main()
