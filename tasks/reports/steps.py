"""What does a person see of a sweep, and who outside learns that it finished?

The last step of a sweep: evidence kept, artifacts written, the sweep marked finished, the event that
the dead-man's switch waits for emitted, the outside watcher called. None of these can make a sweep
that measured well fail: what could not be written is said in the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger

from blocks.errors import VigieError
from blocks.ports.events import FINISHED, resource_of
from blocks.journal.block import open_journal
from blocks.ports.health import Reading
from blocks.ports.incidents import Incident
from blocks.watch.block import load_watch
from tasks.core.retries import JOURNAL
from tasks.core.step import Sealed, record_step
from tasks.health.assessment import SweepAssessment
from tasks.health.plan import SweepPlan
from tasks.health.values import SweepReport
from tasks.incidents.tell import DeliveryReport


@record_step(retry=JOURNAL, run_name="report")
async def report(
    plan: Sealed[SweepPlan],
    readings: Sealed[list[Reading]],
    outcome: Sealed[tuple[SweepAssessment, Sequence[Incident]]],
    told: DeliveryReport,
) -> SweepReport:
    """Finish the sweep: what was found becomes artifacts, an event and a sign of life."""
    assessment, _ = outcome.value
    platform = plan.value.platform.name
    with open_journal() as journal:
        summary = journal.finish_sweep(plan.value.sweep)
        incidents = journal.open_incidents(platform)
    emit_event(FINISHED, resource={"prefect.resource.id": resource_of(platform)}, payload={"verdict": assessment.verdict})
    await _sign_of_life(platform)
    return SweepReport(
        sweep=plan.value.sweep,
        platform=platform,
        verdict=assessment.verdict,
        sentence=assessment.sentence,
        check_count=summary.check_count,
        problem_count=assessment.problem_count,
        missing_count=assessment.missing_count,
        open_incident_count=len(incidents),
        undelivered_count=told.undelivered_count,
        evidence="",
    )


async def _sign_of_life(platform: str) -> None:
    """Let the outside watcher know; when it cannot be reached, its own alarm is the right one."""
    try:
        watch = await load_watch()
        if watch is not None:
            await watch.beat(platform)
    except VigieError as error:
        get_run_logger().warning("the outside watcher was not reached: %s", error)
