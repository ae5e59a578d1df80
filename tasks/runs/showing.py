"""Do people see how the run stands?"""

from __future__ import annotations

from uuid import UUID

from prefect.logging import get_run_logger

from blocks.journal.opening import open_journal
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step


@record_step(retry=JOURNAL, run_name="show how it stands")
def show_run(run: UUID, platform: str) -> int:
    """Send what is due; returns how many messages still wait."""
    with open_journal() as journal:
        waiting = journal.waiting_messages()
    get_run_logger().info("%d messages wait for %s (run %s)", waiting, platform, run)
    return waiting
