"""What of a run is still to be shown to people, and what has been?

One message a purpose of a run (the question, the progress, a call): not a list of things to say but the newest
version that is wanted and the newest that was sent, so that an hour without Slack ends with one message that
is right, and never with sixty. The rules: a message is claimed for a while by whoever sends it; a claim that
lapses is handed out again with the warning that it may have been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.journal.statuses import clean
from blocks.ports.notifications import Sent
from blocks.ports.runs import RunMessage

_COLUMNS = (
    "m.run_id, m.purpose, m.channel, m.wanted_version, m.sent_version, m.attempt_count, m.reference, "
    "m.channel_reference, m.delivery, m.last_error"
)


def want_message(connection: Connection, run: UUID, purpose: str, channel: str = "slack_message") -> None:
    """People should see a newer version of this than they do."""
    connection.execute(
        "INSERT INTO run_message (run_id, purpose, channel, wanted_version) VALUES (%s, %s, %s, 1) "
        "ON CONFLICT (run_id, purpose) DO UPDATE SET wanted_version = run_message.wanted_version + 1",
        (run, purpose, channel),
    )


def free_shown(connection: Connection, run: UUID, purpose: str) -> None:
    """Whoever was bringing this message up to date is gone: another may at once, because it is changed in place."""
    connection.execute(
        "UPDATE run_message SET claimed_until = NULL WHERE run_id = %s AND purpose = %s AND reference <> ''",
        (run, purpose),
    )


def look_again_at_calls(connection: Connection, run: UUID) -> None:
    """Whoever was rung for this run may be needed no more: what sends the calls finds out."""
    connection.execute(
        "UPDATE run_message SET wanted_version = wanted_version + 1 WHERE run_id = %s AND channel = 'pager'", (run,)
    )


def claim(connection: Connection, run: UUID | None, limit_count: int, lease: timedelta) -> Sequence[RunMessage]:
    """Take what is due, of one run or of all."""
    rows = connection.execute(
        "WITH due AS (SELECT run_id, purpose FROM run_message "  # noqa: S608  constants only
        "WHERE wanted_version > sent_version AND (%s::uuid IS NULL OR run_id = %s) "
        "AND (claimed_until IS NULL OR claimed_until <= clock_timestamp()) "
        "AND (not_before IS NULL OR not_before <= clock_timestamp()) "
        "ORDER BY run_id, purpose LIMIT %s FOR UPDATE SKIP LOCKED) "
        "UPDATE run_message m SET attempt_count = m.attempt_count + 1, claimed_until = clock_timestamp() + %s "
        f"FROM due WHERE m.run_id = due.run_id AND m.purpose = due.purpose RETURNING {_COLUMNS}",
        (run, run, limit_count, lease),
    ).fetchall()
    return [_message(row) for row in rows]


def mark_sent(connection: Connection, message: RunMessage, sent: Sent) -> None:
    """This version is out there; a newer one may be wanted meanwhile."""
    connection.execute(
        "UPDATE run_message SET sent_version = greatest(sent_version, %s), reference = %s, channel_reference = %s, "
        "claimed_until = NULL, attempt_count = 0, not_before = NULL, last_error = '' "
        "WHERE run_id = %s AND purpose = %s",
        (message.version, sent.reference, sent.channel_reference, message.run, message.purpose),
    )


def mark_failed(connection: Connection, message: RunMessage, reason: str, retry_in: timedelta) -> None:
    """It waits, and is tried again after `retry_in`."""
    connection.execute(
        "UPDATE run_message SET last_error = %s, not_before = clock_timestamp() + %s, claimed_until = NULL "
        "WHERE run_id = %s AND purpose = %s",
        (clean(reason)[:500], retry_in, message.run, message.purpose),
    )


def is_being_shown(connection: Connection, run: UUID, purpose: str) -> bool:
    """Somebody has taken the newest version, and neither sent it nor given it back yet."""
    row = connection.execute(
        "SELECT 1 FROM run_message WHERE run_id = %s AND purpose = %s AND wanted_version > sent_version "
        "AND claimed_until > clock_timestamp()",
        (run, purpose),
    ).fetchone()
    return row is not None


def waiting_count(connection: Connection) -> int:
    """How much people do not see yet."""
    row = connection.execute("SELECT count(*) FROM run_message WHERE wanted_version > sent_version").fetchone()
    return int(row[0]) if row else 0


def sent_of(connection: Connection, run: UUID, purpose: str) -> Sent | None:
    """Where the message of this purpose is."""
    row = connection.execute(
        "SELECT reference, channel_reference FROM run_message WHERE run_id = %s AND purpose = %s AND reference <> ''",
        (run, purpose),
    ).fetchone()
    return None if row is None else Sent(row[0], row[1])


def _message(row: tuple[Any, ...]) -> RunMessage:
    sent = Sent(row[6], row[7]) if row[6] else None
    return RunMessage(
        run=row[0],
        purpose=row[1],
        channel=row[2],
        version=row[3],
        sent_version=row[4],
        attempt_count=row[5] - 1,
        sent=sent,
        delivery=row[8],
        last_error=row[9],
    )
