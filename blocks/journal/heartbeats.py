"""When did something last report that it lives?

The rule: a beat is never dated later than the journal's own clock, because a beat from the future
would be good news for ever, and an older beat never replaces a newer one.
"""

from __future__ import annotations

from datetime import datetime

from psycopg import Connection

from blocks.errors import Broken
from blocks.journal.identities import ensure_platform, find_platform


def beat(connection: Connection, platform: str, name: str, at: datetime | None) -> datetime:
    """Note a beat, now by the journal's clock when `at` is not given; returns the newest beat known."""
    row = connection.execute(
        "INSERT INTO heartbeat AS h (platform_id, name, at) "
        "VALUES (%s, %s, least(coalesce(%s::timestamptz, clock_timestamp()), clock_timestamp())) "
        "ON CONFLICT (platform_id, name) DO UPDATE SET at = greatest(h.at, excluded.at) RETURNING at",
        (ensure_platform(connection, platform), name, at),
    ).fetchone()
    if row is None:
        raise Broken(f"the beat {name} of {platform} was not stored", where="journal")
    return row[0]


def last_beat(connection: Connection, platform: str, name: str) -> datetime | None:
    """The newest beat, None when there never was one."""
    row = connection.execute(
        "SELECT at FROM heartbeat WHERE platform_id = %s AND name = %s", (find_platform(connection, platform), name)
    ).fetchone()
    return row[0] if row else None
