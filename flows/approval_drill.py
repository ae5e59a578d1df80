"""Do the doors work tonight, and do people know how to use them?

Asks for an approval, waits for it like every runbook, and changes nothing. People practise with it, and the watch
sees that question, answer and resume work from end to end.
"""

from __future__ import annotations

from tasks.approvals.asking import answered
from tasks.approvals.steps import plan_drill
from tasks.approvals.values import DrillReport
from tasks.runs.runbook import runbook


@runbook(name="approval-drill", run_name="approval drill {platform}", subject="platform")
def approval_drill(platform: str, reason: str = "practice") -> DrillReport:
    """Ask for an approval and do nothing with it.

    Args:
        platform: the platform whose approvers are asked.
        reason: why, for those who are asked.

    """
    return DrillReport.of(answered(lambda: plan_drill(platform, reason)))
