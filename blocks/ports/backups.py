"""Which base backup leads to a moment?

The rules: a backup is of use only on the line of the server. One that was made on a line which was left since, by a
promotion or by a restore to an earlier moment, leads nowhere: no log goes on from it. And it counts from its end:
before that it is not whole. Pure; the database host restores by it, and a plan is made by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from blocks.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBackup:
    """One that ended well. Positions are bytes of log; `timeline` is the one that it was made on."""

    name: str
    ended_at: datetime
    timeline: int = 0  # 0: made by an older database host, which did not note where
    begin_bytes: int = 0
    end_bytes: int = 0
    gap: str = ""  # the first segment of log behind it that is nowhere; empty where it is whole


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The line that a server is on: its timeline, and where it left each earlier one (bytes)."""

    timeline: int
    left_at: Mapping[int, int]

    def has(self, backup: BaseBackup) -> bool:
        """Does log of this line go on from that backup?"""
        if backup.timeline in {0, self.timeline}:
            return True
        return backup.end_bytes <= self.left_at.get(backup.timeline, -1)


def choose(backups: Collection[BaseBackup], moment: datetime, history: History) -> BaseBackup:
    """The newest one that leads to `moment`. Raises `Refused` saying why none does."""
    whole = [backup for backup in backups if backup.ended_at <= moment]
    fit = [backup for backup in whole if history.has(backup)]
    if fit:
        return max(fit, key=lambda backup: backup.ended_at)
    if whole:
        raise Refused(
            f"none of {len(backups)} base backups leads to {moment.isoformat()}: those that had ended were made "
            f"on a line that timeline {history.timeline} does not come from",
            next_step="a later moment, which a newer backup leads to",
        )
    oldest = min((backup.ended_at for backup in backups if history.has(backup)), default=None)
    raise Refused(
        f"none of {len(backups)} base backups had ended by {moment.isoformat()}",
        next_step=f"a moment after {oldest.isoformat()}" if oldest else "a later moment, once there is a backup",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat row: the primary's own clock, and how many rows were changed so far."""

    at: datetime
    changed_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the host of one server keeps, to go back with; `refused` says why nothing can be gone back to."""

    refused: str
    backups: tuple[BaseBackup, ...] = ()
    restored: tuple[str, ...] = field(default=())  # moments of folders that were restored, oldest first
