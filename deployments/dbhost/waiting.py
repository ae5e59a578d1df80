"""Does each commit wait for the standby, and when does the server stop waiting for it?

A survivor that promises zero loss waits for the standby that follows it again. If that one dies too, whoever writes on
the only server that is left would wait for ever. The host stands beside the server and sees it, whoever else can be
reached:

    the standby has confirmed what was written a moment ago    each commit waits for it
    it has confirmed nothing more for five seconds             nobody waits, and those who do are let go
    it has caught up again                                     each commit waits for it again

The rules: what was ordered is on the disk and holds over restarts, until the server changes its role or is to stand
alone. Whom somebody else let it wait for is not touched: a promise of zero loss in peace is kept by waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from blocks.errors import VigieError

if TYPE_CHECKING:
    import psycopg

    from deployments.dbhost.local import Local
    from deployments.dbhost.memory import Memory

LETS_GO_S = 5.0
"""Longer than a network stumbles, shorter than a client waits."""
_EVERY_S = 0.5
_log = logging.getLogger("vigie.dbhost")
_LOOK = """
    SELECT current_setting('synchronous_standby_names'),
           CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn() - '0/0'::pg_lsn END,
           (SELECT max(flush_lsn - '0/0'::pg_lsn) FROM pg_stat_replication
             WHERE application_name = %s AND state = 'streaming')
"""


class Ruling(StrEnum):
    """What becomes of those who commit."""

    WAIT = "wait"
    LET_GO = "let go"
    AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class Seen:
    """A position that the standby has yet to confirm, and since when it is asked for."""

    position: int
    since: float


def rule(seen: Seen | None, now: float, written: int, confirmed: int | None) -> tuple[Seen, Ruling]:
    """Pure. `now` in seconds of one clock; `written` here, `confirmed` by a standby that streams, None where none does.

    A standby that is well confirms at each look what was written at the one before, however fast one writes.
    """
    asked = seen or Seen(written, now)
    if confirmed is not None and confirmed >= asked.position:
        return Seen(written, now), Ruling.WAIT
    if now - asked.since >= LETS_GO_S:
        return Seen(written, asked.since), Ruling.LET_GO  # whoever comes back has to have all of it
    return asked, Ruling.AS_IT_IS


class Waiting(threading.Thread):
    """Looks at the standby that was ordered, while the server runs for others."""

    def __init__(self, local: Local, memory: Memory, runs: Callable[[], bool]) -> None:
        super().__init__(name="vigie-waiting", daemon=True)
        self._local, self._memory, self._runs = local, memory, runs
        self._told = threading.Event()
        self._turn = threading.Lock()  # nobody is made to wait by a look that began before it was ended
        self._seen: Seen | None = None

    def stop(self) -> None:
        """End after the look that is going on."""
        self._told.set()

    def run(self) -> None:
        """Look until told to stop; a server that does not answer is looked at again."""
        import psycopg

        while not self._told.wait(_EVERY_S):
            try:
                self._take_a_turn()
            except (psycopg.Error, VigieError) as error:
                _log.warning("nobody could look whether the standby follows: %s", error)

    def order(self, standby: str, token: str) -> None:
        """From now on each commit waits for it, while it follows."""
        with self._turn:
            self._memory.keep_waits_for(standby, token)
            self._seen = None

    def end(self) -> None:
        """Nobody waits by that order any more. Of a server that is down, whoever changes its role forgets settings."""
        with self._turn:
            if self._memory.waits_for and self._runs():
                with self._local.session() as connection:
                    _set(connection, "")
            self._memory.keep_waits_for("", "")  # last: an order that died before is given again, and does all of it

    def _take_a_turn(self) -> None:
        with self._turn:
            standby = self._memory.waits_for if self._runs() else ""
            if not standby:
                self._seen = None
                return
            with self._local.session() as connection:
                self._look(connection, standby)

    def _look(self, connection: psycopg.Connection[tuple[Any, ...]], standby: str) -> None:
        names, written, confirmed = connection.execute(_LOOK, (standby,)).fetchall()[0]
        if written is None or names not in {"", quoted(standby)}:
            return
        self._seen, ruling = rule(
            self._seen, time.monotonic(), int(written), None if confirmed is None else int(confirmed)
        )
        if ruling is Ruling.WAIT and not names:
            _set(connection, quoted(standby))
            _log.info("each commit waits for %s", standby)
        if ruling is Ruling.LET_GO and names:
            _set(connection, "")
            _log.error("%s has confirmed nothing for %.0f s: nobody waits for it any more", standby, LETS_GO_S)


def quoted(name: str) -> str:
    """As `synchronous_standby_names` has it."""
    return '"' + name.replace('"', '""') + '"'


def _set(connection: psycopg.Connection[tuple[Any, ...]], names: str) -> None:
    """Whoever waits for somebody else by then is let go."""
    from psycopg import sql

    connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(names)))
    connection.execute("SELECT pg_reload_conf()")
