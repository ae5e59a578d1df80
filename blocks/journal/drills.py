"""When was a platform last drilled and a backup last restored, and what did that leave behind?

The rules: a resource is leased before it is created, by one run at a time, so that what a killed drill made is found;
a reminder is written down with the message that it wants, once a day.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken, Refused
from blocks.journal.actions import append_action
from blocks.journal.messages import want_message
from blocks.journal.runs import lock_run
from blocks.journal.statuses import aware, clean
from blocks.ports.drills import Drill, DrillVerdict, LeasedResource, OldSideCount, RestoreTest
from blocks.ports.health import MissingCode
from blocks.ports.runs import GIVES_WAY, ActionKind, RunState

T = TypeVar("T")

_DRILL = (
    "SELECT d.run_id, p.name, d.at, d.verdict, d.text, d.leftovers, d.durations "
    "FROM drill d JOIN platform p ON p.id = d.platform_id "
)
_RESTORE = (
    "SELECT t.run_id, p.name, t.data, t.at, t.restored_to, t.passed, t.text "
    "FROM restore_test t JOIN platform p ON p.id = t.platform_id "
)
_LEASED = (
    "SELECT l.run_id, p.name, l.kind, l.reference, l.leased_at, l.until "
    "FROM resource_lease l JOIN platform p ON p.id = l.platform_id WHERE l.freed_at IS NULL "
)


# -- drills and restores -----------------------------------------------------------------------


def keep_drill(
    connection: Connection,
    run: UUID,
    *,
    verdict: DrillVerdict,
    text: str,
    leftovers: Sequence[str],
    durations: Mapping[str, timedelta],
) -> Drill:
    """What it showed; said the same again, nothing is written."""
    locked, _ = lock_run(connection, run)
    there = find_drill(connection, run)
    seconds = {phase: took.total_seconds() for phase, took in durations.items()}
    said = (verdict, clean(text), tuple(clean(each) for each in leftovers), dict(durations))
    if there is not None and (there.verdict, there.text, there.leftovers, dict(there.durations)) == said:
        return there
    connection.execute(
        "INSERT INTO drill (run_id, platform_id, at, verdict, text, leftovers, durations) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id) DO UPDATE SET at = excluded.at, "
        "verdict = excluded.verdict, text = excluded.text, leftovers = excluded.leftovers, "
        "durations = excluded.durations",
        (run, locked.id, locked.now, verdict.value, said[1], list(said[2]), json.dumps(seconds)),
    )
    data = {"verdict": verdict.value, "leftovers": list(said[2]), "seconds": seconds}
    append_action(connection, locked, run, ActionKind.DRILL_KEPT, text, data=data)
    return _present(find_drill(connection, run), f"the drill of run {run}")


def find_drill(connection: Connection, run: UUID) -> Drill | None:
    """The drill of this run, None when it is none."""
    row = connection.execute(_DRILL + "WHERE d.run_id = %s", (run,)).fetchone()
    return None if row is None else _drill(row)


def list_drills(connection: Connection, platform: str, limit_count: int) -> Sequence[Drill]:
    """Newest first."""
    rows = connection.execute(_DRILL + "WHERE p.name = %s ORDER BY d.at DESC LIMIT %s", (platform, limit_count))
    return [_drill(row) for row in rows.fetchall()]


def keep_restore_test(
    connection: Connection, run: UUID, *, data: str, restored_to: datetime, passed: bool, text: str
) -> RestoreTest:
    """The first result of a run and its data stays."""
    aware(restored_to)
    locked, _ = lock_run(connection, run)
    there = connection.execute(
        "INSERT INTO restore_test (run_id, data, platform_id, at, restored_to, passed, text) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (run, data, locked.id, locked.now, restored_to, passed, clean(text)),
    )
    if there.rowcount:
        kept = {"data": data, "restored_to": restored_to.isoformat(), "passed": passed}
        append_action(connection, locked, run, ActionKind.RESTORE_KEPT, text, data=kept)
    row = connection.execute(_RESTORE + "WHERE t.run_id = %s AND t.data = %s", (run, data)).fetchone()
    return _restore(_present(row, f"the restore of {data} by run {run}"))


def list_restore_tests(connection: Connection, platform: str, limit_count: int) -> Sequence[RestoreTest]:
    """Newest first."""
    rows = connection.execute(_RESTORE + "WHERE p.name = %s ORDER BY t.at DESC LIMIT %s", (platform, limit_count))
    return [_restore(row) for row in rows.fetchall()]


# -- what a drill created ----------------------------------------------------------------------


def lease(connection: Connection, run: UUID, *, kind: str, reference: str, until: datetime) -> LeasedResource:
    """Before it is created; one run at a time."""
    aware(until)
    locked, _ = lock_run(connection, run)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"resource {kind} {reference}",))
    holder = connection.execute(_LEASED + "AND l.kind = %s AND l.reference = %s", (kind, reference)).fetchone()
    if holder is not None and holder[0] != run:
        raise Refused(
            f"{kind} {reference} belongs to run {holder[0]} until {holder[5]:%d %B %H:%M} UTC",
            where=f"platform {holder[1]}",
            next_step="let that run free it, or let the leak sweep remove it; it cannot belong to two",
        )
    connection.execute(
        "INSERT INTO resource_lease (run_id, kind, reference, platform_id, leased_at, until) "
        "VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (run_id, kind, reference) DO UPDATE SET until = excluded.until, freed_at = NULL",
        (run, kind, reference, locked.id, locked.now, until),
    )
    if holder is None:
        data = {"kind": kind, "reference": reference, "until": until.isoformat()}
        append_action(connection, locked, run, ActionKind.RESOURCE_LEASED, f"will create {kind} {reference}", data=data)
    row = connection.execute(_LEASED + "AND l.kind = %s AND l.reference = %s", (kind, reference)).fetchone()
    return _leased(_present(row, f"{kind} {reference}"))


def free(connection: Connection, run: UUID, *, kind: str, reference: str) -> None:
    """It is gone. Freed before, or never leased, nothing is written."""
    locked, _ = lock_run(connection, run)
    freed = connection.execute(
        "UPDATE resource_lease SET freed_at = %s "
        "WHERE run_id = %s AND kind = %s AND reference = %s AND freed_at IS NULL",
        (locked.now, run, kind, reference),
    )
    if freed.rowcount:
        data = {"kind": kind, "reference": reference}
        append_action(connection, locked, run, ActionKind.RESOURCE_FREED, f"{kind} {reference} is gone", data=data)


def leased_of(connection: Connection, run: UUID) -> Sequence[LeasedResource]:
    """Not freed yet, newest first."""
    rows = connection.execute(_LEASED + "AND l.run_id = %s ORDER BY l.leased_at DESC, l.reference", (run,)).fetchall()
    return [_leased(row) for row in rows]


def leaked(connection: Connection) -> Sequence[LeasedResource]:
    """Their time is over; or their run went out of its way and will not come back to them. Newest first.

    A rehearsal is not gone on with once it failed or was parked, so what it made is leaked then too.
    """
    rows = connection.execute(
        _LEASED + "AND (l.until <= clock_timestamp() OR EXISTS (SELECT 1 FROM run r WHERE r.id = l.run_id "  # noqa: S608
        "AND (r.state = ANY (%s) OR r.state = ANY (%s) AND r.action = ANY (%s)))) "
        "ORDER BY l.leased_at DESC, l.reference",
        (
            [state.value for state in RunState if state.is_over or state is RunState.CANCELLED],
            [RunState.FAILED.value, RunState.PARKED.value],
            list(GIVES_WAY),
        ),
    ).fetchall()
    return [_leased(row) for row in rows]


# -- reminders, and the old side ---------------------------------------------------------------


def remind(connection: Connection, run: UUID, *, name: str, day: date, text: str, facts: Mapping[str, object]) -> bool:
    """The first of the day is written down, and wants its message."""
    locked, _ = lock_run(connection, run)
    there = connection.execute(
        "SELECT 1 FROM reminder WHERE platform_id = %s AND name = %s AND day = %s", (locked.id, name, day)
    ).fetchone()
    if there is not None:
        return False
    data = {"name": name, "day": day.isoformat(), **facts}
    number = append_action(connection, locked, run, ActionKind.REMINDED, text, data=data)
    connection.execute(
        "INSERT INTO reminder (platform_id, name, day, run_id, action_number) VALUES (%s, %s, %s, %s, %s)",
        (locked.id, name, day, run, number),
    )
    want_message(connection, run, f"reminder:{number}")
    return True


def was_reminded(connection: Connection, platform: str, name: str, day: date) -> bool:
    """Has it been given today?"""
    row = connection.execute(
        "SELECT 1 FROM reminder r JOIN platform p ON p.id = r.platform_id "
        "WHERE p.name = %s AND r.name = %s AND r.day = %s",
        (platform, name, day),
    ).fetchone()
    return row is not None


def keep_report(connection: Connection, run: UUID, *, text: str, facts: Mapping[str, object]) -> None:
    """The newest report of a run is the one that people see."""
    locked, _ = lock_run(connection, run)
    newest = connection.execute(
        "SELECT text, data FROM action_event WHERE run_id = %s AND kind = %s ORDER BY number DESC LIMIT 1",
        (run, ActionKind.REPORTED.value),
    ).fetchone()
    if newest is not None and newest == (text, dict(facts)):
        return
    append_action(connection, locked, run, ActionKind.REPORTED, text, data=facts)
    want_message(connection, run, "report")


def keep_old_side(connection: Connection, run: UUID, counts: Sequence[OldSideCount]) -> None:
    """The first count of a moment stays."""
    aware(*(count.at for count in counts))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO old_side (run_id, at, client_count) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(run, count.at, count.client_count) for count in counts],
        )


def old_side(connection: Connection, run: UUID) -> Sequence[OldSideCount]:
    """Oldest first."""
    rows = connection.execute("SELECT at, client_count FROM old_side WHERE run_id = %s ORDER BY at", (run,)).fetchall()
    return [OldSideCount(at=at, client_count=count) for at, count in rows]


# -- rows --------------------------------------------------------------------------------------


def _present(found: T | None, what: str) -> T:
    if found is None:
        raise Broken(f"{what} vanished from the journal", code=MissingCode.UNEXPECTED_ANSWER)
    return found


def _drill(row: tuple[Any, ...]) -> Drill:
    return Drill(
        run=row[0],
        platform=row[1],
        at=row[2],
        verdict=DrillVerdict(row[3]),
        text=row[4],
        leftovers=tuple(row[5]),
        durations={phase: timedelta(seconds=seconds) for phase, seconds in row[6].items()},
    )


def _restore(row: tuple[Any, ...]) -> RestoreTest:
    return RestoreTest(
        run=row[0], platform=row[1], data=row[2], at=row[3], restored_to=row[4], passed=row[5], text=row[6]
    )


def _leased(row: tuple[Any, ...]) -> LeasedResource:
    return LeasedResource(run=row[0], platform=row[1], kind=row[2], reference=row[3], leased_at=row[4], until=row[5])
