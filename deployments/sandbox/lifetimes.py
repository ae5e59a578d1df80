"""Which processes belong to a sandbox, and how does none of them outlive it?

Four nets, each enough where the others fail: a child is told by the kernel when its parent dies; a
guardian process notices that the supervisor is gone and ends what it left; a stop ends whole process
groups; and the next start sweeps whatever still carries this folder's mark. A process is only ever
ended when its id *and* its start time (or its mark) are ours: process ids are used again.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import psutil

HOME_MARK = "VIGIE_SANDBOX_HOME"
RUN_MARK = "VIGIE_SANDBOX_RUN"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SAME_START_S = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same id."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The identity of a living process, or None."""
        try:
            return cls(pid, _started(pid))
        except (psutil.Error, ValueError):
            return None

    def alive(self) -> bool:
        """Does exactly this process still run? A zombie does not."""
        try:
            same = abs(_started(self.pid) - self.started) < _SAME_START_S
            return same and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError):
            return False

    def send(self, number: signal.Signals) -> None:
        """Signal it, unless it is gone."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def is_there(pid: int) -> bool:
    """Is there a process with that id now, whoever it is? For what is asked many times a second."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _started(pid: int) -> float:
    """When a process started, in seconds of a clock that nobody sets where there is one. Raises psutil.Error.

    psutil adds the time of the machine's start, which moves by a second when the system's clock is corrected.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return psutil.Process(pid).create_time()


def start_child(
    command: Sequence[str], *, environment: Mapping[str, str], log: BinaryIO, folder: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that is told when we die. Call it from the main thread."""
    return subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=folder,
        start_new_session=True,
        pass_fds=tuple(keep),
        preexec_fn=_tell_me(os.getpid()),  # noqa: PLW1509  prctl(2) only, and nothing is imported after the fork
    )


def adopt_orphans() -> None:
    """Grandchildren whose parent died become ours, so that they can be seen and ended (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def bury_orphans(ours: Collection[int]) -> None:
    """Wait for adopted processes that ended (Linux); the end of one of `ours` is left to whoever waits for it."""
    if sys.platform != "linux":
        return
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
            os.waitpid(ended.si_pid, os.WNOHANG)


def marked(home: Path, *, run: str | None = None, other_than: str | None = None) -> list[psutil.Process]:
    """Living processes that carry the mark of `home`: of one run, or of every other one."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and _carries(process, home, run, other_than):
                found.append(process)
    return found


def end_marked(home: Path, *, run: str | None = None, other_than: str | None = None, grace_s: float = 2.0) -> int:
    """End all marked processes, politely and then not; how many there were."""
    told: set[int] = set()
    politely_until = time.monotonic() + grace_s
    while processes := marked(home, run=run, other_than=other_than):
        late = time.monotonic() > politely_until
        for process in processes:
            if late or process.pid not in told:
                told.add(process.pid)
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.05)
    return len(told)


def start_guardian(home: Path, run: str) -> int:
    """Fork a guardian that ends this run's processes when we are gone; its process id.

    Call it first, while there is one thread and no event loop. It needs no polling: the pipe it
    reads closes with our last breath, however we die.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reader)
        return pid
    os.close(writer)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(reader, 1)
    end_marked(home, run=run)
    os._exit(0)


def dismiss_guardian(guardian: int) -> None:
    """End the guardian of a run that has ended its processes itself; afterwards it is gone."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(guardian, signal.SIGKILL)
        os.waitpid(guardian, 0)


def _carries(process: psutil.Process, home: Path, run: str | None, other_than: str | None) -> bool:
    marks = process.environ()
    if marks.get(HOME_MARK) != str(home) or process.status() == psutil.STATUS_ZOMBIE:
        return False
    this_run = marks.get(RUN_MARK)
    return (run is None or this_run == run) and (other_than is None or this_run != other_than)


def _tell_me(parent: int) -> Callable[[], None]:
    def ask() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _LIBC.prctl(option, value, 0, 0, 0)


_LIBC = ctypes.CDLL(None)  # opened before any fork
