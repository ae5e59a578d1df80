"""How does a demonstration begin, when the one before it ended a minute ago?

As after a quiet night: no check is remembered as having changed its mind. Otherwise the third
demonstration in a row would find its services flapping, rightly, and their incidents would stay open.

The rule: only the memory of changes is forgotten, only in the sandbox's own journal, and only between
sweeps: one that is under way would write its own memory back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from blocks.errors import Broken
from deployments.sandbox.state import State

if TYPE_CHECKING:
    from blocks.journal.adapter import PostgresJournal

_PATIENCE_S = 120.0


def forget_flapping(state: State, platforms: Sequence[str]) -> int:
    """Let every check of the platforms start with a calm history; how many had another. Waits for sweeps under way."""
    import psycopg

    from blocks.journal.opening import open_journal

    dsn = state.read_ready("control-database").get("journal_dsn")
    if not dsn:
        raise Broken("the sandbox's journal is not ready", where=str(state.home), next_step="vigie status")
    with ExitStack() as held, psycopg.connect(str(dsn)) as connection:
        journal = held.enter_context(open_journal(str(dsn)))
        for platform in platforms:
            _await_right(held, journal, platform)
        done = connection.execute(
            "UPDATE check_status SET flap_changes = 0, flapping = false FROM check_identity i JOIN platform p "
            "ON p.id = i.platform_id WHERE i.id = check_status.check_id AND p.name = ANY(%s) "
            "AND (flap_changes <> 0 OR flapping)",
            (list(platforms),),
        )
        return done.rowcount


def _await_right(held: ExitStack, journal: PostgresJournal, platform: str) -> None:
    """Hold the right to sweep the platform, so that nobody does."""
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        with ExitStack() as attempt:
            if attempt.enter_context(journal.sweep_lock(platform)):
                held.push(attempt.pop_all())
                return
        if time.monotonic() > give_up:
            raise Broken(f"a sweep of {platform} does not end", next_step="read `vigie now`")
        time.sleep(0.5)
