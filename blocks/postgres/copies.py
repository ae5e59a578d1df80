"""What does a drill do with a copy of one server, and how does it know that the copy is one?

The copy is made, halted and removed by the host's door, as everything that needs the server down; it is promoted and
looked at as every server is. So a drill of a promotion is the promotion itself, on another server.

The rule: nothing here gives an order that could reach the real server beside the copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused
from blocks.ports.changes import Patience, Seen
from blocks.ports.copies import reference_of
from blocks.ports.recovery import CopyLook, DatabaseRole
from blocks.postgres.change import require_role
from blocks.postgres.host import HostDoor
from blocks.postgres.hosted import HostedChange
from blocks.postgres.member import PostgresMember

if TYPE_CHECKING:
    from blocks.ports.changes import Change
    from blocks.postgres.calls import Connection

_COPYING = Patience(every=timedelta(seconds=1), at_most=timedelta(hours=6))
_REMOVING = Patience(every=timedelta(milliseconds=300), at_most=timedelta(minutes=5))
_ALONE = """
    SELECT current_setting('primary_conninfo') = '', current_setting('archive_mode') = 'off',
           current_setting('synchronous_standby_names') = '', current_setting('cluster_name'),
           (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_stat_replication),
           (SELECT count(*) FROM pg_stat_wal_receiver)
"""
_HOST_HAS_NONE: Mapping[str, Any] = {"refused": "its database host is older than copies", "address": "", "there": None}


@dataclass(frozen=True, slots=True)
class CopyDoor(HostDoor):
    """The door, asked about the copy `copy` instead of the server beside it. It gives no orders."""

    copy: str = ""

    def status(self) -> Mapping[str, Any]:
        """How the copy is."""
        there = told(HostDoor.status(self), self.copy)
        if there is None:
            return {"role": "stopped", "running": False, "fence": None, "last_error": f"there is no copy {self.copy}"}
        return {**there, "fence": None, "last_error": "" if there["running"] else there["text"]}

    def order(self, verb: str, token: str, patience_s: float = 60.0, **arguments: Any) -> Mapping[str, Any]:
        """Raises `Refused`: it would reach the real server."""
        del token, patience_s, arguments
        raise Refused(f"{verb} is no order to a copy", where=self.address, next_step="halt or discard it")


@dataclass(frozen=True, slots=True)
class OneCopy(PostgresMember):
    """The copy as a server that is looked at and promoted."""

    def ordering(self) -> HostDoor:
        """A door that orders nothing."""
        return self.door


@dataclass(frozen=True, slots=True)
class PostgresCopy:
    """The copy `name` of the server that `member` is."""

    member: PostgresMember
    name: str

    @property
    def reference(self) -> str:
        """As it is leased."""
        return reference_of(self.member.door.address, self.name)

    @property
    def address(self) -> str:
        """host:port of the copy, as its host tells. Raises `Refused` for a host that is not the door's."""
        told_as = str(_copies(self.member.door.status())["address"])
        host, own = told_as.rpartition(":")[0], self.member.door.address.rpartition(":")[0]
        if not host or host != own:
            raise Refused(
                f"the database host at {own} says that its copy is at {told_as or 'no address'}",
                where=self.member.door.address,
                next_step="correct copy_address in its configuration: our password goes to that host and no other",
            )
        return told_as

    def look(self) -> CopyLook:
        """May one be made, and the one that is there. Raises what the door raises."""
        copies = _copies(self.member.door.status())
        there = copies["there"]
        return CopyLook(
            refused=str(copies["refused"]),
            there=str(there["name"]) if there else "",
            state=str(there["state"]) if there else "",
            until=str(there["until"]) if there else "",
            counted_rows=int(there["counted"].get("rows", 0)) if there else 0,
            no_backup=str(copies.get("no_backup", "")),
            restored_to=datetime.fromisoformat(there["restored_to"]) if there and there.get("restored_to") else None,
        )

    # -- changes

    def make(self, until: datetime, *, restored: bool = False) -> Change:
        """It is there, follows nobody, and nobody follows it."""
        how = "restore the newest backup of" if restored else "copy"
        return HostedChange(
            member=self.member,
            verb="copy",
            text=f"{how} {self.member.name} as {self.name}",
            may=self._may_be_made,
            goal=self._is_alone,
            arguments={"name": self.name, "until": until.isoformat(), "restored": restored},
            patience=_COPYING,
        )

    def promote(self) -> Change:
        """As the server itself would be."""
        from blocks.postgres.promoting import Promote

        return Promote(self.server())

    def open(self) -> Change:
        """As the server itself would be; nobody but vigie's own roles reaches it."""
        from blocks.postgres.opening import Open

        return Open(self.server())

    def halt(self) -> Change:
        """Stopped for good, and not a row was written on it. A copy that took one was no copy."""
        return HostedChange(
            member=self.member,
            verb="halt",
            text=f"halt {self.name} and count what was written on it",
            may=lambda: None,
            goal=self._is_halted,
            arguments={"name": self.name},
        )

    def discard(self) -> Change:
        """It is gone."""
        return HostedChange(
            member=self.member,
            verb="discard",
            text=f"remove {self.name}",
            may=lambda: None,
            goal=self._is_gone,
            arguments={"name": self.name},
            patience=_REMOVING,
        )

    def server(self) -> PostgresMember:
        """The copy itself."""
        own = self.member
        return OneCopy(
            data=own.data,
            name=f"{own.name} copy",
            address=self.address,
            reader=own.reader,
            operator=own.operator,
            door=CopyDoor(own.door.address, own.door.block, own.door.routes, self.name),
            host_operator=own.host_operator,
            routes=own.routes,
        )

    # -- what they look at

    def _may_be_made(self) -> None:
        look, seen = self.member.look(), self.look()
        require_role(look, DatabaseRole.STANDBY, what="copying")
        if seen.refused or (seen.there and seen.there != self.name):
            raise Refused(
                seen.refused or f"there is a copy already, {seen.there}, until {seen.until}",
                where=self.member.door.address,
                next_step="prepare the host for copies, or let the other drill end",
            )

    def _there(self) -> Mapping[str, Any] | None:
        return told(self.member.door.status(), self.name)

    def _is_alone(self) -> Seen:
        there = self._there()
        if there is None or there["state"] == "failed":
            raise Broken(
                there["text"] if there else f"the copy {self.name} is gone before it was made",
                where=self.member.door.address,
                next_step="mend what is named; the drill ends here, and cleans up",
            )
        if there["state"] != "running" or not there["running"]:
            return Seen(reached=False, text=str(there["text"]))
        return self._seen_alone()

    def _seen_alone(self) -> Seen:
        connection: Connection
        server = self.server()
        with server.asking() as connection:
            row = connection.execute(_ALONE.encode()).fetchall()[0]
        alone = all(row[:3]) and row[3] == self.name and not any(row[4:])
        said = f"{self.name} at {server.address} follows nobody, archives nothing, and nobody follows it"
        if not alone:
            raise Broken(
                f"{server.address} is not isolated: cluster {row[3]}, {row[4]} slots, {row[5]} followers, "
                f"{row[6]} sources",
                where=self.member.door.address,
                next_step="look what answers there: nothing is promoted on it",
            )
        return Seen(reached=True, text=said)

    def _is_halted(self) -> Seen:
        there = self._there()
        if there is None:
            raise Broken(f"the copy {self.name} is gone before it was halted", where=self.member.door.address)
        if there["state"] != "halted":
            return Seen(reached=False, text=str(there["text"]))
        if there["counted"].get("rows"):
            raise Broken(
                f"somebody wrote on the copy: {there['text']}",
                where=self.member.door.address,
                next_step="find out who reaches it: a copy that clients meet is not isolated",
            )
        return Seen(reached=True, text=str(there["text"]))

    def _is_gone(self) -> Seen:
        there = self._there()
        return Seen(reached=there is None, text=f"{self.name} is gone" if there is None else str(there["text"]))


def told(status: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What a host's status says of the copy `name`."""
    there = _copies(status)["there"]
    return there if there and there["name"] == name else None


def _copies(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return status.get("copies") or _HOST_HAS_NONE
