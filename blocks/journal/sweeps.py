"""When was each platform last looked at, and what came of it?

The rules: a sweep is assessed once; a sweep that started before the newest assessed one changes no
status and no incident, however late it arrives; only an assessed sweep can be finished, because the
dead-man's switch listens for finished ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken
from blocks.journal.identities import (
    LockedPlatform,
    SweepRow,
    ensure_platform,
    find_sweep,
    lock_platform,
)
from blocks.journal.incidents import Ledger, read_incidents
from blocks.journal.readings import count_checks
from blocks.journal.statuses import add_samples, save_services, save_statuses
from blocks.ports.health import CheckKey, CheckStatus, MissingCode, ServiceAssessment, SliSample
from blocks.ports.incidents import Incident, IncidentChange
from blocks.ports.journal import SweepSummary
from blocks.ports.notifications import Channel

_SUMMARY = (
    "SELECT s.id, p.name, s.started_at, s.finished_at, s.catalogue_digest, s.verdict, s.check_count, s.problem_count, "
    "s.missing_count FROM sweep s JOIN platform p ON p.id = s.platform_id "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """Everything a sweep decided."""

    statuses: Mapping[CheckKey, CheckStatus]
    services: Sequence[ServiceAssessment]
    samples: Sequence[SliSample]
    verdict: str
    changes: Sequence[IncidentChange]
    channels: Sequence[Channel]
    reopen_within: timedelta


def start(connection: Connection, sweep: UUID, platform: str, catalogue_digest: str) -> None:
    """Note that a sweep began, by the journal's clock. Starting it again changes nothing."""
    connection.execute(
        "INSERT INTO sweep (id, platform_id, catalogue_digest) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (sweep, ensure_platform(connection, platform), catalogue_digest),
    )
    find_sweep(connection, sweep, platform)


def assess(connection: Connection, sweep: UUID, platform: str, assessed: Assessed) -> Sequence[Incident]:
    """Write what a sweep decided, all or nothing; returns the incidents it touched."""
    locked = lock_platform(connection, platform)
    row = find_sweep(connection, sweep, platform, lock=True)
    if row.assessed_at is not None:
        return read_incidents(connection, row.incidents)
    add_samples(connection, locked.id, assessed.samples)
    touched = () if _overtaken(connection, row) else _move(connection, locked, row, sweep, assessed)
    problems = sum(status.state.is_problem for status in assessed.statuses.values())
    checks, missing = count_checks(connection, row.number)
    connection.execute(
        "UPDATE sweep SET assessed_at = clock_timestamp(), verdict = %s, check_count = %s, problem_count = %s, "
        "missing_count = %s, incidents = %s WHERE id = %s",
        (assessed.verdict, checks or len(assessed.statuses), problems, missing, list(touched), sweep),
    )
    return read_incidents(connection, touched)


def finish(connection: Connection, sweep: UUID) -> SweepSummary:
    """Note that it is done. The first time stays. Raises `Broken` for a sweep that was never assessed."""
    connection.execute(
        "UPDATE sweep SET finished_at = clock_timestamp() "
        "WHERE id = %s AND finished_at IS NULL AND assessed_at IS NOT NULL",
        (sweep,),
    )
    found = connection.execute(_SUMMARY + "WHERE s.id = %s", (sweep,)).fetchone()
    if found is None or found[3] is None:
        what = "was never started" if found is None else "was not assessed"
        raise Broken(f"sweep {sweep} {what}, so it cannot be finished", code=MissingCode.PROBE_FAILED)
    return _summary(found)


def latest(connection: Connection, platform: str | None, limit_count: int) -> Sequence[SweepSummary]:
    """The newest sweeps, finished or not."""
    rows = connection.execute(
        _SUMMARY + "WHERE %s::text IS NULL OR p.name = %s ORDER BY s.started_at DESC, s.number DESC LIMIT %s",
        (platform, platform, limit_count),
    ).fetchall()
    return [_summary(row) for row in rows]


def last_finished(connection: Connection, platform: str) -> datetime | None:
    """When a sweep of the platform last finished."""
    row = connection.execute(
        "SELECT max(s.finished_at) FROM sweep s JOIN platform p ON p.id = s.platform_id WHERE p.name = %s", (platform,)
    ).fetchone()
    return row[0] if row else None


def lock_is_held(connection: Connection, high: int, low: int) -> bool:
    """Whether a session holds the advisory lock whose 64-bit key has these halves, in this database."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND granted "
        "AND classid::bigint = %s AND objid::bigint = %s AND objsubid = 1)",
        (high, low),
    ).fetchone()
    return bool(row and row[0])


def _overtaken(connection: Connection, sweep: SweepRow) -> bool:
    """Has a sweep that started later been assessed already?"""
    row = connection.execute(
        "SELECT 1 FROM sweep WHERE platform_id = %s AND assessed_at IS NOT NULL "
        "AND (started_at, number) > (%s, %s) LIMIT 1",
        (sweep.platform_id, sweep.started_at, sweep.number),
    ).fetchone()
    return row is not None


def _move(
    connection: Connection, platform: LockedPlatform, row: SweepRow, sweep: UUID, assessed: Assessed
) -> tuple[UUID, ...]:
    save_statuses(connection, platform.id, row.number, assessed.statuses)
    save_services(connection, platform.id, assessed.services)
    ledger = Ledger(connection, platform, assessed.channels, run=sweep)
    touched = [ledger.apply(change, assessed.reopen_within) for change in assessed.changes]
    return tuple(dict.fromkeys(each for each in touched if each is not None))


def _summary(row: tuple[Any, ...]) -> SweepSummary:
    return SweepSummary(
        id=row[0],
        platform=row[1],
        started_at=row[2],
        finished_at=row[3],
        catalogue_digest=row[4],
        verdict=row[5],
        check_count=row[6],
        problem_count=row[7],
        missing_count=row[8],
    )
