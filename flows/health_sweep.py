"""How is every service of a platform, right now, and does anybody need to be woken?

Load, probe, confirm, judge the measurement, assess, record, tell, report. One sweep a platform at a
time: a late one is cancelled and says why. What was not reached is `unknown`, never `ok`; a
measurement that is itself wrong is a monitoring fault, never health.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Cancelled

from tasks.health.steps import (
    assess_and_record,
    load_plan,
    probe_platform,
    recheck,
    right_to_sweep,
    validate_measurement,
    wait_before_recheck,
)
from tasks.health.values import SweepReport, Taken
from tasks.incidents.steps import tell
from tasks.reports.steps import report


@flow(name="health-sweep", flow_run_name="sweep {platform}", validate_parameters=True)
async def health_sweep(platform: str) -> SweepReport:
    """Check every service of a platform once, confirm what looks wrong, and tell who must know.

    Args:
        platform: the platform's name in the catalogue, such as `hearth`.

    """
    with right_to_sweep(platform) as granted:
        if not granted:
            return overlapping(platform)

        plan = await load_plan(platform)
        taken = Taken(plan, await probe_platform(plan))
        while doubtful := taken.doubtful():
            await wait_before_recheck(plan, doubtful)
            taken.add(await recheck(plan, doubtful, attempt=taken.next_attempt()))

        measurement = validate_measurement(plan, taken.readings())
        outcome = assess_and_record(plan, taken.readings(), measurement)
        told = await tell(plan)
        return await report(plan, taken.readings(), outcome, told)


def overlapping(platform: str) -> Any:
    """End this run as Cancelled, with the reason where the operator looks for it."""
    return Cancelled(
        message=f"Another sweep of {platform} is still running; this late one was cancelled, nothing is lost."
    )
