"""A dark site: does whoever reads the incident learn that there is a way out, and is it never said too soon?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.ports.health import CheckKey, CheckStatus, Mode, State
from blocks.ports.incidents import EventKind, Incident, IncidentEvent, Severity
from blocks.ports.notifications import IncidentPicture
from blocks.slack.render import render_event, render_incident
from blocks.slack.voice import Voice
from blocks.slack.words import explain, headline
from tasks.health.decide import assess_services
from tasks.incidents.decide import plan_incidents
from tasks.incidents.way_out import without_way_out

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
CATALOGUE = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"
WEST, DC = ("device-api", "household-data"), ("device-api-recovery", "household-data-standby")
OFFER = "all that can move out of {} is down ({}); look at the way out, it changes nothing: vigie plan failover hearth"
INCIDENT = UUID("8f3a2b1c-0000-4000-8000-000000000001")


@pytest.fixture(scope="module")
def platforms():
    return load_catalogue(CATALOGUE).platforms


def plan(
    platform, failing, *, state=State.CRITICAL, mode=Mode.HARD, maintenance=None, active="", incidents=(), unmeasured=()
):
    """`failing` services are in `state`, all others are ok but those that are not measured."""
    statuses = {
        CheckKey(service.name, check): CheckStatus(
            state=state if service.name in failing else State.UNKNOWN if service.name in unmeasured else State.OK,
            mode=mode,
            since=AT,
            sentence="as told",
        )
        for service in platform.services.values()
        for check in service.checks
    }
    services = assess_services(platform, statuses, maintenance or {})
    return plan_incidents(platform, services, [], open_incidents=incidents, recently_closed=[], at=AT, active=active)


def offered(changes):
    """Root -> what is offered there."""
    return {change.root: change.numbers["way_out"] for change in changes if "way_out" in change.numbers}


def test_a_dark_site_says_where_to_look_next(platforms):
    changes = plan(platforms["hearth"], {*WEST, "message-ingestion", "device-updates"})
    offer = OFFER.format("azure-west", "device-api, household-data")
    assert offered(changes) == {"household-data": offer}, "not on the incidents of what does not move"
    (said,) = [change.sentence for change in changes if change.root == "household-data"]
    assert said.endswith(f": as told; {offer}"), "after the cause"


def test_where_the_cause_could_not_be_measured_the_way_out_comes_first(platforms):
    (change,) = plan(platforms["hearth"], WEST, unmeasured={"household-data-vm"})
    assert (change.root, change.affected) == ("household-data-vm", WEST)
    assert change.sentence.startswith(OFFER.format("azure-west", "device-api, household-data"))


@pytest.mark.parametrize(
    ("failing", "more"),
    [
        ({"household-data"}, {}),
        ({"device-api"}, {}),
        ({"device-api", "message-ingestion", "device-updates", "archive", "household-digest"}, {}),
        (DC, {}),
        ((*DC, "private-cloud", "standby-server"), {}),
        (WEST, {"mode": Mode.SOFT}),
        (WEST, {"state": State.WARNING}),
        (WEST, {"state": State.UNKNOWN}),
        (WEST, {"maintenance": {"household-data": "rack move"}}),
        (WEST, {"active": "dc-west"}),
        ((), {}),
    ],
)
def test_it_is_not_said_while_anything_may_still_serve_or_nothing_is_known(platforms, failing, more):
    assert offered(plan(platforms["hearth"], failing, **more)) == {}


def test_elsewhere_it_looks_at_the_site_that_serves(platforms):
    assert offered(plan(platforms["hearth"], DC, active="dc-west")) == {
        "household-data-standby": OFFER.format("dc-west", "device-api-recovery, household-data-standby")
    }


def test_a_platform_without_a_plan_is_offered_nothing(platforms):
    assert offered(plan(platforms["storefront"], set(platforms["storefront"].services))) == {}


def test_the_last_service_that_goes_down_is_news_and_so_is_the_first_that_comes_back(platforms):
    hearth = platforms["hearth"]
    before = Incident(
        id=INCIDENT, platform="hearth", root="household-data", severity=Severity.PAGE, sentence="as told", opened_at=AT
    )
    (change,) = plan(hearth, WEST, incidents=[before])
    assert (change.kind, change.affected) == (EventKind.CHANGED, ("device-api",))
    assert "vigie plan failover hearth" in change.sentence
    dark = Incident(
        id=INCIDENT, platform="hearth", root="household-data", severity=Severity.PAGE, sentence=change.sentence,
        affected=change.affected, opened_at=AT,
    )  # fmt: skip
    assert plan(hearth, WEST, incidents=[dark]) == []
    (change,) = plan(hearth, {"household-data"}, incidents=[dark])
    assert "vigie plan" not in change.sentence


@pytest.mark.parametrize(
    ("language", "offer"),
    [
        ("en", OFFER.format("azure-west", "device-api, household-data")),
        (
            "fr",
            "tout ce qui peut quitter azure-west est en panne (device-api, household-data) ; voir comment en sortir",
        ),
    ],
)
def test_people_read_it_in_the_message_and_in_its_thread(platforms, language, offer):
    (change,) = plan(platforms["hearth"], WEST, unmeasured={"household-data-vm"})
    incident = Incident(
        id=INCIDENT, platform="hearth", root=change.root, severity=change.severity, sentence=change.sentence,
        affected=change.affected, opened_at=AT,
    )  # fmt: skip
    event = IncidentEvent(
        incident=INCIDENT, at=AT + timedelta(minutes=1), kind=change.kind, text=change.sentence, numbers=change.numbers
    )
    picture = IncidentPicture(
        incident=incident, events=(event,), customer="hearth", language=language, time_zone="Europe/Paris", run_url=""
    )
    head = headline(picture).replace("\u00a0", " ")
    assert offer.split(";")[0].strip() in head, "what rings says it, before any cause"
    assert len(head) <= 150
    bodies = "\n".join(block.get("text", {}).get("text", "") for block in render_incident(picture)[1])
    assert offer in bodies.replace("\u00a0", " ")
    assert offer in render_event(picture, event)[0].replace("\u00a0", " ")


def test_where_the_cause_is_a_clouds_own_prose_the_offer_is_still_said():
    """The facts are said instead of the prose, and the offer is one of them."""
    numbers = {"code": "alarm", "way_out": OFFER.format("azure-west", "device-api")}
    said = explain(Voice("fr", "Europe/Paris"), numbers, f"zorp blivet quux; {numbers['way_out']}")
    assert "zorp" not in said
    assert "sans rien changer : vigie plan failover hearth" in said.replace("\u00a0", " ")


def test_where_the_way_out_is_planned_already_nobody_is_told_to_plan_it(platforms):
    (change,) = plan(platforms["hearth"], WEST)
    known = without_way_out(change.sentence)
    kept = "login, replication, port: as told; all that can move out of azure-west is down (device-api, household-data)"
    assert known == kept
    assert without_way_out("as told; and more") == "as told; and more"
