"""Would a promoted server give out a number that is used already?

Replication carries sequences 32 numbers ahead, so none should be behind its column's greatest value; a restore, or
somebody's setval, can make it so, and then every insert fails. The rule: what our role may not read is said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection

_OWNED = """
    SELECT n.nspname, t.relname, a.attname, s.last_value,
           has_column_privilege(t.oid, a.attnum, 'SELECT') AND has_sequence_privilege(c.oid, 'SELECT')
      FROM pg_depend d
      JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
      JOIN pg_namespace sn ON sn.oid = c.relnamespace
      JOIN pg_sequences s ON s.schemaname = sn.nspname AND s.sequencename = c.relname AND s.increment_by > 0
      JOIN pg_class t ON t.oid = d.refobjid
      JOIN pg_namespace n ON n.oid = t.relnamespace
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
"""


@dataclass(frozen=True, slots=True)
class Sequences:
    """The columns (table.column) whose sequence is behind, and what was looked at."""

    behind: frozenset[str]
    text: str


def find_behind(connection: Connection) -> Sequences:
    """Every sequence that a column owns, against the column's greatest value. Raises psycopg.Error."""
    owned = connection.execute(_OWNED).fetchall()
    looked_at = [row for row in owned if row[4]]
    behind = {f"{row[1]}.{row[2]}": said for row in looked_at if (said := _behind(connection, row))}
    text = f"{len(looked_at)} of {len(owned)} sequences looked at"
    told = ", ".join(f"{column} ({said})" for column, said in sorted(behind.items()))
    return Sequences(frozenset(behind), f"{text}, behind: {told}" if told else f"{text}, none behind its column")


def _behind(connection: Connection, row: tuple[Any, ...]) -> str:
    schema, table, column, last, _ = row
    question = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column), sql.Identifier(schema, table))
    ((greatest,),) = connection.execute(question).fetchall()
    if greatest is None or greatest <= (last or 0):
        return ""
    return f"at {last or 0}, used up to {greatest}"
