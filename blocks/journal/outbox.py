"""What is still to be told, by whom, and what proves that it was?

A delivery is written with the event it tells, claimed for a while by whoever sends it, and marked
sent with the other side's evidence. The rules: of one incident and channel only the oldest unsent
delivery can be claimed, so that nothing overtakes; a claim that lapses is handed out again with the
warning that an earlier sender may have died after sending; updates of the one message that nobody has
tried yet collapse into the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, sql

from blocks.errors import Broken
from blocks.journal.identities import find_platform
from blocks.journal.statuses import clean
from blocks.ports.health import MissingCode
from blocks.ports.incidents import EventKind, IncidentEvent
from blocks.ports.notifications import Channel, Delivery, Sent

_UNSENT: Final = sql.SQL("d.sent_at IS NULL AND d.superseded_by IS NULL")
_FREE: Final = sql.SQL(
    "(d.claimed_until IS NULL OR d.claimed_until <= clock_timestamp()) "
    "AND (d.not_before IS NULL OR d.not_before <= clock_timestamp())"
)
"""Nobody has it in hand, and its pause is over."""


def write_deliveries(
    connection: Connection,
    *,
    platform_id: int,
    event_number: int,
    incident: UUID,
    sequence: int,
    channels: Sequence[Channel],
) -> None:
    """One delivery a channel for an event, in the event's own transaction."""
    for channel in channels:
        connection.execute(
            "INSERT INTO delivery (platform_id, event_number, incident_id, channel, sequence) "
            "VALUES (%s, %s, %s, %s, %s)",
            (platform_id, event_number, incident, channel.value, sequence),
        )


def claim(connection: Connection, platform: str, limit_count: int, lease: timedelta) -> Sequence[Delivery]:
    """Take due deliveries. The heads of each incident and channel only: after sending them, claim again.

    A thread line waits until its incident's message has been posted.
    """
    platform_id = find_platform(connection, platform)
    if platform_id is None:
        return []
    _collapse(connection, platform_id)
    rows = connection.execute(
        sql.SQL("""
        WITH head AS (
            SELECT DISTINCT ON (d.incident_id, d.channel) d.id FROM delivery d
            WHERE d.platform_id = %(platform)s AND {unsent}
            ORDER BY d.incident_id, d.channel, d.sequence
        ), due AS (
            SELECT d.id FROM delivery d JOIN head USING (id)
            WHERE {unsent} AND {free}
              AND (d.channel <> 'slack_thread' OR NOT EXISTS (
                    SELECT 1 FROM delivery m WHERE m.incident_id = d.incident_id AND m.channel = 'slack_message'
                    AND m.sent_at IS NULL AND m.superseded_by IS NULL)
                   OR EXISTS (
                    SELECT 1 FROM delivery m WHERE m.incident_id = d.incident_id AND m.channel = 'slack_message'
                    AND m.sent_at IS NOT NULL))
            ORDER BY d.created_at, d.sequence LIMIT %(limit)s
            FOR UPDATE OF d SKIP LOCKED
        ), taken AS (
            UPDATE delivery d SET attempt_count = d.attempt_count + 1, claimed_until = clock_timestamp() + %(lease)s
            FROM due WHERE d.id = due.id RETURNING d.*
        )
        SELECT t.id, t.incident_id, t.channel, t.sequence, t.attempt_count - 1, t.not_before,
               e.at, e.kind, e.text, e.who, e.numbers
        FROM taken t JOIN incident_event e ON e.platform_id = t.platform_id AND e.number = t.event_number
        ORDER BY t.created_at, t.sequence, t.channel
        """).format(unsent=_UNSENT, free=_FREE),
        {"platform": platform_id, "limit": limit_count, "lease": lease},
    ).fetchall()
    return [_delivery(platform, row) for row in rows]


def mark_sent(connection: Connection, delivery: UUID, sent: Sent) -> None:
    """Keep the evidence. The first evidence stays, also when it is reported twice."""
    done = connection.execute(
        "UPDATE delivery SET sent_at = clock_timestamp(), reference = %s, channel_reference = %s, "
        "claimed_until = NULL, superseded_by = NULL WHERE id = %s AND sent_at IS NULL",
        (sent.reference, sent.channel_reference, delivery),
    )
    if done.rowcount == 0:
        _must_exist(connection, delivery)


def mark_failed(connection: Connection, delivery: UUID, reason: str, retry_in: timedelta) -> None:
    """Give it back, to be tried again after `retry_in`. What was sent meanwhile stays sent."""
    done = connection.execute(
        "UPDATE delivery SET last_error = %s, not_before = clock_timestamp() + %s, claimed_until = NULL "
        "WHERE id = %s AND sent_at IS NULL",
        (clean(reason)[:500], retry_in, delivery),
    )
    if done.rowcount == 0:
        _must_exist(connection, delivery)


def sent_reference(connection: Connection, incident: UUID, channel: Channel) -> Sent | None:
    """Where the newest thing said of this incident through this channel is."""
    row = connection.execute(
        "SELECT reference, channel_reference FROM delivery WHERE incident_id = %s AND channel = %s "
        "AND sent_at IS NOT NULL ORDER BY sequence DESC LIMIT 1",
        (incident, channel.value),
    ).fetchone()
    return None if row is None else Sent(row[0], row[1])


def undelivered_count(connection: Connection, platform: str | None) -> int:
    """How much is still to be told, claimed or not."""
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FROM delivery d JOIN platform p ON p.id = d.platform_id "
            "WHERE {unsent} AND (%s::text IS NULL OR p.name = %s)"
        ).format(unsent=_UNSENT),
        (platform, platform),
    ).fetchone()
    return int(row[0]) if row else 0


def may_be_due(connection: Connection, platform: str) -> bool:
    """Could anything be claimed now? False only when all that waits was tried lately, or is somebody else's."""
    row = connection.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT 1 FROM delivery d JOIN platform p ON p.id = d.platform_id "
            "WHERE p.name = %s AND {unsent} AND {free})"
        ).format(unsent=_UNSENT, free=_FREE),
        (platform,),
    ).fetchone()
    return bool(row and row[0])


def _collapse(connection: Connection, platform_id: int) -> None:
    """Of several updates of one message that nobody has tried to send, only the newest is worth sending."""
    connection.execute(
        """
        WITH waiting AS (
            SELECT id, first_value(id) OVER (PARTITION BY incident_id ORDER BY sequence DESC) AS newest FROM delivery
            WHERE platform_id = %s AND channel = 'slack_message'
              AND sent_at IS NULL AND superseded_by IS NULL AND attempt_count = 0
        ), older AS (
            SELECT d.id, w.newest FROM delivery d JOIN waiting w ON w.id = d.id AND w.id <> w.newest
            WHERE d.attempt_count = 0 AND d.sent_at IS NULL FOR UPDATE OF d SKIP LOCKED
        )
        UPDATE delivery d SET superseded_by = older.newest FROM older WHERE d.id = older.id
        """,
        (platform_id,),
    )


def _must_exist(connection: Connection, delivery: UUID) -> None:
    if connection.execute("SELECT 1 FROM delivery WHERE id = %s", (delivery,)).fetchone() is None:
        raise Broken(f"there is no delivery {delivery}", code=MissingCode.PROBE_FAILED)


def _delivery(platform: str, row: tuple[Any, ...]) -> Delivery:
    event = IncidentEvent(incident=row[1], at=row[6], kind=EventKind(row[7]), text=row[8], who=row[9], numbers=row[10])
    return Delivery(
        id=row[0],
        platform=platform,
        incident=row[1],
        channel=Channel(row[2]),
        event=event,
        sequence=row[3],
        attempt_count=row[4],
        not_before=row[5],
        was_claimed_before=row[4] > 0,
    )
