"""Move several platforms at once away from sites that are gone, on one approval.

Plan each → who goes by priority, within the room that there is → ask once, about all → begin each one's failover as a
run of its own, on that one yes. The rules: no room is counted twice; a platform whose plan cannot be made, or is
another by then, keeps no other from going; each run does what the card showed of its platform, once.
"""

from __future__ import annotations

from tasks.approvals.asking import answered_for_all
from tasks.recovery.beginning import JointReport, begin_all
from tasks.recovery.gathering import plan_for_all, rule_for_all
from tasks.recovery.together import names_of
from tasks.runs.runbook import runbook


@runbook(name="joint-failover", run_name="failover of {platform} and others", subject="platform")
def joint_failover(platform: str, others: str, reason: str) -> JointReport:
    """Move several platforms to their other site because the active one is gone.

    Args:
        platform: one of them; its channel shows the card, and it goes by its priority like the others.
        others: the names of the others, with commas between them.
        reason: why, for those who must approve it.

    """
    names = names_of(platform, others)
    agreed = answered_for_all(lambda: plan_for_all(names, reason), rule_for_all)
    return begin_all(agreed)
