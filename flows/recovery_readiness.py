"""Would this platform's recovery plan work tonight?

Look at everything that a move needs, side by side, hold it against the plan, and let each thing that would go wrong be
an incident of its own, long before the disaster. Reads only, so it asks nobody; one look at a platform at a time.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Cancelled

from tasks.recovery.readiness_steps import (
    compare_sides,
    judge,
    load_scope,
    look_at_sides,
    look_at_switches,
    right_to_judge,
    see_certificates,
    tell_readiness,
    try_credentials,
    try_held_credentials,
)
from tasks.recovery.ready import ReadinessReport, evidence_of
from tasks.reports.readiness import report_readiness


@flow(name="recovery-readiness", flow_run_name="readiness of {platform}", validate_parameters=True)
def recovery_readiness(platform: str) -> ReadinessReport:
    """Look whether a platform's recovery plan would work, and say what is wanting.

    Args:
        platform: the platform's name in the catalogue; it must have a recovery plan.

    """
    with right_to_judge(platform) as granted:
        if not granted:
            return overlapping(platform)

        scope = load_scope(platform)
        sides = look_at_sides.submit(platform, scope)
        traits = compare_sides.submit(platform, scope)
        switches = look_at_switches.submit(platform, scope)
        certificates = see_certificates.submit(platform, scope)
        credentials = try_credentials.submit(platform, scope)
        takeable = try_held_credentials.submit(platform, scope)

        evidence = evidence_of(
            scope.value,
            sides.result().value,
            traits=traits.result().value,
            follow_within=switches.result().value,
            certificates=certificates.result().value,
            credentials=credentials.result().value,
            takeable=takeable.result().value,
        )
        judged = judge(scope, evidence, sides.result())
        told = tell_readiness.submit(scope).result()
        return report_readiness(scope, evidence, judged, told)


def overlapping(platform: str) -> Any:
    """End this run as Cancelled, with the reason where the operator looks for it."""
    return Cancelled(message=f"Another look at the plan of {platform} is still running; this late one was cancelled.")
