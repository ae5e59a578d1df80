"""Is this process still the only one that executes its run, also after the journal was away?

The lock of a run belongs to a session of the database: when the journal restarts, fails over or the line is cut, the
lock is gone and the process lives on. The rule: whoever holds a run looks at its session every second and takes the
lock again as soon as the journal answers; who finds that another took it meanwhile was overtaken and is told so.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg

from blocks.journal.connections import Connections, answers, end_session, translated

LOOK_EVERY_S = 1.0
_log = logging.getLogger("vigie.journal")


@contextmanager
def holding(connections: Connections, key: int, overtaken: Callable[[], None]) -> Generator[bool]:
    """The lock `key` while the block runs; False when another session holds it.

    `overtaken` is called, in a thread of its own, when another session got the lock after ours was lost.
    """
    with translated(connections.where):
        session = connections.open_session()
        taken = _take(session, key)
    if not taken:
        session.close()
        yield False
        return
    hold = _Hold(connections, key, session, overtaken)
    hold.begin()
    try:
        yield True
    finally:
        hold.end()


class _Hold:
    """The session that holds the lock, looked after by a thread."""

    def __init__(
        self, connections: Connections, key: int, session: psycopg.Connection, overtaken: Callable[[], None]
    ) -> None:
        self._connections, self._key, self._session, self._overtaken = connections, key, session, overtaken
        self._former = session.info.backend_pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="run-lock", daemon=True)

    def begin(self) -> None:
        """Look after it from now on."""
        self._thread.start()

    def end(self) -> None:
        """Give the lock back."""
        self._over.set()
        self._thread.join()
        end_session(self._session)

    def _keep(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            if answers(self._session):
                continue
            self._session.close()
            with contextlib.suppress(psycopg.Error):  # the journal is away: asked again in a second
                if not self._take_again():
                    return

    def _take_again(self) -> bool:
        """False when another one has it. Our own lost session may hold it until the server notices."""
        session = self._connections.open_session()
        if _take(session, self._key):
            _log.warning("the session that held the run's lock was lost; the lock is taken again")
            self._session, self._former = session, session.info.backend_pid
            return True
        holder = _holder(session, self._key)
        session.close()
        if holder in (None, self._former):
            return True
        _log.error("the run's lock was lost, and another process has taken it")
        self._overtaken()
        return False


def _take(session: psycopg.Connection, key: int) -> bool:
    row = session.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    return bool(row and row[0])


def _holder(session: psycopg.Connection, key: int) -> int | None:
    high, low = divmod(key % 2**64, 2**32)
    row = session.execute(
        "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND granted "
        "AND classid::bigint = %s AND objid::bigint = %s AND objsubid = 1",
        (high, low),
    ).fetchone()
    return row[0] if row else None
