"""When is a base backup due, is the log behind it whole, and what of backups and archive may go?

The invariants, before any code:

1.  *The log behind a backup is whole, or that is said.* Every segment from its begin on is there.
2.  *What goes is only what nothing needs*: backups beyond those that are kept, those that lead nowhere once a newer
    one does, and log older than the oldest backup that stays. Files of histories stay for ever.
3.  *The disk is bounded.* A backup is due when the newest is old, and as well when the log since then is large: then
    older ones may go, and their log with them.

Pure: what lies on the disk is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from blocks.ports.backups import BaseBackup, History

SEGMENT = re.compile(r"[0-9A-F]{24}")
_A_LOG = 0x100000000
"""Bytes of log that one number of a file's middle part stands for."""


def why_due(
    backups: Collection[BaseBackup],
    history: History,
    now: datetime,
    *,
    every: timedelta,
    position_bytes: int,
    log_bytes: int,
) -> str:
    """Why a base backup is due; empty while none is. `log_bytes` is how much log may come between two of them."""
    leading = [backup for backup in backups if history.has(backup)]
    if not leading:
        return "there is none that leads anywhere" if backups else "there is none yet"
    newest = max(leading, key=lambda backup: backup.ended_at)
    if now - newest.ended_at >= every:
        return f"the newest is of {newest.ended_at.isoformat(timespec='seconds')}"
    since = position_bytes - newest.end_bytes
    if newest.timeline and since >= log_bytes:
        return f"{since >> 20} MiB of log were written since the newest, which is over {log_bytes >> 20}"
    return ""


def may_go(backups: Collection[BaseBackup], history: History, kept_count: int) -> tuple[str, ...]:
    """The names of those that nothing needs, oldest first."""
    by_age = sorted(backups, key=lambda backup: backup.ended_at)
    leading = [backup for backup in by_age if history.has(backup)]
    staying = {backup.name for backup in leading[-kept_count:]}
    newest = leading[-1].ended_at if leading else None
    lost = [backup for backup in by_age if not history.has(backup) and newest is not None and backup.ended_at < newest]
    gone = [backup for backup in leading if backup.name not in staying]
    return tuple(backup.name for backup in sorted((*lost, *gone), key=lambda backup: backup.ended_at))


def old_log(names: Collection[str], backups: Collection[BaseBackup], segment_bytes: int) -> tuple[str, ...]:
    """The files of the archive that no backup needs. Without a backup, or beside one of unknown begin, none is old."""
    if not backups or any(not backup.timeline for backup in backups):
        return ()
    first = min(backup.begin_bytes for backup in backups) // segment_bytes
    return tuple(
        sorted(
            name
            for name in names
            if SEGMENT.fullmatch(name.removesuffix(".partial")) and place_of(name, segment_bytes) < first
        )
    )


def first_gap(
    names: Collection[str], backup: BaseBackup, history: History, until_bytes: int, segment_bytes: int
) -> str:
    """The first segment between that backup's begin and `until_bytes` that is not there; empty where all are."""
    if not backup.timeline:
        return ""
    line = {history.timeline, *history.left_at}
    there = {place_of(name, segment_bytes) for name in names if SEGMENT.fullmatch(name) and int(name[:8], 16) in line}
    last = max(until_bytes - 1, backup.begin_bytes) // segment_bytes
    for place in range(backup.begin_bytes // segment_bytes, last + 1):
        if place not in there:
            return _named(_line_at(place, history, segment_bytes), place, segment_bytes)
    return ""


def place_of(name: str, segment_bytes: int) -> int:
    """Which segment of the log, counted from its beginning, this file is, whatever its timeline."""
    return int(name[8:16], 16) * (_A_LOG // segment_bytes) + int(name[16:24], 16)


def read_backups(known: Mapping[str, Mapping[str, object]]) -> tuple[BaseBackup, ...]:
    """What the host remembers of them, oldest first."""
    return tuple(sorted(_read(known), key=lambda backup: backup.ended_at))


def _read(known: Mapping[str, Mapping[str, object]]) -> Iterator[BaseBackup]:
    for name, told in known.items():
        yield BaseBackup(
            name=name,
            ended_at=datetime.fromisoformat(str(told["ended_at"])),
            timeline=int(str(told.get("timeline", 0))),
            begin_bytes=int(str(told.get("begin_bytes", 0))),
            end_bytes=int(str(told.get("end_bytes", 0))),
        )


def _line_at(place: int, history: History, segment_bytes: int) -> int:
    """The timeline that this segment is written on."""
    ended: Sequence[tuple[int, int]] = sorted(history.left_at.items())
    return next((line for line, left in ended if place < left // segment_bytes), history.timeline)


def _named(timeline: int, place: int, segment_bytes: int) -> str:
    log, segment = divmod(place, _A_LOG // segment_bytes)
    return f"{timeline:08X}{log:08X}{segment:08X}"
