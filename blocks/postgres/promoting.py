"""Has the standby become a primary, and is it fit to take the clients?

    baseline   its timeline, and which sequences are behind already
    evidence   a newer timeline, and no recovery any more
    goal       it takes writes, and no sequence fell behind its column (one that was behind before is told, and stops
               nobody: it was so on the old primary too)

The rule: whom the old primary waited for, and that it was drained, came along with a base backup or a rewind as
settings of its own; they are taken back before the promotion, or the new primary waits for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.errors import Retryable
from blocks.ports.changes import Evidence, Mark, Patience, Seen
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.change import PATIENCE, baseline_of, generation, require_role, timeline_before
from blocks.postgres.sequences import Sequences, find_behind

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection
    from blocks.postgres.member import PostgresMember

_PROMOTE_S = 60


@dataclass(frozen=True, slots=True)
class Promote:
    """One promotion of one standby."""

    member: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"promote {self.member.name}"

    @property
    def repeatable(self) -> bool:
        """A second promotion is refused by PostgreSQL, and the timeline is evidence enough."""
        return False

    @property
    def patience(self) -> Patience:
        """A standby replays first what it has received."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Refused` unless it is a standby."""
        require_role(self.member.look(), DatabaseRole.STANDBY, what="a promotion")

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role, and `sequences_behind`: "devices.id orders.id"."""
        return {**baseline_of(self.member), "sequences_behind": " ".join(sorted(self._sequences().behind))}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """A primary on a newer timeline."""
        look, before = self.member.look(), timeline_before(mark, self.member.address)
        if look.role is DatabaseRole.UNREACHABLE:
            raise Retryable(f"whether it was promoted cannot be seen: {look.text}", where=look.address)
        if look.role is not DatabaseRole.PRIMARY or look.timeline <= before:
            return None
        return generation(f"timeline {look.timeline}", f"{self.member.name} left timeline {before} for {look.timeline}")

    def act(self, mark: Mark) -> Evidence | None:
        """Take back what a former primary left in the settings, then promote and wait."""
        connection: Connection
        with self.member.acting(_PROMOTE_S + 5) as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SELECT pg_promote(true, %s)", (_PROMOTE_S,))
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        """A writable primary on a newer timeline, whose sequences are ahead of their columns."""
        look = self.member.look()
        if not look.takes_writes or look.timeline <= timeline_before(mark, self.member.address):
            return Seen(reached=False, text=look.text)
        sequences = self._sequences()
        fell_behind = sequences.behind - set(mark.baseline.get("sequences_behind", "").split())
        return Seen(reached=not fell_behind, text=f"{look.text}; {sequences.text}")

    def _sequences(self) -> Sequences:
        connection: Connection
        with self.member.asking() as connection:
            return find_behind(connection)
