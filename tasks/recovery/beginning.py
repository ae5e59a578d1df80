"""All said yes: is each platform's failover begun, once, with its part of that yes and its room?

By priority, one after the other. The rules: a part that cannot begin is named and keeps no other; a run is in the
journal, with its own yes and its room, before it may begin; whatever died in between, the same run is gone on with; who
stops the common run stops what was not begun yet, and every run that was is stopped by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.approvals import Approval, Plan
from blocks.ports.orchestration import Orchestrator, RunPhase, Startable
from blocks.ports.room import RoomWanted
from blocks.ports.runs import RunState
from tasks.core.change import heed_stop
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.recovery.holding import room_wanted
from tasks.recovery.opening import Parts
from tasks.runs.catalogue import Known, load_platform
from tasks.runs.showing import show_run
from tasks.runs.starting import RUNBOOK

LookForRoom = Callable[[PostgresJournal, Known, str], RoomWanted]


@dataclass(frozen=True, slots=True)
class JointReport:
    """What became of each platform, a sentence each; `waiting` are those that did not begin."""

    begun: tuple[str, ...]
    waiting: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For log, message and journal."""
        return "; ".join((*self.begun, *self.waiting))


def begin_all(agreed: Approval) -> JointReport:
    """Every part of a granted card. Raises `Refused` where none could begin, `Stopped` where somebody stopped it."""
    begun, waiting = list[str](), list(agreed.plan.known_wrong)
    for part in agreed.plan.parts:
        said, is_begun = begin_part(agreed, part)
        (begun if is_begun else waiting).append(said)
    report = JointReport(tuple(begun), tuple(waiting))
    get_run_logger().info("%s", report)
    if not begun:
        raise Refused(str(report), next_step="nothing was moved; plan each alone, or start it again")
    return report


@record_step(retry=JOURNAL, run_name="begin the failover of {part.platform}")
def begin_part(agreed: Approval, part: Plan) -> tuple[str, bool]:
    """What became of one platform, and whether it was begun."""
    with open_journal() as journal, PrefectOrchestrator() as orchestrator:
        try:
            known = load_platform(part.platform)
            said = begin_one(journal, orchestrator, agreed, part, known, look=_room)
        except (Refused, Broken) as error:
            get_run_logger().warning("%s does not go: %s", part.platform, error)
            return f"{part.platform} does not go: {error.what}", False
        show_run(journal.part_runs(agreed.id)[part.platform], part.platform)
    get_run_logger().info("%s", said)
    return said, True


def begin_one(
    journal: PostgresJournal,
    orchestrator: Orchestrator,
    agreed: Approval,
    part: Plan,
    known: Known,
    *,
    look: LookForRoom,
) -> str:
    """Its run is promised and released, or was before. Raises the three errors, and `Stopped`."""
    run = journal.part_runs(agreed.id).get(part.platform)
    if run is None:
        heed_stop(journal, agreed.run, f"begin the {part.action} of {part.platform} to {part.candidate}")
        wanted = _seen(journal, known, part, look)
        run = _promised(journal, orchestrator, agreed, part, known, wanted)
    seen = orchestrator.view(run)
    if seen is not None and seen.phase is RunPhase.SCHEDULED and not journal.run(run).state.is_over:
        orchestrator.release(run)
    return f"the {part.action} of {part.platform} to {part.candidate} is begun (run {str(run)[:8]})"


def _room(journal: PostgresJournal, known: Known, site: str) -> RoomWanted:
    return room_wanted(journal, Parts(known.platform), site)


def _seen(journal: PostgresJournal, known: Known, part: Plan, look: LookForRoom) -> RoomWanted:
    """The room as it is now. A provider that does not answer is no reason to wait with the others."""
    try:
        return look(journal, known, part.candidate)
    except Retryable as error:
        raise Refused(f"nobody can say what {part.candidate} can still take: {error.what}") from error


def _promised(  # noqa: PLR0917  the same, and the room
    journal: PostgresJournal,
    orchestrator: Orchestrator,
    agreed: Approval,
    part: Plan,
    known: Known,
    wanted: RoomWanted,
) -> UUID:
    """The one run of this part: in the journal, with its yes and its room, and not begun."""
    startable = _deployment_of(orchestrator, part)
    parameters = _as_given(startable, part)
    run = orchestrator.start(startable.id, parameters, key=f"{agreed.id} {part.platform}")
    try:
        journal.open_run(
            run,
            platform=part.platform,
            action=startable.flow,
            subject=part.platform,
            parameters=parameters,
            requested_by=agreed.requester,
            customer=known.customer.name,
        )
        journal.promise_part(agreed.id, run, wanted)
    except (Refused, Broken) as error:
        _give_up(journal, orchestrator, run, error)
        raise
    return run


def _give_up(journal: PostgresJournal, orchestrator: Orchestrator, run: UUID, error: VigieError) -> None:
    """Nobody goes on with it, and it asks nobody."""
    known = journal.find_run(run)
    if known is not None and not known.state.is_over:
        journal.move_run(run, RunState.VOID, reason=f"it was not begun: {error.what}")
    orchestrator.declare_crashed(run, f"it was not begun: {error.what}")


def _as_given(startable: Startable, part: Plan) -> dict[str, Any]:
    """With every parameter of the flow, as the run itself will name them: what nobody gave has its default."""
    known: Mapping[str, Mapping[str, Any]] = startable.schema.get("properties") or {}
    defaults = {name: field["default"] for name, field in known.items() if "default" in field}
    return defaults | {"platform": part.platform, "reason": part.reason, "candidate": part.candidate}


def _deployment_of(orchestrator: Orchestrator, part: Plan) -> Startable:
    found = next((each for each in orchestrator.startables(RUNBOOK) if each.flow == part.action), None)
    if found is None:
        raise Broken(f"Prefect has no deployment of {part.action}", next_step="run vigie apply")
    return found
