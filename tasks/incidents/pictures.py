"""What is known about an incident at the moment of telling?

The picture every message is rendered from: the incident and its history out of the journal, the
customer's language and hours, who notices the failing service, what was tried, and the run to click.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from blocks.catalogue.model import Customer, Platform
from blocks.ports.incidents import EventKind, Incident, IncidentEvent
from blocks.ports.notifications import IncidentPicture
from blocks.slack.voice import Voice

_MOST_NOTES = 5


class Memory(Protocol):
    """The part of the journal that remembers incidents."""

    def incident(self, incident: UUID) -> tuple[Incident, Sequence[IncidentEvent]]: ...


def painter(journal: Memory, customer: Customer, platform: Platform, ui_url: str) -> Callable[[UUID], IncidentPicture]:
    """A function from an incident's id to its picture. `ui_url` is Prefect's UI, "" when unknown."""

    def paint(incident: UUID) -> IncidentPicture:
        remembered, events = journal.incident(incident)
        service = platform.services.get(remembered.root)
        return IncidentPicture(
            incident=remembered,
            events=tuple(events),
            customer=customer.name,
            language=customer.language,
            time_zone=customer.time_zone,
            run_url=run_url(ui_url, remembered),
            tried=tried(customer, platform, remembered, events),
            clients=service.clients if service else "",
        )

    return paint


def run_url(ui_url: str, incident: Incident) -> str:
    """The run that last changed the incident."""
    return f"{ui_url.rstrip('/')}/runs/flow-run/{incident.flow_run}" if ui_url and incident.flow_run else ""


def tried(
    customer: Customer, platform: Platform, incident: Incident, events: Sequence[IncidentEvent]
) -> tuple[str, ...]:
    """How often it was measured before it was believed, then what people noted, newest last."""
    service = platform.services.get(incident.root)
    attempts = max((check.attempts for check in service.checks.values()), default=1) if service else 1
    voice = Voice(customer.language, customer.time_zone)
    measured = [voice.say_count("tried.measured", attempts)] if attempts > 1 else []
    notes = [f"{e.text} ({e.who})" for e in events if e.kind is EventKind.NOTE][-_MOST_NOTES:]
    return (*measured, *notes)
