"""What do all changes of a PostgreSQL server have in common?

Their baseline: system, timeline and position before. A timeline that moved on is evidence that no clock can spoil.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import DatabaseLook, DatabaseRole

if TYPE_CHECKING:
    from blocks.postgres.calls import Connection
    from blocks.postgres.member import PostgresMember

PATIENCE = Patience(every=timedelta(milliseconds=300), at_most=timedelta(minutes=2))


def baseline_of(member: PostgresMember) -> Mapping[str, str]:
    """`{"system_id", "timeline", "position_bytes", "role"}` as it looks now."""
    look = member.look()
    return {
        "system_id": look.system_id,
        "timeline": str(look.timeline),
        "position_bytes": str(look.position_bytes),
        "role": look.role.value,
    }


def timeline_before(mark: Mark, where: str) -> int:
    """The baseline's timeline. Raises `Broken` without one."""
    if "timeline" not in mark.baseline:
        raise Broken("the intent has no baseline: whether it took effect cannot be told", where=where)
    return int(mark.baseline["timeline"])


def require_role(look: DatabaseLook, *roles: DatabaseRole, what: str) -> None:
    """Raises `Retryable` where nobody answers, `Refused` where it is something else."""
    if look.role is DatabaseRole.UNREACHABLE:
        raise Retryable(f"{what} cannot be done now: {look.text}", where=look.address)
    if look.role not in roles:
        wanted = " or ".join(role.value for role in roles)
        raise Refused(
            f"{what} needs a {wanted}, and {look.text}",
            where=look.address,
            next_step="look at both servers again; somebody else may have changed their roles",
            code="precondition",
        )


def require_primary(look: DatabaseLook, *, what: str) -> None:
    """Raises unless it runs as a primary, be it one that is closed to writes."""
    if not look.is_closed:
        require_role(look, DatabaseRole.PRIMARY, what=what)


def require_streaming(member: PostgresMember, standby: PostgresMember) -> None:
    """Raises unless one takes writes and the other streams from it: every commit would wait for who is not there."""
    look = member.look()
    require_role(look, DatabaseRole.PRIMARY, what="protection")
    shown = standby.application_name()
    if shown not in look.followers:
        raise Refused(
            f"{shown} does not stream from {member.name}: every commit would wait for it",
            where=look.address,
            next_step="let it follow first",
        )


def generation(reference: str, text: str) -> Evidence:
    """Something moved on from the baseline."""
    return Evidence(kind=EvidenceKind.GENERATION, reference=reference, text=text)


def let_write(member: PostgresMember) -> None:
    """Take back what closed it; sessions that are there write from their next transaction on."""
    connection: Connection
    with member.acting() as connection:
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


def takes_writes(member: PostgresMember) -> Seen:
    """The goal of whatever lets clients write again."""
    look = member.look()
    return Seen(reached=look.takes_writes, text=look.text)
