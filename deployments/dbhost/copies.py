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
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused, Retryable, VigieError
from deployments.dbhost.cluster import environment
from deployments.dbhost.copy_server import CopyServer
from deployments.dbhost.copying import Room, empty
from deployments.dbhost.memory import Copy
from deployments.dbhost.processes import start_tied

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper

_log = logging.getLogger("vigie.dbhost")
_STOP_S = 3.0
_AGAIN_S = 2.0


class Copies:
    """The one copy that may be here. Its methods but `status` are the keeper's main thread's."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self._memory = keeper, keeper.memory
        self._backup: subprocess.Popen[bytes] | None = None
        self._server = CopyServer(keeper)
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
        room.require_removable(name)
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
        if copy.state in ("copying", "starting") or (copy.state == "running" and not self._server.runs):
            raise Retryable(f"{name} is not up: {copy.text}", where=self._keeper.config.name)
        if copy.state != "running":
            raise Refused(f"{name} is {copy.state}, not running: {copy.text}")
        counted = self._server.stop_and_count()
        said = f"{counted['rows']} row changes in {counted['commits']} transactions were made on {name}"
        return self._memory.keep_copy(replace(copy, state="halted", text=said, counted=counted))

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
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._backup.wait(_STOP_S)
            self._backup.kill()
            self._backup = None
        self._server.stop()

    def _turn(self, copy: Copy) -> None:
        over = self._is_over(copy)
        if over and copy.state != "removing":
            self._let_go(copy, over)
        elif copy.state == "copying":
            self._copy(copy)
        elif copy.state == "starting":
            self._await(copy)
        elif copy.state == "running" and not self._server.runs:
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
        self._server.launch(copy)
        self._memory.keep_copy(replace(copy, state="starting", text=f"{copy.name} starts"))

    def _await(self, copy: Copy) -> None:
        """It is there once it answers us."""
        if not self._server.started:
            self._launch(copy)
        elif not self._server.runs:
            words = " / ".join(self._server.last_words())
            self._server.stop()
            self._fail(copy, f"the copy did not start: {words}")
        elif (facts := self._server.facts()) is not None:
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
        with contextlib.suppress(OSError):
            folder.rmdir()  # what is empty holds nothing of anybody
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
        self._removing = threading.Thread(target=empty, args=(folder,), name="vigie-copy", daemon=True)
        self._removing.start()

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
        return {**told, "there": self._server.tell(copy) if copy else None}

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        config = self._keeper.config
        return start_tied(command, Room.of(config).log_file, environment=environment(), identity=config.identity)
