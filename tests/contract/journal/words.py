"""Short ways to say what a sweep saw and decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Measurement,
    Missing,
    MissingCode,
    Reading,
    ServiceAssessment,
    SliSample,
    State,
    Unit,
)
from blocks.ports.incidents import EventKind, Incident, IncidentChange, Severity
from blocks.ports.journal import Journal
from blocks.ports.notifications import Channel

ALL = (Channel.SLACK_MESSAGE, Channel.SLACK_THREAD, Channel.PAGER)
HALF_AN_HOUR = timedelta(minutes=30)
AT = datetime(2026, 11, 23, 3, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def opened(root: str = "device-api", sentence: str = "device-api does not answer", **more: object) -> IncidentChange:
    return change(EventKind.OPENED, root, sentence, **more)


def changed(root: str = "device-api", sentence: str = "device-api is slow", **more: object) -> IncidentChange:
    return change(EventKind.CHANGED, root, sentence, **more)


def closed(root: str = "device-api", sentence: str = "device-api answers again", **more: object) -> IncidentChange:
    return change(EventKind.CLOSED, root, sentence, **more)


def change(kind: EventKind, root: str, sentence: str, **more: object) -> IncidentChange:
    given: dict[str, object] = {"severity": Severity.TICKET} | more
    return IncidentChange(kind=kind, root=root, sentence=sentence, **given)  # type: ignore[arg-type]


def latency(service: str = "device-api", value: float = 20.5, at: datetime = AT, attempt: int = 1) -> Reading:
    measured = (Measurement("latency", value, Unit.MILLISECONDS), Measurement("certificate", 80.25, Unit.DAYS))
    return Reading(
        service=service, check="health", started_at=at, elapsed_ms=value, measurements=measured, attempt=attempt
    )


def missing(service: str = "device-api", at: datetime = AT, attempt: int = 1) -> Reading:
    why = Missing(MissingCode.THROTTLED, "the API asked us to wait")
    return Reading(service=service, check="health", started_at=at, elapsed_ms=1.0, missing=why, attempt=attempt)


def begin(journal: Journal, platform: str = "hearth") -> UUID:
    sweep = uuid4()
    journal.start_sweep(sweep, platform, "digest")
    return sweep


def assess(
    journal: Journal,
    *changes: IncidentChange,
    sweep: UUID | None = None,
    platform: str = "hearth",
    statuses: Mapping[CheckKey, CheckStatus] | None = None,
    services: Sequence[ServiceAssessment] = (),
    samples: Sequence[SliSample] = (),
    verdict: str = "ok",
    channels: Sequence[Channel] = ALL,
    reopen_within: timedelta = HALF_AN_HOUR,
) -> Sequence[Incident]:
    return journal.record_assessment(
        sweep or begin(journal, platform),
        platform,
        statuses={} if statuses is None else statuses,
        services=services,
        samples=samples,
        verdict=verdict,
        changes=changes,
        channels=channels,
        reopen_within=reopen_within,
    )


def status(state: State = State.OK, sentence: str = "", **more: object) -> CheckStatus:
    return CheckStatus(state=state, sentence=sentence, **more)  # type: ignore[arg-type]
