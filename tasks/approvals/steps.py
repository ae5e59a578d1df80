"""The one step of an approval drill that is its own: a plan with nothing in it."""

from __future__ import annotations

from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan
from tasks.core.retries import JOURNAL
from tasks.core.step import fresh_step


@fresh_step(retry=JOURNAL, run_name="plan a drill on {platform}")
def plan_drill(platform: str, reason: str) -> Plan:
    """Nothing will be done, and that is what is approved."""
    with open_journal() as journal:
        wrong = tuple(f"{each.root}: {each.sentence}" for each in journal.open_incidents(platform))
    return Plan(
        action="approval-drill", platform=platform, subject=platform, reason=reason, known_wrong=wrong, cost="nothing"
    )
