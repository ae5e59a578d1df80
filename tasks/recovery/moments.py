"""Which moment does a person mean?

Pure. A moment names its time zone: as an offset (`2026-11-28T03:10:00+01:00`, or `Z`), or by its name after the time
(`2026-11-28 03:10 Europe/Paris`). The rule: what could be two moments, or none, is refused and never guessed; in the
night in which clocks go back an hour is there twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from blocks.errors import Refused

_SHOWN = "2026-11-28T03:10:00+01:00, or 2026-11-28 03:10 Europe/Paris"


def read_moment(text: str) -> datetime:
    """The moment, in UTC. Raises `Refused` for whatever is not exactly one."""
    said = " ".join(text.split())
    written, _, zone = said.rpartition(" ")
    named = _zone(zone) if written and any(letter.isalpha() for letter in zone) else None
    try:
        moment = datetime.fromisoformat(written if named is not None else said)
    except ValueError:
        raise Refused(f"{said!r} is no moment", next_step=f"write it as {_SHOWN}", code="no_moment") from None
    if named is not None:
        if moment.tzinfo is not None:
            raise Refused(f"{said!r} names two time zones", next_step="leave one of them out", code="no_moment")
        return _in(named, moment, said)
    if moment.tzinfo is None or len(said) <= len("2026-11-28"):
        raise Refused(
            f"{said!r} names no time zone, so it could be many moments",
            next_step=f"write it as {_SHOWN}",
            code="no_zone",
        )
    return moment.astimezone(UTC)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _in(zone: ZoneInfo, moment: datetime, said: str) -> datetime:
    """That wall clock's moment; refused where the clock shows it twice or never."""
    first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    back = [each for each in (first, second) if each.astimezone(zone).replace(tzinfo=None) == moment]
    if not back:
        raise Refused(
            f"{said!r} never was: clocks went forward over it", next_step="look at the clock again", code="no_moment"
        )
    choices = " or ".join(each.astimezone(zone).isoformat() for each in (first, second))
    raise Refused(f"{said!r} was twice: clocks went back", next_step=f"write {choices}", code="two_moments")
