"""What stopped in the middle and waits for a person, and which platform is not where it belongs?

For `vigie now`: a run that is parked holds no process, so Prefect shows nothing that runs, and yet its platform may be
half moved. The rule: what needs a person is shown until somebody has seen to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from blocks.ports.recovery import Move, MoveKind, MoveState
from blocks.ports.runs import Run, RunState
from deployments.commands.moments import ago, until

if TYPE_CHECKING:
    from blocks.journal.adapter import PostgresJournal


def stopped_half_way(journal: PostgresJournal) -> list[Run]:
    """Parked runbooks, and those that failed after they had begun to change something and that none has made good."""
    return [
        run
        for run in journal.runs(states=(RunState.PARKED, RunState.FAILED))
        if run.state is RunState.PARKED or _is_in_the_middle(journal, run)
    ]


def _is_in_the_middle(journal: PostgresJournal, run: Run) -> bool:
    if not journal.steps(run.id):
        return False
    done = journal.runs(platform=run.platform, states=(RunState.DONE,))
    return not any(each.state_at > run.state_at and _makes_good(each, run) for each in done)


def _makes_good(later: Run, run: Run) -> bool:
    """A restart ends no move that stands half-way, and a move no restart of a service; another move may."""
    if run.action in set(MoveKind):
        return later.action in set(MoveKind)
    return (later.action, later.subject) == (run.action, run.subject)


def moved_platforms(journal: PostgresJournal) -> list[Move]:
    """The newest move of each platform that is not committed, or that took it away from home."""
    return [
        move
        for move in journal.newest_moves()
        if move.state is MoveState.SERVING or (move.has_moved and move.kind is not MoveKind.FAILBACK)
    ]


def print_half_way(halted: Sequence[Run], moved: Sequence[Move], at: datetime) -> None:
    """Both, each with what to do next; nothing where there is nothing."""
    if halted:
        typer.echo("\nStopped half-way")
    for run in halted:
        name, why = str(run.id)[:8], f": {run.reason}" if run.reason else ""
        on = "" if run.subject == run.platform else f" of {run.subject}"
        goes_on = f"vigie runs continue {name}" + ("" if run.state is RunState.PARKED else ", or retry it in Prefect")
        typer.echo(f"  {run.platform}: {run.action}{on} {run.state.value} {ago(at, run.state_at)} ago{why}")
        typer.echo(f"    Next: vigie runs show {name}, then {goes_on}")
    if moved:
        typer.echo("\nMoved")
    for move in moved:
        since = f" since {until(move.serving_at, at)}" if move.serving_at else ""
        typer.echo(f"  {move.platform} runs in {move.to_site}{since} ({move.kind.value}){_window(move, at)}")


def _window(move: Move, at: datetime) -> str:
    if move.state is not MoveState.SERVING:
        return ""
    due = f" by {until(move.commit_due_at, at)}" if move.commit_due_at else ""
    otherwise = f", else it goes back to {move.from_site} by itself while that loses nothing" if move.rolls_back else ""
    return f", not committed\n    Next: vigie commit {move.platform} --as NAME{due}{otherwise}"
