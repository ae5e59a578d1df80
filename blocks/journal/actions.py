"""What happened in each run, and has anybody changed the record?

The second chain of a platform: every request, answer, lease, intent, effect and end, in the order of one line
that only the holder of the platform's lock may extend. It is made as the incidents' chain is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.journal.identities import LockedPlatform, find_platform
from blocks.journal.linking import START, Line, follow, instant, link, spoken
from blocks.journal.statuses import clean
from blocks.ports.runs import Action, ActionKind

_TEXT_MOST = 2000


def append_action(
    connection: Connection,
    platform: LockedPlatform,
    run: UUID,
    kind: ActionKind,
    text: str,
    *,
    who: str = "vigie",
    data: Mapping[str, object] | None = None,
) -> int:
    """Write one line behind the platform's last and move the head; returns its number in the chain."""
    head = connection.execute("SELECT action_count, action_hash FROM platform WHERE id = %s", (platform.id,)).fetchone()
    count, previous = (int(head[0]), bytes(head[1])) if head else (0, START)
    number, said, by, kept = count + 1, clean(text)[:_TEXT_MOST], clean(who), _json(data or {})
    digest = link(previous, (platform.name, number, str(run), instant(platform.now), kind.value, said, by, kept))
    connection.execute(
        "INSERT INTO action_event (platform_id, number, run_id, at, kind, text, who, data, previous_hash, hash) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (platform.id, number, run, platform.now, kind.value, said, by, kept, previous, digest),
    )
    connection.execute(
        "UPDATE platform SET action_count = %s, action_hash = %s WHERE id = %s", (number, digest, platform.id)
    )
    return number


def verify_actions(connection: Connection, platform: str) -> int:
    """Walk the platform's actions from the first. Raises `Broken` naming the first that does not follow."""
    platform_id = find_platform(connection, platform)
    if platform_id is None:
        return 0
    head = connection.execute("SELECT action_count, action_hash FROM platform WHERE id = %s", (platform_id,)).fetchone()
    with connection.cursor(name="actions") as cursor:
        cursor.execute(
            "SELECT number, run_id, at, kind, text, who, data::text, previous_hash, hash "
            "FROM action_event WHERE platform_id = %s ORDER BY number",
            (platform_id,),
        )
        return follow(platform, (_line(platform, row) for row in cursor), head, "action")


def read_actions(connection: Connection, run: UUID) -> list[Action]:
    """The run's history, oldest first."""
    rows = connection.execute(
        "SELECT number, at, kind, text, who, data FROM action_event WHERE run_id = %s ORDER BY number", (run,)
    ).fetchall()
    return [
        Action(run=run, number=number, at=at, kind=ActionKind(kind), text=text, who=who, data=data)
        for number, at, kind, text, who, data in rows
    ]


def _line(platform: str, row: tuple[Any, ...]) -> Line:
    number, run, at, kind, text, who, data, previous, digest = row
    content = (platform, number, str(run), instant(at), kind, text, who, data)
    return Line(number, content, bytes(previous), bytes(digest), f"action {number} of run {run} ({spoken(at)})")


def _json(data: Mapping[str, object]) -> str:
    plain = {clean(name): clean(value) if isinstance(value, str) else value for name, value in data.items()}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
