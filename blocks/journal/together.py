"""Several platforms were approved on one card: which run has whose part of that yes, and the room for it?

The yes is used once a platform, by one run, which does what the card showed of that platform and nothing else. Every
rule is looked at while the platform's lock is held, and in the same transaction the run has its own approval (the
platform's own plan and digest) and its room: with one and without the other it never begins. What the run plans anew is
held against that digest by the run itself, as of any approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken, Refused
from blocks.journal import rooms
from blocks.journal.approvals import approvals_of, the_approval
from blocks.journal.handing_on import hand_on
from blocks.journal.identities import LockedPlatform
from blocks.journal.messages import want_message
from blocks.journal.runs import find_lease, lock_run, taken, the_run
from blocks.ports.approvals import Approval, Plan, Standing
from blocks.ports.health import MissingCode
from blocks.ports.room import RoomClaim, RoomWanted
from blocks.ports.runs import GIVES_WAY, ActionKind, Run, RunState, who_said


def claim_room(connection: Connection, run: UUID, wanted: RoomWanted) -> RoomClaim:
    """Judge and record, alone with the pool; what the run holds already is given again."""
    locked, known = lock_run(connection, run)
    if not known.state.may_act:
        raise Refused(f"run {run} is {known.state.value}: it holds no room for {known.platform}")
    rooms.hold_pool(connection, wanted.room.pool)
    held = rooms.living_of(connection, run)
    if held is not None and held.room == wanted.room:
        return held
    others = rooms.claims(connection, wanted.room.pool, wanted.since, locked.name)
    if lacking := wanted.judge(others):
        raise Refused(
            f"there is no room for {locked.name} any more: {lacking}",
            where=wanted.room.pool,
            next_step="nothing was done; wait until a move under way is over, or have the quota raised",
            code="no_capacity",
        )
    rooms.add(connection, locked, run, wanted.room)
    return _held(connection, run)


def promise(connection: Connection, approval: UUID, run: UUID, wanted: RoomWanted) -> Approval:
    """The run's own yes out of the card's. Said again for the same two, nothing is written."""
    locked, known = lock_run(connection, run)
    connection.execute("SELECT 1 FROM approval WHERE id = %s FOR SHARE", (approval,))  # nobody voids it meanwhile
    agreed = the_approval(connection, approval)
    given = runs_of(connection, approval).get(locked.name)
    if given == run:
        return approvals_of(connection, run)[0]
    if given is not None:
        raise _refused(known, f"its part was given to run {given} already")
    part = _part(agreed, known)
    _must_be_new(connection, agreed, known, part)
    _must_be_free(connection, known)
    claim_room(connection, run, wanted)
    connection.execute(
        "INSERT INTO joint_part (approval_id, platform_id, run_id, promised_at) VALUES (%s, %s, %s, %s)",
        (approval, locked.id, run, locked.now),
    )
    return _granted(connection, locked, agreed, run, part)


def runs_of(connection: Connection, approval: UUID) -> Mapping[str, UUID]:
    """Platform -> run."""
    rows = connection.execute(
        "SELECT p.name, j.run_id FROM joint_part j JOIN platform p ON p.id = j.platform_id WHERE j.approval_id = %s "
        "ORDER BY j.promised_at, p.name",
        (approval,),
    ).fetchall()
    return dict(rows)


def part_of(connection: Connection, run: UUID) -> UUID | None:
    """The approval that this run has a part of."""
    row = connection.execute("SELECT approval_id FROM joint_part WHERE run_id = %s", (run,)).fetchone()
    return None if row is None else row[0]


# -- may it have it ----------------------------------------------------------------------------


def _part(agreed: Approval, run: Run) -> Plan:
    """What the card showed of this platform."""
    if agreed.standing is not Standing.GRANTED:
        raise _refused(run, f"the card is {agreed.standing.value}")
    if agreed.plan.digest != agreed.digest:
        raise Broken(f"the plan of approval {agreed.id} is not the one that was approved", where=f"run {agreed.run}")
    part = next((each for each in agreed.plan.parts if each.platform == run.platform), None)
    if part is None:
        raise _refused(run, "it is not on the card")
    if (run.action, str(run.parameters.get("candidate", ""))) != (part.action, part.candidate):
        raise _refused(run, f"the card says {part.action} to {part.candidate}, and the run is a {run.action}")
    return part


def _must_be_new(connection: Connection, agreed: Approval, run: Run, part: Plan) -> None:
    if run.state is not RunState.RUNNING or approvals_of(connection, run.id) or run.requested_by != agreed.requester:
        raise _refused(run, f"run {run.id} was asked for by {who_said(run.requested_by)} and is {run.state.value}")
    asking = the_run(connection, agreed.run)
    if asking.state is not RunState.RUNNING:
        raise _refused(run, f"the run that asked for all is {asking.state.value}")
    if failing := [guard.text for guard in part.guards if not guard.holds]:
        raise _refused(run, "; ".join(failing))


def _must_be_free(connection: Connection, run: Run) -> None:
    lease = find_lease(connection, run.platform)
    if lease is not None and lease.run != run.id:
        holder = the_run(connection, lease.run)
        if holder.action not in GIVES_WAY:
            raise taken(run.platform, holder)


def _granted(connection: Connection, locked: LockedPlatform, agreed: Approval, run: UUID, part: Plan) -> Approval:
    reason = f"approved with others in run {str(agreed.run)[:8]}: {agreed.reason}"
    own = replace(agreed, run=run, plan=part, reason=reason)
    given = hand_on(connection, locked, agreed, own, ActionKind.PART_GRANTED, agreed_run=str(agreed.run))
    want_message(connection, run, "progress")
    return given


def _held(connection: Connection, run: UUID) -> RoomClaim:
    held = rooms.living_of(connection, run)
    if held is None:
        raise Broken(f"the room of run {run} vanished", code=MissingCode.UNEXPECTED_ANSWER)
    return held


def _refused(run: Run, why: str) -> Refused:
    return Refused(
        f"{run.platform} does not go on the common approval: {why}",
        where=f"run {run.id}",
        next_step=f"start its own {run.action}: it asks for itself",
        code="no_part",
    )
