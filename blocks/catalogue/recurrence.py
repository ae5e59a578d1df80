"""On which days does a rule fall?

Recurrence rules (RFC 5545) say on which *local dates* a window begins; the time of day stands beside
them. A rule must say its days itself (no hidden starting date), so the same rule gives the same
dates whoever asks, whenever. What needs a starting date (COUNT, INTERVAL) is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator

_PARTS = {"FREQ", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "BYYEARDAY", "BYWEEKNO", "WKST", "UNTIL"}
_NEEDS = {
    "DAILY": [set[str]()],
    "WEEKLY": [{"BYDAY"}],
    "MONTHLY": [{"BYDAY"}, {"BYMONTHDAY"}],
    "YEARLY": [{"BYMONTH", "BYMONTHDAY"}, {"BYMONTH", "BYDAY"}, {"BYYEARDAY"}, {"BYWEEKNO", "BYDAY"}],
}


def dates_between(rule: str, first: date, last: date) -> Sequence[date]:
    """The local dates that a rule names, from `first` to `last`, both included. Raises ValueError."""
    from dateutil.rrule import rrulestr

    parts = _parts(rule)
    until = parts.pop("UNTIL", None)
    end = min(last, _day(until)) if until else last
    if end < first:
        return ()
    text = ";".join(f"{key}={value}" for key, value in parts.items())
    limit = f"{text};UNTIL={end:%Y%m%d}T000000"
    return [moment.date() for moment in rrulestr(limit, dtstart=datetime.combine(first, time()))]


def check_rule(rule: str) -> str:
    """The rule itself, when it is one that says its days. Raises ValueError."""
    parts = _parts(rule)
    frequency = parts.get("FREQ", "")
    if frequency not in _NEEDS:
        raise ValueError(f"expected FREQ=DAILY, WEEKLY, MONTHLY or YEARLY in the rule, not {frequency or rule!r}")
    if not any(needed <= parts.keys() for needed in _NEEDS[frequency]):
        wanted = " or ".join(" and ".join(sorted(needed)) for needed in _NEEDS[frequency])
        raise ValueError(f"expected a {frequency} rule to say its days with {wanted}")
    try:
        dates_between(rule, date(2024, 1, 1), date(2024, 1, 1) + timedelta(days=400))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"expected a recurrence rule such as FREQ=WEEKLY;BYDAY=SU, not {rule!r} ({error})") from None
    return rule


def _parts(rule: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in rule.removeprefix("RRULE:").split(";"):
        key, _, value = piece.partition("=")
        if key == "INTERVAL" and value == "1":
            continue
        if key not in _PARTS or not value or key in parts:
            known = ", ".join(sorted(_PARTS))
            raise ValueError(f"expected a rule such as FREQ=WEEKLY;BYDAY=SU, of {known}, not {piece!r}")
        parts[key] = value
    return parts


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a local date has no zone
    except ValueError:
        raise ValueError(f"expected UNTIL to be a day such as 20271231, not {text!r}") from None


RuleText = Annotated[str, AfterValidator(check_rule)]
