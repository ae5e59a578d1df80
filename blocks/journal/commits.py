"""Did commits of some data wait for another site, by whoever last saw it, and what did vigie itself do since?

The rules: a look is dated no later than the journal's own clock; of two at one moment the one that saw no waiting
stands; a step that was entered and never ended may have acted for a while, and is never taken for one that did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import Connection

from blocks.journal.identities import ensure_platform
from blocks.journal.statuses import aware, clean
from blocks.ports.recovery import CommitLook
from blocks.ports.runs import ActionKind

ACTS_FOR = timedelta(minutes=15)
"""Longer than any step's act after its intent; a process that died in it cannot say when."""
_COLUMNS = "data, site, waits, seen_at, seen_by, standby, system_id, timeline, position_bytes"


def keep(connection: Connection, platform: str, look: CommitLook) -> None:
    """One more row; the same look is one."""
    aware(look.seen_at)
    connection.execute(
        f"INSERT INTO commit_look (platform_id, {_COLUMNS}) "  # noqa: S608
        "VALUES (%s, %s, %s, %s, least(%s, clock_timestamp()), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            ensure_platform(connection, platform), look.data, look.site, look.waits, look.seen_at, clean(look.seen_by),
            clean(look.standby), look.system_id, look.timeline, look.position_bytes,
        ),
    )  # fmt: skip


def newest(connection: Connection, platform: str, data: str) -> CommitLook | None:
    """The newest look at this data, wherever its primary was."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM commit_look l JOIN platform p ON p.id = l.platform_id "  # noqa: S608
        "WHERE p.name = %s AND data = %s ORDER BY seen_at DESC, waits, seen_by LIMIT 1",
        (platform, data),
    ).fetchone()
    if row is None:
        return None
    data, site, waits, seen_at, seen_by, standby, system_id, timeline, position = row
    return CommitLook(
        data=data,
        site=site,
        waits=waits,
        seen_at=seen_at,
        seen_by=seen_by,
        standby=standby,
        system_id=system_id,
        timeline=timeline,
        position_bytes=position,
    )


def last_acted(connection: Connection, platform: str, items: Sequence[str]) -> datetime | None:
    """When a step of these items ended, or was last entered and some time."""
    row = connection.execute(
        "SELECT max(coalesce(s.done_at, greatest(s.intended_at, (SELECT max(a.at) FROM action_event a "
        "WHERE a.run_id = s.run_id AND a.kind = %s AND a.data->>'key' = s.key)) + %s)) "
        "FROM step s JOIN run r ON r.id = s.run_id JOIN platform p ON p.id = r.platform_id "
        "WHERE p.name = %s AND s.item = ANY (%s)",
        (ActionKind.STEP_ENTERED_AGAIN.value, ACTS_FOR, platform, list(items)),
    ).fetchone()
    return row[0] if row else None
