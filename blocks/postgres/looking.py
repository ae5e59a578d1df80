"""How does one server of a replicated pair look, by what it says itself and by what its host says?

The rules: a server that shows itself writable is a primary, whatever its host says of a fence; what neither answers
for is unreachable, and may be anything. Right after a promotion the control file shows the old timeline: the name of
the log's file is asked instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from blocks.ports.recovery import DatabaseLook, DatabaseRole, Waiting
from blocks.postgres.commits import judge_commits

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection

HEARTBEAT = "vigie_heartbeat"
_SELF = """
    SELECT pg_is_in_recovery(),
           (SELECT system_identifier::text FROM pg_control_system()),
           (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline,
                            (SELECT received_tli FROM pg_stat_wal_receiver),
                            (SELECT max(('x' || substr(name, 1, 8))::bit(32)::int) FROM pg_ls_waldir()
                              WHERE name ~ '^[0-9A-F]{24}$'))
              FROM pg_control_checkpoint() c, pg_control_recovery() r),
           (coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::bigint,
           (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint,
           current_setting('default_transaction_read_only') = 'on',
           current_setting('synchronous_standby_names'),
           ARRAY(SELECT current_setting('synchronous_commit') UNION
                 SELECT split_part(setting, '=', 2) FROM pg_db_role_setting, unnest(setconfig) AS setting
                  WHERE setting LIKE 'synchronous_commit=%')
"""
_PRIMARY = """
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int,
           (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint
"""
_FOLLOWERS = """
    SELECT application_name,
           coalesce(pg_current_wal_lsn() - replay_lsn, pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint,
           sync_state
      FROM pg_stat_replication WHERE state = 'streaming' ORDER BY application_name
"""
_SLOTS = "SELECT slot_name::text, active FROM pg_replication_slots ORDER BY slot_name"
_BEATS = "SELECT number, at, changed_rows FROM vigie_heartbeat ORDER BY number DESC LIMIT 10"
_MAY_READ = "SELECT to_regclass(%s) IS NOT NULL AND has_table_privilege(to_regclass(%s), 'SELECT')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the server said of itself in one session."""

    is_standby: bool
    system_id: str
    timeline: int
    position_bytes: int
    replayed_bytes: int
    read_only: bool
    waits_for: str = ""
    levels: Sequence[str] = ()  # of synchronous_commit: the server's, and what roles and databases have instead
    synchronous: Sequence[str] = ()
    followers: Mapping[str, int] = field(default_factory=dict[str, int])
    slots: Mapping[str, bool] = field(default_factory=dict[str, bool])
    beats: Sequence[tuple[int, datetime, int]] = ()
    row_counts: Mapping[str, int] = field(default_factory=dict[str, int])


def read_server(connection: Connection, tables: Sequence[str] = ()) -> Seen:
    """Ask one server. Raises psycopg.Error."""
    standby, system, timeline, position, replayed, read_only, waits_for, levels = _rows(connection, _SELF)[0]
    followers: list[tuple[Any, ...]] = []
    if not standby:
        followers = _rows(connection, _FOLLOWERS)
        timeline, position = _rows(connection, _PRIMARY)[0]  # last: what was not waited for before lies below it
        replayed = position
    may_read = _rows(connection, _MAY_READ, HEARTBEAT, HEARTBEAT)[0][0]
    return Seen(
        is_standby=standby,
        system_id=system,
        timeline=int(timeline or 0),
        position_bytes=int(position or 0),
        replayed_bytes=int(replayed or 0),
        read_only=read_only,
        waits_for=waits_for,
        levels=levels,
        synchronous=[name for name, _, how in followers if how in ("sync", "quorum")],
        followers={name: max(0, int(behind)) for name, behind, _ in followers},
        slots=dict(cast("list[tuple[str, bool]]", _rows(connection, _SLOTS))),
        beats=cast("list[tuple[int, datetime, int]]", _rows(connection, _BEATS)) if may_read else (),
        row_counts=_counts(connection, tables),
    )


def put_together(
    address: str, name: str, seen: Seen | None, status: Mapping[str, Any] | None, why: Sequence[str] = ()
) -> DatabaseLook:
    """One look out of what the server and what its host said; `why` says what kept either from answering."""
    role = _role(seen, status)
    fence = (status or {}).get("fence") or {}
    known = status or {}
    beats = list(seen.beats) if seen else []
    return DatabaseLook(
        address=address,
        role=role,
        text=_text(name, role, seen, status, why),
        system_id=seen.system_id if seen else str(known.get("system_id", "")),
        timeline=seen.timeline if seen else int(known.get("timeline", 0)),
        position_bytes=seen.position_bytes if seen else int(known.get("position_bytes", 0)),
        replayed_bytes=seen.replayed_bytes if seen else int(known.get("position_bytes", 0)),
        heartbeat_at=beats[0][1] if beats else None,
        heartbeat_number=beats[0][0] if beats else 0,
        changed_rows_per_s=rate(beats),
        row_counts=seen.row_counts if seen else {},
        synchronous_with=next(iter(seen.synchronous), "") if seen else "",
        waiting=_waiting(role, seen, status),
        called=str(known.get("application_name", "")),
        lets_go=status is None or bool(known.get("waits_for")),
        followers=seen.followers if seen else {},
        slots=seen.slots if seen else {},
        fenced_by=str(fence.get("by", "")),
        left_at={int(timeline): int(position) for timeline, position in dict(known.get("left_at", {})).items()},
    )


def rate(beats: Sequence[tuple[int, datetime, int]]) -> float:
    """Rows changed a second over these heartbeats, newest first. A counter that began anew says nothing."""
    if len(beats) < 2:  # noqa: PLR2004
        return 0.0
    (_, last_at, last), (_, first_at, first) = beats[0], beats[-1]
    seconds = (last_at - first_at).total_seconds()
    return round((last - first) / seconds, 2) if seconds > 0 and last >= first else 0.0


_BY_HOST = {
    "fenced": DatabaseRole.FENCED,
    "closed": DatabaseRole.FENCED,
    "primary": DatabaseRole.PRIMARY,
    "standby": DatabaseRole.STANDBY,
    "stopped": DatabaseRole.STOPPED,
    "starting": DatabaseRole.STOPPED,
}


def _role(seen: Seen | None, status: Mapping[str, Any] | None) -> DatabaseRole:
    if seen is not None and not seen.is_standby:
        return DatabaseRole.FENCED if seen.read_only else DatabaseRole.PRIMARY
    if status is not None and status["role"] == "fenced":
        return DatabaseRole.FENCED
    if seen is not None:
        return DatabaseRole.STANDBY
    return DatabaseRole.UNREACHABLE if status is None else _BY_HOST[str(status["role"])]


def _waiting(role: DatabaseRole, seen: Seen | None, status: Mapping[str, Any] | None) -> Waiting:
    if seen is None or role is not DatabaseRole.PRIMARY:
        return Waiting.UNKNOWN
    lets_go = status is not None and bool(status.get("waits_for"))
    return judge_commits(
        seen.waits_for, seen.levels, seen.synchronous, host_answers=status is not None, lets_go=lets_go
    )


def _text(
    name: str, role: DatabaseRole, seen: Seen | None, status: Mapping[str, Any] | None, why: Sequence[str]
) -> str:
    if role is DatabaseRole.UNREACHABLE:
        return f"{name} cannot be seen: {'; '.join(why)}"
    closed = (seen.read_only and not seen.is_standby) if seen else status is not None and status["role"] == "closed"
    said = f"{name} is {'closed to writes' if closed else role.value}"
    timeline = seen.timeline if seen else int((status or {}).get("timeline", 0))
    said += f" on timeline {timeline}"
    if seen and not seen.is_standby:
        behind = ", ".join(f"{who} {count} bytes behind" for who, count in seen.followers.items())
        said += f", {behind or 'no standby streaming'}"
    fence = (status or {}).get("fence")
    if fence:
        said += f" ({fence['why']})"
    if status is None:
        said += "; its host does not answer"
    elif seen is None and status.get("last_error"):
        said += f"; {status['last_error']}"
    return said


def _counts(connection: Connection, tables: Sequence[str]) -> Mapping[str, int]:
    """Rows of the declared tables that the role may read."""
    from psycopg import sql

    found: dict[str, int] = {}
    for table in tables:
        if _rows(connection, _MAY_READ, table, table)[0][0]:
            question = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
            found[table] = int(connection.execute(question).fetchall()[0][0])
    return found


def _rows(connection: Connection, question: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(cast("Any", question), values or None).fetchall()
