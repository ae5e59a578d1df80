"""Has this very request been dealt with already?

Whoever receives a signed request claims it before acting and finishes it after. The rules: what is finished is
never dealt with again; what was claimed and not finished belongs to its claimer for a while, then to whoever
delivers it again, because the first may have died and the second may be the only one left.
"""

from __future__ import annotations

from datetime import timedelta

from psycopg import Connection


def claim(connection: Connection, key: str, lease: timedelta) -> bool:
    """Is it ours to deal with? False when it was dealt with, or somebody is at it."""
    row = connection.execute(
        "INSERT INTO gateway_request AS known (key) VALUES (%s) ON CONFLICT (key) DO UPDATE "
        "SET claimed_at = clock_timestamp() "
        "WHERE known.finished_at IS NULL AND known.claimed_at + %s <= clock_timestamp() RETURNING key",
        (key, lease),
    ).fetchone()
    return row is not None


def finish(connection: Connection, key: str) -> None:
    """It was dealt with; a copy of it changes nothing."""
    connection.execute(
        "UPDATE gateway_request SET finished_at = clock_timestamp() WHERE key = %s AND finished_at IS NULL", (key,)
    )


def forget(connection: Connection, keep: timedelta) -> int:
    """Drop those older than `keep`; how many."""
    return connection.execute("DELETE FROM gateway_request WHERE claimed_at < clock_timestamp() - %s", (keep,)).rowcount
