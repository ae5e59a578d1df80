"""Pictures of incidents for the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from blocks.ports.incidents import EventKind, Incident, IncidentEvent, Severity
from blocks.ports.notifications import IncidentPicture

OPENED_AT = datetime(2026, 11, 23, 22, 14, tzinfo=UTC)
INCIDENT = UUID("8f3a2b1c-0000-4000-8000-000000000001")


def an_event(
    kind: EventKind = EventKind.OPENED, text: str = "device-api is down", minutes: int = 0, **numbers
) -> IncidentEvent:
    who = numbers.pop("who", "vigie")
    return IncidentEvent(
        incident=INCIDENT, at=OPENED_AT + timedelta(minutes=minutes), kind=kind, text=text, who=who, numbers=numbers
    )


def a_picture(*events: IncidentEvent, language: str = "fr", **changes) -> IncidentPicture:
    incident = Incident(
        id=INCIDENT,
        platform="hearth",
        root="device-api",
        severity=Severity.PAGE,
        sentence="device-api: connection refused at api.hearth.example:443, 3 attempts",
        affected=("device-updates", "message-ingestion"),
        opened_at=OPENED_AT,
    )
    own = {name: changes.pop(name) for name in list(changes) if name in {"tried", "run_url", "clients"}}
    return IncidentPicture(
        incident=replace(incident, **changes),
        events=events or (an_event(code="connection_refused"),),
        customer="hearth",
        language=language,
        time_zone="Europe/Paris",
        **({"run_url": "https://prefect.example/runs/flow-run/1"} | own),
    )
