"""Since when are clients without service, and when did anybody know?

The rule: the clock starts with the last good answer of what is out, where the journal has one; that errs against us. Of
an outage whose beginning nobody saw only the moment is known when it was noticed, and it is called so. What is not
ready is no outage. When a server can have taken its last write is another question, and no incident answers it: that
may be about something else, and older. Only its own checks do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from blocks.catalogue.model import DatabaseCheck, Platform
from blocks.ports.health import CheckKey
from blocks.ports.incidents import Incident
from tasks.recovery.decide import recovery_of


class Readings(Protocol):
    """What is needed of the journal."""

    def last_good_answer(self, platform: str, services: Collection[str], noticed_at: datetime) -> datetime | None: ...
    def silent_since(self, platform: str, keys: Collection[CheckKey]) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Outage:
    """`served_at` is the last time that clients were seen to be served; the same as `noticed_at` where nobody saw."""

    served_at: datetime
    noticed_at: datetime


def outage_of(journal: Readings, incidents: Sequence[Incident]) -> Outage | None:
    """By the oldest open incident that clients suffer from; None where there is none.

    One that was closed by evidence and came back counts from its return: clients were served in between.
    """
    suffered = [each for each in incidents if not each.is_readiness]
    first = min(suffered, key=lambda each: each.since, default=None)
    if first is None:
        return None
    seen = journal.last_good_answer(first.platform, (first.root, *first.affected), first.since)
    return Outage(seen if seen is not None and seen < first.since else first.since, first.since)


def server_silent_since(journal: Readings, platform: Platform, data: str, site: str) -> datetime | None:
    """Since when the server of that data in that site lets nobody log in; None where one could, or nobody knows."""
    service = platform.services[recovery_of(platform).data[data].members[site]]
    logins = [check.name for check in service.checks.values() if isinstance(check, DatabaseCheck)]
    return journal.silent_since(platform.name, [CheckKey(service.name, login) for login in logins])


def servers_silent_since(journal: Readings, platform: Platform, site: str) -> dict[str, datetime]:
    """The same of all data of the plan; what is not known to be silent is absent."""
    seen = {name: server_silent_since(journal, platform, name, site) for name in recovery_of(platform).data}
    return {name: since for name, since in seen.items() if since is not None}
