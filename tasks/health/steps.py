"""The steps of a sweep: each opens a port, makes one decision or one record, says one sentence.

The rule: a sweep never holds back what it has seen. Readings are kept before they are judged;
without the journal nothing is decided, and the sweep waits for it and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.catalogue.maintenance import active_maintenance
from blocks.catalogue.model import Customer
from blocks.errors import Retryable
from blocks.journal.block import open_journal
from blocks.ports.health import CheckKey, Probe, Reading
from blocks.ports.incidents import Incident
from blocks.ports.notifications import Channel
from tasks.core.loop import leave_loaded_code_alone, on_a_loop_of_its_own
from tasks.core.retries import JOURNAL, NEVER, OUTSIDE
from tasks.core.step import Sealed, read_step, record_step
from tasks.health.active import follow_active
from tasks.health.assessment import SweepAssessment, assess_sweep
from tasks.health.measurement import MeasurementVerdict, judge_measurement, reading_frame
from tasks.health.plan import SweepPlan
from tasks.health.probers import ProberPool, load_platform_block, load_routes
from tasks.health.probing import take_readings
from tasks.health.values import newest_of_each

_LOCK_PATIENCE_S = 60.0
_LONGEST_SLO = timedelta(days=30)
_FRESH_MARGIN = timedelta(seconds=60)


@contextmanager
def right_to_sweep(platform: str) -> Generator[bool]:
    """Hold the only right to sweep this platform; False when another sweep holds it.

    The right is a lock of a database session: a killed sweep gives it back by dying. Waits a minute
    for a journal that does not answer, then raises `Retryable`.
    """
    with ExitStack() as held:
        yield _enter_lock(held, platform)


def _enter_lock(held: ExitStack, platform: str) -> bool:
    give_up = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            journal = held.enter_context(open_journal())
            return held.enter_context(journal.sweep_lock(platform))
        except Retryable as error:
            if time.monotonic() > give_up:
                raise
            get_run_logger().warning("the journal does not answer, waiting for it: %s", error)
            time.sleep(2)


@read_step(retry=JOURNAL, run_name="load {platform} from catalogue and journal")
async def load_plan(platform: str) -> Sealed[SweepPlan]:
    """Pin the catalogue version and what is remembered of every check."""
    block = await load_platform_block(platform)
    model, customer = block.platform(), block.customer()
    sweep = UUID(str(flow_run.get_id()))
    with open_journal() as journal:
        started_at = journal.now()
        journal.start_sweep(sweep, platform, block.digest)
        statuses = dict(journal.load_statuses(platform))
        active = journal.active_site(platform) if model.recovery else ""
    elsewhere = follow_active(model, active)
    plan = SweepPlan(
        sweep=sweep,
        platform=elsewhere.platform,
        customer=customer,
        catalogue_digest=block.digest,
        started_at=started_at,
        statuses=statuses,
        maintenance={**elsewhere.muted, **active_maintenance(model, customer, started_at)},
        active=active,
        way_back=elsewhere.way_back,
        written=block.platform_json if elsewhere.platform is model else "",
    )
    get_run_logger().info(
        "%s: %d checks of %d services, catalogue %s",
        platform,
        len(plan.probes()),
        len(model.services),
        block.digest[:12],
    )
    return Sealed(plan)


@read_step(retry=OUTSIDE, run_name="probe every check")
async def probe_platform(plan: Sealed[SweepPlan]) -> Sealed[list[Reading]]:
    """Make every declared check once, concurrently, until the sweep's deadline."""
    return await _take(plan.value, plan.value.probes(), plan.value.platform.sweep_deadline)


@read_step(retry=OUTSIDE, run_name="recheck, attempt {attempt}", item=lambda given: f"attempt-{given['attempt']}")
async def recheck(plan: Sealed[SweepPlan], doubtful: Sealed[list[CheckKey]], attempt: int) -> Sealed[list[Reading]]:
    """Measure again what looks wrong, before anybody believes it."""
    probes = plan.value.probes(doubtful.value, attempt)
    get_run_logger().info("rechecking %s", ", ".join("/".join(key) for key in doubtful.value[:10]))
    return await _take(plan.value, probes, plan.value.platform.sweep_deadline)


async def wait_before_recheck(plan: Sealed[SweepPlan], doubtful: Sealed[list[CheckKey]]) -> None:
    """Give a blip the time to pass: the longest `recheck_every` of the checks in doubt."""
    pause = max(probe.check.recheck_every for probe in plan.value.probes(doubtful.value))
    await asyncio.sleep(pause.total_seconds())


async def _take(plan: SweepPlan, probes: Sequence[Probe], within: timedelta) -> Sealed[list[Reading]]:
    logger = get_run_logger()

    async def take() -> list[Reading]:
        async with ProberPool(await load_routes()) as pool:
            return await take_readings(
                probes,
                pool.open_prober,
                at_once=plan.platform.probes_at_once,
                per_host=plan.platform.probes_per_host,
                within=within,
                tell_progress=lambda done, everything: logger.info("%d of %d checks made", done, everything),
                on_defect=lambda probe, error: logger.error(
                    "defect in probing %s", "/".join(probe.key), exc_info=error
                ),
            )

    leave_loaded_code_alone()
    readings = await on_a_loop_of_its_own(take)
    missing = sum(1 for reading in readings if reading.missing)
    faulty = sum(1 for reading in readings if reading.finding)
    logger.info("%d readings: %d with something wrong, %d without evidence", len(readings), faulty, missing)
    return Sealed(readings)


@read_step(retry=NEVER, run_name="judge the measurement")
def validate_measurement(plan: Sealed[SweepPlan], readings: Sealed[list[Reading]]) -> MeasurementVerdict:
    """Is the measurement itself right? A Great Expectations suite over the newest reading of each check."""
    at = datetime.now(UTC)
    frame = reading_frame(newest_of_each(readings.value), plan.value.declared(), at)
    oldest = 2 * plan.value.platform.sweep_deadline + _FRESH_MARGIN
    verdict = judge_measurement(frame, oldest=oldest)
    for fault in verdict.faults:
        get_run_logger().error("monitoring fault: %s", fault)
    return verdict


@record_step(retry=JOURNAL, run_name="assess and record")
def assess_and_record(
    plan: Sealed[SweepPlan], readings: Sealed[list[Reading]], measurement: MeasurementVerdict
) -> Sealed[tuple[SweepAssessment, Sequence[Incident]]]:
    """Keep every reading, decide what it means, and record the decision with what must be told, at once.

    Decision and record are one step because the decision is made against the incidents as they are
    at that moment; run twice it changes nothing the second time.
    """
    value = plan.value
    platform = value.platform.name
    with open_journal() as journal:
        journal.record_readings(value.sweep, platform, readings.value)
        at = journal.now()
        assessment = assess_sweep(
            value,
            readings.value,
            measurement,
            earlier_samples=journal.sli_samples(platform, at - _LONGEST_SLO),
            open_incidents=journal.open_incidents(platform),
            recently_closed=journal.recently_closed(platform, value.platform.reopen_within),
            at=at,
        )
        incidents = journal.record_assessment(
            value.sweep,
            platform,
            statuses=assessment.statuses,
            services=assessment.services,
            samples=assessment.samples,
            verdict=assessment.verdict,
            changes=assessment.changes,
            channels=channels_of(value),
            reopen_within=value.platform.reopen_within,
        )
    get_run_logger().info("%s", assessment.sentence)
    for change in assessment.changes:
        get_run_logger().warning(
            "incident %s, root %s (%s): %s", change.kind, change.root, change.severity, change.sentence
        )
    return Sealed((assessment, incidents))


def channels_of(plan: SweepPlan) -> list[Channel]:
    """Through what this platform's customer is told."""
    return channels_for(plan.customer)


def channels_for(customer: Customer) -> list[Channel]:
    """Through what this customer is told."""
    chat = [Channel.SLACK_MESSAGE, Channel.SLACK_THREAD]
    return [*chat, Channel.PAGER] if customer.pager else chat
