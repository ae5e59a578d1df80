"""Does the table know every kind, and only what adapters can measure?"""

from __future__ import annotations

from importlib import import_module

import pytest

from blocks.catalogue.kinds import (
    KINDS,
    UNITS,
    allowed_checks,
    open_prober_path,
    open_restarter_path,
    prober_for,
    units_of,
)
from blocks.catalogue.model import Limits, MetricCheck
from blocks.catalogue.shape import CHECKS
from blocks.errors import Refused
from blocks.ports.health import Unit


def test_every_check_kind_has_units_and_a_service_that_may_have_it():
    assert set(UNITS) == set(CHECKS)
    assert set().union(*(allowed_checks(kind) for kind in KINDS)) == set(CHECKS)


@pytest.mark.parametrize("kind", CHECKS)
def test_limits_judge_what_is_measured(kind):
    judged = {name for name, field in CHECKS[kind].model_fields.items() if field.annotation is Limits}
    assert judged <= ({"value"} if kind == "metric" else set(UNITS[kind]))


@pytest.mark.parametrize(
    ("service", "check", "prober"),
    [
        ("azure.app_service", "http", "network"),
        ("web", "dns", "network"),
        ("postgres", "tls", "network"),
        ("postgres", "tcp", "network"),
        ("azure.storage_account", "heartbeat", "journal"),
        ("postgres", "database", "postgres"),
        ("aws.rds_instance", "database", "postgres"),
        ("postgres", "replication", "postgres"),
        ("azure.iot_hub", "quota", "azure"),
        ("openstack.compute", "quota", "openstack"),
        ("aws.sqs_queue", "metric", "aws"),
        ("openstack.server", "resource_state", "openstack"),
    ],
)
def test_who_measures(service, check, prober):
    assert prober_for(service, check) == prober


def test_what_nobody_can_measure_is_refused():
    with pytest.raises(ValueError, match="a web service cannot have a metric check"):
        prober_for("web", "metric")
    with pytest.raises(KeyError):
        prober_for("web.2", "http")


def test_where_a_prober_is_opened():
    assert open_prober_path("azure") == "blocks.azure.prober:open_prober"
    with pytest.raises(ValueError, match="expected one of"):
        open_prober_path("gcp")  # type: ignore[arg-type]


def test_every_kind_that_is_restarted_has_a_restarter_to_open():
    restarted = [name for name, kind in KINDS.items() if kind.restarts]
    assert restarted
    for name in restarted:
        module, _, function = open_restarter_path(name).partition(":")
        assert callable(getattr(import_module(module), function))


def test_a_kind_that_is_not_restarted_is_refused_with_those_that_are():
    with pytest.raises(Refused, match=r"azure.iot_hub is not restarted.*aws.autoscaling_group"):
        open_restarter_path("azure.iot_hub")
    with pytest.raises(KeyError):
        open_restarter_path("web.2")


def test_a_metric_is_measured_in_its_own_unit():
    check = MetricCheck(kind="metric", metric="x", unit=Unit.BYTES, value=Limits())
    assert units_of(check) == {"value": Unit.BYTES}
