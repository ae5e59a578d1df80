"""Something begins by itself on a yes that was given before: which run does it, and does the journal know it first?

The rules: the run is in the journal, with whose yes it has, before it may begin; of two that would do the same only the
one that the journal promised goes on, and the other asks nobody; one that was promised and not begun, because we died
in between, is begun by the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from blocks.errors import Broken, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.ports.orchestration import Orchestrator, RunPhase
from blocks.ports.runs import SCHEDULE, RunState
from tasks.runs.catalogue import Known
from tasks.runs.starting import RUNBOOK


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done about one move, and the run whose message people should see now."""

    text: str
    run: UUID


def begin_promised(
    journal: PostgresJournal,
    orchestrator: Orchestrator,
    known: Known,
    *,
    flow: str,
    parameters: Mapping[str, Any],
    promise: Callable[[UUID], None],
) -> UUID:
    """The run of that flow, begun. `promise` writes down that it may; what it raises ends the run with nothing done."""
    startable = next((each for each in orchestrator.startables(RUNBOOK) if each.flow == flow), None)
    if startable is None:
        raise Broken(f"Prefect has no deployment of {flow}", next_step="run vigie apply")
    run = orchestrator.start(startable.id, parameters)
    try:
        journal.open_run(
            run,
            platform=known.platform.name,
            action=flow,
            subject=known.platform.name,
            parameters=parameters,
            requested_by=SCHEDULE,
            customer=known.customer.name,
        )
        promise(run)
        journal.want_message(run, "progress")
    except VigieError as error:
        if journal.find_run(run) is not None:  # nobody goes on with it, and it asks nobody
            journal.move_run(run, RunState.VOID, reason=f"it was not begun: {error}")
        orchestrator.declare_crashed(run, f"it was not begun: {error}")
        raise
    orchestrator.release(run)
    return run


def begin_what_was_promised(journal: PostgresJournal, orchestrator: Orchestrator, run: UUID) -> bool:
    """A run that was promised and never released is released now; False where it has begun already."""
    seen = orchestrator.view(run)
    if seen is None or seen.phase is not RunPhase.SCHEDULED or journal.approvals(run):
        return False
    orchestrator.release(run)
    return True
