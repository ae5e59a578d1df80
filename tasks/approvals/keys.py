"""What opens the approvers' secrets?"""

from __future__ import annotations

from blocks.approvals.block import KEY_NAME, ApproverKey
from blocks.errors import Broken
from blocks.orchestrator.loading import prefect_answers
from tasks.approvals.codes import Unseal


def load_unseal() -> Unseal:
    """What opens them. Raises `Broken` when no key was ever saved."""
    return load_key().unseal


def load_key() -> ApproverKey:
    """The key of this installation. Raises `Broken` when none was ever saved."""
    try:
        with prefect_answers("the approver key"):
            return ApproverKey.load(KEY_NAME, _sync=True)  # pyright: ignore[reportCallIssue]  added by Prefect's dispatch
    except ValueError as error:
        raise Broken(
            f'Prefect has no approver key (block "{KEY_NAME}"), so no one-time code can be verified',
            next_step="make one with vigie approver key, and save it as an Approver Key block",
        ) from error
