"""What is broken, since when, and who knows?

One *incident* is one root cause: the failing service that explains the others through the
dependency graph. Its history is a list of *events* that only grows. The journal makes it unique:
one open incident a platform and root service, whatever runs in parallel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

READINESS: Final = "readiness:"
"""How the root of an incident begins that no sweep saw: a recovery plan that would not work (one a finding)."""


class Severity(StrEnum):
    """How loudly: `page` rings somebody, `ticket` waits for the morning, `notice` is only shown."""

    PAGE = "page"
    TICKET = "ticket"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """Notice 0, ticket 1, page 2."""
        return {"notice": 0, "ticket": 1, "page": 2}[self.value]


class EventKind(StrEnum):
    """What happened in the life of an incident, in the order it is told."""

    OPENED = "opened"
    REOPENED = "reopened"
    CHANGED = "changed"  # severity, affected services or the sentence changed
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    NOTE = "note"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as the journal holds it.

    `root` is the service that explains it, or `slo:<name>` for a burning budget without a failing
    service, or `monitoring` when the measurement itself is at fault, or `readiness:<finding>` where
    the recovery plan would not work: clients are served, and sweeps leave it alone.
    `affected` are the other services that suffer from it. `reopened_at` is the last time that it came back.
    """

    id: UUID
    platform: str
    root: str
    severity: Severity
    sentence: str
    affected: tuple[str, ...] = ()
    opened_at: datetime
    closed_at: datetime | None = None
    reopened_count: int = 0
    reopened_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    silenced_until: datetime | None = None
    silenced_by: str = ""
    flow_run: UUID | None = None  # the run that last changed it: the link people click
    version: int = 1  # grows with each event; the newest rendered version wins in Slack

    @property
    def is_open(self) -> bool:
        """Not closed by evidence yet."""
        return self.closed_at is None

    @property
    def since(self) -> datetime:
        """Since when it lasts without a break: what was closed by evidence was over."""
        return self.reopened_at or self.opened_at

    @property
    def is_readiness(self) -> bool:
        """It speaks of the disaster to come, and not of what clients suffer now."""
        return self.root.startswith(READINESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvent:
    """One line of an incident's timeline; never changed once written."""

    incident: UUID
    at: datetime
    kind: EventKind
    text: str
    who: str = "vigie"
    numbers: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """What a decision wants done to the incidents of a platform: one event on one root cause.

    `tell` is False when people are not to be told (maintenance, silence); the event is recorded all
    the same. `page` asks for the pager besides.
    """

    kind: EventKind
    root: str
    severity: Severity
    sentence: str
    affected: tuple[str, ...] = ()
    incident: UUID | None = None  # the incident it applies to; None opens a new one
    tell: bool = True
    page: bool = False
    numbers: Mapping[str, float | str] = field(default_factory=dict)
