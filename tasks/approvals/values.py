"""What an approval drill found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from blocks.ports.approvals import Approval


@dataclass(frozen=True, slots=True)
class DrillReport:
    """Who answered, through which doors, and how long it took."""

    platform: str
    answered_by: tuple[str, ...]
    doors: tuple[str, ...]
    waited_s: float

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """Out of a settled approval."""
        settled = approval.settled_at or approval.asked_at
        return cls(
            platform=approval.platform,
            answered_by=tuple(each.approver for each in approval.decisions),
            doors=tuple(dict.fromkeys(each.door.value for each in approval.decisions)),
            waited_s=(settled - approval.asked_at).total_seconds(),
        )

    def __str__(self) -> str:
        """For log, message and journal."""
        people, doors = " and ".join(self.answered_by), " and ".join(self.doors)
        return f"the doors work: {people} answered through {doors} after {self.waited_s:.0f} s; nothing was changed"
