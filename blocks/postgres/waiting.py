"""Whom does each commit wait for, and what does the server keep for those who are gone?

A primary that waits for a standby which is gone blocks its writers; a slot that nobody uses keeps the log until the
disk is full. Both happen to exactly the server that survived. Changing whom it waits for wakes those who wait: a
statement timeout would not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.errors import Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.postgres.change import PATIENCE, baseline_of, generation, require_primary, require_streaming

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection
    from blocks.postgres.member import PostgresMember

_WAITS_FOR = "SELECT current_setting('synchronous_standby_names')"


@dataclass(frozen=True, slots=True)
class StandAlone:
    """A survivor that waits for nobody and keeps nothing for the dead."""

    member: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"let {self.member.name} stand alone"

    @property
    def repeatable(self) -> bool:
        """Twice is once."""
        return True

    @property
    def patience(self) -> Patience:
        """A setting and a few slots."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Refused` unless it is a primary, open or still closed."""
        require_primary(self.member.look(), what="standing alone")

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role."""
        return baseline_of(self.member)

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The host's record that it dropped the unused slots for this step, which is done last."""
        operation = self.member.door.outcome("unslot", mark.key)
        if not operation or operation["state"] != "done":
            return None
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=str(operation["id"]), text=str(operation["text"]))

    def act(self, mark: Mark) -> Evidence | None:
        """Wait for nobody, then let the host drop unused slots and bound what used ones may keep."""
        connection: Connection
        with self.member.acting() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
        self.member.ordering().order("unslot", mark.key)
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        """It waits for nobody and keeps no unused slot."""
        del mark
        look, waits_for = self.member.look(), _waits_for(self.member)
        unused = sorted(name for name, used in look.slots.items() if not used)
        runs = look.takes_writes or look.is_closed
        said = f"{look.text}; waits for {waits_for or 'nobody'}, unused slots: {', '.join(unused) or 'none'}"
        return Seen(reached=runs and not waits_for and not unused, text=said)


@dataclass(frozen=True, slots=True)
class Protect:
    """Each commit waits for the standby: nothing acknowledged can be lost with the primary alone."""

    member: PostgresMember
    standby: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"let each commit of {self.member.name} wait for {self.standby.name}"

    @property
    def repeatable(self) -> bool:
        """The same setting again."""
        return True

    @property
    def patience(self) -> Patience:
        """Until the standby has caught up once."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Refused` unless the standby streams: every commit would wait for who is not there."""
        require_streaming(self.member, self.standby)

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role, and whom it waited for."""
        return {**baseline_of(self.member), "waits_for": _waits_for(self.member)}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It waits for the standby, and did not in the baseline."""
        now = _waits_for(self.member)
        if not now or now == mark.baseline.get("waits_for"):
            return None
        return generation("synchronous_standby_names", f"{self.member.name} waits for {now}")

    def act(self, mark: Mark) -> Evidence | None:
        """Name the standby."""
        del mark
        from psycopg import sql

        name = '"' + self.standby.application_name().replace('"', '""') + '"'
        statement = sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(name))
        connection: Connection
        with self.member.acting() as connection:
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")
        return None  # found by looking, as soon as the server has read it

    def read_effect(self, mark: Mark) -> Seen:
        """The standby is the synchronous one."""
        del mark
        look = self.member.look()
        reached = bool(look.synchronous_with) and look.synchronous_with == self.standby.application_name()
        return Seen(reached=reached, text=f"{look.text}; waits for {look.synchronous_with or 'nobody yet'}")


def _waits_for(member: PostgresMember) -> str:
    connection: Connection
    with member.asking() as connection:
        rows = connection.execute(_WAITS_FOR).fetchall()
    if not rows:
        raise Retryable("the server did not say whom it waits for", where=member.address)
    return str(rows[0][0])
