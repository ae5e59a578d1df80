"""How does a runbook begin, stop, and end, whatever dies in between?

`runbook` makes a Prefect flow out of a function: its root run becomes a row in the journal, one process at a time
executes it, and how it ends is written down before Prefect is told. Rejected, Expired, Void and Parked are named
states of their own: a retry of such a run says why it won't.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed

from blocks.errors import Refused
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.approvals import Approval, Plan, PlanStep, Standing
from blocks.ports.runs import UNKNOWN_REQUESTER, Lease, Run, RunState
from tasks.core.change import Order, Stopped

if TYPE_CHECKING:
    from prefect.flows import Flow

P = ParamSpec("P")
R = TypeVar("R")

_LOCK_PATIENCE_S = 15.0
_LOCK_PAUSE_S = 0.2
_NAMED_ENDS = {
    RunState.REJECTED: "Rejected",
    RunState.EXPIRED: "Expired",
    RunState.VOID: "Void",
    RunState.PARKED: "Parked",
}
_ENDS = {
    Standing.REJECTED: RunState.REJECTED,
    Standing.EXPIRED: RunState.EXPIRED,
    Standing.VOID: RunState.VOID,
}


class Settled(Exception):
    """The run's approval ended otherwise than granted: the run ends with it."""

    def __init__(self, standing: Standing, reason: str) -> None:
        super().__init__(reason)
        self.state = _ENDS[standing]
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Granted:
    """A plan that may be carried out now, and the right to."""

    plan: Plan
    lease: Lease
    approval: Approval


@dataclass(frozen=True, slots=True)
class Runbook:
    """The run that is being executed, and its journal."""

    run: Run
    journal: PostgresJournal

    def order(self, granted: Granted, step: PlanStep, attempt: int = 1) -> Order:
        """One step of the approved plan, for this run and its lease."""
        return Order(
            run=self.run.id,
            platform=self.run.platform,
            token=granted.lease.token,
            phase=step.phase,
            item=step.item,
            digest=granted.plan.digest,
            attempt=attempt,
        )


_current: ContextVar[Runbook] = ContextVar("runbook")


def this_run() -> Runbook:
    """The runbook that this process executes."""
    return _current.get()


def runbook(*, name: str, run_name: str, subject: str, description: str = "") -> Callable[[Callable[P, R]], Flow[P, R]]:
    """A flow whose root run is kept in the journal. `subject` names the parameter that says what it is about.

    The function has a parameter `platform`. It may raise `Settled` and `Stopped`, which end or park the run.
    """

    def decorate(function: Callable[P, R]) -> Flow[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def execute(*args: P.args, **kwargs: P.kwargs) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return _execute(name, bound.arguments, subject, lambda: function(*args, **kwargs))

        make: Any = flow  # its overloads cannot follow a function's own parameters through
        return make(
            execute,
            name=name,
            flow_run_name=run_name,
            description=description or None,
            persist_result=True,
            validate_parameters=True,
        )

    return decorate


def _execute(action: str, parameters: Mapping[str, Any], subject: str, body: Callable[[], R]) -> Any:
    run_id = UUID(str(flow_run.get_id()))
    with open_journal() as journal, _only_process(journal, run_id):
        platform = str(parameters["platform"])
        run = journal.open_run(
            run_id,
            platform=platform,
            action=action,
            subject=str(parameters[subject]),
            parameters=dict(parameters),
            requested_by=UNKNOWN_REQUESTER,
            customer=_customer_of(platform),
        )
        if run.state in _NAMED_ENDS:
            return _why_not(run)
        if run.state is RunState.DONE:
            return Completed(message=f"Done before, nothing was done again: {run.reason}")
        if run.state is not RunState.RUNNING:
            run = journal.move_run(run_id, RunState.RUNNING, reason=f"goes on after {run.state.value}")
        token = _current.set(Runbook(run, journal))
        try:
            return _to_its_end(journal, run, body)
        finally:
            _current.reset(token)


def _to_its_end(journal: PostgresJournal, run: Run, body: Callable[[], R]) -> Any:
    try:
        result = body()
    except Stopped as stopped:
        return _end(journal, run, RunState.PARKED, str(stopped), page=stopped.rings)
    except Settled as settled:
        return _end(journal, run, settled.state, settled.reason)
    except Exception as error:
        journal.move_run(run.id, RunState.FAILED, reason=str(error))
        _show(run)
        raise
    journal.move_run(run.id, RunState.DONE, reason=str(result))
    _show(run)
    return result


def _end(journal: PostgresJournal, run: Run, state: RunState, reason: str, *, page: bool = False) -> Any:
    ended = journal.move_run(run.id, state, reason=reason, page=page)
    get_run_logger().warning("%s: %s", state.value, reason)
    _show(run)
    return _named(ended)


def _why_not(run: Run) -> Any:
    get_run_logger().warning("nothing is done: this run is %s (%s)", run.state.value, run.reason)
    return _named(run)


def _named(run: Run) -> Any:
    next_step = (
        f"vigie runs continue {run.id} goes on with it"
        if run.state is RunState.PARKED
        else "start a new run to ask again"
    )
    return Cancelled(name=_NAMED_ENDS[run.state], message=f"{run.reason or run.state.value}. Next: {next_step}.")


@contextmanager
def _only_process(journal: PostgresJournal, run: UUID) -> Generator[None]:
    """One process executes a run. One that just fell asleep may take a moment to leave."""
    give_up = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        with journal.run_lock(run, overtaken=_end_at_once) as granted:
            if granted:
                yield
                return
        if time.monotonic() > give_up:
            raise Refused(
                f"another process executes run {run} already",
                next_step="nothing was done here; look at that one, or wait until it ends",
            )
        time.sleep(_LOCK_PAUSE_S)


def _end_at_once() -> None:
    """Another process executes the run: this one ends as in a crash, which every step survives."""
    os.kill(os.getpid(), signal.SIGKILL)


def _customer_of(platform: str) -> str:
    from tasks.runs.catalogue import load_platform

    return load_platform(platform).customer.name


def _show(run: Run) -> None:
    """People see the end. A channel that is down keeps it waiting and hides nothing."""
    from tasks.runs.showing import show_run

    show_run(run.id, run.platform)
