"""Somebody stops a run, goes on with it, says that a step was done by hand, or commits a move: what becomes of it?

The one plain function behind the terminal, the Prefect UI and Slack. The rules: only those who may decide about
the action may steer it or commit what it did; a stop takes effect between two steps, at once where the run waits for
a person in the middle of its plan; what was done by hand is read back by the step itself; going on begins the count
of automatic resumes anew.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.errors import Refused
from blocks.ports.approvals import Policy, Standing
from blocks.ports.orchestration import Orchestrator
from blocks.ports.recovery import MoveState, RecoveryJournal
from blocks.ports.runs import Run, RunState, Step
from tasks.approvals.ports import Records


class Steer(StrEnum):
    """What somebody wants of a run."""

    STOP = "stop"  # finish the step it is in, then park
    CONTINUE = "continue"  # a parked, failed or cancelled run goes on
    BY_HAND = "by-hand"  # this step was done by a person
    COMMIT = "commit"  # the move that this run made stays


class Steered(Records, RecoveryJournal, Protocol):
    """The journal, for whoever steers runs and what they moved."""


_GOES_ON = frozenset({RunState.PARKED, RunState.FAILED, RunState.CANCELLED})


def steer(
    journal: Steered, orchestrator: Orchestrator, policy: Policy, what: Steer, run: UUID, *, who: str, detail: str = ""
) -> str:
    """Do it, and say in a sentence what happens now. `detail` is the reason of a stop, or the step done by hand.

    Raises `Refused` when this person may not, or the run is not in a state for it.
    """
    found = journal.run(run)
    if who not in {*policy.approvers, *policy.escalate_to, *policy.glass}:
        raise Refused(f"{who} may not steer {found.action} on {found.platform}", where="approvals.yaml")
    if what is Steer.STOP:
        return _stop(journal, orchestrator, found, who, detail)
    if what is Steer.COMMIT:
        return _commit(journal, found, who)
    if what is Steer.BY_HAND:
        return _by_hand(journal, orchestrator, found, who, detail)
    return _go_on(journal, orchestrator, found, who, detail)


def _stop(journal: Records, orchestrator: Orchestrator, run: Run, who: str, reason: str) -> str:
    journal.request_stop(run.id, who=who, reason=reason)
    if _no_longer_asked(journal, orchestrator, run, f"stopped by {who}", who):
        return "it waited for a person and is parked now; nothing is undone"
    return "it finishes the step that it is in, then it is parked; nothing is undone"


def _no_longer_asked(journal: Records, orchestrator: Orchestrator, run: Run, why: str, who: str) -> bool:
    """A run that sleeps in the middle of its plan until somebody says that something is done need not wait for it."""
    newest = next(iter(reversed(journal.approvals(run.id))), None)
    asks = newest is not None and bool(newest.plan.confirms) and newest.standing is Standing.WAITING
    if run.state is not RunState.WAITING or newest is None or not asks:
        return False
    journal.settle(newest.id, Standing.VOID, reason=why, who=who)
    orchestrator.resume(run.id)
    return True


def _commit(journal: Steered, run: Run, who: str) -> str:
    """It stays, and does not go back by itself. Raises `Refused` when it ended otherwise or was moved on."""
    move = journal.move(run.id)
    if move is None or move.state is MoveState.UNDER_WAY:
        raise Refused(
            f"run {run.id} has moved nothing that serves yet: there is nothing to commit",
            next_step=f"vigie runs show {str(run.id)[:8]} says how far it is",
        )
    journal.settle_move(run.id, MoveState.COMMITTED, who=who)
    return f"the {move.kind.value} of {move.platform} to {move.to_site} is committed: it stays there"


def _go_on(journal: Records, orchestrator: Orchestrator, run: Run, who: str, reason: str) -> str:
    if run.state not in _GOES_ON:
        raise Refused(f"run {run.id} is {run.state.value}: there is nothing to go on with", next_step="vigie runs show")
    journal.move_run(run.id, RunState.RUNNING, reason=reason or "goes on", who=who)
    orchestrator.retry(run.id, f"{who} goes on with it")
    return "it goes on where it stopped; what is done is not done again"


def _by_hand(journal: Records, orchestrator: Orchestrator, run: Run, who: str, wanted: str) -> str:
    step = _named_step(journal, run, wanted)
    journal.claim_by_hand(run.id, step.key, who=who)
    _no_longer_asked(journal, orchestrator, run, f"'{step.text}' was done by hand", who)
    if journal.run(run.id).state in _GOES_ON:
        _go_on(journal, orchestrator, run, who, f"'{step.text}' was done by hand")
    return f"'{step.text}' counts as done once it is read back"


def _named_step(journal: Records, run: Run, wanted: str) -> Step:
    """By the beginning of its key, or its item. Raises `Refused` unless it is exactly one."""
    begun = [step for step in journal.steps(run.id) if not step.is_done]
    found = [step for step in begun if wanted and (step.key.startswith(wanted) or step.item == wanted)]
    if len(found) == 1:
        return found[0]
    open_ones = ", ".join(f"{step.item} ({step.key[:8]})" for step in begun) or "none"
    raise Refused(
        f"{wanted or 'that'!r} names {len(found)} open steps of run {run.id}; open are: {open_ones}",
        next_step="name one of them, by its item or the beginning of its key"
        if begun
        else f"vigie runs show {str(run.id)[:8]}; only a step that was begun can be said to be done",
    )
