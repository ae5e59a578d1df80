"""Has the standby become a primary, and is it fit to take the clients?

    baseline   its timeline, and which sequences are behind already
    evidence   a newer timeline, and no recovery any more
    goal       closed to writes, and no sequence fell behind its column (one that was behind before is told, and stops
               nobody: it was so on the old primary too)

The rules: it is closed before it is promoted (`default_transaction_read_only`, in every session's hands first), so
that clients who find it only read until it was verified and opened (opening.py). A courtesy of PostgreSQL and no wall,
as with a drain: who asks for a writing transaction by name gets one. Whom the old primary waited for came along with
a base backup or a rewind as a setting of its own; it is taken back before the promotion, or the new primary waits for
itself.
"""

from __future__ import annotations

import time
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
_TOO_EARLY = (
    "it takes writes before its data was verified: close it (ALTER SYSTEM SET default_transaction_read_only = on, "
    "SELECT pg_reload_conf()), then retry"
)


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
        """A primary on a newer timeline, closed or opened since."""
        look, before = self.member.look(), timeline_before(mark, self.member.address)
        if look.role is DatabaseRole.UNREACHABLE:
            raise Retryable(f"whether it was promoted cannot be seen: {look.text}", where=look.address)
        if not (look.is_closed or look.takes_writes) or look.timeline <= before:
            return None
        return generation(f"timeline {look.timeline}", f"{self.member.name} left timeline {before} for {look.timeline}")

    def act(self, mark: Mark) -> Evidence | None:
        """Take back what a former primary left in the settings, close it, then promote and wait."""
        connection: Connection
        with self.member.acting(_PROMOTE_S + 5) as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = 'on'")
            connection.execute("SELECT pg_reload_conf()")
            _await_closed(connection, self.member.address)
            connection.execute("SELECT pg_promote(true, %s)", (_PROMOTE_S,))
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        """A primary on a newer timeline that is closed, whose sequences are ahead of their columns."""
        look = self.member.look()
        if look.takes_writes and look.timeline > timeline_before(mark, self.member.address):
            return Seen(reached=False, text=f"{look.text}; {_TOO_EARLY}")
        if not look.is_closed or look.timeline <= timeline_before(mark, self.member.address):
            return Seen(reached=False, text=look.text)
        sequences = self._sequences()
        fell_behind = sequences.behind - set(mark.baseline.get("sequences_behind", "").split())
        return Seen(reached=not fell_behind, text=f"{look.text}; {sequences.text}")

    def _sequences(self) -> Sequences:
        connection: Connection
        with self.member.asking() as connection:
            return find_behind(connection)


def _await_closed(connection: Connection, where: str) -> None:
    """Until the setting has come down to sessions: all are told at once. Raises `Retryable` when it never does."""
    for _ in range(50):
        if connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",):
            return
        time.sleep(0.1)
    raise Retryable("it was told to be closed, and is not: it is not promoted", where=where)
