"""How does one server's data go back to a moment, and what would be left behind?

The host does it, as everything that needs the server down: it lays a base backup out beside the data and replays the
log (`restore`), and lets that take the data's place (`adopt`), which starts closed to writes.

The rule: the folder that is adopted is the one that was restored to this very moment, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused
from blocks.ports.backups import BaseBackup, Beat, Kept
from blocks.ports.changes import Patience, Seen
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.change import require_role
from blocks.postgres.hosted import HostedChange
from blocks.postgres.looking import HEARTBEAT

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection
    from blocks.postgres.member import PostgresMember

_RESTORE_S = 6 * 3600.0
_REPLAYING = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=10))
_OLDER_HOST: Mapping[str, Any] = {"kept": [], "restored": [], "refused": "its database host is older than restores"}
_MAY_READ = "SELECT to_regclass(%s) IS NOT NULL AND has_table_privilege(to_regclass(%s), 'SELECT')"
_BEATS = """
    SELECT at, changed_rows FROM vigie_heartbeat
     WHERE at >= coalesce((SELECT max(at) FROM vigie_heartbeat WHERE at <= %s), '-infinity') ORDER BY number
"""


def read_kept(member: PostgresMember) -> Kept:
    """What the host of this server keeps."""
    told = _told(member)
    return Kept(
        refused=str(told["refused"]),
        backups=tuple(_backup(each) for each in told["kept"]),
        restored=tuple(str(each["moment"]) for each in told["restored"]),
    )


def read_beats(connection: Connection, since: datetime) -> Sequence[Beat]:
    """The heartbeat rows of one server."""
    if not connection.execute(_MAY_READ.encode(), (HEARTBEAT, HEARTBEAT)).fetchall()[0][0]:
        return ()
    rows = connection.execute(_BEATS.encode(), (since,)).fetchall()
    return tuple(Beat(at=at, changed_rows=int(changed)) for at, changed in rows)


def restore(member: PostgresMember, moment: datetime, timeline: int) -> HostedChange:
    """A folder beside the data, with what it was at that moment."""
    return HostedChange(
        member=member,
        verb="restore",
        text=f"bring {member.name} back to {_said(moment)}, beside its data",
        may=lambda: require_role(member.look(), DatabaseRole.STANDBY, DatabaseRole.FENCED, what="a restore"),
        goal=lambda: _is_restored(member, moment),
        arguments={"moment": moment.isoformat(), "timeline": timeline},
        patience=_REPLAYING,
        order_s=_RESTORE_S,
    )


def adopt(member: PostgresMember, moment: datetime) -> HostedChange:
    """What was restored is the data of the server now: a primary on a newer timeline, closed to writes."""
    folder = _folder_of(member, moment)
    return HostedChange(
        member=member,
        verb="adopt",
        text=f"let {folder} take the place of the data of {member.name}",
        may=lambda: require_role(member.look(), DatabaseRole.STANDBY, DatabaseRole.FENCED, what="going back"),
        goal=lambda: _is_back(member),
        arguments={"folder": folder, "closed": True},
    )


def _is_restored(member: PostgresMember, moment: datetime) -> Seen:
    found = _restored_to(member, moment)
    if found is None:
        return Seen(reached=False, text=f"{member.name} holds no folder as of {_said(moment)}")
    tables = ", ".join(f"{name} {count}" for name, count in dict(found["row_counts"]).items())
    newest = f"its newest transaction is of {found['reached']}" if found["reached"] else "without a transaction since"
    said = f"{member.name} as of {_said(moment)} is in {found['folder']}, from {found['backup']}, {newest}"
    return Seen(reached=True, text=f"{said} ({tables})" if tables else said)


def _is_back(member: PostgresMember) -> Seen:
    look = member.look()
    return Seen(reached=look.is_closed, text=look.text)


def _folder_of(member: PostgresMember, moment: datetime) -> str:
    found = _restored_to(member, moment)
    if found is None:
        raise Refused(
            f"{member.name} holds no folder as of {_said(moment)}",
            where=member.door.address,
            next_step="restore first",
        )
    return str(found["folder"])


def _restored_to(member: PostgresMember, moment: datetime) -> Mapping[str, Any] | None:
    wanted = moment.astimezone(UTC).isoformat()
    return next((each for each in reversed(_told(member)["restored"]) if each["moment"] == wanted), None)


def _told(member: PostgresMember) -> Mapping[str, Any]:
    return member.door.status().get("backups") or _OLDER_HOST


def _backup(told: Mapping[str, Any]) -> BaseBackup:
    return BaseBackup(
        name=str(told["name"]),
        ended_at=datetime.fromisoformat(told["ended_at"]),
        timeline=int(told["timeline"]),
        end_bytes=int(told["end_bytes"]),
        gap=str(told["gap"]),
    )


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
