"""What did the stale primary acknowledge that the promoted server does not have, exactly?

Counted from its write-ahead log (waldump.py), named from its own catalogue, and saved as the rows stood last:
one JSON object a line, the first one saying where they come from.

The rule: counted and saved before any rewind; vigie's own heartbeat rows are nobody's loss.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from blocks.errors import Broken
from deployments.dbhost.cluster import Cluster, environment
from deployments.dbhost.heartbeat import TABLE
from deployments.dbhost.local import Local, to_position
from deployments.dbhost.waldump import Beyond, Relation, begins_before, oldest, read_beyond

_MANAGERS = ("Heap", "Heap2", "Transaction")
_REWRITTEN = "(tables dropped or rewritten since)"
_DATABASES = "SELECT datname, oid::text FROM pg_database WHERE datallowconn ORDER BY datname"
_RELATIONS = """
    SELECT coalesce(nullif(c.reltablespace, 0), d.dattablespace)
               || '/' || d.oid || '/' || pg_relation_filenode(c.oid),
           CASE WHEN n.nspname IN ('pg_catalog', 'pg_toast', 'information_schema') THEN ''
                WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_database d
     WHERE d.datname = current_database() AND pg_relation_filenode(c.oid) IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A relation of the stale server: its name for people is empty where it is PostgreSQL's own."""

    database: str
    name: str
    quoted: str


def scan(cluster: Cluster, timeline: int, divergence: int, log: Path | None = None) -> Beyond:
    """What the log of a stopped server says of transactions committed at or after `divergence` on `timeline`.

    `log`: the folder where it lies, where it is not the server's own.
    """
    segments = Segments(cluster, timeline, log or cluster.data_dir / "pg_wal")
    if not segments.holds(divergence):
        if segments.ends_before(divergence):
            return Beyond()
        raise Broken(
            f"the log at {to_position(divergence)} on timeline {timeline} is no longer there: what lies beyond it "
            "cannot be counted",
            where=str(cluster.data_dir),
            next_step="look for it in the archive of the server's log",
        )
    found = read_beyond(segments.dump(divergence, _MANAGERS), divergence)
    first = oldest(found.xids)
    if first is None:
        return found
    return read_beyond(segments.dump(segments.start_for(first, divergence), _MANAGERS), divergence)


class Segments:
    """The files of one timeline's log."""

    def __init__(self, cluster: Cluster, timeline: int, log: Path) -> None:
        self._cluster, self._timeline, self._log = cluster, timeline, log
        self._size = int(cluster.control_data()["Bytes per WAL segment"])
        prefix = f"{timeline:08X}"
        per_file = 0x100000000 // self._size
        names = (path.name for path in log.iterdir() if len(path.name) == 24)  # noqa: PLR2004
        self.starts = sorted(
            (int(name[8:16], 16) * per_file + int(name[16:], 16)) * self._size
            for name in names
            if name.startswith(prefix)
        )

    def holds(self, position: int) -> bool:
        """Is the file there that this position is in?"""
        return position - position % self._size in self.starts

    def ends_before(self, position: int) -> bool:
        """Does the log end exactly there?"""
        return bool(self.starts) and position == self.starts[-1] + self._size

    def start_for(self, xid: int, divergence: int) -> int:
        """From where on all of `xid` and later is in the log, looking back file by file."""
        candidates = [start for start in self.starts if start <= divergence]
        for start in reversed(candidates):
            end = min(start + self._size, divergence + self._size)
            place = begins_before(self.dump(start, ("Standby",), until=end), xid, divergence)
            if place is not None:
                return place
        return candidates[0]

    def dump(self, start: int, managers: Iterable[str], *, until: int | None = None) -> Iterator[str]:
        """pg_waldump's lines. The end of the log is no error, whatever it is called."""
        command = [
            str(self._cluster.bin_dir / "pg_waldump"),
            f"--path={self._log}",
            f"--timeline={self._timeline}",
            f"--start={to_position(start)}",
            *(f"--rmgr={manager}" for manager in managers),
            *((f"--end={to_position(until)}",) if until is not None else ()),
        ]
        process = subprocess.Popen(  # noqa: S603  our own program
            command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            **self._cluster.identity,
        )
        assert process.stdout is not None
        with closing(process.stdout):
            yield from process.stdout
        process.wait()


def name_relations(local: Local) -> Mapping[Relation, Table]:
    """Every relation of the isolated server by the file it is in."""
    found: dict[Relation, Table] = {}
    with local.session() as connection:
        databases = [name for name, _ in connection.execute(_DATABASES).fetchall()]
    for database in databases:
        with local.session(database) as connection:
            for relation, name, quoted in connection.execute(_RELATIONS).fetchall():
                shown = name if database == local.config.database or not name else f"{database}:{name}"
                found[relation] = Table(database, shown, quoted)
    return found


def by_table(rows: Mapping[Relation, int], tables: Mapping[Relation, Table]) -> Mapping[str, int]:
    """Row changes by the table's name for people; PostgreSQL's own relations and our heartbeat are left out."""
    counted: Counter[str] = Counter()
    for relation, count in rows.items():
        table = tables.get(relation)
        name = table.name if table is not None else _REWRITTEN
        if name and name != TABLE:
            counted[name] += count
    return dict(sorted(counted.items()))


def count(found: Beyond, tables: Mapping[Relation, Table]) -> dict[str, Any]:
    """The numbers, for people and for the journal."""
    counted = by_table(found.rows, tables)
    begun = found.last_shared or min(found.moments.values(), default=None)
    seconds = (found.last_lost - begun).total_seconds() if found.last_lost and begun else 0.0
    return {
        "rows": sum(counted.values()),
        "by_table": counted,
        "seconds": round(max(seconds, 0.0), 3),
        "commits": found.commit_count,
        "rewriting": found.rewriting_count,
    }


def save(path: Path, about: Mapping[str, Any], found: Beyond, tables: Mapping[Relation, Table], local: Local) -> str:
    """Write the rows; the file's SHA-256. Whole or not at all, and on the disk."""
    draft = path.with_name(f".{path.name}")
    digest = hashlib.sha256()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for each in _lines(about, found, tables, local):
            line = (json.dumps(each, ensure_ascii=False, default=str) + "\n").encode()
            digest.update(line)
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return digest.hexdigest()


def _lines(
    about: Mapping[str, Any], found: Beyond, tables: Mapping[Relation, Table], local: Local
) -> Iterator[Mapping[str, Any]]:
    yield about
    xids = [str(xid) for xid in sorted(found.xids)]
    for table in sorted({tables[r] for r in found.rows if r in tables}, key=lambda table: (table.database, table.name)):
        if not table.name or table.name == TABLE:
            continue
        statement = (  # its name was quoted by the server itself
            f"SELECT xmin::text::bigint, ctid::text, to_jsonb(t) FROM {table.quoted} t "  # noqa: S608
            "WHERE xmin::text = ANY(%s::text[])"
        )
        with local.session(table.database) as connection:
            connection.execute("SET statement_timeout = 0")
            for xid, place, row in connection.cursor().stream(cast("Any", statement), (xids,)):
                yield _line("row", table.name, xid, place, found) | {"row": row}
    for removed in found.removed:
        table = tables.get(removed.relation)
        if table is not None and table.name and table.name != TABLE:
            yield _line("delete", table.name, removed.xid, removed.place, found)


def _line(change: str, table: str, xid: int, place: str, found: Beyond) -> dict[str, Any]:
    at = found.moments.get(xid)
    return {"change": change, "table": table, "xid": xid, "place": place, "committed_at": at and at.isoformat()}


def evidence_path(folder: Path, key: str) -> Path:
    """Where rows saved under `key` lie."""
    return folder / f"beyond-{key}.jsonl"
