"""Incidents of recovery plans and those of sweeps live in one journal, told by one ledger, and leave each other alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.errors import Broken
from blocks.ports.health import Mode, ServiceAssessment, State
from blocks.ports.incidents import EventKind, Severity
from blocks.ports.notifications import Channel, Sent
from deployments.sandbox.state import CHECKOUT
from tasks.incidents.decide import plan_incidents
from tasks.recovery.readiness import NOT_SEEN, Finding
from tasks.recovery.unready import plan_unready
from tests.contract.journal.words import ALL, HALF_AN_HOUR, MINUTE, assess, opened

HEARTH = load_catalogue(CHECKOUT / "deployments" / "catalogue").platforms["hearth"]
ROOM = "dc-west could not take hearth: 4 cores are needed and 2 are free. Next: have the quota raised"
FULL = Finding(name="capacity-dc-west", severity=State.CRITICAL, sentence=ROOM)
DRILL = Finding(name="last-drill", severity=State.WARNING, sentence="no drill was ever tried. Next: make a drill")
BLIND = Finding(name="traffic-api", severity=State.UNKNOWN, sentence=f"nobody can say. {NOT_SEEN}")


def look(journal, *found, still=""):
    """As the step does it: decided against what is there, and written."""
    changes = plan_unready(
        found,
        journal.open_incidents("hearth"),
        recently_closed=journal.recently_closed("hearth", HALF_AN_HOUR),
        at=journal.now(),
        still=still,
    )
    return journal.record_readiness(uuid4(), "hearth", changes=changes, channels=ALL, reopen_within=HALF_AN_HOUR)


def sweep(journal, state=State.OK):
    """A sweep that measured device-api."""
    said = f"device-api is {state.value}"
    service = ServiceAssessment(
        service="device-api", state=state, mode=Mode.HARD, since=journal.now(), sentence=said, root_causes=()
    )
    changes = plan_incidents(
        HEARTH,
        [service],
        [],
        open_incidents=journal.open_incidents("hearth"),
        recently_closed=journal.recently_closed("hearth", HALF_AN_HOUR),
        at=journal.now(),
    )
    return assess(journal, *changes)


def roots(journal):
    return {each.root for each in journal.open_incidents("hearth")}


def told(journal):
    """Everything that is to be told, as (root, channel, kind), as if it were sent."""
    found = []
    while batch := journal.claim_deliveries("hearth", limit_count=50, lease=MINUTE):
        for delivery in batch:
            about, _ = journal.incident(delivery.incident)
            found.append((about.root, delivery.channel, delivery.event.kind))
            journal.mark_sent(delivery.id, Sent("reference", "channel"))
    return found


def test_findings_are_incidents_and_only_what_is_critical_is_told(journal):
    look(journal, FULL, DRILL, BLIND)
    found = {each.root: each.severity for each in journal.open_incidents("hearth")}
    assert found == {
        "readiness:capacity-dc-west": Severity.TICKET,
        "readiness:last-drill": Severity.NOTICE,
        "readiness:traffic-api": Severity.NOTICE,
    }
    assert told(journal) == [("readiness:capacity-dc-west", Channel.SLACK_MESSAGE, EventKind.OPENED)]
    assert journal.verify_chain("hearth") == 3


def test_looking_again_is_one_incident_and_nothing_new_to_tell(journal):
    (first, *_) = look(journal, FULL, DRILL)
    told(journal)
    assert look(journal, FULL, DRILL) == []
    assert told(journal) == []
    assert journal.incident(first.id)[0].version == 1


def test_mended_it_closes_the_message_is_renewed_and_a_relapse_is_the_same_incident(journal):
    (first,) = look(journal, FULL)
    told(journal)
    (closed,) = look(journal)
    assert (closed.id, closed.is_open, closed.sentence) == (first.id, False, "ready again after 1min")
    assert told(journal) == [
        (first.root, Channel.SLACK_MESSAGE, EventKind.CLOSED),
        (first.root, Channel.SLACK_THREAD, EventKind.CLOSED),
    ]
    (again,) = look(journal, FULL)
    assert (again.id, again.reopened_count) == (first.id, 1)


def test_a_sweep_leaves_readiness_alone_and_readiness_the_sweeps(journal):
    look(journal, FULL, DRILL)
    sweep(journal, State.CRITICAL)
    both = {"readiness:capacity-dc-west", "readiness:last-drill", "device-api"}
    assert roots(journal) == both
    sweep(journal, State.CRITICAL)
    look(journal, FULL, DRILL)
    assert roots(journal) == both
    look(journal)
    assert roots(journal) == {"device-api"}
    look(journal, DRILL)
    sweep(journal)
    assert roots(journal) == {"readiness:last-drill"}


def test_a_sweep_of_a_measurement_at_fault_leaves_it_alone_too(journal):
    look(journal, FULL)
    changes = plan_incidents(
        HEARTH, [], [], open_incidents=journal.open_incidents("hearth"), recently_closed=[], at=journal.now(), monitoring_fault="no"
    )  # fmt: skip
    assess(journal, *changes)
    assert roots(journal) == {"readiness:capacity-dc-west", "monitoring"}


def test_during_a_night_nothing_moves(journal):
    look(journal, DRILL)
    assert look(journal, FULL, still="a failover to dc-west is under way") == []
    assert roots(journal) == {"readiness:last-drill"}


def test_people_take_and_silence_it_like_any_other(journal):
    (found,) = look(journal, FULL)
    assert journal.acknowledge(found.id, "amelie", ALL).acknowledged_by == "amelie"
    until = journal.now() + timedelta(hours=2)
    journal.silence(found.id, "amelie", until, ALL)
    told(journal)
    worse = Finding(name=FULL.name, severity=FULL.severity, sentence="dc-west is gone. Next: leave")
    (changed,) = look(journal, worse)
    assert changed.sentence == worse.sentence
    assert told(journal) == []


def test_other_peoples_incidents_cannot_be_changed_by_this_door(journal):
    assess(journal, opened("device-api"))
    with pytest.raises(Broken, match="changes no incident of device-api"):
        journal.record_readiness(
            uuid4(), "hearth", changes=[opened("device-api", "no")], channels=ALL, reopen_within=HALF_AN_HOUR
        )
    assert journal.open_incidents("hearth")[0].sentence != "no"


def test_one_look_at_a_platform_at_a_time_and_beside_a_sweep(journal):
    with (
        journal.readiness_lock("hearth") as first,
        journal.readiness_lock("hearth") as second,
        journal.readiness_lock("storefront") as other,
        journal.sweep_lock("hearth") as swept,
    ):
        assert (first, second, other, swept) == (True, False, True, True)


def test_the_right_to_look_is_given_back_before_anybody_else_asks(journal):
    """A session that only ends holds its lock until the server has noticed: the next look would be called too late."""
    assert not journal.is_sweeping("hearth")
    held = []
    for _ in range(100):
        with journal.sweep_lock("hearth") as granted:
            assert granted
        held.append(journal.is_sweeping("hearth"))  # over a connection that is open already: sooner than any new one
    assert not any(held)
