"""Did a drill that was killed, cancelled or forgotten leave anything behind?

Every few minutes, and at once when a runbook crashes or is cancelled: what outlived its lease or its drill is removed,
what was removed is told, and what cannot be removed wakes a person. It removes nothing but what bears a drill's mark.
"""

from __future__ import annotations

from prefect import flow

from tasks.drills.sweeping import sweep_leaks, tell_leaks
from tasks.drills.values import LeakReport


@flow(name="leak-sweep", flow_run_name="sweep what drills left behind")
def leak_sweep() -> LeakReport:
    """Remove what drills left behind."""
    return tell_leaks(sweep_leaks())
