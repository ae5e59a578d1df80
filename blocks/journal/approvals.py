"""What was asked, who answered what, and where does each question stand?

The rules: an answer is judged and recorded while the platform's lock is held, so that of two opposite answers
at once one is first and the other finds it decided; an approver answers once; a question that has an end keeps
it; a plan and its policy are pinned with the question.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from pydantic import TypeAdapter

from blocks.errors import Broken, Refused
from blocks.journal.actions import append_action, read_actions
from blocks.journal.approvers import use_code
from blocks.journal.identities import LockedPlatform
from blocks.journal.messages import look_again_at_calls, want_message
from blocks.journal.runs import lock_run
from blocks.journal.statuses import clean
from blocks.ports.approvals import (
    REASON_MOST,
    Approval,
    Choice,
    Decision,
    Door,
    Judge,
    Plan,
    Policy,
    Ruling,
    Said,
    Standing,
)
from blocks.ports.health import MissingCode
from blocks.ports.runs import Action, ActionKind

_APPROVAL = (
    "SELECT a.id, a.run_id, p.name, a.number, a.plan, a.digest, a.policy, a.requester, a.asked_at, a.expires_at, "
    "a.standing, a.settled_at, a.reason, a.escalated_at, a.differences, a.reviewed_by "
    "FROM approval a JOIN run r ON r.id = a.run_id JOIN platform p ON p.id = r.platform_id "
)
_PLAN, _POLICY = TypeAdapter(Plan), TypeAdapter(Policy)
_KINDS = {
    Choice.APPROVE: ActionKind.APPROVED,
    Choice.REJECT: ActionKind.REJECTED,
    Choice.BREAK_GLASS: ActionKind.GLASS_BROKEN,
}
_ENDS = {
    Standing.GRANTED: ActionKind.APPROVAL_GRANTED,
    Standing.REJECTED: ActionKind.APPROVAL_REJECTED,
    Standing.EXPIRED: ActionKind.APPROVAL_EXPIRED,
    Standing.VOID: ActionKind.APPROVAL_VOID,
}


def ask(
    connection: Connection, run: UUID, *, plan: Plan, policy: Policy, requester: str, differences: Sequence[str]
) -> Approval:
    """The waiting or granted question about this plan, or a new one."""
    locked, _ = lock_run(connection, run)
    earlier = approvals_of(connection, run)
    newest = earlier[-1] if earlier else None
    if newest is not None and newest.standing is not Standing.VOID and newest.digest == plan.digest:
        return newest
    if newest is not None and newest.standing is Standing.WAITING:
        _end(connection, locked, newest, Standing.VOID, "the plan changed before it was decided", "vigie")
    number = len(earlier) + 1
    made = uuid.uuid5(run, f"approval {number}")
    expires_at = locked.now + timedelta(seconds=policy.expires_after_s)
    connection.execute(
        "INSERT INTO approval (id, run_id, number, plan, digest, policy, requester, asked_at, expires_at, differences) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            made, run, number, json.dumps(asdict(plan)), plan.digest, json.dumps(asdict(policy)), clean(requester),
            locked.now, expires_at, [clean(each) for each in differences],
        ),
    )  # fmt: skip
    data = {"approval": str(made), "digest": plan.digest, "policy": asdict(policy)}
    append_action(connection, locked, run, ActionKind.APPROVAL_ASKED, f"{plan.action} of {plan.subject}", data=data)
    want_message(connection, run, f"approval:{number}")
    want_message(connection, run, "progress")
    return the_approval(connection, made)


def say(connection: Connection, approval: UUID, said: Said, judge: Judge) -> tuple[Approval, Ruling]:
    """Judge and record, alone with the question."""
    locked, _ = lock_run(connection, the_approval(connection, approval).run)
    question = the_approval(connection, approval)
    code_is_new = said.code_step is None or use_code(connection, said.approver, said.code_step)
    ruling = judge(question, said, locked.now) if code_is_new else _used_before(question)
    if ruling.refusal:
        data = {"approval": str(approval), "choice": said.choice.value, "door": said.door.value}
        append_action(
            connection, locked, question.run, ActionKind.DECISION_REFUSED, ruling.refusal, who=said.approver, data=data
        )
        return question, ruling
    _keep(connection, locked, question, said)
    if ruling.standing is not Standing.WAITING:
        _end(connection, locked, question, ruling.standing, ruling.reason, said.approver)
    want_message(connection, question.run, f"approval:{question.number}")
    return the_approval(connection, approval), ruling


def settle(connection: Connection, approval: UUID, standing: Standing, reason: str, who: str) -> Approval:
    """End it without an answer."""
    locked, _ = lock_run(connection, the_approval(connection, approval).run)
    question = the_approval(connection, approval)
    if question.standing is Standing.WAITING or (question.standing is Standing.GRANTED and standing is Standing.VOID):
        _end(connection, locked, question, standing, reason, who)
    return the_approval(connection, approval)


def note_escalation(connection: Connection, approval: UUID) -> Approval:
    """More people are asked from now on, and somebody is rung."""
    locked, _ = lock_run(connection, the_approval(connection, approval).run)
    question = the_approval(connection, approval)
    if question.standing is Standing.WAITING and question.escalated_at is None:
        connection.execute("UPDATE approval SET escalated_at = %s WHERE id = %s", (locked.now, approval))
        asked = ", ".join(question.policy.escalate_to) or "the pager"
        append_action(connection, locked, question.run, ActionKind.APPROVAL_ESCALATED, f"asks {asked} besides")
        want_message(connection, question.run, f"approval:{question.number}")
        want_message(connection, question.run, f"escalation:{question.number}", "pager")
    return the_approval(connection, approval)


def ask_question(connection: Connection, approval: UUID, who: str, text: str) -> Action:
    """Somebody wants to know something before it is decided; it decides nothing."""
    locked, _ = lock_run(connection, the_approval(connection, approval).run)
    question = the_approval(connection, approval)
    said = clean(text).strip()[:REASON_MOST]
    if question.standing is not Standing.WAITING or not said:
        raise Refused(f"already {question.standing.value}" if said else "the question is empty")
    data = {"approval": str(approval)}
    number = append_action(connection, locked, question.run, ActionKind.QUESTION, said, who=who, data=data)
    want_message(connection, question.run, f"question:{number}")
    want_message(connection, question.run, f"approval:{question.number}")
    return next(each for each in read_actions(connection, question.run) if each.number == number)


def review(connection: Connection, approval: UUID, who: str) -> Approval:
    """Somebody looked at a broken glass the day after."""
    locked, _ = lock_run(connection, the_approval(connection, approval).run)
    question = the_approval(connection, approval)
    if not question.reviewed_by:
        connection.execute("UPDATE approval SET reviewed_by = %s WHERE id = %s", (clean(who), approval))
        append_action(connection, locked, question.run, ActionKind.REVIEWED, "the broken glass was reviewed", who=who)
    return the_approval(connection, approval)


def note_form(connection: Connection, approval: UUID, number: int, refusal: str) -> None:
    """The form of this number was read; what was wrong with it is shown on the next."""
    connection.execute(
        "UPDATE approval SET form_count = %s, form_refusal = %s WHERE id = %s AND form_count = %s",
        (number + 1, clean(refusal)[:500], approval, number),
    )


def form_of(connection: Connection, approval: UUID) -> tuple[int, str]:
    """How many forms were read, and what was wrong with the last."""
    row = connection.execute("SELECT form_count, form_refusal FROM approval WHERE id = %s", (approval,)).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def the_approval(connection: Connection, approval: UUID) -> Approval:
    """The question with its answers. Raises `Broken` when there is none."""
    row = connection.execute(_APPROVAL + "WHERE a.id = %s", (approval,)).fetchone()
    if row is None:
        raise Broken(f"the journal has no approval {approval}", code=MissingCode.NO_DATA)
    return _approval(connection, row)


def approvals_of(connection: Connection, run: UUID) -> list[Approval]:
    """The run's questions in order."""
    rows = connection.execute(_APPROVAL + "WHERE a.run_id = %s ORDER BY a.number", (run,)).fetchall()
    return [_approval(connection, row) for row in rows]


def waiting(connection: Connection, platform: str | None) -> list[Approval]:
    """Every question nobody has settled, oldest first."""
    rows = connection.execute(
        _APPROVAL + "WHERE a.standing = 'waiting' AND (%s::text IS NULL OR p.name = %s) ORDER BY a.asked_at",
        (platform, platform),
    ).fetchall()
    return [_approval(connection, row) for row in rows]


def unreviewed(connection: Connection) -> list[Approval]:
    """Glasses broken that nobody has looked at since."""
    rows = connection.execute(
        _APPROVAL  # noqa: S608  constants only
        + "WHERE a.reviewed_by = '' AND EXISTS (SELECT 1 FROM decision d WHERE d.approval_id = a.id "
        "AND d.choice = 'break_glass') ORDER BY a.asked_at"
    ).fetchall()
    return [_approval(connection, row) for row in rows]


def _keep(connection: Connection, locked: LockedPlatform, question: Approval, said: Said) -> None:
    reason = clean(said.reason)[:REASON_MOST]
    connection.execute(
        "INSERT INTO decision (approval_id, approver, choice, door, at, reason) VALUES (%s, %s, %s, %s, %s, %s)",
        (question.id, said.approver, said.choice.value, said.door.value, locked.now, reason),
    )
    text = f"{said.choice.value.replace('_', ' ')} through {said.door.value}{f': {reason}' if reason else ''}"
    data = {"approval": str(question.id), "digest": question.digest, "door": said.door.value}
    append_action(connection, locked, question.run, _KINDS[said.choice], text, who=said.approver, data=data)


def _end(  # noqa: PLR0917  who did what to what
    connection: Connection, locked: LockedPlatform, question: Approval, standing: Standing, reason: str, who: str
) -> None:
    connection.execute(
        "UPDATE approval SET standing = %s, settled_at = %s, reason = %s WHERE id = %s",
        (standing.value, locked.now, clean(reason), question.id),
    )
    data = {"approval": str(question.id), "digest": question.digest}
    append_action(connection, locked, question.run, _ENDS[standing], reason or standing.value, who=who, data=data)
    want_message(connection, question.run, f"approval:{question.number}")
    look_again_at_calls(connection, question.run)


def _used_before(question: Approval) -> Ruling:
    return Ruling(question.standing, refusal="this one-time code was used before: wait for the next one")


def _approval(connection: Connection, row: tuple[Any, ...]) -> Approval:
    decided = connection.execute(
        "SELECT approver, choice, door, at, reason FROM decision WHERE approval_id = %s ORDER BY at, approver",
        (row[0],),
    ).fetchall()
    return Approval(
        id=row[0],
        run=row[1],
        platform=row[2],
        number=row[3],
        plan=_PLAN.validate_python(row[4]),
        digest=row[5],
        policy=_POLICY.validate_python(row[6]),
        requester=row[7],
        asked_at=row[8],
        expires_at=row[9],
        standing=Standing(row[10]),
        settled_at=row[11],
        reason=row[12],
        escalated_at=row[13],
        differences=tuple(row[14]),
        reviewed_by=row[15],
        decisions=tuple(
            Decision(approver=approver, choice=Choice(choice), door=Door(door), at=at, reason=reason)
            for approver, choice, door, at, reason in decided
        ),
    )
