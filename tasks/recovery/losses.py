"""How much may be lost, how much was, and how well do we know it?

Pure. Seconds are between heartbeat rows, which the primary stamps with its own clock: the newest that the standby
holds against the newest that was acknowledged. A living primary tells the second; of a dead one only the moment is
known when it was last seen to live. Rows are those seconds at the pace at which rows changed.

A bound never understates: without a heartbeat it is infinite, the pace is the fastest that was seen and at least the
heartbeat's own row a second, and zero is said only where the primary was seen to wait at each commit for the very
standby that takes over, and nothing is known that lifted it since (waited.py).
An exact loss replaces a bound, never the other way round.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from blocks.catalogue.recovery import Promise, ReplicatedData
from blocks.ports.recovery import CommitLook, DatabaseLook, DatabaseRole, Loss, LossKind

HEARTBEAT = timedelta(seconds=1)
"""A heartbeat row a second: whatever came after the newest one is less than this."""
_SLOWEST = 1.0  # rows a second
_LIVING = frozenset({DatabaseRole.PRIMARY, DatabaseRole.FENCED})


def bound_loss(
    data: ReplicatedData,
    *,
    standby: DatabaseLook | None,
    primary: DatabaseLook | None,
    last_known: DatabaseLook | None,
    until: datetime,
    waited: CommitLook | None = None,
) -> Loss:
    """The most that promoting `standby` may lose. `until` is when the primary can have taken its last write.

    `waited` is the look by which each of its commits waited for that standby until the end.
    """
    if waited is not None and data.promise is Promise.ZERO_LOSS:
        return Loss(data=data.name, kind=LossKind.BOUND, rows=0, seconds=0.0, text=_nothing(data, waited))
    seconds, since = _seconds(standby, primary, until)
    looks = [each for each in (standby, primary, last_known) if each is not None]
    pace = max([_SLOWEST, *(each.changed_rows_per_s for each in looks)])
    if standby is None or math.isinf(seconds):
        return Loss(data=data.name, kind=LossKind.BOUND, rows=_UNKNOWN_ROWS, seconds=math.inf, text=_unknown(data))
    rows = math.ceil(seconds * pace)
    text = f"at most {rows} rows or {seconds:.0f} s of {data.name} may be lost ({since}, {pace:g} rows/s)"
    return Loss(data=data.name, kind=LossKind.BOUND, rows=rows, seconds=seconds, text=text)


def better_known(known: Loss | None, new: Loss) -> Loss:
    """Which of the two stands: an exact loss stays, a bound gives way."""
    if known is not None and known.kind is LossKind.EXACT and new.kind is LossKind.BOUND:
        return known
    return new


def lag(standby: DatabaseLook | None, primary: DatabaseLook | None) -> timedelta | None:
    """How far the standby is behind, end to end, on the primary's clock; None where one of the two cannot be seen."""
    if standby is None or primary is None or standby.heartbeat_at is None or primary.heartbeat_at is None:
        return None
    return max(timedelta(0), primary.heartbeat_at - standby.heartbeat_at)


def _seconds(standby: DatabaseLook | None, primary: DatabaseLook | None, until: datetime) -> tuple[float, str]:
    if standby is None or standby.heartbeat_at is None:
        return math.inf, ""
    living = primary is not None and primary.role in _LIVING
    behind = lag(standby, primary) if living else None
    if behind is not None:
        said = f"heartbeat {standby.heartbeat_number} of {primary.heartbeat_number if primary else 0}"
        return (behind + HEARTBEAT).total_seconds(), said
    gap = max(timedelta(0), until - standby.heartbeat_at) + HEARTBEAT
    return gap.total_seconds(), f"newest heartbeat {standby.heartbeat_at:%H:%M:%S}, last write by {until:%H:%M:%S} UTC"


def _nothing(data: ReplicatedData, waited: CommitLook) -> str:
    seen = f"each commit waited for {waited.standby}, seen at {waited.seen_at:%H:%M:%S} UTC by {waited.seen_by}"
    return f"{data.name} loses nothing: {seen}; whether somebody lifted that by hand since is not known"


def _unknown(data: ReplicatedData) -> str:
    return f"nobody knows how much of {data.name} may be lost: its standby shows no heartbeat"


_UNKNOWN_ROWS = 2**53  # larger than any bound, and still a whole number in JSON
