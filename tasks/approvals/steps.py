"""The one step of an approval drill that is its own: a plan with nothing in it."""

from __future__ import annotations

from blocks.ports.approvals import Plan
from tasks.core.retries import NEVER
from tasks.core.step import fresh_step


@fresh_step(retry=NEVER, run_name="plan a drill on {platform}")
def plan_drill(platform: str, reason: str) -> Plan:
    """Nothing will be done, and that is what is approved."""
    return Plan(action="approval-drill", platform=platform, subject=platform, reason=reason, cost="nothing")
