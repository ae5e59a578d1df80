"""How is a copy of the standby made for a drill, so that nobody but the drill ever meets it, and how does it go away?

    copy      a base backup of the standby beside us in `copy_dir`, started as a standby of nobody; or the newest
              backup that is kept, with the archived log, to see that it can be restored
    halt      it is stopped and stays so; what was written on it by itself is counted: a drill expects no row
    discard   it is stopped and removed, whatever state it is in

An order only says what is wanted and is answered at once; the keeper's turns do it, so that a fence never waits behind
a backup. A copy that was cut off is made again. It goes by itself when its time is over, and when the server beside it
begins to serve clients.

The rules: one copy a host; it follows nobody, archives nothing, runs no worker of its own, and lets in nobody but
vigie's two roles; what is removed bears the mark of a copy (blocks/ports/copies.py), or stays and is told.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused, Retryable, VigieError
from deployments.dbhost.beyond import by_table, name_relations, scan
from deployments.dbhost.cluster import environment
from deployments.dbhost.copying import ISOLATION, Room, admit
from deployments.dbhost.isolated import open_room
from deployments.dbhost.local import Local, read_history
from deployments.dbhost.memory import Copy
from deployments.dbhost.processes import tie_to

if TYPE_CHECKING:
    from deployments.dbhost.cluster import Cluster
    from deployments.dbhost.keeper import Keeper

_log = logging.getLogger("vigie.dbhost")
_STOP_S = 10.0
_AGAIN_S = 2.0


class Copies:
    """The one copy that may be here. Its methods but `status` are the keeper's main thread's."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._memory = keeper, keeper.memory
        self._backup: subprocess.Popen[bytes] | None = None
        self._cluster: Cluster | None = None
        self._socket: Path | None = None
        self._removing: threading.Thread | None = None
        self._not_before = 0.0

    # -- what is asked for

    def want(self, name: str, token: str, until: datetime, *, restored: bool = False) -> Copy:
        """Begin it, `restored` from a backup or not. Raises `Refused` where there is no room, or another one."""
        room = Room.of(self._keeper.config)
        room.require_mark(name)
        there = self._memory.copy
        if there is not None and there.name != name:
            raise Refused(
                f"there is a copy already, {there.name} ({there.state}) until {there.until}",
                where=self._keeper.config.name,
                next_step="let its drill end, or discard it: a host keeps one at a time",
            )
        if there is not None and there.state != "failed":
            return there
        backup = room.newest_backup(self._keeper) if restored else ""
        room.require(self._keeper, backup)
        latest = room.latest(datetime.now(UTC))
        kept = min(until, latest).isoformat(timespec="seconds")
        _log.info("%s: a copy is made as %s, until %s", self._keeper.config.name, name, kept)
        return self._memory.keep_copy(
            Copy(name=name, by=token, until=kept, state="copying", text=f"{name} is being made", backup=backup)
        )

    def halt(self, name: str) -> Copy:
        """Stop it for good, and count what was written on it since it was promoted. Raises `Refused`."""
        copy = self._memory.copy
        if copy is None or copy.name != name:
            raise Refused(f"there is no copy {name} here", next_step="was it discarded? Then start a new drill")
        if copy.state == "halted":
            return copy
        if copy.state in ("copying", "starting") or (copy.state == "running" and not self._runs):
            raise Retryable(f"{name} is not up: {copy.text}", where=self._keeper.config.name)
        if copy.state != "running" or self._cluster is None:
            raise Refused(f"{name} is {copy.state}, not running: {copy.text}")
        counted = self._counted(self._local(), self._cluster)
        said = f"{counted['rows']} row changes in {counted['commits']} transactions were made on {name}"
        return self._memory.keep_copy(replace(copy, state="halted", text=said, counted=counted))

    @property
    def _runs(self) -> bool:
        return self._cluster is not None and self._cluster.running

    def discard(self, name: str) -> str:
        """Let it go; what it came to is seen in the status. Raises `Refused` for what is no copy."""
        copy, room = self._memory.copy, Room.of(self._keeper.config)
        room.require_mark(name)
        if copy is not None and copy.name == name:
            self._let_go(copy, "discarded")
            return f"{name} goes away"
        if not room.folder(name).exists():
            return f"{name} is not here"
        if copy is not None:
            raise Refused(f"{copy.name} is here now", next_step=f"discard {name} again when that one is gone")
        self._let_go(Copy(name=name, by="nobody", until="", state="", text=""), "a leftover that nobody remembers")
        return f"{name} goes away, of which nothing was remembered"

    # -- turns of the keeper

    def look_after(self) -> None:
        """One turn: what is wanted comes nearer. Never raises, and never takes long."""
        if time.monotonic() < self._not_before:
            return
        copy: Copy | None = None
        try:
            copy = self._memory.copy
            if copy is not None:
                self._turn(copy)
        except (VigieError, OSError) as error:
            self._not_before = time.monotonic() + _AGAIN_S
            if copy is not None and copy.state in ("copying", "starting"):
                self._fail(copy, str(error))
            else:
                _log.warning("the copy cannot be looked after: %s", error)

    def stop(self) -> None:
        """The host ends: its copy stops with it, and comes back with it."""
        if self._backup is not None:
            self._backup.terminate()
            self._backup.wait(_STOP_S)
            self._backup = None
        self._stop_server()

    def _turn(self, copy: Copy) -> None:
        over = self._is_over(copy)
        if over and copy.state != "removing":
            self._let_go(copy, over)
        elif copy.state == "copying":
            self._copy(copy)
        elif copy.state == "starting":
            self._await(copy)
        elif copy.state == "running" and not self._runs:
            self._launch(copy)  # with the host that came back, or because it ended by itself
        elif copy.state == "removing":
            self._remove(copy)

    def _is_over(self, copy: Copy) -> str:
        """Why it must go now; empty while it may stay."""
        if self._memory.known.role == "primary":
            return "the server beside it serves clients now"
        if copy.until and datetime.now(UTC) >= datetime.fromisoformat(copy.until):
            return "its time is over"
        return ""

    def _copy(self, copy: Copy) -> None:
        """Make the base backup, without waiting for it."""
        room = Room.of(self._keeper.config)
        if self._backup is None:
            room.clear(copy.name, self._keeper)
            self._backup = self._begin(room.command(copy.name, copy.backup))
            return
        code = self._backup.poll()
        if code is None:
            return
        self._backup = None
        if code:
            self._fail(copy, f"it could not be copied: {' / '.join(room.last_words())}")
            return
        room.make_standby(copy.name, self._keeper)
        self._launch(copy)

    def _launch(self, copy: Copy) -> None:
        """As a standby of nobody, or after its promotion as what it became."""
        config = self._keeper.config
        room = Room.of(config)
        self._stop_server()
        self._socket = open_room(config)
        self._cluster = room.cluster(copy.name)
        self._cluster.stop_leftover()
        settings = {
            **config.copy_settings,
            **ISOLATION,
            **room.replay(copy.backup),
            "listen_addresses": config.copy_listen,
            "cluster_name": copy.name,
            "unix_socket_directories": str(self._socket),
            "hba_file": str(admit(room.folder(copy.name), config, self._keeper.secrets)),
        }
        self._cluster.launch(config.copy_port, settings)
        self._memory.keep_copy(replace(copy, state="starting", text=f"{copy.name} starts"))

    def _await(self, copy: Copy) -> None:
        """It is there once it answers us; a copy that anything reaches or leaves is none."""
        if self._cluster is None:
            self._launch(copy)
        elif not self._cluster.running:
            words = " / ".join(self._cluster.last_words())
            self._cluster = None
            self._fail(copy, f"the copy did not start: {words}")
        elif (facts := self._local().facts()) is not None:
            left = copy.left_timeline or facts.timeline
            self._memory.keep_copy(replace(copy, state="running", text=f"{copy.name} runs", left_timeline=left))

    def _fail(self, copy: Copy, why: str) -> None:
        _log.warning("%s: %s", copy.name, why)
        self._memory.keep_copy(replace(copy, state="failed", text=why))

    # -- its end

    def _let_go(self, copy: Copy, why: str) -> None:
        _log.info("%s is removed: %s", copy.name, why)
        self._memory.keep_copy(replace(copy, state="removing", text=f"{copy.name} is removed: {why}"))

    def _remove(self, copy: Copy) -> None:
        if self._removing is not None:
            if self._removing.is_alive():
                return
            self._removing, self._not_before = None, time.monotonic() + _AGAIN_S
        self.stop()
        room = Room.of(self._keeper.config)
        folder = room.folder(copy.name)
        if not folder.exists() and not folder.is_symlink():
            self._memory.forget_copy()
            return
        if why := room.keeps(copy.name):
            said = f"{copy.name} is not removed: {why}"
            if copy.text != said:
                _log.error("%s", said)
                self._memory.keep_copy(replace(copy, text=said))
            return
        room.cluster(copy.name).stop_leftover()
        self._removing = threading.Thread(target=shutil.rmtree, args=(folder, True), name="vigie-copy", daemon=True)
        self._removing.start()

    def _stop_server(self) -> None:
        if self._cluster is not None:
            self._cluster.stop(wait_seconds=_STOP_S)
            self._cluster = None
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = None

    def _counted(self, local: Local, cluster: Cluster) -> Mapping[str, Any]:
        """What its own timeline holds, named while it runs and counted when it is stopped."""
        facts = local.facts()
        if facts is None:
            raise Broken("the copy does not answer, so nothing on it can be counted", where=cluster.name)
        if facts.is_standby:
            self._stop_server()
            return {"rows": 0, "commits": 0, "by_table": {}}
        tables, began = name_relations(local), max(read_history(cluster.data_dir, facts.timeline).values())
        self._stop_server()
        found = scan(cluster, facts.timeline, began)
        counted = by_table(found.rows, tables)
        return {"rows": sum(counted.values()), "commits": found.commit_count, "by_table": counted}

    # -- how it is

    def status(self) -> Mapping[str, Any]:
        """May one be made, and the one that is there. Never raises: what the real server says counts more."""
        config = self._keeper.config
        copy: Copy | None = None
        why = no_backup = ""
        try:
            Room.of(config).newest_backup(self._keeper)
        except VigieError as error:
            no_backup = error.what
        try:
            copy = self._memory.copy
            Room.of(config)
        except VigieError as error:
            why = error.what
        told = {"address": config.copy_address, "refused": why, "no_backup": no_backup}
        return {**told, "there": self._tell(copy) if copy else None}

    def _tell(self, copy: Copy) -> Mapping[str, Any]:
        facts = self._local().facts() if copy.state == "running" and self._socket is not None else None
        role = copy.state
        if facts is not None:
            role = "standby" if facts.is_standby else "primary"
        return {
            "name": copy.name,
            "state": copy.state,
            "text": copy.text,
            "until": copy.until,
            "role": role if facts is not None else "stopped",
            "running": facts is not None,
            "system_id": facts.system_id if facts else "",
            "timeline": facts.timeline if facts else copy.left_timeline,
            "position_bytes": facts.position_bytes if facts else 0,
            "left_at": self._left_at(copy.name, facts.timeline) if facts else {},
            "counted": dict(copy.counted),
            "backup": copy.backup,
            "restored_to": self._restored_to() if facts is not None and copy.backup else "",
        }

    def _left_at(self, name: str, timeline: int) -> Mapping[str, int]:
        return read_history(Room.of(self._keeper.config).data(name), timeline)

    def _restored_to(self) -> str:
        """The moment of the newest transaction that the archive gave back; also known after the promotion."""
        import psycopg

        with contextlib.suppress(psycopg.Error), self._local().session() as connection:
            ((at,),) = connection.execute("SELECT pg_last_xact_replay_timestamp()").fetchall()
            return at.isoformat() if at is not None else ""
        return ""

    def _local(self) -> Local:
        config = self._keeper.config.model_copy(update={"port": self._keeper.config.copy_port})
        return Local(config, self._keeper.secrets, str(self._socket))

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        with Room.of(self._keeper.config).log_file.open("wb") as log:
            return subprocess.Popen[bytes](
                command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to(os.getpid()),
                **self._keeper.config.identity,
            )
