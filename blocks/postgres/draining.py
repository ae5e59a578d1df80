"""Do clients write no more while the server runs on, until all is sent?

For a move in peace. `default_transaction_read_only` is set for the whole server, then every client's session is ended:
those that come back can only read. It is a courtesy of PostgreSQL and no wall: a client that asks for a writing
transaction by name still gets one. The fence that follows is the wall, and a fast shutdown sends what is left.

    evidence   the setting is on, and was off in the baseline, and no session is older than it: one that is could be in
               a transaction that has not written yet, and still may
    goal       on, nobody is in an older session, and a standby streams with zero bytes behind
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from blocks.errors import Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.change import PATIENCE, baseline_of, generation, let_write, require_primary, takes_writes

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection
    from blocks.postgres.member import PostgresMember

_END_SESSIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
     WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND NOT r.rolsuper
"""
_OLDER = """
    SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
     WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND NOT r.rolsuper
       AND a.backend_start < pg_conf_load_time()
"""
_WRITING = """
    SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
     WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND NOT r.rolsuper
       AND a.backend_xid IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Drain:
    """One drain of one primary."""

    member: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"drain {self.member.name}"

    @property
    def repeatable(self) -> bool:
        """A second one ends a few more sessions."""
        return True

    @property
    def patience(self) -> Patience:
        """What is going on is ended, so only the sending takes time."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Refused` unless it is a primary whose standby streams: nobody else could take over without loss.

        One that is closed already, by an earlier drain or because it was never opened, is well too.
        """
        look = self.member.look()
        require_primary(look, what="a drain")
        if not look.followers:
            raise Refused(
                f"{look.text}: there is nobody to send the rest to",
                where=look.address,
                next_step="let the standby follow first, or decide for a failover",
            )

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role."""
        return baseline_of(self.member)

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It is drained, was a primary that took writes, and everybody from before was sent away."""
        look = self.member.look()
        if look.role is DatabaseRole.UNREACHABLE:
            raise Retryable(f"whether it is drained cannot be seen: {look.text}", where=look.address)
        was_writable = mark.baseline.get("role") == DatabaseRole.PRIMARY.value
        if look.role is not DatabaseRole.FENCED or not was_writable or _count(self.member, _OLDER):
            return None
        return generation("default_transaction_read_only", look.text)

    def act(self, mark: Mark) -> Evidence | None:
        """Read-only first, and only then the sessions: who comes back between the two cannot write."""
        connection: Connection
        with self.member.acting() as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = 'on'")
            connection.execute("SELECT pg_reload_conf()")
        _await_read_only(self.member)
        with self.member.acting() as connection:
            connection.execute(_END_SESSIONS)
        _await(lambda: not _count(self.member, _OLDER))
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        """Read-only, nobody in a writing transaction, and everything sent."""
        del mark
        look = self.member.look()
        if look.role is not DatabaseRole.FENCED or not look.followers:
            return Seen(reached=False, text=look.text)
        writing = _count(self.member, _WRITING)
        sent = min(look.followers.values()) == 0
        return Seen(reached=sent and not writing, text=f"{look.text}, {writing} writing transactions")


@dataclass(frozen=True, slots=True)
class Release:
    """A fence or a drain undone, of the server that stays the primary after all."""

    member: PostgresMember

    @property
    def text(self) -> str:
        """For people."""
        return f"release {self.member.name}"

    @property
    def repeatable(self) -> bool:
        """Releasing what is released changes nothing."""
        return True

    @property
    def patience(self) -> Patience:
        """A server that crashed recovers first."""
        return PATIENCE

    def check(self) -> None:
        """Raises `Retryable` when its host does not answer. Whether a peer took over is the host's to refuse."""
        self.member.door.status()

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role."""
        return baseline_of(self.member)

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The host's record of the order, and a server that takes writes."""
        operation = self.member.door.outcome("release", mark.key)
        if not operation or operation["state"] != "done" or not self.member.look().takes_writes:
            return None
        said = f"{self.member.door.address} released it as {operation['id']}"
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=str(operation["id"]), text=said)

    def act(self, mark: Mark) -> Evidence | None:
        """Lower the fence at the host, then let clients write again."""
        self.member.ordering().order("release", mark.key)
        let_write(self.member)
        return None  # found by looking, as soon as it shows

    def read_effect(self, mark: Mark) -> Seen:
        """It takes writes."""
        del mark
        return takes_writes(self.member)


def _await_read_only(member: PostgresMember) -> None:
    """Until a fresh session can only read. Raises `Retryable` when the setting does not arrive."""
    if not _await(lambda: member.look().role is DatabaseRole.FENCED):
        raise Retryable("the server was told to be read-only, and new sessions are not", where=member.address)


def _await(condition: Callable[[], bool]) -> bool:
    """Looked at for five seconds."""
    for _ in range(50):
        if condition():
            return True
        time.sleep(0.1)
    return False


def _count(member: PostgresMember, asked: LiteralString) -> int:
    connection: Connection
    with member.asking() as connection:
        ((count,),) = connection.execute(asked).fetchall()
    return int(count)
