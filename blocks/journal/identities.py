"""Which small number stands for a platform, a check, a kind of measurement?

Readings are many, so they carry numbers instead of names. The rule: numbers are given under the
platform's lock, once, and a name never changes its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken
from blocks.ports.health import CheckKey, Measurement
from blocks.ports.health import MissingCode as Code

Shape = tuple[tuple[str, ...], tuple[str, ...]]  # names and units of a reading's measurements


@dataclass(slots=True)
class LockedPlatform:
    """A platform whose row this transaction holds: `now` is the journal's clock, the chain's head moves with it."""

    id: int
    name: str
    event_count: int
    event_hash: bytes
    now: datetime


@dataclass(frozen=True, slots=True)
class SweepRow:
    """A sweep as its own table has it."""

    number: int
    platform_id: int
    started_at: datetime
    assessed_at: datetime | None
    incidents: tuple[UUID, ...]


def find_platform(connection: Connection, name: str) -> int | None:
    """The platform's number, None when the journal never heard of it."""
    row = connection.execute("SELECT id FROM platform WHERE name = %s", (name,)).fetchone()
    return None if row is None else int(row[0])


def ensure_platform(connection: Connection, name: str) -> int:
    """The platform's number, given now if it has none."""
    while (found := find_platform(connection, name)) is None:
        connection.execute("INSERT INTO platform (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (name,))
    return found


def lock_platform(connection: Connection, name: str) -> LockedPlatform:
    """Hold the platform until the transaction ends: whoever changes its incidents stands in this one line."""
    ensure_platform(connection, name)
    row = connection.execute(
        "SELECT id, event_count, event_hash FROM platform WHERE name = %s FOR NO KEY UPDATE", (name,)
    ).fetchone()
    now = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None or now is None:
        raise Broken(f"platform {name} vanished from the journal", code=Code.UNEXPECTED_ANSWER)
    return LockedPlatform(id=row[0], name=name, event_count=row[1], event_hash=bytes(row[2]), now=now[0])


def find_sweep(connection: Connection, sweep: UUID, platform: str, *, lock: bool = False) -> SweepRow:
    """The sweep's row. Raises `Broken` when it was never started, or belongs to another platform."""
    query = (
        "SELECT s.number, s.platform_id, s.started_at, s.assessed_at, s.incidents, p.name "
        "FROM sweep s JOIN platform p ON p.id = s.platform_id WHERE s.id = %s"
    )
    row = connection.execute(query + " FOR NO KEY UPDATE OF s" if lock else query, (sweep,)).fetchone()
    if row is None:
        raise Broken(
            f"sweep {sweep} of {platform} was never started", next_step="start it first", code=Code.PROBE_FAILED
        )
    if row[5] != platform:
        raise Broken(f"sweep {sweep} belongs to platform {row[5]}, not {platform}", code=Code.PROBE_FAILED)
    return SweepRow(row[0], row[1], row[2], row[3], tuple(row[4]))


def check_numbers(connection: Connection, platform_id: int, keys: Iterable[CheckKey]) -> Mapping[CheckKey, int]:
    """The number of every check of the platform; those of `keys` that have none get one now.

    Call it before locking a sweep: giving numbers takes the platform's lock.
    """
    known = _known_checks(connection, platform_id)
    new = sorted(set(keys) - known.keys())
    if not new:
        return known
    connection.execute("SELECT 1 FROM platform WHERE id = %s FOR NO KEY UPDATE", (platform_id,))
    connection.execute(
        "INSERT INTO check_identity (platform_id, service, check_name) "
        "SELECT %s, n.service, n.check_name FROM unnest(%s::text[], %s::text[]) AS n (service, check_name) "
        "WHERE NOT EXISTS (SELECT 1 FROM check_identity k "
        "WHERE k.platform_id = %s AND k.service = n.service AND k.check_name = n.check_name)",
        (platform_id, [key.service for key in new], [key.check for key in new], platform_id),
    )
    return _known_checks(connection, platform_id)


def _known_checks(connection: Connection, platform_id: int) -> dict[CheckKey, int]:
    rows = connection.execute(
        "SELECT service, check_name, id FROM check_identity WHERE platform_id = %s", (platform_id,)
    ).fetchall()
    return {CheckKey(service, check): number for service, check, number in rows}


def shape_of(measurements: Sequence[Measurement]) -> Shape:
    """What was measured, without the values."""
    return tuple(m.name for m in measurements), tuple(m.unit.value for m in measurements)


def shape_numbers(connection: Connection, shapes: Iterable[Shape]) -> Mapping[Shape, int]:
    """The number of every shape; those of `shapes` that have none get one now."""
    known = _known_shapes(connection)
    new = sorted(set(shapes) - known.keys())
    if not new:
        return known
    for names, units in new:
        connection.execute(
            "INSERT INTO measure_shape (names, units) VALUES (%s::text[], %s::text[]) ON CONFLICT DO NOTHING",
            (list(names), list(units)),
        )
    return _known_shapes(connection)


def _known_shapes(connection: Connection) -> dict[Shape, int]:
    rows = connection.execute("SELECT names, units, id FROM measure_shape").fetchall()
    return {(tuple(names), tuple(units)): number for names, units, number in rows}
