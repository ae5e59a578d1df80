"""The step that steers another run, for somebody with a name and a one-time code."""

from __future__ import annotations

from uuid import UUID

from prefect.logging import get_run_logger

from blocks.journal.opening import open_journal
from blocks.orchestrator.client import PrefectOrchestrator
from tasks.approvals.codes import verify_code
from tasks.approvals.keys import load_unseal
from tasks.core.retries import NEVER
from tasks.core.step import record_step
from tasks.runs.catalogue import load_policy
from tasks.runs.showing import show_run
from tasks.runs.steering import Steer, steer


@record_step(retry=NEVER, run_name="{what}")
def steer_by_form(run: UUID, what: Steer, approver: str, code: str, detail: str) -> str:
    """Verify who it is, steer, and say what happens now. Raises `Refused` with the reason."""
    with open_journal() as journal, PrefectOrchestrator() as orchestrator:
        found = journal.run(run)
        policy = load_policy(found.customer, found.platform, found.action)
        step = verify_code(journal, load_unseal(), approver, code, journal.now())
        journal.spend_code(approver, step)
        sentence = steer(journal, orchestrator, policy, what, run, who=approver, detail=detail)
        show_run(found.id, found.platform)
    get_run_logger().info("%s", sentence)
    return sentence
