"""How is the PostgreSQL server of one data folder started, stopped, ended and asked about itself from outside?

The rule: a server never outlives what started it (even after kill -9), and never loses what it had
committed: it is stopped by PostgreSQL's own fast shutdown, and a leftover is stopped, not stepped over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.errors import Broken
from deployments.dbhost.processes import end_process, recorded_pid, runs_with, start_tied, working_in

STOP_SECONDS = 30.0
START_SECONDS = 60.0
_PROGRAM_SECONDS = 600.0


@dataclass(kw_only=True)
class Cluster:
    """One data folder and the postmaster on it. `identity`: keyword arguments for subprocess that say as whom."""

    name: str
    data_dir: Path
    bin_dir: Path
    log_file: Path
    identity: Mapping[str, Any] = field(default_factory=lambda: {"cwd": "/"})
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Is the process that we started still there?"""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None when not running."""
        return self.process.pid if self.process is not None and self.running else None

    @property
    def is_standby(self) -> bool:
        """Would it start as a standby?"""
        return (self.data_dir / "standby.signal").exists()

    def launch(self, port: int, settings: Mapping[str, str] | None = None) -> None:
        """Start it, tied to this thread. Settings given here win over every file and every ALTER SYSTEM."""
        if threading.current_thread() is not threading.main_thread():
            raise Broken(
                f"PostgreSQL {self.name} must be started from the main thread",
                next_step="the server is tied to the thread that starts it and would end with it",
            )
        given = [part for name, value in sorted((settings or {}).items()) for part in ("-c", f"{name}={value}")]
        command = [str(self.bin_dir / "postgres"), "-D", str(self.data_dir), "-p", str(port), *given]
        self.process = start_tied(command, self.log_file, environment=environment(), identity=self.identity)

    def await_ready(self, answers: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
        """True when it answers, False when its port was taken. Raises `Broken` when it did not start."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running:
                self.process = None
                if any("could not bind" in line or "could not create any TCP" in line for line in self.last_words()):
                    return False
                raise Broken(
                    f"PostgreSQL {self.name} did not start: {' / '.join(self.last_words())}", where=str(self.log_file)
                )
            if answers():
                return True
            time.sleep(0.02)
        self.stop()
        raise Broken(f"PostgreSQL {self.name} did not answer in {seconds:.0f} s", where=str(self.log_file))

    def last_words(self, count: int = 4) -> Sequence[str]:
        """The last lines of its own log."""
        return self.log_file.read_text(errors="replace").strip().splitlines()[-count:]

    def stop(self, *, wait_seconds: float = STOP_SECONDS) -> None:
        """Fast shutdown (nothing committed is lost); immediate when that takes too long."""
        process, self.process = self.process, None
        if process is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_seconds)
                return

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to the whole session, nothing flushed."""
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_leftover(self) -> None:
        """A server that outlived its starter still holds the folder: stop exactly that one.

        Of one that was killed the children end by themselves, and until then no other may start in their shared memory.
        """
        pid = recorded_pid(self.data_dir)
        if pid is not None and runs_with(pid, "postgres", self.data_dir):
            end_process(pid)
        for left in working_in(self.data_dir, "postgres"):
            end_process(left)
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def program(self, program: str, *arguments: str, **more: str) -> str:
        """What one of PostgreSQL's programs printed. Raises `Broken` with its last words when it failed."""
        done = subprocess.run(  # noqa: S603  our own programs
            [str(self.bin_dir / program), *arguments],
            env=environment() | more,
            capture_output=True,
            check=False,
            timeout=_PROGRAM_SECONDS,
            **self.identity,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise Broken(f"{program} failed for PostgreSQL {self.name}: {' / '.join(said)}", where=str(self.data_dir))
        return done.stdout.decode(errors="replace")

    def control_data(self) -> Mapping[str, str]:
        """What pg_controldata says of the folder, by its own words."""
        pairs = (line.partition(":") for line in self.program("pg_controldata", "-D", str(self.data_dir)).splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}


def environment() -> dict[str, str]:
    """Nothing of ours leaks into the server, and nothing like PGHOST into its programs."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
