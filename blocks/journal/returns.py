"""A move that nobody committed goes back by itself: on whose yes, in which run, and does that yes still say so?

The yes was given with the move: the approved plan said that it rolls back. It is used once, by one run, which nobody
but the schedule asked for, after the window, for the way back to the site that was left and for nothing else; a plan
that could lose a row has no part in it. Every rule is looked at while the platform's lock is held, when the run is
promised, when it is granted, and once more when it begins to move.
"""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from blocks.errors import Refused
from blocks.journal.actions import append_action
from blocks.journal.approvals import approvals_of
from blocks.journal.handing_on import hand_on_from_move, speaks_against
from blocks.journal.identities import LockedPlatform
from blocks.journal.runs import lock_run
from blocks.ports.approvals import Approval, Plan, Standing, about_plan, granted_plan
from blocks.ports.recovery import Move, MoveState
from blocks.ports.runs import SCHEDULE, ActionKind, Run, RunState, who_said

_HOME_BY = frozenset({"failback", "switchover"})


def promise(connection: Connection, move: Move, run: UUID) -> None:
    """From now on this run, and no other, may take that move back. Said again for the same two, nothing is written."""
    locked, known = lock_run(connection, run)
    there = way_back_of(connection, move.run)
    if there == run:
        return
    if there is not None:
        raise _refused(move, f"run {there} was started for it already")
    if known.platform != move.platform or known.action not in _HOME_BY:
        raise _refused(move, f"run {run} is a {known.action} of {known.platform}")
    if known.requested_by != SCHEDULE or known.state is not RunState.RUNNING or approvals_of(connection, run):
        raise _refused(move, f"run {run} was asked for by {who_said(known.requested_by)} and is {known.state.value}")
    agreed = the_yes(connection, locked, move, apart_from=run)
    connection.execute(
        "INSERT INTO way_back (move_run_id, run_id, promised_at) VALUES (%s, %s, %s)", (move.run, run, locked.now)
    )
    data = {"move": str(move.run), "approval": str(agreed.id), "digest": agreed.digest}
    text = f"takes the {move.kind.value} of run {move.run} back to {move.from_site}, as was approved with it"
    append_action(connection, locked, run, ActionKind.RETURN_PROMISED, text, data=data)


def grant(connection: Connection, move: Move, run: UUID, plan: Plan) -> Approval:
    """The yes of the move, given to the plan of its way back. The same plan again gives the same approval."""
    locked, known = lock_run(connection, run)
    if way_back_of(connection, move.run) != run:
        raise _refused(move, f"run {run} was not started for it")
    agreed = the_yes(connection, locked, move, apart_from=run)
    _must_fit(move, known, plan)
    earlier = about_plan(approvals_of(connection, run))
    if earlier:
        if earlier[-1].digest == plan.digest and earlier[-1].standing is Standing.GRANTED:
            return earlier[-1]
        raise _refused(move, "the one yes was used for another plan")
    return hand_on_from_move(connection, locked, move, agreed, run, plan, ActionKind.RETURN_GRANTED)


def must_still_go_back(connection: Connection, locked: LockedPlatform, move: Move, run: UUID) -> None:
    """Before its run begins to move: nobody committed it, and nobody moved the platform meanwhile."""
    the_yes(connection, locked, move, apart_from=run)


def way_back_of(connection: Connection, move_run: UUID) -> UUID | None:
    """The run that takes this move back, None where none does."""
    row = connection.execute("SELECT run_id FROM way_back WHERE move_run_id = %s", (move_run,)).fetchone()
    return None if row is None else row[0]


def taken_back_by(connection: Connection, run: UUID) -> UUID | None:
    """The move that this run takes back, None where it takes back none."""
    row = connection.execute("SELECT move_run_id FROM way_back WHERE run_id = %s", (run,)).fetchone()
    return None if row is None else row[0]


def is_overtaken(connection: Connection, move_run: UUID, apart_from: UUID | None = None) -> bool:
    """Has a newer move of the platform begun, that was not given up?"""
    row = connection.execute(
        "SELECT 1 FROM move m JOIN move n ON n.platform_id = m.platform_id AND n.number > m.number "
        "WHERE m.run_id = %s AND n.state <> 'abandoned' AND n.run_id IS DISTINCT FROM %s LIMIT 1",
        (move_run, apart_from),
    ).fetchone()
    return row is not None


def the_yes(connection: Connection, locked: LockedPlatform, move: Move, *, apart_from: UUID | None = None) -> Approval:
    """The approval that lets this move go back by itself now. Raises `Refused` with what speaks against it."""
    if move.state is not MoveState.SERVING:
        raise _refused(move, f"it is {move.state.value}")
    if move.commit_due_at is None or locked.now < move.commit_due_at:
        raise _refused(move, "it can still be committed")
    if is_overtaken(connection, move.run, apart_from):
        raise _refused(move, f"{locked.name} was moved since")
    granted = granted_plan(approvals_of(connection, move.run))
    if not move.rolls_back or granted is None or not granted.plan.rolls_back:
        raise _refused(move, "nobody approved that it goes back by itself")
    return granted


def _must_fit(move: Move, run: Run, plan: Plan) -> None:
    """The way back to the site that was left, without a row to lose and with every guard holding; nothing else."""
    if why := speaks_against(move, plan, action=run.action, to_site=move.from_site):
        raise _refused(move, why)
    if plan.bounds or plan.coverage:
        raise _refused(move, "something could be lost on the way")
    if plan.rolls_back:
        raise _refused(move, "its way back would come back again by itself")


def _refused(move: Move, why: str) -> Refused:
    return Refused(
        f"the {move.kind.value} of {move.platform} to {move.to_site} does not go back by itself: {why}",
        where=f"run {move.run}",
        next_step=f"commit it (vigie commit {move.platform}), or start the way back, which people approve",
        code="no_way_back",
    )
