"""How do two servers know on one clock how far apart they are?

While its server is a writable primary, the database host writes one row a second, stamped with its own clock. The
row arrives in the other site as everything else does; whatever is newest there, is how far it came.

The rule: at most an hour of rows is kept, and a heartbeat never waits for a standby.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deployments.dbhost.local import Facts, Local, read_facts

if TYPE_CHECKING:
    import psycopg

TABLE = "vigie_heartbeat"
KEPT_ROWS = 3600
_SWEEP_EVERY = 60
_MAKE = """
    CREATE TABLE IF NOT EXISTS vigie_heartbeat (
        number bigint PRIMARY KEY, at timestamptz NOT NULL, changed_rows bigint NOT NULL);
    GRANT SELECT ON vigie_heartbeat TO pg_monitor
"""
_BEAT = """
    INSERT INTO vigie_heartbeat
    SELECT coalesce((SELECT max(number) FROM vigie_heartbeat), 0) + 1, clock_timestamp(),
           coalesce((SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables
                      WHERE relname <> 'vigie_heartbeat'), 0)
    RETURNING number
"""
_SWEEP = "DELETE FROM vigie_heartbeat WHERE number <= (SELECT max(number) FROM vigie_heartbeat) - %s"


class Heartbeat(threading.Thread):
    """Looks at the server once a second, tells what it saw, and beats while it is a writable primary."""

    def __init__(
        self, local: Local, runs: Callable[[], bool], saw: Callable[[Facts], None], *, every_s: float = 1.0
    ) -> None:
        super().__init__(name="vigie-heartbeat", daemon=True)
        self._local, self._runs, self._saw, self._every_s = local, runs, saw, every_s
        self._told = threading.Event()
        self._made = False

    def stop(self) -> None:
        """End after the beat that is going on."""
        self._told.set()

    def run(self) -> None:
        """Beat until told to stop; a server that goes away is waited for."""
        import psycopg

        while not self._told.is_set():
            if self._runs():
                try:
                    with self._local.session(self._local.config.database) as connection:
                        self._beat_on(connection)
                except psycopg.Error:
                    self._made = False  # it went away, or is starting, or is another's database now: look again
            self._told.wait(self._every_s)

    def _beat_on(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        while not self._told.is_set() and self._runs():
            facts = read_facts(connection)
            self._saw(facts)
            if not facts.is_standby and not facts.read_only:
                self._beat(connection)
            self._told.wait(self._every_s)

    def _beat(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        if not self._made:
            connection.execute(_MAKE)
            self._made = True
        row = connection.execute(_BEAT).fetchone()
        if row is not None and row[0] % _SWEEP_EVERY == 0:
            connection.execute(_SWEEP, (KEPT_ROWS,))
