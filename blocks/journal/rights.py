"""What may the journal's user do? Seen in the database itself, not assumed.

The rule: it can write readings and decisions, and it cannot rewrite history.
"""

from __future__ import annotations

import psycopg

from blocks.journal.connections import Connections
from blocks.journal.schema import installed_version, newest_version
from blocks.ports.capabilities import Capability

_WRITES = (
    "sweep",
    "reading",
    "check_status",
    "incident",
    "incident_event",
    "delivery",
    "heartbeat",
    "run",
    "step",
    "approval",
    "decision",
    "action_event",
    "move",
    "move_loss",
    "drill",
    "restore_test",
    "resource_lease",
    "way_back",
    "joint_part",
    "room_claim",
    "rejoin",
    "commit_look",
)
_GUARDED = (
    "incident_event", "action_event", "decision", "lease", "move", "move_loss", "old_side", "restore_test",
    "way_back", "joint_part", "room_claim", "rejoin", "commit_look",
)  # fmt: skip
_GUARDS = 21  # each has a trigger for rows; incident_event, action_event and from way_back on one for the whole table


def examine_journal(dsn: str) -> tuple[Capability, ...]:
    """Connect and look. Raises the three errors when it cannot be asked."""
    connections = Connections(dsn)
    try:
        with connections.transaction() as connection:
            return (Capability("connect", allowed=True, detail=connections.where), *_schema(connection))
    finally:
        connections.close()


def _schema(connection: psycopg.Connection) -> tuple[Capability, ...]:
    installed, newest = installed_version(connection), newest_version()
    if not installed:
        return (Capability("use schema", allowed=False, detail="no schema yet: run `vigie journal upgrade`"),)
    current = installed == newest
    said = f"version {installed}" if current else f"version {installed}, needs {newest}: run `vigie journal upgrade`"
    return (
        Capability("use schema", allowed=current, detail=said),
        *(_may_insert(connection, table) for table in _WRITES),
        _history_kept(connection),
        _superuser(connection),
    )


def _may_insert(connection: psycopg.Connection, table: str) -> Capability:
    row = connection.execute("SELECT has_table_privilege(%s, 'INSERT')", (table,)).fetchone()
    return Capability(f"insert into {table}", allowed=bool(row and row[0]))


def _history_kept(connection: psycopg.Connection) -> Capability:
    """Triggers that refuse changes must be there and on."""
    row = connection.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = ANY (%s::regclass[]) AND NOT tgisinternal AND tgenabled = 'O'",
        (list(_GUARDED),),
    ).fetchone()
    guarded = bool(row and row[0] == _GUARDS)
    detail = "refused by the database" if guarded else "the guarding triggers are off: somebody can rewrite history"
    return Capability("change or delete events", allowed=not guarded, detail=detail)


def _superuser(connection: psycopg.Connection) -> Capability:
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    is_super = bool(row and row[0])
    return Capability(
        "everything (superuser)", allowed=is_super, detail="give vigie a user of its own" if is_super else ""
    )
