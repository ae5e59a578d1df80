"""What must be alike on both servers of a pair, so that one can stand in for the other?

The rule: only what matters after a promotion is asked. A standby that allows fewer connections than its primary takes
fewer clients on the night; a library of another version sorts otherwise, and its indexes are wrong; an extension that
is missing there breaks the queries that use it. Sources: "Hot Standby, Administrator's Overview" and "Collation
Support" of PostgreSQL's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection

SETTINGS = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_replication_slots",
    "wal_level",
    "wal_log_hints",
    "data_checksums",
    "max_slot_wal_keep_size",
)
_SETTINGS = "SELECT name, setting || coalesce(' ' || unit, '') FROM pg_settings WHERE name = ANY(%s)"
_VERSION = "SELECT split_part(current_setting('server_version'), ' ', 1)"
_COLLATION = """
    SELECT coalesce(pg_database_collation_actual_version(oid), '') FROM pg_database WHERE datname = current_database()
"""
_EXTENSIONS = """
    SELECT coalesce(string_agg(e.extname || ' ' || e.extversion, ', ' ORDER BY e.extname), 'none')
      FROM pg_extension e JOIN pg_available_extension_versions a ON a.name = e.extname AND a.version = e.extversion
"""


def read_traits(connection: Connection) -> Mapping[str, str]:
    """Trait -> value, as this server says. The extensions are those in use that this machine could load."""
    settings = cast("list[tuple[str, str]]", connection.execute(_SETTINGS, (list(SETTINGS),)).fetchall())
    return {
        "server version": _one(connection, _VERSION),
        "collation version": _one(connection, _COLLATION),
        "extensions": _one(connection, _EXTENSIONS),
        **dict(settings),
    }


def _one(connection: Connection, question: str) -> str:
    (found,) = connection.execute(cast("Any", question)).fetchall()
    return str(found[0])
