"""Can the data of this server be brought back to a moment tonight, and who sees to that?

A host with `own_backups` makes a base backup in the background when one is due, a while after its server came up, at
the lowest priority and at a bounded pace; its server archives its log. What nothing needs any more goes (reaching.py).

The rules: an order never waits behind a backup; a backup counts once it ended well and was written down; what is
removed is only what this host made itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused, VigieError
from blocks.ports.backups import BaseBackup, History
from deployments.dbhost import archive
from deployments.dbhost.cluster import environment
from deployments.dbhost.local import Facts, read_history, to_bytes
from deployments.dbhost.memory import now
from deployments.dbhost.processes import tie_to
from deployments.dbhost.reaching import first_gap, may_go, old_log, read_backups, why_due
from deployments.dbhost.source import local_conninfo

if TYPE_CHECKING:
    from deployments.dbhost.config import OwnBackups
    from deployments.dbhost.keeper import Keeper

_log = logging.getLogger("vigie.dbhost")
_LOOK_EVERY_S = 3.0
_AGAIN_S = 60.0
_STOP_S = 3.0
_MIB = 1024 * 1024
_SIZE = "SELECT sum(pg_database_size(oid))::bigint FROM pg_database"


class Backups:
    """What this host keeps. Its methods but `status` are the keeper's main thread's."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._memory = keeper, keeper.memory
        self._making: tuple[str, subprocess.Popen[bytes]] | None = None
        self._clearing: threading.Thread | None = None
        self._not_before = 0.0
        self._gaps: Mapping[str, str] = {}
        self._trouble = ""
        self._segment_size = 0

    # -- turns of the keeper

    def look_after(self) -> None:
        """One turn: what is due is begun, what ended is kept. Never raises, and never takes long."""
        import psycopg

        own = self._keeper.config.own_backups
        if own is None or time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + _LOOK_EVERY_S
        try:
            self._turn(own)
        except (VigieError, psycopg.Error, OSError, ValueError, KeyError) as error:
            self._not_before = time.monotonic() + _AGAIN_S
            if str(error) != self._trouble:
                _log.warning("%s is not backed up: %s", self._keeper.config.name, error)
            self._trouble = str(error)

    def stop(self) -> None:
        """The host ends: a backup that is not whole is worth nothing."""
        if self._making is not None:
            _, process = self._making
            self._making = None
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            process.kill()
            process.wait(_STOP_S)

    def _turn(self, own: OwnBackups) -> None:
        if self._making is not None:
            self._see_it_end(*self._making)
            return
        facts = self._keeper.facts()
        if facts is None or self._keeper.served_for_s() < own.begins_after:
            return
        history, known = self._history(facts), self.known()
        self._gaps = self._look_for_gaps(known, history, facts)
        self._clear(own, known, history)
        why = why_due(
            known,
            history,
            datetime.now(UTC),
            every=timedelta(hours=own.every),
            position_bytes=facts.position_bytes,
            log_bytes=own.log_mib * _MIB,
        )
        if why:
            self._begin(own, why)

    def _begin(self, own: OwnBackups, why: str) -> None:
        folder = self._folder(f"base-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
        self._forget_the_one_before()
        self._require_room(own)
        self._memory.note_making(folder.name)
        _log.info("%s is backed up as %s: %s", self._keeper.config.name, folder.name, why)
        command = [  # fetched, not streamed: a stream would look like a standby that lags, with a slot of its own
            str(self._keeper.config.bin_dir / "pg_basebackup"), "-D", str(folder), "-X", "fetch", "-c", "fast",
            f"--max-rate={own.kib_per_s}", "-d", local_conninfo(self._keeper.config),
        ]  # fmt: skip
        with self._log_file.open("wb") as log:
            process = subprocess.Popen[bytes](
                command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_idle(tie_to(os.getpid())),
                **self._keeper.config.identity,
            )
        self._making = folder.name, process

    def _see_it_end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        code = process.poll()
        if code is None:
            return
        self._making = None
        if code:
            said = " / ".join(self._log_file.read_text(errors="replace").strip().splitlines()[-3:])
            self._forget_the_one_before()
            raise Refused(f"pg_basebackup failed: {said}", where=self._keeper.config.name)
        keep(self._keeper, self._folder(name))
        self._memory.note_making("")
        self._trouble = ""
        _log.info("%s is backed up in %s", self._keeper.config.name, name)

    def _clear(self, own: OwnBackups, known: tuple[BaseBackup, ...], history: History) -> None:
        """What nothing needs goes, in a thread of its own: to remove a large folder takes its time."""
        if self._clearing is not None and self._clearing.is_alive():
            return
        gone = set(may_go(known, history, own.kept))
        staying = [backup for backup in known if backup.name not in gone]
        log = old_log(archive.names(self._keeper.config), staying, self._segment_bytes())
        room = self._keeper.config.archive_dir
        paths = [room / name for name in log if room is not None and (room / name).exists()]
        if not gone and not paths:
            return
        for name in gone:
            self._memory.forget_backup(name)
        folders = [self._folder(name) for name in gone]
        self._clearing = threading.Thread(target=_remove, args=(folders, paths), name="vigie-backups", daemon=True)
        self._clearing.start()

    def _forget_the_one_before(self) -> None:
        """A backup that was cut off: nothing is known of it but its name."""
        name = self._memory.making
        if name and name not in self._memory.backups():
            shutil.rmtree(self._folder(name), ignore_errors=True)
        self._memory.note_making("")

    def _require_room(self, own: OwnBackups) -> None:
        with self._keeper.local.session() as connection:
            ((size,),) = connection.execute(_SIZE).fetchall()
        room = self._folder("").resolve()
        free, needed = shutil.disk_usage(room).free // _MIB, int(size) // _MIB + own.leaves_mib
        if free < needed:
            raise Refused(
                f"a base backup needs {int(size) // _MIB} MiB and must leave {own.leaves_mib}, and {free} MiB are free "
                f"in {room}",
                where=self._keeper.config.name,
                next_step="give backups a larger disk, or keep fewer of them",
            )

    # -- what there is

    def known(self) -> tuple[BaseBackup, ...]:
        """Every backup that ended well, oldest first."""
        return read_backups(self._memory.backups())

    def status(self) -> Mapping[str, Any]:
        """For the door: what could be gone back to, and what is wrong. Never raises."""
        config = self._keeper.config
        try:
            known = self.known()
        except (VigieError, ValueError, KeyError) as error:
            return {"kept": [], "restored": [], "refused": f"what is kept cannot be read: {error}"}
        missing = [key for key in ("archive_dir", "backup_dir") if getattr(config, key) is None]
        refused = f"{config.name} keeps nothing to go back with: no {', '.join(missing)}" if missing else ""
        if not missing and not known:
            refused = f"{config.name} has no base backup yet{f': {self._trouble}' if self._trouble else ''}"
        return {
            "kept": [_told(backup, self._gaps.get(backup.name, "")) for backup in known],
            "restored": self._memory.restored(),
            "refused": refused,
        }

    def _look_for_gaps(self, known: tuple[BaseBackup, ...], history: History, facts: Facts) -> Mapping[str, str]:
        there, size = archive.names(self._keeper.config), self._segment_bytes()
        return {backup.name: first_gap(there, backup, history, facts.position_bytes, size) for backup in known}

    def _history(self, facts: Facts) -> History:
        return history_of(self._keeper.config.data_dir, facts.timeline)

    def _segment_bytes(self) -> int:
        """How large a file of log is; it never changes."""
        if not self._segment_size:
            self._segment_size = int(self._keeper.cluster.control_data()["Bytes per WAL segment"])
        return self._segment_size

    def _folder(self, name: str) -> Path:
        room = self._keeper.config.backup_dir
        if room is None:
            raise Refused(f"{self._keeper.config.name} has no backup_dir")
        return room / name

    @property
    def _log_file(self) -> Path:
        return self._keeper.config.state_dir / "backup.log"


def keep(keeper: Keeper, folder: Path) -> None:
    """Write down a backup that ended well, with where it begins and ends, as its own manifest says."""
    manifest = json.loads((folder / "backup_manifest").read_text(encoding="utf-8"))
    needed = manifest["WAL-Ranges"]
    newest = max(needed, key=lambda each: to_bytes(each["End-LSN"]))
    keeper.memory.keep_backup(
        folder.name,
        {
            "ended_at": now(),
            "timeline": int(newest["Timeline"]),
            "begin_bytes": min(to_bytes(each["Start-LSN"]) for each in needed),
            "end_bytes": to_bytes(newest["End-LSN"]),
        },
    )


def history_of(data_dir: Path, timeline: int) -> History:
    """The line of a server, as its folder says."""
    left = read_history(data_dir, timeline)
    return History(timeline=timeline, left_at={int(line): position for line, position in left.items()})


def _told(backup: BaseBackup, gap: str) -> Mapping[str, Any]:
    return {
        "name": backup.name,
        "ended_at": backup.ended_at.isoformat(),
        "timeline": backup.timeline,
        "end_bytes": backup.end_bytes,
        "gap": gap,
    }


def _remove(folders: list[Path], files: list[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _idle(before: Callable[[], None] | None) -> Callable[[], None]:
    """What the child does between fork and exec: give way to everybody else, too."""

    def give_way() -> None:
        if before is not None:
            before()
        os.nice(19)
        if hasattr(os, "SCHED_IDLE"):
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    return give_way
