"""Has anybody changed what was decided?

Each incident event carries a hash over itself and the event before it, per platform, in the order of
one line that only the holder of the platform's lock may extend. Changing, removing or inserting an
event is seen by whoever walks the line (linking.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.journal.identities import LockedPlatform, find_platform
from blocks.journal.linking import Line, follow, instant, link, spoken
from blocks.journal.statuses import clean
from blocks.ports.incidents import EventKind, IncidentEvent, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One line to add to an incident's timeline; `sequence` counts the incident's own events from 1."""

    incident: UUID
    sequence: int
    kind: EventKind
    text: str
    who: str
    severity: Severity
    told: bool
    numbers: Mapping[str, float | str]


def append_event(connection: Connection, platform: LockedPlatform, event: NewEvent) -> int:
    """Write the event behind the platform's last one and move the head; returns its number in the chain."""
    number, numbers = platform.event_count + 1, _json(event.numbers)
    text, who = clean(event.text), clean(event.who)
    content = (
        platform.name, number, str(event.incident), event.sequence, instant(platform.now), event.kind.value, text,
        who, numbers, event.severity.value, event.told,
    )  # fmt: skip
    digest = link(platform.event_hash, content)
    connection.execute(
        "INSERT INTO incident_event (platform_id, number, incident_id, sequence, at, kind, text, who, numbers, "
        "severity, told, previous_hash, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            platform.id, number, event.incident, event.sequence, platform.now, event.kind.value, text, who, numbers,
            event.severity.value, event.told, platform.event_hash, digest,
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE platform SET event_count = %s, event_hash = %s WHERE id = %s", (number, digest, platform.id)
    )
    platform.event_count, platform.event_hash = number, digest
    return number


def verify_chain(connection: Connection, platform: str) -> int:
    """Walk the platform's events from the first. Raises `Broken` naming the first that does not follow."""
    platform_id = find_platform(connection, platform)
    if platform_id is None:
        return 0
    head = connection.execute("SELECT event_count, event_hash FROM platform WHERE id = %s", (platform_id,)).fetchone()
    with connection.cursor(name="chain") as cursor:
        cursor.execute(
            "SELECT number, incident_id, sequence, at, kind, text, who, numbers::text, severity, told, "
            "previous_hash, hash "
            "FROM incident_event WHERE platform_id = %s ORDER BY number",
            (platform_id,),
        )
        return follow(platform, (_line(platform, row) for row in cursor), head, "event")


def read_events(connection: Connection, incident: UUID) -> list[IncidentEvent]:
    """The incident's timeline, oldest first."""
    rows = connection.execute(
        "SELECT at, kind, text, who, numbers FROM incident_event WHERE incident_id = %s ORDER BY sequence", (incident,)
    ).fetchall()
    return [
        IncidentEvent(incident=incident, at=at, kind=EventKind(kind), text=text, who=who, numbers=numbers)
        for at, kind, text, who, numbers in rows
    ]


def _line(platform: str, row: tuple[Any, ...]) -> Line:
    number, incident, sequence, at, kind, text, who, numbers, severity, told, previous, digest = row
    content = (platform, number, str(incident), sequence, instant(at), kind, text, who, numbers, severity, told)
    named = f"event {number} of incident {incident} ({spoken(at)})"
    return Line(number, content, bytes(previous), bytes(digest), named)


def _json(numbers: Mapping[str, float | str]) -> str:
    plain = {
        clean(name): clean(value) if isinstance(value, str) else value if math.isfinite(value) else str(value)
        for name, value in numbers.items()
    }
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
