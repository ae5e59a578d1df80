"""How are processes tied to us, found again and ended, one by one?

The rule: a child dies with the thread that started it, and only a process that is proved to be ours
(its program and its folder, not its number alone) is ever ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PDEATHSIG = 1  # prctl(2)


def tie_to(parent: int) -> Any:
    """What the child does between fork and exec: die with its parent (Linux; elsewhere the parent's stop must do)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def start_tied(
    command: Sequence[str], log_file: Path, *, environment: Mapping[str, str], identity: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    """Start a program that dies with this thread; what it says begins a log that its owner alone reads."""
    with log_file.open("wb") as log:
        log_file.chmod(0o600)
        return subprocess.Popen[bytes](
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie_to(os.getpid()),
            **identity,
        )


def recorded_pid(data_dir: Path) -> int | None:
    """The process id in a PostgreSQL folder's lock file, None when there is none."""
    lock = data_dir / "postmaster.pid"
    first = lock.read_text().splitlines()[:1] if lock.exists() else []
    return int(first[0]) if first and first[0].isdigit() else None


def runs_with(pid: int, program: str, argument: Path) -> bool:
    """Is that process `program` called with `argument`, and not somebody who was given the same number?"""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bool(words) and words[0].endswith(program.encode()) and os.fsencode(argument) in words


def working_in(folder: Path, program: str) -> list[int]:
    """Processes of that program whose working folder it is: PostgreSQL's are in their data folder (Linux)."""
    found, place = list[int](), folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            if (process / "exe").readlink().name.split()[0] == program and (process / "cwd").readlink() == place:
                found.append(int(process.name))
    return found


def end_process(pid: int) -> None:
    """Ask, then insist: SIGINT, SIGQUIT, SIGKILL to exactly that process, each with its time."""
    for how, seconds in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _alive(pid):
                return
            time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
