"""The two platforms that ship: every single failure and the failure of everything, told once each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.model import Criticality
from blocks.ports.health import CheckKey, CheckStatus, State
from blocks.ports.incidents import Severity
from tasks.health.decide import assess_services
from tasks.incidents.decide import plan_incidents

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
CATALOGUE = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"


@pytest.fixture(scope="module")
def platforms():
    return load_catalogue(CATALOGUE).platforms


def plan(platform, failing):
    statuses = {
        CheckKey(service.name, check): CheckStatus(
            state=State.CRITICAL if service.name in failing else State.OK, since=AT, sentence="as told"
        )
        for service in platform.services.values()
        for check in service.checks
    }
    services = assess_services(platform, statuses, {})
    return plan_incidents(platform, services, [], open_incidents=[], recently_closed=[], at=AT)


@pytest.mark.parametrize("name", ["hearth", "storefront"])
def test_each_failure_alone_is_one_incident(platforms, name):
    platform = platforms[name]
    for service in platform.services.values():
        (change,) = plan(platform, {service.name})
        assert (change.root, change.affected) == (service.name, ())
        assert change.page is (service.criticality is Criticality.CRITICAL)


@pytest.mark.parametrize("name", ["hearth", "storefront"])
def test_everything_down_names_every_service_once(platforms, name):
    platform = platforms[name]
    changes = plan(platform, set(platform.services))
    told = [service for change in changes for service in (change.root, *change.affected)]
    assert sorted(told) == sorted(platform.services)
    assert len(changes) < len(platform.services), "dependencies explain some of them"
    assert any(change.severity is Severity.PAGE for change in changes)


def test_the_household_database_explains_the_device_api(platforms):
    (change,) = plan(platforms["hearth"], {"household-data", "device-api"})
    assert (change.root, change.affected, change.page) == ("household-data", ("device-api",), True)
