"""Move a healthy platform to its other site, without losing a row.

Plan → ask → make the other site ready → stop what writes by itself and drain → promote → verify the data → open →
shift traffic → see clients served → follow the other way round. Refused unless both sides are well.
"""

from __future__ import annotations

from blocks.ports.recovery import MoveKind
from tasks.approvals.asking import approved
from tasks.recovery.holding import hold_room
from tasks.recovery.outcome import MoveOutcome
from tasks.recovery.phases import carry_out
from tasks.recovery.planning import plan_for
from tasks.recovery.proving import remember_rows
from tasks.recovery.recording import begin_move, let_it_serve, note_nothing_lost
from tasks.recovery.witness_steps import see_whom_commits_wait_for
from tasks.reports.moves.steps import report_move
from tasks.runs.runbook import runbook


@runbook(name="switchover", run_name="switchover of {platform}", subject="platform")
def switchover(platform: str, reason: str, candidate: str = "") -> MoveOutcome:
    """Move a platform to its other site in peace.

    Args:
        platform: the platform's name in the catalogue.
        reason: why, for those who must approve it.
        candidate: the site to go to; may be empty where there is only one.

    """
    granted = approved(lambda: plan_for(MoveKind.SWITCHOVER, platform, reason, candidate))
    known = remember_rows(platform)
    hold_room(granted)
    begin_move(granted)
    carry_out(granted, "prepare")
    carry_out(granted, "fence")
    carry_out(granted, "promote")
    carry_out(granted, "verify-data", known)
    carry_out(granted, "start")
    note_nothing_lost(granted)  # true since the drain, and written when nobody waits any more
    carry_out(granted, "shift")
    proofs = carry_out(granted, "verify-clients")
    outcome = let_it_serve(granted, proofs)
    carry_out(granted, "settle")
    see_whom_commits_wait_for(granted)
    report_move(granted.lease.run)
    return outcome
