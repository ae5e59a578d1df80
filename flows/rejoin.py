"""A site that was left in a failover answers again: fence it, keep what only it has, and let it follow.

Plan (what of it answers) → the yes that was given with the failover, or else ask → fence, count and save → write down
since when it is fenced → follow. The rules: nothing that the failover's approval did not list is done by itself; no row
is rewound before it was saved, and none beyond what was approved before a person has decided.
"""

from __future__ import annotations

from tasks.approvals.asking import approved
from tasks.recovery.phases import carry_out
from tasks.recovery.rejoin_steps import (
    RejoinOutcome,
    allow_rewind,
    note_fenced_late,
    plan_for_rejoin,
    what_came_of_it,
)
from tasks.recovery.rejoining import FENCE, FOLLOW
from tasks.reports.moves.steps import report_move
from tasks.runs.runbook import runbook


@runbook(name="rejoin", run_name="rejoin of {platform}", subject="platform")
def rejoin(platform: str, reason: str) -> RejoinOutcome:
    """Fence the site that the newest failover of a platform left, and let its data follow.

    Args:
        platform: the platform's name in the catalogue.
        reason: why, for those who must approve it.

    """
    granted = approved(lambda: plan_for_rejoin(platform, reason))
    carry_out(granted, FENCE)
    report_move(note_fenced_late(granted))
    allow_rewind(granted)
    carry_out(granted, FOLLOW)
    return what_came_of_it(granted)
