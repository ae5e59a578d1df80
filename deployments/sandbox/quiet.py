"""How does a demonstration begin, when the one before it ended a minute ago?

As after a quiet night: no check is remembered as having changed its mind. Otherwise the third
demonstration in a row would find its services flapping, rightly, and their incidents would stay open.

The rule: only the memory of changes is forgotten, and only in the sandbox's own journal; states,
incidents and readings stay as they were measured.
"""

from __future__ import annotations

from blocks.errors import Broken
from deployments.sandbox.state import State


def forget_flapping(state: State) -> int:
    """Let every check start with a calm history; how many had another."""
    import psycopg

    dsn = state.read_ready("control-database").get("journal_dsn")
    if not dsn:
        raise Broken("the sandbox's journal is not ready", where=str(state.home), next_step="vigie status")
    with psycopg.connect(str(dsn)) as connection:
        done = connection.execute(
            "UPDATE check_status SET flap_changes = 0, flapping = false WHERE flap_changes <> 0 OR flapping"
        )
        return done.rowcount
