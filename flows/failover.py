"""Move a platform away from a site that is gone: fence what can be reached, promote, prove, and send clients there.

Plan → ask → fence → bound what may be lost → promote → verify the data → open it, start by wave → shift traffic → see
clients served. The rules: two vantage points must agree that the site is gone; nothing is promoted before everything
that can be fenced is, and a fence that cannot be confirmed was accepted by name, as is a loss beyond the plan; nobody
writes to data before it was verified.
"""

from __future__ import annotations

from blocks.ports.recovery import MoveKind
from tasks.approvals.asking import approved
from tasks.recovery.accepting import read_accepted
from tasks.recovery.holding import hold_room
from tasks.recovery.outcome import MoveOutcome
from tasks.recovery.phases import carry_out
from tasks.recovery.planning import plan_for
from tasks.recovery.proving import remember_rows
from tasks.recovery.recording import begin_move, bound_losses, let_it_serve
from tasks.reports.moves.steps import report_move
from tasks.runs.runbook import runbook


@runbook(name="failover", run_name="failover of {platform}", subject="platform")
def failover(
    platform: str, reason: str, candidate: str = "", accept_rows: int = 0, accept_time: str = ""
) -> MoveOutcome:
    """Move a platform to its other site because the active one is gone.

    Args:
        platform: the platform's name in the catalogue.
        reason: why, for those who must approve it.
        candidate: the site to go to; may be empty where there is only one.
        accept_rows: how many rows of each data you accept to lose beyond the plan; 0 is what the plan allows.
        accept_time: how much time of them, with its unit, such as 10min; empty is what the plan allows.

    """
    accepted = read_accepted(accept_rows, accept_time)
    granted = approved(lambda: plan_for(MoveKind.FAILOVER, platform, reason, candidate, accepted))
    counting = remember_rows.submit(platform)
    hold_room(granted)
    begin_move(granted)
    known = counting.result()
    carry_out(granted, "fence")
    bound_losses(granted)
    carry_out(granted, "promote")
    carry_out(granted, "verify-data", known)
    carry_out(granted, "start")
    carry_out(granted, "shift")
    proofs = carry_out(granted, "verify-clients")
    outcome = let_it_serve(granted, proofs)
    report_move(granted.lease.run)
    return outcome
