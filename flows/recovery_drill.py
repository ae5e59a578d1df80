"""Rehearse the failover of a platform on an isolated copy of its data, and leave nothing behind.

Plan → ask → look at every step that would be done → copy → promote the copy → verify its data → open it → halt,
count and remove it. The rules: nothing that serves is changed; whatever is made is leased before, and gone at the
end, also after an error, a cancel or a crash; what took how long is remembered for the night it is real.
"""

from __future__ import annotations

from tasks.approvals.asking import approved
from tasks.drills.phases import (
    always_cleaned_up,
    ended_before,
    judge_drill,
    look_around,
    rehearse,
    tell_drill,
    verify,
)
from tasks.drills.planning import plan_for_drill
from tasks.drills.steps import lease_copies
from tasks.drills.values import DrillOutcome
from tasks.recovery.proving import remember_rows
from tasks.runs.runbook import runbook


@runbook(name="recovery-drill", run_name="recovery drill of {platform}", subject="platform")
def recovery_drill(
    platform: str,
    reason: str = "regular drill",
    candidate: str = "",
    game_day: bool = False,
    from_backup: bool = False,
) -> DrillOutcome:
    """Rehearse the failover of a platform on an isolated copy.

    Args:
        platform: the platform's name in the catalogue.
        reason: why, for those who must approve it.
        candidate: the site to rehearse in; may be empty where there is only one.
        game_day: ask exactly those who would approve the failover, with the same word and code.
        from_backup: rehearse on the newest backup, restored with the archived log, instead of a copy of the standby.

    """
    if (ended := ended_before()) is not None:
        tell_drill()
        return ended
    granted = approved(
        lambda: plan_for_drill(platform, reason, candidate, game_day=game_day, from_backup=from_backup),
        asked_as="failover" if game_day else "",
    )
    known = remember_rows(platform)
    with always_cleaned_up(granted):
        lease_copies(granted)
        looked = look_around(granted)
        rehearse(granted, "prepare")
        rehearse(granted, "promote")
        judged = verify(granted, known)
        rehearse(granted, "start")
        rehearse(granted, "settle")
        outcome = judge_drill(granted, looked, judged)
    tell_drill()
    return outcome
