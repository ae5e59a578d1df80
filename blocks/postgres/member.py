"""One server of a replicated PostgreSQL pair: how does it look, and what can be changed on it?

Two ways lead to it: its own port, as the reader's and the operator's role, and the door of its host, which lives on
when the server does not. Whatever needs the server down (fence, follow, counting beyond) goes through the door;
whatever needs it up (drain, promote, open, protect) is SQL.

The rule: looking is done with what may only look; the operator's role and token are opened when something is changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from blocks.catalogue.quantities import format_count
from blocks.errors import Refused, Retryable
from blocks.ports.recovery import DatabaseLook, Loss, LossKind
from blocks.postgres.calls import session
from blocks.postgres.host import HostDoor
from blocks.postgres.looking import Seen, put_together, read_server

if TYPE_CHECKING:
    from blocks.catalogue.recovery import ReplicatedData
    from blocks.clock import Clock
    from blocks.ports.backups import Beat, Kept
    from blocks.ports.changes import Change
    from blocks.ports.network import Routes
    from blocks.ports.recovery import DatabaseCopy, DatabaseMember
    from blocks.postgres.block import DatabaseHost, PostgresOperator, PostgresReader
    from blocks.postgres.calls import Connection

_COUNT_S = 300.0


def open_member(
    data: ReplicatedData,
    site: str,
    *,
    service_name: str,
    address: str,
    reader: PostgresReader,
    operator: Callable[[], PostgresOperator],
    host: DatabaseHost,
    host_operator: Callable[[], DatabaseHost],
    routes: Routes,
    clock: Clock,
) -> DatabaseMember:
    """The member of `data` in `site`: its server answers at `address` (host:port), its host where the plan says.

    `operator` and `host_operator` are called only when something is changed.
    """
    del clock  # moments come from the servers' own heartbeats
    return PostgresMember(
        data=data,
        name=service_name,
        address=address,
        reader=reader,
        operator=operator,
        door=HostDoor(data.hosts[site], host, routes),
        host_operator=host_operator,
        routes=routes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresMember:
    """One server with its host's door."""

    data: ReplicatedData
    name: str
    address: str
    reader: PostgresReader = field(repr=False)
    operator: Callable[[], PostgresOperator] = field(repr=False)
    door: HostDoor
    host_operator: Callable[[], DatabaseHost] = field(repr=False)
    routes: Routes = field(repr=False)

    # -- looking

    def look(self) -> DatabaseLook:
        """How it is, by server and host. Raises `Refused` only, when one of them turned us away."""
        why: list[str] = []
        status, seen = self._status(why), self._seen(why)
        return put_together(self.address, self.name, seen, status, why)

    def read_traits(self) -> Mapping[str, str]:
        """What must be alike on both servers. Raises `Refused`, `Retryable`."""
        from blocks.postgres.traits import read_traits

        connection: Connection
        with self.asking() as connection:
            return read_traits(connection)

    def read_kept(self) -> Kept:
        """What its host keeps. Raises what the door raises."""
        from blocks.postgres.restoring import read_kept

        return read_kept(self)

    def read_beats(self, since: datetime) -> Sequence[Beat]:
        """Oldest first. Raises `Refused`, `Retryable`."""
        from blocks.postgres.restoring import read_beats

        connection: Connection
        with self.asking() as connection:
            return read_beats(connection, since)

    def application_name(self) -> str:
        """How a primary shows this server as its standby, as its host is configured."""
        return str(self.door.status()["application_name"])

    def asking(self) -> Any:
        """A session of the reader's role; use it with `with`."""
        return session(self.reader, self.routes, self.address, self.data.database)

    def acting(self, seconds: float = 10.0) -> Any:
        """A session of the operator's role; use it with `with`."""
        return session(self.operator(), self.routes, self.address, self.data.database, seconds)

    def ordering(self) -> HostDoor:
        """The door, opened with the operator's token."""
        return HostDoor(self.door.address, self.host_operator(), self.routes)

    def _status(self, why: list[str]) -> Mapping[str, Any] | None:
        try:
            return self.door.status()
        except Retryable as error:
            why.append(f"{error.where}: {error.what}")
            return None

    def _seen(self, why: list[str]) -> Seen | None:
        try:
            connection: Connection
            with self.asking() as connection:
                return read_server(connection, tuple(self.data.tables))
        except Retryable as error:
            why.append(f"{error.where}: {error.what}")
            return None

    # -- changes

    def fence(self) -> Change:
        from blocks.postgres.hosted import fence

        return fence(self)

    def drain(self) -> Change:
        from blocks.postgres.draining import Drain

        return Drain(self)

    def release(self) -> Change:
        from blocks.postgres.draining import Release

        return Release(self)

    def promote(self) -> Change:
        from blocks.postgres.promoting import Promote

        return Promote(self)

    def open(self) -> Change:
        from blocks.postgres.opening import Open

        return Open(self)

    def follow(self, other: DatabaseMember) -> Change:
        from blocks.postgres.hosted import follow

        return follow(self, of_postgres(other))

    def stand_alone(self) -> Change:
        from blocks.postgres.waiting import StandAlone

        return StandAlone(self)

    def protect(self, standby: DatabaseMember) -> Change:
        from blocks.postgres.waiting import Protect

        return Protect(self, of_postgres(standby))

    def protect_while_followed(self, standby: DatabaseMember) -> Change:
        from blocks.postgres.hosted import protect_while_followed

        return protect_while_followed(self, of_postgres(standby))

    def restore(self, moment: datetime, timeline: int) -> Change:
        from blocks.postgres.restoring import restore

        return restore(self, moment, timeline)

    def adopt(self, moment: datetime) -> Change:
        from blocks.postgres.restoring import adopt

        return adopt(self, moment)

    def copy(self, name: str) -> DatabaseCopy:
        from blocks.postgres.copies import PostgresCopy

        return PostgresCopy(self, name)

    # -- what lies beyond

    def count_beyond(self, since: DatabaseLook) -> Loss:
        """Exact, by this fenced server's own log."""
        timeline, position = self.left_by(since)
        counted = self.door.order("count", secrets.token_hex(16), _COUNT_S, timeline=timeline, position_bytes=position)
        return self._loss(counted["result"])

    def save_beyond(self, since: DatabaseLook, key: str) -> Change:
        from blocks.postgres.hosted import save_beyond

        timeline, position = self.left_by(since)
        return save_beyond(self, timeline, position, key)

    def left_by(self, since: DatabaseLook) -> tuple[int, int]:
        """(our timeline, the position where the promoted server's history left it). Raises `Refused`."""
        own = self.door.status()
        timeline = int(own["timeline"])
        if since.system_id != own["system_id"]:
            raise Refused(f"{since.address} is not of the same system as {self.name}", where=self.address)
        if timeline not in since.left_at:
            raise Refused(
                f"the history of {since.address} (timeline {since.timeline}) never left timeline {timeline}",
                where=self.address,
                next_step="count only on the server that was left behind, against the one that was promoted",
            )
        return timeline, since.left_at[timeline]

    def _loss(self, counted: Mapping[str, Any]) -> Loss:
        by_table: dict[str, int] = dict(counted["by_table"])
        rows, seconds = int(counted["rows"]), float(counted["seconds"])
        saved = str(counted.get("saved_in") or "")
        return Loss(
            data=self.data.name,
            kind=LossKind.EXACT,
            rows=rows,
            seconds=seconds,
            text=said_beyond(self.name, counted),
            by_table=by_table,
            saved_in=f"{self.door.address}/{saved}" if saved else "",
        )


def said_beyond(name: str, counted: Mapping[str, Any]) -> str:
    """What a host counted that only its server `name` has, and how many commits no row tells of."""
    rows, seconds, rewriting = int(counted["rows"]), float(counted["seconds"]), int(counted["rewriting"])
    tables = ", ".join(f"{table} {count}" for table, count in counted["by_table"].items())
    changes, were = format_count(rows, "row change", "row changes"), "was" if rows == 1 else "were"
    said = f"{changes} of {seconds:.1f} s {were} acknowledged by {name} and by no other"
    if not rows:
        said = f"no row change was acknowledged by {name} alone"
    said += f" ({tables})" if tables else ""
    commits = format_count(rewriting, "commit", "commits")
    return f"{said}; {commits} dropped or rewrote whole tables" if rewriting else said


def of_postgres(other: DatabaseMember) -> PostgresMember:
    """The other one as what it must be. Raises `Refused`."""
    if not isinstance(other, PostgresMember):
        raise Refused(f"{other.name} is no PostgreSQL server: they cannot follow one another")
    return other
