"""What a whole sweep means: the worst that was found, and nothing at all when the measurement is at fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from blocks.catalogue.model import Customer, Platform
from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Mode,
    Reading,
    SliSample,
    State,
    Unit,
)
from blocks.ports.incidents import EventKind, Incident, Severity
from tasks.health.assessment import MONITORING_FAULT, assess_sweep
from tasks.health.measurement import MeasurementVerdict
from tasks.health.plan import SweepPlan

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
BELIEVED, AT_FAULT = MeasurementVerdict(3, ()), MeasurementVerdict(3, ("api/a: is not fresh", "db/a: took a year"))
HEARTH = Platform(
    name="hearth", customer="hearth",
    sites={"west": {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "reader"}},
    services={
        name: {"name": name, "kind": "web", "site": "west", "criticality": "critical", "depends_on": on,
               "checks": {"a": {"kind": "tcp", "name": "a", "address": "h:1", "attempts": 1}}, "slos": slos}
        for name, on, slos in (
            ("api", ("db",), {"availability": {"name": "availability", "objective": "99.9 %"}}),
            ("db", (), {}),
            ("page", (), {}),
        )
    },
)  # fmt: skip
WELL = {"measurements": (Measurement("latency", 3.0, Unit.MILLISECONDS),)}
REFUSED = {"finding": Finding(FindingCode.CONNECTION_REFUSED, "h:1 refused the connection")}
UNREACHED = {"missing": Missing(MissingCode.THROTTLED, "later")}
WARNED = {"finding": Finding(FindingCode.ALARM, "the alarm warns", State.WARNING)}


def assess(measurement=BELIEVED, *, statuses=None, open_incidents=(), earlier=(), **seen):
    plan = SweepPlan(
        sweep=uuid4(), platform=HEARTH, customer=Customer(name="hearth", time_zone="Europe/Paris", channel="c"),
        catalogue_digest="d", started_at=AT, statuses=statuses or {}, maintenance={},
    )  # fmt: skip
    readings = [
        Reading(service=name, check="a", started_at=AT + timedelta(seconds=1), elapsed_ms=3.0, **seen.get(name, WELL))
        for name in HEARTH.services
    ]
    return assess_sweep(
        plan, readings, measurement,
        earlier_samples=earlier, open_incidents=open_incidents, recently_closed=(), at=AT + timedelta(seconds=5),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "verdict", "sentence", "counts"),
    [
        ({}, "ok", "hearth: 3 services, 3 ok", (0, 0)),
        ({"page": WARNED}, "warning", "hearth: 3 services, 1 warning, 2 ok; root cause page", (1, 0)),
        ({"page": WARNED, "api": UNREACHED}, "unknown",
         "hearth: 3 services, 1 unknown, 1 warning, 1 ok; root cause api, page", (2, 1)),
        ({"page": UNREACHED, "api": REFUSED, "db": REFUSED}, "critical",
         "hearth: 3 services, 2 critical, 1 unknown; root cause db, page", (3, 1)),
    ],
)  # fmt: skip
def test_a_sweep_is_as_bad_as_its_worst_service(seen, verdict, sentence, counts):
    assessed = assess(**seen)
    assert (assessed.verdict, assessed.sentence) == (verdict, sentence)
    assert (assessed.problem_count, assessed.missing_count) == counts
    assert [change.root for change in assessed.changes if change.kind is EventKind.OPENED] == (
        sentence.partition("root cause ")[2].split(", ") if verdict != "ok" else []
    )
    assert [(sample.slo, sample.bad_count) for sample in assessed.samples] in (
        [("api/availability", 0)],
        [("api/availability", 1)],
    )


def test_a_measurement_at_fault_is_no_health_and_moves_nothing_but_its_own_incident():
    was = CheckStatus(state=State.CRITICAL, mode=Mode.HARD, since=AT, checked_at=AT, sentence="refused")
    remembered = {CheckKey(name, "a"): was if name == "db" else CheckStatus(checked_at=AT) for name in HEARTH.services}
    db = Incident(
        id=UUID(int=7), platform="hearth", root="db", severity=Severity.PAGE, sentence="refused", opened_at=AT
    )
    assessed = assess(AT_FAULT, statuses=remembered, open_incidents=[db], api=REFUSED)
    assert assessed.verdict == MONITORING_FAULT
    assert assessed.sentence == (
        "hearth: the measurement itself is at fault, health is not judged: api/a: is not fresh; db/a: took a year"
    )
    assert assessed.statuses == remembered
    assert not assessed.samples
    assert [(change.kind, change.root) for change in assessed.changes] == [(EventKind.OPENED, "monitoring")]
    believed = assess(statuses=remembered, open_incidents=[db])
    assert [(change.kind, change.root) for change in believed.changes] == [(EventKind.CLOSED, "db")]


def test_burns_are_made_of_this_sweep_and_those_before():
    start = AT.replace(minute=0)
    earlier = [
        SliSample(slo="api/availability", bucket=start - timedelta(minutes=5 * n), good_count=0, bad_count=1)
        for n in range(1, 12)
    ]
    assert {burn.slo for burn in assess(earlier=earlier, api=REFUSED).burns} == {"api/availability"}
    assert not assess(api=REFUSED).burns, "one bad sweep burns nothing"
