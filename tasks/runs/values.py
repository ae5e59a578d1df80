"""What was done for open runbooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tasks.runs.decide import Care


@dataclass(frozen=True, slots=True)
class Cared:
    """What was done for one run, and why; `failure` says why it could not be done."""

    run: UUID
    care: Care
    reason: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CareReport:
    """Everything one look found; runs that were left alone are counted only."""

    cared: Sequence[Cared]
    left_count: int

    @property
    def sentence(self) -> str:
        """For the log: '1 resumed, 1 expired; 2 left alone'."""
        counts = {care: sum(1 for each in self.cared if each.care is care) for care in Care}
        done = ", ".join(f"{count} {care.value}" for care, count in counts.items() if count) or "nothing to do"
        failed = sum(1 for each in self.cared if each.failure)
        return f"{done}; {self.left_count} left alone{f'; {failed} failed' if failed else ''}"
