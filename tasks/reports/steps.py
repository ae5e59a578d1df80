"""What does a person see of a sweep, and who outside learns that it finished?

The last step of a sweep: the sweep is marked finished, the event that the dead-man's switch waits for
is emitted, the outside watcher called, evidence kept and artifacts written. What only shows the result
cannot make a sweep that measured well fail: what could not be written is said in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger

from blocks.errors import VigieError
from blocks.evidence.store import keep_evidence, open_evidence_store
from blocks.journal.block import open_journal
from blocks.ports.events import FINISHED, resource_of
from blocks.ports.health import CheckKey, Reading
from blocks.ports.incidents import Incident
from blocks.ports.journal import StatePoint, SweepSummary
from blocks.watch.block import load_watch
from tasks.core.retries import JOURNAL
from tasks.core.step import Sealed, record_step
from tasks.health.assessment import MONITORING_FAULT, SweepAssessment
from tasks.health.plan import SweepPlan
from tasks.health.values import SweepReport, newest_of_each
from tasks.incidents.tell import DeliveryReport
from tasks.reports.sweep import render_sweep_report
from tasks.reports.tables import render_incidents, render_overview, render_platforms
from tasks.reports.timeline import MOST_CHECKS, draw_timeline, slowest

_HISTORY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What the journal holds at the end of a sweep."""

    at: datetime
    open_incidents: Sequence[Incident]  # of every platform
    timeline: Sequence[StatePoint]
    latest: Mapping[str, SweepSummary | None]


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
    newest = newest_of_each(readings.value)
    remembered = _finish(plan.value, slowest(newest))
    emit_event(
        FINISHED, resource={"prefect.resource.id": resource_of(platform)}, payload={"verdict": assessment.verdict}
    )
    picture, evidence, _, _ = await asyncio.gather(  # one draws while the others wait for somebody else
        asyncio.to_thread(draw_timeline, remembered.timeline, **_words(plan.value)),
        _keep(plan.value, readings.value),
        _sign_of_life(platform),
        _unless_refused(_show_tables(plan.value, assessment, remembered)),
    )
    await _unless_refused(_show_report(plan.value, assessment, newest, remembered, picture=picture, evidence=evidence))
    return SweepReport(
        sweep=plan.value.sweep,
        platform=platform,
        verdict=assessment.verdict,
        sentence=assessment.sentence,
        check_count=len(newest),
        problem_count=assessment.problem_count,
        missing_count=assessment.missing_count,
        open_incident_count=sum(1 for incident in remembered.open_incidents if incident.platform == platform),
        undelivered_count=told.undelivered_count,
        evidence=evidence,
    )


async def _keep(plan: SweepPlan, readings: Sequence[Reading]) -> str:
    """Every reading of every attempt, in the evidence store; its address, empty when it could not be kept."""
    try:
        return await keep_evidence(
            await open_evidence_store(),
            platform=plan.platform.name,
            sweep=plan.sweep,
            at=plan.started_at,
            catalogue_digest=plan.catalogue_digest,
            readings=readings,
        )
    except VigieError as error:
        get_run_logger().error("the evidence of this sweep could not be kept: %s", error)
        return ""


async def _unless_refused(showing: Coroutine[Any, Any, None]) -> None:
    """Show it; when Prefect does not take it, the log says so and the sweep stays as good as it was."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        await showing
    except (PrefectHTTPStatusError, httpx.HTTPError) as error:
        get_run_logger().error("Prefect did not take a part of the report: %s", type(error).__name__)


def _finish(plan: SweepPlan, slow: Sequence[CheckKey]) -> _Remembered:
    platform = plan.platform.name
    with open_journal() as journal:
        journal.finish_sweep(plan.sweep)
        at = journal.now()
        latest: dict[str, SweepSummary | None] = {}
        for sweep in journal.latest_sweeps(limit_count=200):
            if sweep.finished_at is not None:
                latest.setdefault(sweep.platform, sweep)
        timeline = journal.timeline(platform, at - _HISTORY, most=MOST_CHECKS, also=slow)
        return _Remembered(at, journal.open_incidents(), timeline, latest)


async def _sign_of_life(platform: str) -> None:
    """Let the outside watcher know; when it cannot be reached, its own alarm is the right one."""
    try:
        watch = await load_watch()
        if watch is not None:
            await watch.beat(platform)
    except VigieError as error:
        get_run_logger().warning("the outside watcher was not reached: %s", error)


def _words(plan: SweepPlan) -> dict[str, str]:
    return {"language": plan.customer.language, "time_zone": plan.customer.time_zone}


async def _show_report(
    plan: SweepPlan,
    assessment: SweepAssessment,
    readings: Sequence[Reading],
    remembered: _Remembered,
    *,
    picture: bytes,
    evidence: str,
) -> None:
    """The platform's report, with its picture."""
    platform = plan.platform.name
    markdown = render_sweep_report(
        platform,
        assessment.services,
        readings,
        picture=picture,
        incidents=[incident for incident in remembered.open_incidents if incident.platform == platform],
        at=remembered.at,
        evidence=evidence,
        verdict=assessment.verdict,
        fault=assessment.sentence if assessment.verdict == MONITORING_FAULT else "",
        **_words(plan),
    )
    await acreate_markdown_artifact(markdown, key=f"sweep-{platform}", description=assessment.sentence)


async def _show_tables(plan: SweepPlan, assessment: SweepAssessment, remembered: _Remembered) -> None:
    """The platform's services, and the tables of all platforms and open incidents."""
    words = _words(plan)
    count = len(remembered.open_incidents)
    tables = {
        f"services-{plan.platform.name}": (render_overview(assessment.services, **words), assessment.sentence),
        "platforms": (
            render_platforms(remembered.latest, remembered.open_incidents, **words),
            "the newest finished sweep of each platform",
        ),
        "incidents": (
            render_incidents(remembered.open_incidents, **words),
            f"open incidents of all platforms: {count or 'none'}",
        ),
    }
    await asyncio.gather(
        *(acreate_table_artifact(rows, key=key, description=description) for key, (rows, description) in tables.items())
    )
