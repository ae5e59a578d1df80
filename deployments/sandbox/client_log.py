"""What did clients live through: how long could nobody write, and which acknowledged rows are gone?

The clients' logs are JSON lines, one an attempt, with moments of this machine's clock in UTC. Everything here but
`ClientLog` and `read_writes` is pure.

The invariant: lost is what was acknowledged to a client and is not in the database that serves now. A row that got
no answer is never lost, whether it is there or not; and a log that says nothing of a time proves nothing about it,
so a pause is measured between acknowledged writes or to the end of what was asked about, never skipped.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

WRITTEN, FAILED, READ = "written.jsonl", "failed.jsonl", "read.jsonl"
_ROLL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Write:
    """One acknowledged row: `at` is when the answer was there, `sent_at` when the attempt began."""

    id: UUID
    number: int
    sent_at: datetime
    at: datetime
    site: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which nothing was acknowledged: after `begin`, until `end`."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it was."""
        return self.end - self.begin


def parse_writes(lines: Iterable[str]) -> list[Write]:
    """The acknowledged writes of a log, oldest answer first; a last line that is being written is left out."""
    found: list[Write] = []
    for line in lines:
        if line.endswith("\n"):
            said = json.loads(line)
            sent_at, at = (datetime.fromisoformat(said[name]) for name in ("sent_at", "at"))
            found.append(Write(UUID(said["id"]), said["number"], sent_at, at, said["site"]))
    return sorted(found, key=lambda write: write.at)


def between(writes: Iterable[Write], begin: datetime, end: datetime) -> list[Write]:
    """Those that were acknowledged in that time, both moments included."""
    return [write for write in writes if begin <= write.at <= end]


def pauses(writes: Sequence[Write], begin: datetime, end: datetime, *, longer_than: timedelta) -> list[Pause]:
    """Every time without an acknowledged write between two moments that is longer than that, oldest first."""
    moments = [begin, *(write.at for write in between(writes, begin, end)), end]
    found = [Pause(one, other) for one, other in pairwise(moments)]
    return [pause for pause in found if pause.length > longer_than]


def longest_pause(writes: Sequence[Write], begin: datetime, end: datetime) -> Pause:
    """The longest time without an acknowledged write between two moments; all of it when there was none."""
    return max(pauses(writes, begin, end, longer_than=timedelta(-1)), key=lambda pause: pause.length)


def lost_ids(writes: Iterable[Write], present: Collection[UUID]) -> list[UUID]:
    """Which acknowledged rows are not among those that a database has, oldest first."""
    return [write.id for write in writes if write.id not in present]


def by_site(writes: Iterable[Write], *, step: timedelta) -> dict[datetime, dict[str, int]]:
    """Beginning of each step of time in which something was acknowledged -> site that answered -> how many."""
    counted: dict[datetime, Counter[str]] = {}
    for write in writes:
        into = (write.at - datetime.min.replace(tzinfo=write.at.tzinfo)) % step
        counted.setdefault(write.at - into, Counter())[write.site] += 1
    return {moment: dict(counts) for moment, counts in sorted(counted.items())}


def first_after(writes: Iterable[Write], moment: datetime, *, site: str = "") -> Write | None:
    """The first write that was both sent and acknowledged after a moment, by that site or by any."""
    return next((write for write in writes if write.sent_at >= moment and site in ("", write.site)), None)


# -- files ----------------------------------------------------------------------------------------


class ClientLog:
    """A log that one client appends to: each line is whole in the file when `note` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, what: dict[str, Any]) -> None:
        """Append one line; a log that has grown too long makes way, and one older is kept."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{json.dumps(what)}\n".encode())
            too_long = os.fstat(handle).st_size > _ROLL_BYTES
        finally:
            os.close(handle)
        if too_long:
            self._path.replace(_older(self._path))


def read_writes(folder: Path) -> list[Write]:
    """All acknowledged writes that the clients' folder still holds; none where no client ran."""
    path = folder / WRITTEN
    texts = [each.read_text(encoding="utf-8") for each in (_older(path), path) if each.exists()]
    return parse_writes(line for text in texts for line in text.splitlines(keepends=True))


def _older(path: Path) -> Path:
    return path.with_suffix(".older.jsonl")
