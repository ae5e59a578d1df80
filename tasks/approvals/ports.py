"""What approvals need of the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from blocks.ports.approvals import ApprovalJournal
from blocks.ports.runs import RunJournal


class Records(ApprovalJournal, RunJournal, Protocol):
    """Runs, approvals, and the journal's clock."""

    def now(self) -> datetime: ...
