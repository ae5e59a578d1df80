"""What does whoever starts a failover take upon himself beyond the plan?

Pure. Rows and time are said as a form and a terminal can say them: a number, and a duration with its unit; nothing said
is what the plan allows. The rule: what cannot be read is refused before anybody is asked, and never read as something
smaller or larger.
"""

from __future__ import annotations

from datetime import timedelta

from blocks.catalogue.quantities import parse_duration
from blocks.errors import Refused
from blocks.ports.recovery import MoveKind
from tasks.recovery.values import Accepted

_MOST_ROWS = 10**12
"""More than anybody counts, and still exact wherever it is written."""
_MOST_SPAN = timedelta(days=366)


def read_accepted(rows: int = 0, span: str = "") -> Accepted:
    """So many rows and so long. Raises `Refused` for what is no number of rows or no duration."""
    if not 0 <= rows <= _MOST_ROWS:
        raise Refused(
            f"{rows} is no number of rows that one could accept to lose",
            next_step=f"write 1 to {_MOST_ROWS}; 0 is what the plan allows",
            code="not_acceptable",
        )
    return Accepted(rows_count=rows or None, span=_span(span.strip()))


def must_fail_over(kind: str, accepted: Accepted) -> None:
    """Raises `Refused` where something is accepted and the move is no failover: no other has a loss to accept."""
    if accepted.is_something and kind != MoveKind.FAILOVER.value:
        raise Refused(
            f"a {kind} loses no row that one could accept beforehand",
            next_step="leave rows and time out",
            code="not_acceptable",
        )


def _span(said: str) -> timedelta | None:
    if not said:
        return None
    try:
        found = parse_duration(said)
    except (ValueError, OverflowError):
        found = None
    if found is None or found > _MOST_SPAN:
        raise Refused(
            f"{said!r} is no time that one could accept to lose",
            next_step=f"write it with its unit, such as 10min, up to {_MOST_SPAN.days}d; empty is what the plan allows",
            code="not_acceptable",
        )
    return found
