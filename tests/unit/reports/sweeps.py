"""Services, readings and histories for the tests of reports."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from blocks.ports.health import CheckKey, Missing, MissingCode, Mode, Reading, ServiceAssessment, State
from blocks.ports.journal import StatePoint

AT = datetime(2026, 11, 23, 22, 14, tzinfo=UTC)
NAMES = (
    "device-api",
    "household-data",
    "device-updates",
    "message-ingestion",
    "archive",
    "private-cloud",
    "standby-server",
)


def a_service(name: str = "archive", state: State = State.OK, **changes) -> ServiceAssessment:
    values = {"mode": Mode.HARD, "since": AT - timedelta(hours=1), "sentence": f"all 3 checks {state.value}"} | changes
    return ServiceAssessment(service=name, state=state, **values)


def services() -> list[ServiceAssessment]:
    return [
        a_service("archive"),
        a_service("message-ingestion", State.WARNING, sentence="rate: latency 2,310 ms over the limit of 2,000 ms"),
        a_service("household-data", State.CRITICAL, sentence="query: connection refused by db1.hearth.example:5432"),
        a_service(
            "device-api", State.CRITICAL, sentence="health: HTTP 503", root_causes=("household-data",), reachable=False
        ),
        a_service(
            "private-cloud", State.UNKNOWN, mode=Mode.SOFT, sentence="services: not measured: credentials refused"
        ),
    ]


def missing_reading() -> Reading:
    return Reading(
        service="private-cloud", check="services", started_at=AT, elapsed_ms=12.0,
        missing=Missing(MissingCode.CREDENTIALS, "keystone answered 401 to vigie-reader"),
    )  # fmt: skip


def history(hours: int = 12, names=NAMES) -> list[StatePoint]:
    """A night: the database dies at three, the API follows, the cloud cannot be asked for a while."""
    chance = random.Random(7)
    points: list[StatePoint] = []
    for step in range(hours * 12):
        at = AT - timedelta(hours=hours) + timedelta(minutes=5 * step)
        for name in names:
            state = State.OK
            if name == "household-data" and 80 <= step < 95:
                state = State.CRITICAL
            if name == "device-api" and 81 <= step < 96:
                state = State.CRITICAL
            if name == "message-ingestion" and step % 40 > 35:
                state = State.WARNING
            if name == "private-cloud" and 100 <= step < 120:
                state = State.UNKNOWN
            if name == "archive" and 50 <= step < 62:
                continue
            value = (
                None
                if state in {State.CRITICAL, State.UNKNOWN}
                else 40 + 30 * chance.random() + (900 if state is State.WARNING else 0)
            )
            points.append(
                StatePoint(
                    key=CheckKey(name, "health"),
                    at=at,
                    state=state.value,
                    value=value,
                    unit="ms" if name != "archive" else "%",
                )
            )
    return points
