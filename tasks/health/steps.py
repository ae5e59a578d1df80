"""The steps of a sweep: each opens a port, makes one decision or one record, says one sentence.

The rule: a sweep never holds back what it has seen. Readings are stored before they are judged;
without the journal nothing is decided, and the sweep waits for it and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.catalogue.maintenance import active_maintenance
from blocks.catalogue.model import Platform
from blocks.errors import Broken, Retryable
from blocks.journal.block import open_journal
from blocks.ports.health import CheckKey, Reading
from blocks.ports.incidents import Incident
from blocks.ports.journal import SweepSummary
from tasks.core.retries import JOURNAL, NEVER, OUTSIDE
from tasks.core.step import Sealed, read_step, record_step
from tasks.health.assessment import SweepAssessment, assess_sweep
from tasks.health.measurement import MeasurementVerdict, judge_measurement, reading_frame
from tasks.health.plan import SweepPlan, unconfirmed
from tasks.health.probers import ProberPool, load_platform_block, load_routes
from tasks.health.probing import take_readings

_LOCK_PATIENCE_S = 60.0
_CHANNELS_OF_INCIDENTS = timedelta(days=1)


@contextmanager
def right_to_sweep(platform: str) -> Iterator[bool]:
    """Hold the only right to sweep this platform; False when another sweep holds it.

    The right is a lock of the journal's database session: a killed sweep gives it back by dying.
    Waits a minute for a journal that does not answer, then raises `Retryable`.
    """
    logger = get_run_logger()
    give_up = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            with open_journal() as journal, journal.sweep_lock(platform) as granted:
                yield granted
                return
        except Retryable as error:
            if time.monotonic() > give_up:
                raise
            logger.warning("the journal does not answer, waiting: %s", error)
            time.sleep(2)


@read_step(retry=JOURNAL, run_name="load {platform} from catalogue and journal")
def load_plan(platform: str) -> Sealed[SweepPlan]:
    """Pin the catalogue version and what is remembered of every check."""
    block = load_platform_block(platform)
    model, customer = block.content()
    with open_journal() as journal:
        started_at = journal.now()
        sweep = UUID(str(flow_run.get_id()))
        journal.start_sweep(sweep, platform, block.digest)
        statuses = dict(journal.load_statuses(platform))
    plan = SweepPlan(
        sweep=sweep,
        platform=model,
        customer=customer,
        catalogue_digest=block.digest,
        started_at=started_at,
        statuses=statuses,
        maintenance=active_maintenance(model, customer, started_at),
    )
    get_run_logger().info(
        "%s: %d checks of %d services, catalogue %s", platform, len(plan.probes()), len(model.services), block.digest[:12]
    )
    return Sealed(plan)
