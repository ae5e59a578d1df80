"""Bring a platform's data back to a moment: wrong rows were written, and replicated to the other site as well.

Plan → ask → fence → bound what is left behind → restore the other site's data as of the moment, closed → verify it →
open it, start by wave → shift traffic → see clients served → count and keep what is left behind, follow again. The
rules: nobody writes any more when it begins; nothing that was there is deleted; what was written after the moment is
kept, counted, and never served.
"""

from __future__ import annotations

from tasks.approvals.asking import approved
from tasks.recovery.holding import hold_room
from tasks.recovery.moments import read_moment
from tasks.recovery.outcome import KnownRows, MoveOutcome
from tasks.recovery.phases import carry_out
from tasks.recovery.planning_back import bound_left_behind, fix_most, plan_back
from tasks.recovery.recording import begin_move, let_it_serve
from tasks.reports.moves.steps import report_move
from tasks.runs.runbook import runbook


@runbook(name="point-in-time-restore", run_name="{platform} back to {moment}", subject="platform")
def point_in_time_restore(platform: str, moment: str, reason: str, candidate: str = "") -> MoveOutcome:
    """Bring a platform's data back to a moment, in its other site.

    Args:
        platform: the platform's name in the catalogue.
        moment: the last moment at which the data was right, with its time zone: 2026-11-28T03:10:00+01:00,
            or 2026-11-28 03:10 Europe/Paris.
        reason: why, for those who must approve it.
        candidate: the site to go to; may be empty where there is only one.

    """
    granted = approved(lambda: plan_back(platform, moment, reason, candidate, fix_most(platform, moment, candidate)))
    hold_room(granted)
    begin_move(granted)
    carry_out(granted, "fence")
    bound_left_behind(granted, moment)
    carry_out(granted, "promote")
    carry_out(granted, "verify-data", KnownRows(as_of=read_moment(moment)))
    carry_out(granted, "start")
    carry_out(granted, "shift")
    proofs = carry_out(granted, "verify-clients")
    outcome = let_it_serve(granted, proofs)
    carry_out(granted, "settle")
    report_move(granted.lease.run)
    return outcome
