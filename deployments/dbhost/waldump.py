"""Which transactions did a stale primary commit after the others left it, and how many rows did each change?

Read from its write-ahead log as pg_waldump prints it (https://www.postgresql.org/docs/18/pgwaldump.html).

The rule: a transaction counts by where its commit lies, not by where its rows lie. One that began before the
divergence and committed after it is lost whole; one that committed before it is not lost at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

_RECORD = re.compile(r"rmgr: (\w+)\s.*?tx:\s+(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+), .*?desc: (\S+) ?(.*)")
_RELATION = re.compile(r"blkref #0: rel (\d+/\d+/\d+)(?: fork (\w+))? blk (\d+)")
_OFFSET = re.compile(r"(?:old_off|off): (\d+)")
_TUPLES = re.compile(r"ntuples: (\d+)")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_SUBXACTS = re.compile(r"subxacts: ([\d ]+)")
_ENDED = re.compile(r"(?:COMMIT|ABORT)_PREPARED")
_PREPARED = re.compile(r"(\d+): ")  # a prepared transaction's end is written by another, its number comes first
_NEXT = re.compile(r"nextXid (\d+)")
_CHANGES = {"INSERT", "UPDATE", "HOT_UPDATE", "DELETE"}
_MODULO = 2**32

Relation = str  # tablespace/database/file, as in "1663/16384/16385"


@dataclass(frozen=True, slots=True)
class Removed:
    """A row version that a lost transaction deleted, by where it lies."""

    xid: int
    relation: Relation
    place: str


@dataclass(slots=True)
class Beyond:
    """What was committed after the divergence."""

    rows: Counter[Relation] = field(default_factory=Counter[Relation])
    xids: set[int] = field(default_factory=set[int])
    moments: dict[int, datetime] = field(default_factory=dict[int, datetime])
    removed: list[Removed] = field(default_factory=list[Removed])
    commit_count: int = 0
    rewriting_count: int = 0  # commits that drop or rewrite whole relations
    last_shared: datetime | None = None  # the last commit that the others have too
    last_lost: datetime | None = None


@dataclass(slots=True)
class _Open:
    """A transaction that has not ended yet."""

    rows: Counter[Relation] = field(default_factory=Counter[Relation])
    removed: list[Removed] = field(default_factory=list[Removed])


def read_beyond(lines: Iterable[str], divergence: int) -> Beyond:
    """What `lines`, beginning early enough, say of the transactions committed at or after `divergence` (bytes)."""
    found, going_on = Beyond(), dict[int, _Open]()
    for record in _records(lines):
        if record.manager in ("Heap", "Heap2"):
            _note_change(record, going_on)
        elif record.manager == "Transaction":
            _note_end(record, going_on, found, divergence)
    return found


def oldest(xids: Iterable[int]) -> int | None:
    """The oldest of some transactions: their numbers go round."""
    first: int | None = None
    for xid in xids:
        if first is None or precedes(xid, first):
            first = xid
    return first


def precedes(one: int, other: int) -> bool:
    """Was transaction `one` given out before `other`? (PostgreSQL's TransactionIdPrecedes.)"""
    return (one - other) % _MODULO > _MODULO // 2


def begins_before(lines: Iterable[str], xid: int, divergence: int) -> int | None:
    """The last place at or before `divergence` from which on `xid` and all later ones have all their records."""
    place: int | None = None
    for record in _records(lines):
        following = _NEXT.search(record.rest) if record.manager == "Standby" else None
        if following and record.position <= divergence and not precedes(xid, int(following[1])):
            place = record.position
    return place


@dataclass(frozen=True, slots=True)
class _Record:
    manager: str
    xid: int
    position: int
    what: str
    rest: str


def _records(lines: Iterable[str]) -> Iterator[_Record]:
    for line in lines:
        read = _RECORD.match(line)
        if read is not None:
            manager, xid, high, low, what, rest = read.groups()
            yield _Record(manager, int(xid), (int(high, 16) << 32) + int(low, 16), what, rest)


def _note_change(record: _Record, going_on: dict[int, _Open]) -> None:
    kind = record.what.removesuffix("+INIT")
    relation = _RELATION.search(record.rest)
    if relation is None or (kind not in _CHANGES and kind != "MULTI_INSERT"):
        return
    tuples = _TUPLES.search(record.rest)
    transaction = going_on.setdefault(record.xid, _Open())
    transaction.rows[relation[1]] += int(tuples[1]) if kind == "MULTI_INSERT" and tuples else 1
    offset = _OFFSET.search(record.rest)
    if kind == "DELETE" and offset is not None:
        transaction.removed.append(Removed(record.xid, relation[1], f"({relation[3]},{offset[1]})"))


def _note_end(record: _Record, going_on: dict[int, _Open], found: Beyond, divergence: int) -> None:
    if record.what not in ("COMMIT", "ABORT", "COMMIT_PREPARED", "ABORT_PREPARED"):
        return
    subxacts = _SUBXACTS.search(record.rest)
    top = _prepared(record) if _ENDED.match(record.what) else record.xid
    family = [top, *(int(xid) for xid in (subxacts[1].split() if subxacts else ()))]
    ended = [(xid, going_on.pop(xid)) for xid in family if xid in going_on]
    if record.what.startswith("ABORT"):
        return
    at = _moment(record.rest)
    if record.position < divergence:
        found.last_shared = at or found.last_shared
        return
    found.commit_count += 1
    found.last_lost = at or found.last_lost
    found.rewriting_count += "rels:" in record.rest
    found.xids.update(family)
    found.moments.update({xid: at for xid in family if at is not None})
    for _, transaction in ended:
        found.rows.update(transaction.rows)
        found.removed += transaction.removed


def _prepared(record: _Record) -> int:
    """The number of the transaction that was prepared."""
    read = _PREPARED.match(record.rest)
    return int(read[1]) if read else record.xid


def _moment(text: str) -> datetime | None:
    read = _MOMENT.search(text)
    return datetime.fromisoformat(read[1]).replace(tzinfo=UTC) if read else None
