"""How does somebody who has only the Prefect UI stop a run, go on with it, say what was done by hand, or commit a move?

For the night when Slack and the terminal are out of reach: the same function as theirs, with the approver's name
and one-time code.
"""

from __future__ import annotations

from uuid import UUID

from prefect import flow

from tasks.runs.steering import Steer
from tasks.runs.steps import steer_by_form


@flow(name="steer-run", flow_run_name="{what} {run}", validate_parameters=True)
def steer_run(run: UUID, what: Steer, approver: str, code: str, detail: str = "") -> str:
    """Stop, continue, mark a step as done by hand, or commit a move.

    Args:
        run: the id of the runbook's flow run; it stands in the address of its page.
        what: stop finishes the step it is in and parks the run; continue goes on with a parked, failed or
            cancelled run; by-hand says that the step named in `detail` was done by a person; commit says that the
            move which the run made stays.
        approver: your own name.
        code: the six digits of your phone, now.
        detail: why, or for by-hand which step: its item, or the beginning of its key.

    """
    return steer_by_form(run, what, approver, code, detail)
