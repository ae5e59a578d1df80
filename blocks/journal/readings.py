"""What did every check measure, and for how long do we keep it?

One narrow row an attempt, a table a day, words only where something was wrong or missing. Days are
dropped whole after their retention. The rule: a sweep's readings are stored once, however often and
by however many they are handed in, because whoever stores them holds the sweep's row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from psycopg import Connection, sql

from blocks.journal.identities import (
    Shape,
    check_numbers,
    find_platform,
    find_sweep,
    shape_numbers,
    shape_of,
)
from blocks.ports.health import CheckKey, FindingCode, Reading, State
from blocks.ports.journal import StatePoint

_DAYS_LOCK = 0x76696764
_DAY = timedelta(days=1)
_NOTICED_WITHIN = timedelta(hours=1)
_SWEEPS_BACK = 5
_LONGEST_SILENCE = timedelta(days=1)
_SILENCE = (FindingCode.CONNECTION_REFUSED, FindingCode.CONNECTION_LOST, FindingCode.NO_ANSWER)
_FROM_BEST = [state.value for state in sorted(State, key=lambda state: state.rank)]


def store_readings(connection: Connection, sweep: UUID, platform: str, readings: Sequence[Reading]) -> int:
    """Store what the journal does not have yet of this sweep; returns the rows added."""
    platform_id = find_sweep(connection, sweep, platform).platform_id
    if not readings:
        return 0
    checks = check_numbers(connection, platform_id, (reading.key for reading in readings))
    shapes = shape_numbers(connection, (shape_of(reading.measurements) for reading in readings))
    ensure_days(connection, (reading.started_at for reading in readings))
    number = find_sweep(connection, sweep, platform, lock=True).number
    seen = _stored(connection, number, readings)
    count = 0
    with connection.cursor().copy(
        "COPY reading (at, value, second, sweep_number, check_id, elapsed_ms, attempt, shape_id, detail) FROM STDIN"
    ) as copy:
        for reading in readings:
            identity = (checks[reading.key], reading.attempt)
            if identity not in seen:
                seen.add(identity)
                copy.write_row(_row(reading, number, identity[0], shapes))
                count += 1
    return count


def ensure_days(connection: Connection, times: Iterable[datetime]) -> None:
    """A table for each day that is written to. Attaching one waits for nobody who only reads or writes."""
    for day in sorted({time.astimezone(UTC).date() for time in times}):
        if _has_day(connection, day):
            continue
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_DAYS_LOCK,))
        if _has_day(connection, day):
            continue
        name, parent = sql.Identifier(_table(day)), sql.Identifier("reading")
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS)").format(name, parent))
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, name, sql.Literal(_midnight(day)), sql.Literal(_midnight(day + _DAY))
            )
        )


def drop_old(connection: Connection, keep: timedelta) -> int:
    """Drop every day that ended more than `keep` ago, by the journal's clock; returns the readings dropped."""
    dropped = 0
    for day in _days_before(connection, keep):
        name = sql.Identifier(_table(day))
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
        connection.execute(sql.SQL("DROP TABLE {}").format(name))
        dropped += int(row[0]) if row else 0
    return dropped


def measure_storage(connection: Connection) -> tuple[int, int]:
    """(readings, bytes on disk with their indexes)."""
    rows = connection.execute("SELECT count(*) FROM reading").fetchone()
    size = connection.execute(
        "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree('reading') WHERE isleaf"
    ).fetchone()
    return int(rows[0]) if rows else 0, int(size[0]) if size else 0


def read_timeline(
    connection: Connection, platform: str, since: datetime, most: int, also: Collection[CheckKey]
) -> Sequence[StatePoint]:
    """The last attempt of each chosen check in each sweep since then, with the state that sweep left it in.

    Chosen are the `most` checks that fared worst, and those in `also`: somebody looks at a picture of them, and
    a platform of thousands has more points than can be read in a sweep. A sweep that was never assessed left no
    state: its points are unknown.
    """
    platform_id = find_platform(connection, platform)
    if platform_id is None:
        return []
    rows = connection.execute(
        """
        SELECT k.service, k.check_name, r.at, r.value, m.units[1],
               CASE WHEN r.assessed_at IS NULL THEN NULL ELSE (
                   SELECT c.state FROM check_change c
                   WHERE c.check_id = r.check_id AND c.sweep_number <= r.sweep_number
                   ORDER BY c.sweep_number DESC LIMIT 1) END
        FROM (SELECT DISTINCT ON (check_id, sweep_number) reading.*, s.assessed_at
              FROM reading JOIN sweep s ON s.number = reading.sweep_number AND s.platform_id = %s
              WHERE at >= %s AND check_id = ANY(%s) ORDER BY check_id, sweep_number, attempt DESC) r
        JOIN check_identity k ON k.id = r.check_id
        JOIN measure_shape m ON m.id = r.shape_id
        ORDER BY r.at, k.service, k.check_name
        """,
        (platform_id, since, [*_worst(connection, platform_id, since, most), *_known(connection, platform_id, also)]),
    ).fetchall()
    return [
        StatePoint(
            key=CheckKey(service, check), at=at, state=state or State.UNKNOWN.value, value=value, unit=unit or ""
        )
        for service, check, at, value, unit, state in rows
    ]


def last_good_answer(
    connection: Connection, platform: str, services: Collection[str], noticed_at: datetime
) -> datetime | None:
    """When those services' checks were last seen well before they turned bad, where that is what was noticed then.

    Of checks that are bad now without a break, since at most an hour before: of the first of them, its newest reading
    without a word of complaint. None where nobody knows.
    """
    platform_id = find_platform(connection, platform)
    row = connection.execute(
        """
        WITH bad AS (
            SELECT c.check_id, c.since FROM check_status c JOIN check_identity k ON k.id = c.check_id
            WHERE k.platform_id = %(platform)s AND k.service = ANY(%(services)s)
            AND c.state IN ('critical', 'unknown')
            AND c.since BETWEEN %(noticed)s::timestamptz - %(within)s::interval AND %(noticed)s::timestamptz),
        turned AS (SELECT min(since) AS at FROM bad),
        before AS (
            SELECT s.number FROM sweep s, turned t WHERE s.platform_id = %(platform)s AND s.started_at < t.at
            ORDER BY s.number DESC LIMIT %(most)s)
        SELECT max(r.at) FROM reading r, turned t WHERE r.sweep_number IN (SELECT number FROM before)
        AND r.check_id IN (SELECT check_id FROM bad WHERE since = t.at) AND r.detail = '' AND r.at < t.at
        """,
        {
            "platform": platform_id,
            "services": list(services),
            "noticed": noticed_at,
            "within": _NOTICED_WITHIN,
            "most": _SWEEPS_BACK,
        },
    ).fetchone()
    return row[0] if row else None


def silent_since(connection: Connection, platform: str, keys: Collection[CheckKey]) -> datetime | None:
    """Since when at the latest nobody answers to any of these checks: the end of the first reading of that silence.

    Silence is a connection refused, lost, or without an answer, in every reading since. What measured something, what
    was wrong in another way and what could not be looked at ends it. None where the newest is not silent; of a silence
    of more than a day the last day is known.
    """
    platform_id = find_platform(connection, platform)
    if platform_id is None:
        return None
    row = connection.execute(
        """
        WITH seen AS (
            SELECT r.at + r.elapsed_ms * interval '1 millisecond' AS ended_at, r.detail LIKE ANY(%(silence)s) AS silent
            FROM reading r JOIN sweep s ON s.number = r.sweep_number AND s.platform_id = %(platform)s
            WHERE r.check_id = ANY(%(checks)s) AND r.at > now() - %(longest)s::interval)
        SELECT min(ended_at) FROM seen
        WHERE silent AND ended_at > coalesce((SELECT max(ended_at) FROM seen WHERE NOT silent), '-infinity')
        """,
        {
            "silence": [f'{{"finding":"{code.value}"%' for code in _SILENCE],
            "platform": platform_id,
            "checks": _known(connection, platform_id, keys),
            "longest": _LONGEST_SILENCE,
        },
    ).fetchone()
    return row[0] if row else None


def _worst(connection: Connection, platform_id: int, since: datetime, most: int) -> list[int]:
    """The checks whose worst state since then was worst, then those that changed most; from the few changes alone."""
    rows = connection.execute(
        """
        WITH change AS (
            SELECT c.check_id, c.state, s.started_at >= %(since)s AS recent,
                   row_number() OVER (PARTITION BY c.check_id, s.started_at >= %(since)s ORDER BY c.sweep_number DESC)
                   AS back
            FROM check_change c JOIN sweep s ON s.number = c.sweep_number WHERE s.platform_id = %(platform)s)
        SELECT k.id FROM check_identity k LEFT JOIN change c ON c.check_id = k.id AND (c.recent OR c.back = 1)
        WHERE k.platform_id = %(platform)s
        GROUP BY k.id, k.service, k.check_name
        ORDER BY max(array_position(%(ranks)s::text[], c.state)) DESC NULLS LAST, count(c.*) DESC,
                 k.service, k.check_name
        LIMIT %(most)s
        """,
        {"since": since, "platform": platform_id, "most": most, "ranks": _FROM_BEST},
    ).fetchall()
    return [row[0] for row in rows]


def _known(connection: Connection, platform_id: int, keys: Collection[CheckKey]) -> list[int]:
    rows = connection.execute(
        "SELECT id FROM check_identity WHERE platform_id = %s AND (service, check_name) IN "
        "(SELECT * FROM unnest(%s::text[], %s::text[]))",
        (platform_id, [key.service for key in keys], [key.check for key in keys]),
    ).fetchall()
    return [row[0] for row in rows]


def count_checks(connection: Connection, sweep_number: int) -> tuple[int, int]:
    """(checks that have a reading in this sweep, those whose last attempt measured nothing)."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE detail LIKE '{\"missing\"%%') FROM ("
        "SELECT DISTINCT ON (check_id) detail FROM reading WHERE sweep_number = %s "
        "ORDER BY check_id, attempt DESC) AS last",
        (sweep_number,),
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _stored(connection: Connection, sweep_number: int, readings: Sequence[Reading]) -> set[tuple[int, int]]:
    times = [reading.started_at for reading in readings]
    rows = connection.execute(
        "SELECT check_id, attempt FROM reading WHERE sweep_number = %s AND at BETWEEN %s AND %s",
        (sweep_number, min(times) - _DAY, max(times) + _DAY),
    ).fetchall()
    return {(check_id, attempt) for check_id, attempt in rows}


def _row(reading: Reading, sweep_number: int, check_id: int, shapes: Mapping[Shape, int]) -> tuple[object, ...]:
    values = [measurement.value for measurement in reading.measurements]
    return (
        reading.started_at,
        values[0] if values else None,
        values[1] if len(values) > 1 else None,
        sweep_number,
        check_id,
        reading.elapsed_ms,
        reading.attempt,
        shapes[shape_of(reading.measurements)],
        _detail(reading, values[2:]),
    )


def _detail(reading: Reading, further: Sequence[float]) -> str:
    detail: dict[str, object] = {}
    if reading.missing is not None:
        detail |= {"missing": reading.missing.code.value, "text": reading.missing.text}
    if reading.finding is not None:
        finding = reading.finding
        detail |= {"finding": finding.code.value, "state": finding.state.value, "text": finding.text}
    if further:
        detail["also"] = [value if math.isfinite(value) else str(value) for value in further]
    if not detail:
        return ""
    return json.dumps(detail, ensure_ascii=False, separators=(",", ":")).replace("\\u0000", "")


def _table(day: date) -> str:
    return f"reading_{day:%Y%m%d}"


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"


def _has_day(connection: Connection, day: date) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (_table(day),)).fetchone()
    return bool(row and row[0])


def _days_before(connection: Connection, keep: timedelta) -> Sequence[date]:
    rows = connection.execute(
        "SELECT to_date(right(relid::text, 8), 'YYYYMMDD') AS day FROM pg_partition_tree('reading') "
        "WHERE isleaf AND level = 1 "
        "AND to_date(right(relid::text, 8), 'YYYYMMDD') + 1 <= (clock_timestamp() - %s) AT TIME ZONE 'UTC' "
        "ORDER BY day",
        (keep,),
    ).fetchall()
    return [row[0] for row in rows]
