"""May clients write on what was promoted?

A server is promoted closed: clients find it, and only read, until its data was verified. Opening it is a step of its
own, so that nobody writes to what may have to be thrown away.

    baseline   whether it is closed
    evidence   it takes writes, and was closed in the baseline
    goal       it takes writes

The rule: only a primary is opened; not a standby, and not one that its host keeps fenced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.errors import Retryable
from blocks.ports.changes import Evidence, Mark, Patience, Seen
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.change import PATIENCE, baseline_of, generation, let_write, require_primary, takes_writes

if TYPE_CHECKING:
    from blocks.postgres.member import PostgresMember


@dataclass(frozen=True, slots=True)
class Open:
    """One opening of one promoted server."""

    member: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"open {self.member.name} to writes"

    @property
    def repeatable(self) -> bool:
        """Opening what is open changes nothing."""
        return True

    @property
    def patience(self) -> Patience:
        """A setting that is read again."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Refused` unless it is a primary that its host does not keep fenced."""
        require_primary(self.member.look(), what="opening it to writes")

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role."""
        return baseline_of(self.member)

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It takes writes, and was closed."""
        look = self.member.look()
        if look.role is DatabaseRole.UNREACHABLE:
            raise Retryable(f"whether it is open cannot be seen: {look.text}", where=look.address)
        if not look.takes_writes or mark.baseline.get("role") != DatabaseRole.FENCED.value:
            return None
        return generation("default_transaction_read_only", look.text)

    def act(self, mark: Mark) -> Evidence | None:
        """Take the setting back; sessions that are there write from their next transaction on."""
        del mark
        let_write(self.member)
        return None  # found by looking, as soon as it shows

    def read_effect(self, mark: Mark) -> Seen:
        """It takes writes."""
        del mark
        return takes_writes(self.member)
