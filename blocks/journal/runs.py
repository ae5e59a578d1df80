"""Which runs are there, in which state, and which of them may change a platform now?

The rules: whoever changes anything about a platform's runs stands in the one line of that platform's lock; a
run that is over never moves again; a lease belongs to one run, its token only grows, and it is given back
with the state that no longer needs it. Who waits for a person in the middle of a plan keeps it, and can do nothing
with it meanwhile: only a run that runs may act.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken, Refused
from blocks.journal import rooms
from blocks.journal.actions import append_action
from blocks.journal.identities import LockedPlatform, lock_platform
from blocks.journal.messages import free_shown, look_again_at_calls, want_message
from blocks.journal.statuses import clean
from blocks.ports.approvals import Standing
from blocks.ports.health import MissingCode
from blocks.ports.runs import GIVES_WAY, ActionKind, Lease, Run, RunState, titled, who_said

_RUN = (
    "SELECT r.id, p.name, r.action, r.subject, r.parameters, r.requested_by, r.customer, r.opened_at, r.state, "
    "r.state_at, r.reason, r.resume_count, r.resumed_at, r.stop_requested_by "
    "FROM run r JOIN platform p ON p.id = r.platform_id "
)


def open_run(
    connection: Connection,
    run: UUID,
    *,
    platform: str,
    action: str,
    subject: str,
    parameters: Mapping[str, object],
    requested_by: str,
    customer: str,
) -> Run:
    """Note the run, or give the one that is there."""
    locked = lock_platform(connection, platform)
    known = find_run(connection, run)
    if known is None:
        connection.execute(
            "INSERT INTO run (id, platform_id, action, subject, parameters, requested_by, customer) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (run, locked.id, action, subject, json.dumps(parameters), clean(requested_by), customer),
        )
        text = f"{titled(action, subject, platform)}, asked for by {who_said(requested_by)}"
        append_action(
            connection, locked, run, ActionKind.RUN_OPENED, text, who=requested_by, data={"parameters": parameters}
        )
        return the_run(connection, run)
    if (known.platform, known.action, known.subject, dict(known.parameters)) != (
        platform,
        action,
        subject,
        dict(parameters),
    ):
        raise Refused(
            f"run {run} is {known.title}; its parameters were changed",
            next_step="start a new run: what was approved cannot be given another meaning",
        )
    return known


def find_run(connection: Connection, run: UUID) -> Run | None:
    """The run, None when the journal never heard of it."""
    row = connection.execute(_RUN + "WHERE r.id = %s", (run,)).fetchone()
    return None if row is None else _run(row)


def the_run(connection: Connection, run: UUID) -> Run:
    """The run. Raises `Broken` when there is none."""
    found = find_run(connection, run)
    if found is None:
        raise Broken(f"the journal has no run {run}", next_step="vigie runs lists them", code=MissingCode.NO_DATA)
    return found


def list_runs(connection: Connection, platform: str | None, states: Sequence[RunState]) -> Sequence[Run]:
    """Newest first; all states when none is named."""
    rows = connection.execute(
        _RUN + "WHERE (%s::text IS NULL OR p.name = %s) AND (%s::text[] = '{}' OR r.state = ANY (%s)) "
        "ORDER BY r.opened_at DESC, r.id LIMIT 500",
        (platform, platform, [s.value for s in states], [s.value for s in states]),
    ).fetchall()
    return [_run(row) for row in rows]


def lock_run(connection: Connection, run: UUID) -> tuple[LockedPlatform, Run]:
    """The run, its platform held until the transaction ends."""
    locked = lock_platform(connection, the_run(connection, run).platform)
    return locked, the_run(connection, run)


def move(
    connection: Connection,
    run: UUID,
    state: RunState,
    reason: str,
    who: str,
    *,
    page: bool = False,
    keeps_lease: bool = False,
) -> Run:
    """Another state; unless the run goes on running, or waits in the middle of its plan, it gives back lease and room.

    Room stays with a run that moves a platform: whoever goes on with it needs it.
    """
    locked, known = lock_run(connection, run)
    if known.state is state and known.reason == reason:
        return known
    if known.state.is_over:
        raise Refused(
            f"run {run} is over: {known.state.value}{f', {known.reason}' if known.reason else ''}",
            next_step="start a new run",
        )
    stop = known.stop_requested_by if state in {RunState.RUNNING, RunState.WAITING} and who == "vigie" else ""
    touched = who != "vigie"  # a person's hand begins the count of automatic resumes anew
    connection.execute(
        "UPDATE run SET state = %s, state_at = %s, reason = %s, stop_requested_by = %s, "
        "resume_count = CASE WHEN %s THEN 0 ELSE resume_count END WHERE id = %s",
        (state.value, locked.now, clean(reason), stop, touched, run),
    )
    if state is not RunState.RUNNING and not (keeps_lease and state is RunState.WAITING):
        give_back(connection, locked, run)
        if state.is_over or not _is_moving(connection, run):
            rooms.free(connection, locked, run)
    text = f"{known.state.value} → {state.value}{f': {reason}' if reason else ''}"
    append_action(connection, locked, run, ActionKind.RUN_MOVED, text, who=who, data={"state": state.value})
    want_message(connection, run, "progress")
    look_again_at_calls(connection, run)
    if page:
        want_message(connection, run, f"page:{known.resume_count}", "pager")
    if RunState.CANCELLED in {state, known.state}:
        _want_open_card(connection, run)
    return the_run(connection, run)


def _is_moving(connection: Connection, run: UUID) -> bool:
    """It is in the middle of a move: whoever goes on with it needs the room that it has not taken yet."""
    row = connection.execute("SELECT 1 FROM move WHERE run_id = %s AND state = 'under_way'", (run,)).fetchone()
    return row is not None


def _want_open_card(connection: Connection, run: UUID) -> None:
    """The question of a run that was cancelled loses its buttons, and has them again when the run goes on."""
    for (number,) in connection.execute(
        "SELECT number FROM approval WHERE run_id = %s AND standing = %s", (run, Standing.WAITING.value)
    ).fetchall():
        want_message(connection, run, f"approval:{number}")


def count_resume(connection: Connection, run: UUID) -> int:
    """One more automatic resume, of a run whose process is gone."""
    locked, known = lock_run(connection, run)
    count = known.resume_count + 1
    connection.execute("UPDATE run SET resume_count = %s, resumed_at = %s WHERE id = %s", (count, locked.now, run))
    append_action(connection, locked, run, ActionKind.RUN_RESUMED, f"resumed, attempt {count}", data={"count": count})
    want_message(connection, run, "progress")
    free_shown(connection, run, "progress")  # its process may have died while it showed it
    return count


def request_stop(connection: Connection, run: UUID, who: str, reason: str) -> Run:
    """To be parked at the next step's edge."""
    locked, known = lock_run(connection, run)
    if known.state.is_over or known.state is RunState.PARKED:
        raise Refused(f"run {run} is {known.state.value}: there is nothing to stop")
    if known.stop_requested_by != who:
        connection.execute("UPDATE run SET stop_requested_by = %s WHERE id = %s", (clean(who), run))
        append_action(connection, locked, run, ActionKind.STOP_REQUESTED, reason or "stop safely", who=who)
        want_message(connection, run, "progress")
    return the_run(connection, run)


# -- the lease ---------------------------------------------------------------------------------


def take_lease(connection: Connection, run: UUID) -> Lease:
    """The run's own at once, with its token; a free one, or one of a rehearsal, with the next token."""
    locked, known = lock_run(connection, run)
    if not known.state.may_act:
        raise Refused(f"run {run} is {known.state.value}: it may not change {known.platform}")
    row = connection.execute("SELECT token, run_id FROM lease WHERE platform_id = %s", (locked.id,)).fetchone()
    if row is not None and row[1] == run:
        return _lease(connection, locked)
    if row is not None and row[1] is not None:
        _overtake(connection, the_run(connection, row[1]), known)
    token = 1 if row is None else int(row[0]) + 1
    connection.execute(
        "INSERT INTO lease (platform_id, token, run_id, taken_at) VALUES (%s, %s, %s, %s) ON CONFLICT (platform_id) "
        "DO UPDATE SET token = excluded.token, run_id = excluded.run_id, taken_at = excluded.taken_at",
        (locked.id, token, run, locked.now),
    )
    append_action(connection, locked, run, ActionKind.LEASE_TAKEN, f"may change {locked.name}", data={"token": token})
    return _lease(connection, locked)


def _overtake(connection: Connection, holder: Run, by: Run) -> None:
    """A rehearsal fails at once, and with its token can do nothing more. Raises `Refused` where it is none."""
    if holder.action not in GIVES_WAY or by.action in GIVES_WAY:
        raise taken(holder.platform, holder)
    move(connection, holder.id, RunState.FAILED, f"gave way to {by.action} of {by.subject} (run {by.id})", "vigie")


def give_back(connection: Connection, locked: LockedPlatform, run: UUID) -> None:
    """Free the platform if this run holds it."""
    freed = connection.execute(
        "UPDATE lease SET run_id = NULL WHERE platform_id = %s AND run_id = %s RETURNING token", (locked.id, run)
    ).fetchone()
    if freed is not None:
        append_action(
            connection, locked, run, ActionKind.LEASE_RELEASED, f"no longer changes {locked.name}",
            data={"token": freed[0]},
        )  # fmt: skip


def check_token(connection: Connection, locked: LockedPlatform, run: UUID, token: int) -> None:
    """Raises `Refused` unless this run holds the platform with this very token."""
    row = connection.execute("SELECT token, run_id FROM lease WHERE platform_id = %s", (locked.id,)).fetchone()
    if row is None or row[1] != run or int(row[0]) != token:
        newest = "none" if row is None else str(row[0])
        holder = "nobody" if row is None or row[1] is None else f"run {row[1]}"
        raise Refused(
            f"stale lease on {locked.name}: this step came with token {token}, the newest is {newest}, "
            f"held by {holder}",
            next_step="nothing was done; retry the run, it takes the lease again if it is free",
        )


def find_lease(connection: Connection, platform: str) -> Lease | None:
    """Who may change the platform now."""
    row = connection.execute(
        "SELECT p.name, l.run_id, l.token, l.taken_at FROM lease l JOIN platform p ON p.id = l.platform_id "
        "WHERE p.name = %s AND l.run_id IS NOT NULL",
        (platform,),
    ).fetchone()
    return None if row is None else Lease(platform=row[0], run=row[1], token=row[2], taken_at=row[3])


def _lease(connection: Connection, locked: LockedPlatform) -> Lease:
    found = find_lease(connection, locked.name)
    if found is None:
        raise Broken(f"the lease on {locked.name} vanished", code=MissingCode.UNEXPECTED_ANSWER)
    return found


def taken(platform: str, holder: Run) -> Refused:
    """Why nobody else may change the platform now."""
    return Refused(
        f"{platform} is being changed by {holder.action} of {holder.subject} "
        f"(run {holder.id}, {holder.state.value} since {holder.state_at:%H:%M} UTC)",
        next_step="wait for it, or stop it safely: vigie runs stop",
    )


def _run(row: tuple[Any, ...]) -> Run:
    return Run(
        id=row[0],
        platform=row[1],
        action=row[2],
        subject=row[3],
        parameters=row[4],
        requested_by=row[5],
        customer=row[6],
        opened_at=row[7],
        state=RunState(row[8]),
        state_at=row[9],
        reason=row[10],
        resume_count=row[11],
        resumed_at=row[12],
        stop_requested_by=row[13],
    )
