"""When are people not told, although checks go on?

Pure: the catalogue and a time decide. A window begins at a local time of day and lasts its *elapsed*
time: two hours are two hours, also in the night when clocks change. What begins in the hour that
does not exist begins as much later as the clock jumped (02:30 becomes 03:30); what begins in the hour
that comes twice begins at the first of the two. That is RFC 5545's reading (section 3.3.5) of such times.

The rule: nobody is left untold a minute longer than was declared. A window includes its begin and
excludes its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.catalogue.model import Customer, Maintenance, Platform
from blocks.catalogue.recurrence import dates_between

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """One occurrence of a maintenance, in UTC; `services` are all it mutes."""

    name: str
    begin: datetime
    end: datetime
    services: tuple[str, ...]

    def contains(self, at: datetime) -> bool:
        """Is `at` inside? The begin is, the end is not."""
        return self.begin <= at < self.end


def active_maintenance(platform: Platform, customer: Customer, at: datetime) -> dict[str, str]:
    """Service -> name of the maintenance that mutes it at `at` (timezone-aware); services not in it are told about.

    Where several do, the one that ends last is named.
    """
    _aware(at)
    muted: dict[str, MaintenanceWindow] = {}
    for window in _windows(platform, customer, at, at):
        for service in window.services if window.contains(at) else ():
            if service not in muted or muted[service].end < window.end:
                muted[service] = window
    return {service: muted[service].name for service in platform.services if service in muted}


def next_windows(
    platform: Platform, customer: Customer, at: datetime, within: timedelta = timedelta(days=35)
) -> tuple[MaintenanceWindow, ...]:
    """The windows that are open at `at` or begin within `within` of it, earliest first."""
    _aware(at)
    found = _windows(platform, customer, at, at + within)
    return tuple(sorted(found, key=lambda window: (window.begin, window.name)))


def _windows(platform: Platform, customer: Customer, first: datetime, last: datetime) -> Iterator[MaintenanceWindow]:
    """All windows that end after `first` and begin by `last`."""
    for maintenance in platform.maintenance.values():
        zone = ZoneInfo(maintenance.time_zone or customer.time_zone)
        services = maintenance.services or tuple(platform.services)
        for begin in _begins(maintenance, zone, first - maintenance.duration, last):
            end = begin + maintenance.duration
            if begin <= last and end > first:
                yield MaintenanceWindow(name=maintenance.name, begin=begin, end=end, services=services)


def _begins(maintenance: Maintenance, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """When it begins, in UTC, with a day to spare on both sides: local dates are not UTC dates."""
    if maintenance.begin is not None:
        yield maintenance.begin.astimezone(UTC)
    if maintenance.rrule is None or maintenance.start is None:
        return
    days = dates_between(maintenance.rrule, (first - _DAY).date(), (last + _DAY).date())
    for day in days:
        yield datetime.combine(day, maintenance.start, tzinfo=zone).astimezone(UTC)


def _aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone: maintenance is decided in the customer's local time")
