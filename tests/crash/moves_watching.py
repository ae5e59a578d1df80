"""Did two databases ever take writes at the same moment? Both are asked all the while, past vigie.

By the clients' own line and role, several times a second: in recovery or not, closed to writes or not. One alone is no
proof, because the two are asked one after the other: two take writes when the first still does after the second did.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from deployments.sandbox.household import DATABASES, UnavailableError, reader_dsn
from deployments.sandbox.state import State
from tests.crash.moves_rows import AWAY, HOME

_EVERY_S = 0.25
_ASK = "SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'"


@dataclass
class Watch:
    """What was seen: looks at both, and those at which both took writes."""

    state: State
    looks: int = 0
    both: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Once at both."""
        self.looks += 1
        if self._writable(HOME) and self._writable(AWAY) and self._writable(HOME):
            self.both += 1

    def _writable(self, site: str) -> bool:
        try:
            dsn = reader_dsn(self.state, DATABASES[site])
            with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as connection:
                row = connection.execute(_ASK).fetchone()
        except (psycopg.Error, UnavailableError, KeyError, OSError):
            return False
        return bool(row and row[0])

    def go_on(self) -> None:
        while not self._over.is_set():
            self.look()
            time.sleep(_EVERY_S)

    def end(self) -> None:
        self._over.set()


@contextmanager
def watching(state: State) -> Generator[Watch]:
    """Look until the block is over."""
    watch = Watch(state)
    thread = threading.Thread(target=watch.go_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join(timeout=30)
