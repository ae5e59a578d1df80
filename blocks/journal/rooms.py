"""Which room of a site is spoken for, and when is it free again?

The rules: a claim is counted until the provider counts the room itself; one that was freed while somebody looked is
counted against that look; a platform holds room once. Only whoever holds the pool adds a claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from blocks.journal.actions import append_action
from blocks.journal.identities import LockedPlatform
from blocks.ports.room import Room, RoomClaim
from blocks.ports.runs import ActionKind, RunState

_CLAIM = (
    "SELECT c.run_id, p.name, r.action, r.state, c.pool, c.cores, c.ram_mib, c.instances, c.claimed_at, c.freed_at "
    "FROM room_claim c JOIN run r ON r.id = c.run_id JOIN platform p ON p.id = c.platform_id "
)


def hold_pool(connection: Connection, pool: str) -> None:
    """Nobody else adds a claim to the pool until the transaction ends. Always the last lock that is taken."""
    key = int.from_bytes(hashlib.sha256(f"vigie room {pool}".encode()).digest()[:8], "big", signed=True)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))


def claims(connection: Connection, pool: str, since: datetime, apart_from: str) -> Sequence[RoomClaim]:
    """Of other platforms, living or freed after `since`, oldest first."""
    rows = connection.execute(
        _CLAIM + "WHERE c.pool = %s AND p.name <> %s AND (c.freed_at IS NULL OR c.freed_at > %s) ORDER BY c.number",
        (pool, apart_from, since),
    ).fetchall()
    return [_claim(row) for row in rows]


def living_of(connection: Connection, run: UUID) -> RoomClaim | None:
    """What the run holds."""
    row = connection.execute(_CLAIM + "WHERE c.run_id = %s AND c.freed_at IS NULL", (run,)).fetchone()
    return None if row is None else _claim(row)


def add(connection: Connection, locked: LockedPlatform, run: UUID, room: Room) -> None:
    """The platform's one claim; what an earlier run of it held is free now."""
    for (earlier,) in connection.execute(
        "SELECT run_id FROM room_claim WHERE platform_id = %s AND freed_at IS NULL", (locked.id,)
    ).fetchall():
        free(connection, locked, earlier)
    connection.execute(
        "INSERT INTO room_claim (run_id, platform_id, pool, cores, ram_mib, instances, claimed_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (run, locked.id, room.pool, room.cores, room.ram_mib, room.instances, locked.now),
    )
    append_action(connection, locked, run, ActionKind.ROOM_CLAIMED, f"holds {said(room)}", data=_data(room))


def free(connection: Connection, locked: LockedPlatform, run: UUID) -> None:
    """The run takes no more of it: the provider counts what it has, or it never will have it."""
    held = living_of(connection, run)
    if held is None:
        return
    connection.execute(
        "UPDATE room_claim SET freed_at = greatest(claimed_at, %s) WHERE run_id = %s AND freed_at IS NULL",
        (locked.now, run),
    )
    text = f"no longer holds {said(held.room)}"
    append_action(connection, locked, run, ActionKind.ROOM_FREED, text, data=_data(held.room))


def said(room: Room) -> str:
    """'4 cores, 8192 MiB of memory, 1 servers of project p in r'."""
    return f"{room.cores} cores, {room.ram_mib} MiB of memory, {room.instances} servers of {room.pool}"


def _data(room: Room) -> dict[str, object]:
    return {"pool": room.pool, "cores": room.cores, "ram_mib": room.ram_mib, "instances": room.instances}


def _claim(row: tuple[Any, ...]) -> RoomClaim:
    run, platform, action, state, pool, cores, ram_mib, instances, claimed_at, freed_at = row
    return RoomClaim(
        run=run,
        platform=platform,
        action=action,
        state=RunState(state),
        room=Room(pool=pool, cores=cores, ram_mib=ram_mib, instances=instances),
        claimed_at=claimed_at,
        freed_at=freed_at,
    )
