"""A platform that runs elsewhere: who is critical, where data is asked, and nothing at all for one that never moved."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from blocks.catalogue.model import Criticality, Customer, Platform
from blocks.ports.health import CheckKey, Finding, FindingCode, Measurement, Missing, MissingCode, Reading, State, Unit
from tasks.health.active import follow_active, without_alarm
from tasks.health.plan import SweepPlan, replay

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
DB1, DB2 = "db1.hearth.example:5432", "db2.dc-west.hearth.example:5432"


def a_service(name: str, site: str, criticality: str, *depends_on: str, **checks: dict[str, object]):
    named = {check: {"name": check, "attempts": 1, **given} for check, given in checks.items()}
    return {
        "name": name,
        "kind": "web",
        "site": site,
        "criticality": criticality,
        "depends_on": depends_on,
        "checks": named,
    }


def login(address: str, *, slo: bool) -> dict[str, object]:
    return {"kind": "database", "address": address, "database": "household", "slo": slo}


REPLICATION = {"kind": "replication", "address": DB1, "database": "household", "standby": "hearth_db2"}
SERVICES = (
    a_service("api", "azure-west", "critical", "data", "archive", health={"kind": "tcp", "address": "api:443"}),
    a_service("api-recovery", "dc-west", "important", "data-standby"),
    a_service(
        "data", "azure-west", "critical", "vm", login=login(DB1, slo=True), own=login(DB1, slo=False),
        replication=REPLICATION, port={"kind": "tcp", "address": DB1},
    ),
    a_service("data-standby", "dc-west", "important", "standby-vm", login=login(DB2, slo=False)),
    a_service("vm", "azure-west", "critical", "rack"),
    a_service("rack", "azure-west", "critical"),
    a_service("archive", "azure-west", "critical"),
    a_service("ingestion", "azure-west", "critical", "archive"),
    a_service("standby-vm", "dc-west", "minor"),
    a_service("digest", "azure-west", "important"),
    a_service("digest-recovery", "dc-west", "minor"),
)  # fmt: skip
PLAN = {
    "rto": "15min",
    "rpo": "1min",
    "priority": 1,
    "commit_window": "1h",
    "data": {
        "household": {
            "members": {"azure-west": "data", "dc-west": "data-standby"},
            "hosts": {"azure-west": "db1.hearth.example:8443", "dc-west": "db2.dc-west.hearth.example:8443"},
            "database": "household",
        }
    },
    "services": {
        "api": {"sites": {"azure-west": "api", "dc-west": "api-recovery"}},
        "ingestion": {"degraded": "devices keep their messages"},
    },
    "second_workers": {"digest": {"sites": {"azure-west": "digest", "dc-west": "digest-recovery"}}},
    "traffic": {},
    "proofs": ["api/health"],
}


def a_platform(**changes: object) -> Platform:
    given: dict[str, object] = {
        "name": "hearth",
        "customer": "hearth",
        "sites": {
            "azure-west": {"provider": "azure", "region": "w", "role": "primary", "credentials": "reader"},
            "dc-west": {"provider": "openstack", "region": "w", "role": "recovery", "credentials": "reader"},
        },
        "services": {service["name"]: service for service in SERVICES},
        "recovery": PLAN,
    }
    return Platform.model_validate(given | changes)


HEARTH = a_platform()
MOVED = follow_active(HEARTH, "dc-west")


@pytest.mark.parametrize("active", ["", "azure-west", "a-site-that-left-the-catalogue"])
def test_at_home_nothing_changes(active):
    assert follow_active(HEARTH, active).platform is HEARTH
    assert not follow_active(HEARTH, active).way_back
    assert not follow_active(HEARTH, active).muted


def test_without_a_recovery_plan_nothing_changes():
    bare = a_platform(recovery=None)
    assert follow_active(bare, "dc-west").platform is bare


def test_the_catalogue_is_never_changed():
    follow_active(HEARTH, "dc-west")
    assert a_platform() == HEARTH


@pytest.mark.parametrize(
    ("service", "criticality"),
    [
        ("api", Criticality.IMPORTANT),
        ("api-recovery", Criticality.CRITICAL),
        ("data", Criticality.IMPORTANT),
        ("data-standby", Criticality.CRITICAL),
        ("vm", Criticality.IMPORTANT),  # nothing but what was left depends on it
        ("rack", Criticality.IMPORTANT),  # nor on this, in the end
        ("archive", Criticality.CRITICAL),  # others still need it
        ("ingestion", Criticality.CRITICAL),  # it has no counterpart: its clients suffer
        ("standby-vm", Criticality.MINOR),
        ("digest", Criticality.IMPORTANT),
        ("digest-recovery", Criticality.IMPORTANT),
    ],
)
def test_criticality_follows_activity(service, criticality):
    assert MOVED.platform.services[service].criticality is criticality


def test_what_is_less_than_important_does_not_rise_by_being_left():
    services = {s["name"]: s | {"criticality": "minor"} for s in SERVICES}
    moved = follow_active(a_platform(services=services), "dc-west")
    assert {s.criticality for s in moved.platform.services.values()} == {Criticality.MINOR}


def test_data_is_asked_where_it_is():
    checks = MOVED.platform.services["data"].checks
    assert (checks["replication"].address, checks["replication"].standby) == (DB2, "")
    assert checks["login"].address == DB2  # it counts for the service level
    assert checks["own"].address == checks["port"].address == DB1
    assert MOVED.platform.services["data-standby"].checks == HEARTH.services["data-standby"].checks
    assert MOVED.way_back == {CheckKey("data", "replication")}


def test_without_an_address_of_the_other_member_nothing_is_asked_elsewhere():
    services = {s["name"]: s | ({"checks": {}} if s["name"] == "data-standby" else {}) for s in SERVICES}
    moved = follow_active(a_platform(services=services), "dc-west")
    assert moved.platform.services["data"].checks == HEARTH.services["data"].checks
    assert moved.way_back == {CheckKey("data", "replication")}


def test_a_second_worker_that_was_left_is_muted_with_the_reason():
    assert MOVED.muted == {"digest": "runs in dc-west"}


# -- what it means in a sweep ------------------------------------------------------------------


def a_reading(**seen: object) -> Reading:
    return Reading(service="data", check="replication", started_at=AT, elapsed_ms=1.0, **seen)  # type: ignore[arg-type]


def state_of(reading: Reading, moved: bool) -> tuple[State, str]:
    seen = MOVED if moved else follow_active(HEARTH, "")
    plan = SweepPlan(
        sweep=UUID(int=1), platform=seen.platform, customer=Customer(name="hearth", time_zone="UTC", channel="c"),
        catalogue_digest="", started_at=AT, statuses={}, maintenance={}, way_back=seen.way_back,
    )  # fmt: skip
    status = replay(plan, [reading])[CheckKey("data", "replication")].status
    return status.state, status.sentence


GONE = {"finding": Finding(FindingCode.NOT_REPLICATING, "the standby is not connected to db2")}
REFUSED = {"finding": Finding(FindingCode.CONNECTION_REFUSED, "db2 refused the connection")}
UNSEEN = {"missing": Missing(MissingCode.CREDENTIALS, "refused")}
FAR = {"measurements": (Measurement("lag", 0.0, Unit.SECONDS), Measurement("lag_bytes", 0.0, Unit.BYTES))}


@pytest.mark.parametrize(
    ("seen", "at_home", "elsewhere"),
    [
        (GONE, State.CRITICAL, State.WARNING),
        (REFUSED, State.CRITICAL, State.CRITICAL),
        (UNSEEN, State.UNKNOWN, State.UNKNOWN),
        (FAR, State.OK, State.OK),
    ],
)
def test_a_missing_standby_is_a_warning_elsewhere_and_nothing_else_is(seen, at_home, elsewhere):
    assert state_of(a_reading(**seen), moved=False)[0] is at_home
    assert state_of(a_reading(**seen), moved=True)[0] is elsewhere


def test_it_says_that_there_is_no_way_back():
    assert state_of(a_reading(**GONE), moved=True)[1] == "no way back yet: the standby is not connected to db2"
    assert without_alarm(a_reading(**FAR)) == a_reading(**FAR)
