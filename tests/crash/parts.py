"""Who is killed, and who starts it again?

Killed is the real thing, by SIGKILL and all of its processes in one moment. What a part needs to come back it gets
as from systemd in production: started again after RestartSec (deployments/places/systemd), the database before what
stands on it. A run's process is started again by nobody here: that is what the product is for.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from blocks.errors import VigieError
from deployments.sandbox.lifecycle import look, order
from deployments.sandbox.state import State

RESTART_AFTER_S = 5.0
WORKER, GATEWAY, SERVER, DATABASE = "worker", "gateway", "prefect-server", "control-database"
MACHINE = (DATABASE, SERVER, WORKER, GATEWAY)  # in the order in which they start
_END_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What of the sandbox is vigie itself. The clouds are others' machines, and stay."""

    state: State

    def worker(self) -> list[psutil.Process]:
        """The worker alone."""
        return [self._recorded(WORKER)]

    def fork_server(self) -> list[psutil.Process]:
        """The process from which the worker forks its runs; a run looks the same and has a session of its own."""
        worker = self._recorded(WORKER)
        children = [each for each in worker.children() if os.getsid(each.pid) == os.getsid(worker.pid)]
        return [each for each in children if any("fork_server" in word for word in _words(each))]

    def unit_of_worker(self) -> list[psutil.Process]:
        """The worker, its fork server and its runs: what systemd ends with it."""
        return _with_children(self._recorded(WORKER))

    def gateway(self) -> list[psutil.Process]:
        return _with_children(self._recorded(GATEWAY))

    def server(self) -> list[psutil.Process]:
        return _with_children(self._recorded(SERVER))

    def database(self) -> list[psutil.Process]:
        """PostgreSQL itself with all its backends; the program that holds it notices and ends."""
        return _with_children(psutil.Process(int(self.state.read_ready(DATABASE)["server_pid"])))

    def machine(self) -> list[psutil.Process]:
        """Everything of vigie at once."""
        return [*self.unit_of_worker(), *self.gateway(), *self.server(), *self.database()]

    def start_again(self, names: Sequence[str]) -> None:
        """As systemd does it, and wait until each answers. Nothing happens to those that run."""
        for name in names:
            self._await_end(name)
            order(self.state, "start", name)

    def are_well(self) -> bool:
        return look(self.state.home).healthy

    def _recorded(self, name: str) -> psutil.Process:
        return psutil.Process(int(self.state.read_ready(name)["pid"]))

    def _await_end(self, name: str) -> None:
        """What held a killed process ends a moment later."""
        deadline = time.monotonic() + _END_WITHIN_S
        while time.monotonic() < deadline:
            part = next(each for each in look(self.state.home).components if each.name == name)
            if part.healthy or part.phase == "ended":
                return
            time.sleep(0.1)


def kill(processes: Sequence[psutil.Process]) -> None:
    """SIGKILL to all of them, and wait until they are gone."""
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=10)
    left = [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"still there after SIGKILL: {left}"


def halt(processes: Sequence[psutil.Process]) -> None:
    """They stand still, and whoever asks them waits."""
    for each in processes:
        each.suspend()


def go_on(processes: Sequence[psutil.Process]) -> None:
    """As if nothing had been."""
    for each in processes:
        each.resume()


def patiently(look_now, otherwise=None):
    """What is seen, or `otherwise` while the one who is asked is down."""
    import httpx

    try:
        return look_now()
    except (VigieError, httpx.HTTPError, psutil.Error):
        return otherwise


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []
