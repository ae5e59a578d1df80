"""In which site is a platform active, how did it get there, and what did that cost?

The rules: a move is begun and serves under the platform's lease; the active site is what the newest move left behind,
never what somebody says; a move ends once; a loss that was counted is never replaced by one that was only bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken, Refused
from blocks.journal import returns, rooms
from blocks.journal.actions import append_action
from blocks.journal.identities import LockedPlatform
from blocks.journal.messages import want_message
from blocks.journal.runs import check_token, lock_run
from blocks.journal.statuses import aware, clean
from blocks.ports.health import MissingCode
from blocks.ports.recovery import Loss, LossKind, Move, MoveKind, MoveState
from blocks.ports.runs import ActionKind

_COLUMNS = (
    "m.run_id, p.name, m.kind, m.from_site, m.to_site, m.state, m.began_at, m.outage_at, m.detected_at, m.decided_at, "
    "m.serving_at, m.commit_due_at, m.rolls_back, m.settled_by FROM move m JOIN platform p ON p.id = m.platform_id "
)
_MOST_REMEMBERED = 20  # durations of one step
_ENDS = {
    MoveState.UNDER_WAY: frozenset({MoveState.ROLLED_BACK, MoveState.ABANDONED}),
    MoveState.SERVING: frozenset({MoveState.COMMITTED, MoveState.ROLLED_BACK}),
}


def active_site(connection: Connection, platform: str) -> str:
    """Where the newest move that got anywhere left the platform; empty while none did."""
    row = connection.execute(
        "SELECT CASE WHEN m.state = 'rolled_back' THEN m.from_site ELSE m.to_site END FROM move m "
        "JOIN platform p ON p.id = m.platform_id WHERE p.name = %s "
        "AND m.state IN ('serving', 'committed', 'rolled_back') ORDER BY m.number DESC LIMIT 1",
        (platform,),
    ).fetchone()
    return "" if row is None else str(row[0])


def begin(
    connection: Connection,
    run: UUID,
    token: int,
    *,
    platform: str,
    kind: MoveKind,
    from_site: str,
    to_site: str,
    outage_at: datetime | None,
    detected_at: datetime | None,
    decided_at: datetime | None,
) -> Move:
    """Note the move, or give the one that is there."""
    aware(*(moment for moment in (outage_at, detected_at, decided_at) if moment is not None))
    locked, known = lock_run(connection, run)
    check_token(connection, locked, run, token)
    if known.platform != platform or from_site == to_site:
        raise Refused(f"run {run} changes {known.platform}: it cannot move {platform} from {from_site} to {to_site}")
    there = find_move(connection, run)
    if there is not None:
        return _the_same(there, kind, from_site, to_site)
    taken_back = returns.taken_back_by(connection, run)
    if taken_back is not None:
        returns.must_still_go_back(connection, locked, the_move(connection, taken_back), run)
    _give_up_the_one_before(connection, locked, run)
    connection.execute(
        "INSERT INTO move (run_id, platform_id, kind, from_site, to_site, began_at, outage_at, detected_at, "
        "decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (run, locked.id, kind.value, from_site, to_site, locked.now, outage_at, detected_at, decided_at),
    )
    moments = {"outage_at": outage_at, "detected_at": detected_at, "decided_at": decided_at}
    data = {"kind": kind.value, "from": from_site, "to": to_site, "token": token, **_written(moments)}
    text = f"{kind.value} of {platform} from {from_site} to {to_site}"
    append_action(connection, locked, run, ActionKind.MOVE_BEGUN, text, data=data)
    return the_move(connection, run)


def serves(connection: Connection, run: UUID, token: int, *, commit_within: timedelta | None, rolls_back: bool) -> Move:
    """Clients are served where it went; the first time stays."""
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    there = the_move(connection, run)
    if there.has_moved:
        return there
    if there.state is not MoveState.UNDER_WAY:
        raise _settled_otherwise(there, MoveState.SERVING)
    taken_back = returns.taken_back_by(connection, run)
    if taken_back is not None:  # it is back where it was: there is nothing to commit, and nothing to take back
        commit_within, rolls_back = None, False
    due = None if commit_within is None else locked.now + commit_within
    connection.execute(
        "UPDATE move SET state = 'serving', serving_at = %s, commit_due_at = %s, rolls_back = %s WHERE run_id = %s",
        (locked.now, due, rolls_back, run),
    )
    data = {"site": there.to_site, "rolls_back": rolls_back, "token": token, **_written({"commit_due_at": due})}
    text = f"clients of {there.platform} are served in {there.to_site}"
    append_action(connection, locked, run, ActionKind.MOVE_SERVES, text, data=data)
    rooms.free(connection, locked, run)  # from now on its provider counts it as used
    want_message(connection, run, "progress")
    if taken_back is not None:
        _end_both(connection, locked, the_move(connection, taken_back), the_move(connection, run))
    return the_move(connection, run)


def settle(connection: Connection, run: UUID, state: MoveState, who: str) -> Move:
    """Commit it, roll it back or give it up; the first end stays."""
    locked, _ = lock_run(connection, run)
    there = the_move(connection, run)
    if there.state is state:
        return there
    if state not in _ENDS.get(there.state, frozenset()):
        raise _settled_otherwise(there, state)
    if state is MoveState.COMMITTED and returns.is_overtaken(connection, run):
        raise Refused(
            f"the {there.kind.value} of {there.platform} to {there.to_site} cannot be committed: "
            f"{there.platform} is being moved on, or was",
            where=f"run {run}",
            next_step="look at the newest move: vigie runs list --all",
        )
    text = f"{there.kind.value} to {there.to_site}: {state.value}"
    _end(connection, locked, there, state, who=who, text=text)
    return the_move(connection, run)


def judge_share(
    connection: Connection, run: UUID, token: int, *, item: str, comes: str, back_to: int, text: str
) -> None:
    """One judgement of clients at one share; what follows of it is read out of the run's history."""
    locked, _ = lock_run(connection, run)
    check_token(connection, locked, run, token)
    data = {"item": item, "next": comes, "back_to": back_to, "token": token}
    append_action(connection, locked, run, ActionKind.SHARE_JUDGED, text, data=data)
    want_message(connection, run, "progress")


def keep_loss(connection: Connection, run: UUID, loss: Loss) -> Move:
    """One more line of what it lost. What is known exactly stays known exactly."""
    locked, _ = lock_run(connection, run)
    there = the_move(connection, run)
    known = next((each for each in there.losses if each.data == loss.data), None)
    if known == loss or (known is not None and _knows_less(loss, known)):
        return there
    connection.execute(
        "INSERT INTO move_loss (run_id, number, at, data, kind, row_count, seconds, text, by_table, saved_in) "
        "SELECT %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s FROM move_loss WHERE run_id = %s",
        (
            run, locked.now, loss.data, loss.kind.value, loss.rows, loss.seconds, clean(loss.text),
            json.dumps(dict(loss.by_table)), loss.saved_in, run,
        ),
    )  # fmt: skip
    data = {"data": loss.data, "kind": loss.kind.value, "rows": loss.rows, "seconds": loss.seconds}
    kept = {"by_table": dict(loss.by_table), "saved_in": loss.saved_in}
    append_action(connection, locked, run, ActionKind.LOSS_KEPT, loss.text, data=data | kept)
    want_message(connection, run, "progress")
    return the_move(connection, run)


def find_move(connection: Connection, run: UUID) -> Move | None:
    """The move of this run, None when it moves nothing."""
    row = connection.execute(f"SELECT {_COLUMNS} WHERE m.run_id = %s", (run,)).fetchone()
    return None if row is None else _with_losses(connection, [row])[0]


def list_moves(connection: Connection, platform: str, limit_count: int) -> Sequence[Move]:
    """Newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} WHERE p.name = %s ORDER BY m.number DESC LIMIT %s",
        (platform, limit_count),
    ).fetchall()
    return _with_losses(connection, rows)


def newest(connection: Connection) -> Sequence[Move]:
    """Of each platform the newest that got anywhere: where it is by what was done."""
    rows = connection.execute(
        f"SELECT DISTINCT ON (m.platform_id) {_COLUMNS} WHERE m.state IN ('serving', 'committed', 'rolled_back') "
        "ORDER BY m.platform_id, m.number DESC"
    ).fetchall()
    return _with_losses(connection, rows)


def to_settle(connection: Connection) -> Sequence[Move]:
    """Those that serve, whose commit window is over, and that no newer move has overtaken; the longest due first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} WHERE m.state = 'serving' AND m.commit_due_at <= clock_timestamp() "  # noqa: S608
        "AND NOT EXISTS (SELECT 1 FROM move n WHERE n.platform_id = m.platform_id AND n.number > m.number "
        "AND n.state <> 'abandoned') ORDER BY m.commit_due_at"
    ).fetchall()
    return _with_losses(connection, rows)


def durations(connection: Connection, platform: str, action: str) -> Mapping[tuple[str, str], Sequence[timedelta]]:
    """(phase, item) -> how long it took, newest first, where nothing interrupted it and nobody did it by hand."""
    rows = connection.execute(
        "SELECT phase, item, took FROM (SELECT s.phase, s.item, s.done_at - s.intended_at AS took, s.done_at, "
        "row_number() OVER (PARTITION BY s.phase, s.item ORDER BY s.done_at DESC) AS place "
        "FROM step s JOIN run r ON r.id = s.run_id JOIN platform p ON p.id = r.platform_id "
        "WHERE p.name = %s AND r.action = %s AND s.done_at IS NOT NULL AND s.entered_count = 1 AND s.by_hand = '') t "
        "WHERE place <= %s ORDER BY phase, item, done_at DESC",
        (platform, action, _MOST_REMEMBERED),
    ).fetchall()
    found: dict[tuple[str, str], list[timedelta]] = {}
    for phase, item, took in rows:
        found.setdefault((phase, item), []).append(took)
    return found


# -- pieces ------------------------------------------------------------------------------------


def _the_same(there: Move, kind: MoveKind, from_site: str, to_site: str) -> Move:
    if (there.kind, there.from_site, there.to_site) != (kind, from_site, to_site):
        raise Refused(
            f"run {there.run} is a {there.kind.value} from {there.from_site} to {there.to_site}, "
            f"not a {kind.value} from {from_site} to {to_site}",
            next_step="start a new run: what was approved cannot be given another meaning",
        )
    if there.state is MoveState.ABANDONED:
        raise _settled_otherwise(there, MoveState.UNDER_WAY)
    return there


def _give_up_the_one_before(connection: Connection, locked: LockedPlatform, run: UUID) -> None:
    """Whoever holds the lease overtakes a move that nobody goes on with: what it did stands in its steps."""
    row = connection.execute(
        "SELECT run_id FROM move WHERE platform_id = %s AND state = 'under_way'", (locked.id,)
    ).fetchone()
    if row is not None:
        before = the_move(connection, row[0])
        text = f"{before.kind.value} to {before.to_site} given up half-way: run {run} moves {locked.name} now"
        _end(connection, locked, before, MoveState.ABANDONED, who="vigie", text=text)


def _end_both(connection: Connection, locked: LockedPlatform, move: Move, back: Move) -> None:
    """The platform is back where it was: the move is taken back, and its way back is final."""
    text = f"{move.kind.value} to {move.to_site}: taken back to {back.to_site} by run {back.run}"
    _end(connection, locked, move, MoveState.ROLLED_BACK, who="vigie", text=text)
    text = f"{back.kind.value} to {back.to_site}: final, it took back run {move.run}"
    _end(connection, locked, back, MoveState.COMMITTED, who="vigie", text=text)


def _end(connection: Connection, locked: LockedPlatform, move: Move, state: MoveState, *, who: str, text: str) -> None:
    connection.execute(
        "UPDATE move SET state = %s, settled_by = %s WHERE run_id = %s", (state.value, clean(who), move.run)
    )
    append_action(connection, locked, move.run, ActionKind.MOVE_SETTLED, text, who=who, data={"state": state.value})
    rooms.free(connection, locked, move.run)
    want_message(connection, move.run, "progress")


def _settled_otherwise(move: Move, wanted: MoveState) -> Refused:
    by = f" by {move.settled_by}" if move.settled_by else ""
    return Refused(
        f"the {move.kind.value} of {move.platform} to {move.to_site} is {move.state.value}{by}: "
        f"it cannot become {wanted.value}",
        where=f"run {move.run}",
        next_step="look at what is there now: vigie runs show; a new move begins with a new run",
    )


def _knows_less(loss: Loss, known: Loss) -> bool:
    return loss.kind is LossKind.BOUND and known.kind is LossKind.EXACT


def the_move(connection: Connection, run: UUID) -> Move:
    """The move of this run. Raises `Broken` when it has begun none."""
    found = find_move(connection, run)
    if found is None:
        raise Broken(f"run {run} has begun no move", next_step="see vigie runs show", code=MissingCode.NO_DATA)
    return found


def _written(moments: Mapping[str, datetime | None]) -> dict[str, str]:
    return {name: moment.isoformat() for name, moment in moments.items() if moment is not None}


def _with_losses(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Move]:
    """Of each data the newest line of the best kind."""
    losses: dict[UUID, dict[str, Loss]] = {}
    for run, data, kind, count, seconds, text, by_table, saved_in in connection.execute(
        "SELECT run_id, data, kind, row_count, seconds, text, by_table, saved_in FROM move_loss "
        "WHERE run_id = ANY (%s) ORDER BY run_id, number",
        ([row[0] for row in rows],),
    ).fetchall():
        losses.setdefault(run, {})[data] = Loss(
            data=data, kind=LossKind(kind), rows=count, seconds=seconds, text=text, by_table=by_table, saved_in=saved_in
        )
    return [_move(row, tuple(losses.get(row[0], {}).values())) for row in rows]


def _move(row: tuple[Any, ...], losses: tuple[Loss, ...]) -> Move:
    return Move(
        run=row[0],
        platform=row[1],
        kind=MoveKind(row[2]),
        from_site=row[3],
        to_site=row[4],
        state=MoveState(row[5]),
        began_at=row[6],
        outage_at=row[7],
        detected_at=row[8],
        decided_at=row[9],
        serving_at=row[10],
        commit_due_at=row[11],
        rolls_back=row[12],
        settled_by=row[13],
        losses=losses,
    )
