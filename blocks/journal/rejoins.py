"""The site that a failover left answers again: in which run is it fenced, on whose yes, and since when is it?

The yes was given with the failover: its approved plan lists what is done by itself when the old site is back. Each run
of that was promised before it began, one at a time, and may do nothing that the list does not hold, nor give up more
rows than were approved. Every rule is looked at while the platform's lock is held. How long something was not fenced
is written down once, behind the failover that accepted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.errors import Refused
from blocks.journal.actions import append_action, read_actions
from blocks.journal.approvals import approvals_of
from blocks.journal.handing_on import hand_on_from_move, speaks_against
from blocks.journal.messages import want_message
from blocks.journal.returns import is_overtaken
from blocks.journal.runs import check_token, lock_run, the_run
from blocks.journal.statuses import aware
from blocks.ports.approvals import Approval, Plan, Standing, about_plan, granted_plan
from blocks.ports.recovery import Move
from blocks.ports.runs import REJOIN, SCHEDULE, ActionKind, RunState, who_said

_LIVE = frozenset({RunState.RUNNING, RunState.WAITING})


def promise(connection: Connection, move: Move, run: UUID) -> None:
    """From now on this run may rejoin the site that the move left. Said again for the same two, nothing is written."""
    locked, known = lock_run(connection, run)
    earlier = rejoins_of(connection, move.run)
    if run in earlier:
        return
    if live := next((each for each in earlier if the_run(connection, each).state in _LIVE), None):
        raise _refused(move, f"run {live} does it already")
    if known.platform != move.platform or known.action != REJOIN:
        raise _refused(move, f"run {run} is a {known.action} of {known.platform}")
    if known.requested_by != SCHEDULE or known.state is not RunState.RUNNING or approvals_of(connection, run):
        raise _refused(move, f"run {run} was asked for by {who_said(known.requested_by)} and is {known.state.value}")
    agreed = the_yes(connection, move)
    connection.execute(
        "INSERT INTO rejoin (run_id, move_run_id, promised_at) VALUES (%s, %s, %s)", (run, move.run, locked.now)
    )
    data = {"move": str(move.run), "approval": str(agreed.id), "digest": agreed.digest}
    text = f"fences {move.from_site} and lets it follow, as was approved with the {move.kind.value} of run {move.run}"
    append_action(connection, locked, run, ActionKind.REJOIN_PROMISED, text, data=data)


def grant(connection: Connection, move: Move, run: UUID, plan: Plan) -> Approval:
    """The yes of the failover, given to what of it is done now. The same plan again gives the same approval."""
    locked, _ = lock_run(connection, run)
    if move_of(connection, run) != move.run:
        raise _refused(move, f"run {run} was not started for it")
    agreed = the_yes(connection, move)
    _must_fit(move, agreed.plan, plan)
    earlier = about_plan(approvals_of(connection, run))
    if earlier:
        if earlier[-1].digest == plan.digest and earlier[-1].standing is Standing.GRANTED:
            return earlier[-1]
        raise _refused(move, "the one yes was used for another plan")
    return hand_on_from_move(connection, locked, move, agreed, run, plan, ActionKind.REJOIN_GRANTED)


def the_yes(connection: Connection, move: Move) -> Approval:
    """The approval with which the old side may be fenced and may follow. Raises `Refused` with what speaks against."""
    if not move.has_moved:
        raise _refused(move, f"it is {move.state.value}")
    if is_overtaken(connection, move.run):
        raise _refused(move, f"{move.platform} was moved since")
    granted = granted_plan(approvals_of(connection, move.run))
    if granted is None or not granted.plan.when_back:
        raise _refused(move, "nobody approved that anything is done when the old site is back")
    return granted


def rejoins_of(connection: Connection, move_run: UUID) -> list[UUID]:
    """The runs that were promised for this move, oldest first."""
    rows = connection.execute(
        "SELECT run_id FROM rejoin WHERE move_run_id = %s ORDER BY promised_at, run_id", (move_run,)
    ).fetchall()
    return [row[0] for row in rows]


def move_of(connection: Connection, run: UUID) -> UUID | None:
    """The move whose old site this run fences, None where it was promised for none."""
    row = connection.execute("SELECT move_run_id FROM rejoin WHERE run_id = %s", (run,)).fetchone()
    return None if row is None else row[0]


def keep_fenced_late(  # noqa: PLR0917  whose, under which lease, what, from when to when
    connection: Connection, move: Move, run: UUID, token: int, item: str, begin: datetime, end: datetime
) -> None:
    """How long something could do what nobody should have done; the first word about it stays."""
    aware(begin, end)
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    known = (line.data.get("item") for line in _lines(connection, move.run))
    if item in known:
        return
    seconds = max(0.0, (end - begin).total_seconds())
    text = f"{item} was not confirmed for at most {seconds:.0f} s, and is fenced now"
    data = {"item": item, "from": begin.isoformat(), "to": end.isoformat(), "run": str(run), "token": token}
    append_action(connection, locked, move.run, ActionKind.FENCED_LATE, text, data=data)
    want_message(connection, move.run, "progress")


def _lines(connection: Connection, run: UUID) -> Sequence[Any]:
    return [line for line in read_actions(connection, run) if line.kind is ActionKind.FENCED_LATE]


def _must_fit(move: Move, agreed: Plan, plan: Plan) -> None:
    """A part of what was listed, about the same two sites, with every guard and every approved bound."""
    if why := speaks_against(move, plan, action=REJOIN, to_site=move.to_site):
        raise _refused(move, why)
    listed = {(step.phase, step.item) for step in agreed.when_back}
    if others := [step.text for step in plan.steps if (step.phase, step.item) not in listed]:
        raise _refused(move, f"nobody approved this: {'; '.join(others)}")
    if not plan.steps:
        raise _refused(move, "nothing that is left to do answers")
    most = {bound.name: bound.at_most for bound in agreed.bounds}
    if over := [bound for bound in plan.bounds if not bound.holds or bound.at_most > most.get(bound.name, 0.0)]:
        approved = most.get(over[0].name, 0.0)
        raise _refused(move, f"{over[0].name}: {over[0].measured:.0f}, and {approved:.0f} were approved")


def _refused(move: Move, why: str) -> Refused:
    return Refused(
        f"{move.from_site}, which the {move.kind.value} of {move.platform} left, does not rejoin by itself: {why}",
        where=f"run {move.run}",
        next_step="start the failback, or a rejoin, which people approve",
        code="no_rejoin",
    )
