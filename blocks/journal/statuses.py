"""What is remembered of each check and each service between sweeps, and how good was the service?

The rule: these are written in the same transaction that marks the sweep assessed, so that a state,
a bucket and an incident never tell different stories.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection

from blocks.errors import Broken
from blocks.journal.identities import check_numbers, find_platform
from blocks.ports.health import CheckKey, CheckStatus, MissingCode, Mode, ServiceAssessment, SliSample, State


def load_statuses(connection: Connection, platform: str) -> Mapping[CheckKey, CheckStatus]:
    """Every status the platform has, by check."""
    platform_id = find_platform(connection, platform)
    rows = connection.execute(
        "SELECT k.service, k.check_name, s.state, s.mode, s.attempt, s.last_hard, s.since, s.hard_since, s.checked_at, "
        "s.flap_changes, s.flapping, s.fresh, s.sentence "
        "FROM check_status s JOIN check_identity k ON k.id = s.check_id WHERE k.platform_id = %s",
        (platform_id,),
    ).fetchall()
    return {
        CheckKey(row[0], row[1]): CheckStatus(
            state=State(row[2]),
            mode=Mode(row[3]),
            attempt=row[4],
            last_hard=State(row[5]),
            since=row[6],
            hard_since=row[7],
            checked_at=row[8],
            flap_changes=row[9],
            flapping=row[10],
            fresh=row[11],
            sentence=row[12],
        )
        for row in rows
    }


def save_statuses(
    connection: Connection, platform_id: int, sweep_number: int, statuses: Mapping[CheckKey, CheckStatus]
) -> None:
    """Replace the statuses given; a check whose state changed also gets a line in its history."""
    if not statuses:
        return
    numbers = check_numbers(connection, platform_id, statuses)
    rows = [_row(numbers[key], status) for key, status in statuses.items()]
    connection.execute(  # as one JSON text: arrays of thousands, column by column, take twice as long to write
        """
        WITH n AS (SELECT * FROM json_populate_recordset(NULL::check_status, %s::json)),
        changed AS (
            INSERT INTO check_change (check_id, sweep_number, state)
            SELECT n.check_id, %s, n.state FROM n
            LEFT JOIN check_status s ON s.check_id = n.check_id WHERE s.state IS DISTINCT FROM n.state
        )
        INSERT INTO check_status (check_id, state, mode, attempt, last_hard, since, hard_since, checked_at,
                                  flap_changes, flapping, fresh, sentence)
        SELECT check_id, state, mode, attempt, last_hard, since, hard_since, checked_at,
               flap_changes, flapping, fresh, sentence FROM n
        ON CONFLICT (check_id) DO UPDATE SET
            state = excluded.state, mode = excluded.mode, attempt = excluded.attempt, last_hard = excluded.last_hard,
            since = excluded.since, hard_since = excluded.hard_since, checked_at = excluded.checked_at,
            flap_changes = excluded.flap_changes, flapping = excluded.flapping, fresh = excluded.fresh,
            sentence = excluded.sentence
        """,
        (json.dumps(rows), sweep_number),
    )


def _row(check_id: int, status: CheckStatus) -> dict[str, object]:
    """By the columns of check_status."""
    return {
        "check_id": check_id,
        "state": status.state.value,
        "mode": status.mode.value,
        "attempt": status.attempt,
        "last_hard": status.last_hard.value,
        "since": status.since and status.since.isoformat(),
        "hard_since": status.hard_since and status.hard_since.isoformat(),
        "checked_at": status.checked_at and status.checked_at.isoformat(),
        "flap_changes": status.flap_changes,
        "flapping": status.flapping,
        "fresh": status.fresh,
        "sentence": clean(status.sentence),
    }


def load_services(connection: Connection, platform: str) -> Sequence[ServiceAssessment]:
    """Every service as the newest assessed sweep left it, by name."""
    return _services_of(connection, find_platform(connection, platform))


def _services_of(connection: Connection, platform_id: int | None) -> Sequence[ServiceAssessment]:
    rows = connection.execute(
        "SELECT service, state, mode, since, sentence, reachable, root_causes, muted, flapping FROM service_status "
        "WHERE platform_id = %s ORDER BY service",
        (platform_id,),
    ).fetchall()
    return [
        ServiceAssessment(
            service=row[0],
            state=State(row[1]),
            mode=Mode(row[2]),
            since=row[3],
            sentence=row[4],
            reachable=row[5],
            root_causes=tuple(row[6]),
            muted=row[7],
            flapping=row[8],
        )
        for row in rows
    ]


def save_services(connection: Connection, platform_id: int, services: Sequence[ServiceAssessment]) -> None:
    """Replace what changed; a service that is no longer assessed disappears."""
    known = {each.service: each for each in _services_of(connection, platform_id)}
    wanted = {each.service: each for each in services}
    changed = [each for each in wanted.values() if known.get(each.service) != each]
    stale = [name for name in known if name not in wanted or known[name] != wanted[name]]
    connection.execute("DELETE FROM service_status WHERE platform_id = %s AND service = ANY(%s)", (platform_id, stale))
    with connection.cursor().copy(
        "COPY service_status (platform_id, service, state, mode, since, sentence, reachable, root_causes, muted, "
        "flapping) FROM STDIN"
    ) as copy:
        for each in changed:
            copy.write_row(
                (
                    platform_id,
                    each.service,
                    each.state.value,
                    each.mode.value,
                    each.since,
                    clean(each.sentence),
                    each.reachable,
                    list(each.root_causes),
                    clean(each.muted),
                    each.flapping,
                )
            )


def add_samples(connection: Connection, platform_id: int, samples: Sequence[SliSample]) -> None:
    """Add good and bad samples to their buckets; several sweeps may fall into one."""
    sums: dict[tuple[datetime, str], list[int]] = defaultdict(lambda: [0, 0])
    for sample in samples:
        sums[sample.bucket, sample.slo][0] += sample.good_count
        sums[sample.bucket, sample.slo][1] += sample.bad_count
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sli_bucket AS b (platform_id, slo, bucket, good_count, bad_count) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (platform_id, bucket, slo) DO UPDATE SET "
            "good_count = b.good_count + excluded.good_count, bad_count = b.bad_count + excluded.bad_count",
            [(platform_id, slo, bucket, good, bad) for (bucket, slo), (good, bad) in sorted(sums.items())],
        )


def read_samples(connection: Connection, platform: str, since: datetime) -> Sequence[SliSample]:
    """Buckets that start at `since` or later, oldest first."""
    rows = connection.execute(
        "SELECT slo, bucket, good_count, bad_count FROM sli_bucket WHERE platform_id = %s AND bucket >= %s "
        "ORDER BY bucket, slo",
        (find_platform(connection, platform), since),
    ).fetchall()
    return [SliSample(slo=slo, bucket=bucket, good_count=good, bad_count=bad) for slo, bucket, good, bad in rows]


def clean(text: str) -> str:
    """Text the database can hold: without NUL characters."""
    return text.replace("\x00", "")


def aware(*times: datetime) -> None:
    """Raises `Broken` for a time without its zone."""
    for time in times:
        if time.tzinfo is None:
            raise Broken(
                f"the time {time} has no time zone", next_step="give times in UTC", code=MissingCode.PROBE_FAILED
            )
