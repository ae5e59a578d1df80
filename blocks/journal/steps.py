"""What did each step intend, has it happened, and how does it know?

The rules: the intent is written before the act and its first baseline stays; nothing is written with a stale
token; a finished step is finished for good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg import Connection
from pydantic import TypeAdapter

from blocks.errors import Broken, Refused
from blocks.journal.actions import append_action
from blocks.journal.messages import want_message
from blocks.journal.runs import check_token, lock_run
from blocks.journal.statuses import clean
from blocks.ports.changes import Evidence, Mark
from blocks.ports.health import MissingCode
from blocks.ports.runs import ActionKind, RunState, Step

_EVIDENCE = TypeAdapter(Evidence)
_STEP = (
    "SELECT key, run_id, phase, item, text, token, intended_at, baseline, evidence, outcome, done_at, entered_count, "
    "by_hand FROM step WHERE run_id = %s "
)


def find_step(connection: Connection, run: UUID, key: str) -> Step | None:
    """The step, None before its intent."""
    row = connection.execute(_STEP + "AND key = %s", (run, key)).fetchone()
    return None if row is None else _step(row)


def list_steps(connection: Connection, run: UUID) -> Sequence[Step]:
    """In the order of their intents."""
    return [_step(row) for row in connection.execute(_STEP + "ORDER BY intended_at, key", (run,)).fetchall()]


def intend(
    connection: Connection,
    run: UUID,
    token: int,
    *,
    key: str,
    phase: str,
    item: str,
    text: str,
    baseline: Mapping[str, str],
) -> Step:
    """Write the intent, or note that it is entered again."""
    locked, known = lock_run(connection, run)
    if known.state is not RunState.RUNNING:
        raise Refused(f"run {run} is {known.state.value}: no step of it may begin", next_step="see vigie runs show")
    check_token(connection, locked, run, token)
    there = find_step(connection, run, key)
    if there is None:
        connection.execute(
            "INSERT INTO step (run_id, key, phase, item, text, token, intended_at, baseline) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (run, key, phase, item, clean(text), token, locked.now, json.dumps(baseline)),
        )
        data = {"key": key, "phase": phase, "item": item, "token": token, "baseline": dict(baseline)}
        append_action(connection, locked, run, ActionKind.STEP_INTENDED, text, data=data)
    elif not there.is_done:
        connection.execute(
            "UPDATE step SET token = %s, entered_count = entered_count + 1 WHERE run_id = %s AND key = %s",
            (token, run, key),
        )
        data = {"key": key, "token": token}
        append_action(connection, locked, run, ActionKind.STEP_ENTERED_AGAIN, there.text, data=data)
    want_message(connection, run, "progress")
    return _the_step(connection, run, key)


def keep_evidence(connection: Connection, run: UUID, token: int, key: str, evidence: Evidence) -> Step:
    """What proves that the intent took effect; the first proof stays."""
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    there = _the_step(connection, run, key)
    if there.evidence is None:
        _set_evidence(connection, run, key, evidence)
        data = {"key": key, "kind": evidence.kind.value, "reference": evidence.reference}
        append_action(connection, locked, run, ActionKind.STEP_EVIDENCE, evidence.text, data=data)
    return _the_step(connection, run, key)


def finish(connection: Connection, run: UUID, token: int, key: str, *, outcome: str, evidence: Evidence | None) -> Step:
    """The outcome, once."""
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    there = _the_step(connection, run, key)
    if there.is_done:
        return there
    if evidence is not None and there.evidence is None:
        _set_evidence(connection, run, key, evidence)
    connection.execute(
        "UPDATE step SET outcome = %s, done_at = %s WHERE run_id = %s AND key = %s",
        (clean(outcome), locked.now, run, key),
    )
    data = {"key": key, "by_hand": there.by_hand, "token": token}
    append_action(connection, locked, run, ActionKind.STEP_DONE, outcome, who=there.by_hand or "vigie", data=data)
    want_message(connection, run, "progress")
    return _the_step(connection, run, key)


def fail(connection: Connection, run: UUID, token: int, key: str, reason: str) -> None:
    """Why it could not go on; it stays open."""
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    append_action(connection, locked, run, ActionKind.STEP_FAILED, reason, data={"key": key})


def claim_by_hand(connection: Connection, run: UUID, key: str, who: str) -> Step:
    """Somebody says so; the step itself reads it back before it believes it."""
    locked, known = lock_run(connection, run)
    there = _the_step(connection, run, key)
    if there.is_done:
        raise Refused(f"step '{there.text}' is done already: {there.outcome}")
    if known.state.is_over:
        raise Refused(f"run {run} is over ({known.state.value}): nothing of it will be done any more")
    connection.execute("UPDATE step SET by_hand = %s WHERE run_id = %s AND key = %s", (clean(who), run, key))
    append_action(connection, locked, run, ActionKind.STEP_BY_HAND, there.text, who=who, data={"key": key})
    want_message(connection, run, "progress")
    return _the_step(connection, run, key)


def _set_evidence(connection: Connection, run: UUID, key: str, evidence: Evidence) -> None:
    connection.execute(
        "UPDATE step SET evidence = %s WHERE run_id = %s AND key = %s",
        (json.dumps(asdict(evidence)), run, key),
    )


def _the_step(connection: Connection, run: UUID, key: str) -> Step:
    found = find_step(connection, run, key)
    if found is None:
        raise Broken(f"run {run} has no step {key[:12]}", next_step="see vigie runs show", code=MissingCode.NO_DATA)
    return found


def _step(row: tuple[Any, ...]) -> Step:
    found = row[8]
    return Step(
        key=row[0],
        run=row[1],
        phase=row[2],
        item=row[3],
        text=row[4],
        token=row[5],
        mark=Mark(key=row[0], run=row[1], intended_at=row[6], baseline=row[7]),
        evidence=None if found is None else _EVIDENCE.validate_python(found),
        outcome=row[9],
        done_at=row[10],
        entered_count=row[11],
        by_hand=row[12],
    )
