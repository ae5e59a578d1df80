"""Has anybody changed what was decided?

Each incident event carries a hash over itself and the event before it, per platform, in the order of
one line that only the holder of the platform's lock may extend. Changing, removing or inserting an
event breaks every hash after it; cutting off the end no longer matches the platform's head.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken
from blocks.journal.identities import LockedPlatform, find_platform
from blocks.journal.statuses import clean
from blocks.ports.health import MissingCode
from blocks.ports.incidents import EventKind, IncidentEvent, Severity

_START = bytes(32)


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
        platform.name, number, str(event.incident), event.sequence, _instant(platform.now), event.kind.value, text,
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
    expected, count = _START, 0
    with connection.cursor(name="chain") as cursor:
        cursor.execute(
            "SELECT number, incident_id, sequence, at, kind, text, who, numbers::text, severity, told, "
            "previous_hash, hash "
            "FROM incident_event WHERE platform_id = %s ORDER BY number",
            (platform_id,),
        )
        for number, incident, sequence, at, kind, text, who, numbers, severity, told, previous, digest in cursor:
            count += 1
            content = (
                platform, number, str(incident), sequence, _instant(at), kind, text, who, numbers, severity, told,
            )  # fmt: skip
            if number != count or bytes(previous) != expected or bytes(digest) != link(expected, content):
                raise _does_not_follow(platform, f"event {number} of incident {incident} ({at:%Y-%m-%d %H:%M:%S} UTC)")
            expected = bytes(digest)
    if head is None or head[0] != count or bytes(head[1]) != expected:
        raise _does_not_follow(platform, f"the end after event {count}: later events are gone")
    return count


def read_events(connection: Connection, incident: UUID) -> list[IncidentEvent]:
    """The incident's timeline, oldest first."""
    rows = connection.execute(
        "SELECT at, kind, text, who, numbers FROM incident_event WHERE incident_id = %s ORDER BY sequence", (incident,)
    ).fetchall()
    return [
        IncidentEvent(incident=incident, at=at, kind=EventKind(kind), text=text, who=who, numbers=numbers)
        for at, kind, text, who, numbers in rows
    ]


def link(previous: bytes, content: tuple[object, ...]) -> bytes:
    """The hash of one event: SHA-256 over the hash before it and the event as compact JSON."""
    return hashlib.sha256(previous + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def _json(numbers: Mapping[str, float | str]) -> str:
    plain = {
        clean(name): clean(value) if isinstance(value, str) else value if math.isfinite(value) else str(value)
        for name, value in numbers.items()
    }
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _does_not_follow(platform: str, what: str) -> Broken:
    return Broken(
        f"the journal's chain of platform {platform} breaks at {what}",
        next_step="treat the journal as tampered with: touch nothing, compare it with the last backup, tell security",
        code=MissingCode.UNEXPECTED_ANSWER,
    )
