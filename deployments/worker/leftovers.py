"""Which runs did this worker have when it was killed, and what became of them?

Every run is written down when it is taken and struck off when it has ended. A worker that starts again
under its name reads what its former life left: a run that lives is watched to its end, one that died is
reported as crashed, one that was taken and never begun is put back in the queue. Nothing is believed to
run that does not, and nothing runs twice. Two workers of one name on one machine are refused: the second
would take the first one's runs for its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from uuid import UUID

from blocks.errors import Refused


@dataclass(frozen=True, slots=True)
class Leftover:
    """A run of a former life. `pid` is None when it was taken and no process had begun."""

    flow_run_id: UUID
    pid: int | None = None
    started: int | None = None  # clock ticks since the machine's start

    @property
    def alive(self) -> bool:
        """Does exactly this process still run?"""
        return self.pid is not None and self.started is not None and started_at(self.pid) == self.started


class Ledger:
    """The runs of one worker, as files in a folder that only one worker holds."""

    def __init__(self, home: Path, pool: str, name: str) -> None:
        self.folder = home / "vigie-workers" / re.sub(r"[^\w.-]+", "-", f"{pool}-{name}")
        self._lock: TextIO | None = None

    def hold(self) -> list[Leftover]:
        """Take the folder; what was left in it. Raises `Refused` while another worker of this name lives."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with lock:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
            raise Refused(
                f"a worker of this name is already running here (process {holder})",
                where=str(self.folder),
                next_step="stop it first, or give this one another --name",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        return [_read(path) for path in sorted(self.folder.glob("*.json"))]

    def release(self) -> None:
        """Let go of the folder; the operating system does it for a worker that is killed."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def take(self, flow_run_id: UUID) -> None:
        """It is ours, and nothing has begun."""
        self._write(flow_run_id, {})

    def begin(self, flow_run_id: UUID, pid: int) -> None:
        """It has a process."""
        self._write(flow_run_id, {"pid": pid, "started": started_at(pid)})

    def strike(self, flow_run_id: UUID) -> None:
        """It has ended, or is not ours."""
        self._path(flow_run_id).unlink(missing_ok=True)

    def _write(self, flow_run_id: UUID, content: dict[str, int | None]) -> None:
        half = self.folder / f".{flow_run_id}"
        half.write_text(json.dumps(content), encoding="utf-8")
        half.replace(self._path(flow_run_id))

    def _path(self, flow_run_id: UUID) -> Path:
        return self.folder / f"{flow_run_id}.json"


def started_at(pid: int) -> int | None:
    """When a living process started, in clock ticks since the machine's start; None when there is none."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[19]) if fields[0] != "Z" else None
    return None


def _read(path: Path) -> Leftover:
    content: dict[str, int | None] = json.loads(path.read_text(encoding="utf-8"))
    return Leftover(UUID(path.stem), content.get("pid"), content.get("started"))
