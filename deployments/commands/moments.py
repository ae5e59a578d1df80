"""How does a moment look in a terminal, where columns are narrow and it is night?"""

from __future__ import annotations

from datetime import UTC, datetime


def ago(at: datetime, moment: datetime) -> str:
    """'4 min', '3 h', '2 d': how long something has lasted, short enough for a column."""
    seconds = max(0, (at - moment.astimezone(UTC)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def until(moment: datetime, at: datetime) -> str:
    """'04:30 CET', with its day when that is not today; never without its zone, for people read it to each other."""
    local, today = moment.astimezone(), at.astimezone().date()
    return f"{local:%H:%M %Z}" if local.date() == today else f"{local:%a %d %b %H:%M %Z}"
