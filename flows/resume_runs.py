"""Which runbooks lost their process, have an answer, or wait too long?

Every minute, and at once when a run crashes: looks at each open runbook, waits out late reports, announces in the
channel before it goes on with anything that changes the world, counts attempts, and at the cap parks the run and
pages a person. It changes no platform itself.
"""

from __future__ import annotations

from prefect import flow

from tasks.runs.caring import care_for_runs
from tasks.runs.values import CareReport


@flow(name="resume-runs", flow_run_name="look after open runbooks")
def resume_runs() -> CareReport:
    """Go on with what lost its process, wake what was answered, end what nobody answered."""
    return care_for_runs()
