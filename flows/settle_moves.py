"""Does a move wait for a commit that nobody gives, which platforms still run elsewhere, and which drills are due?

Every few minutes, out of the journal, so that no process waits for a window to end. It moves no platform itself: what
goes back by itself, because the approved plan said so and nothing is lost by it now, is a run of its own.
"""

from __future__ import annotations

from prefect import flow

from tasks.recovery.settling import MovesReport, care_for_moves
from tasks.reports.moves.steps import renew_calendars


@flow(name="settle-moves", flow_run_name="look after moves")
def settle_moves() -> MovesReport:
    """Take back what nobody committed, where that was approved and loses nothing; remind people of all else."""
    report = care_for_moves()
    renew_calendars()
    return report
