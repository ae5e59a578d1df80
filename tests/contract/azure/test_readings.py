"""Every check kind, on healthy and on broken resources, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blocks.catalogue.model import (
    IotConnectedCheck,
    IotMessageRateCheck,
    MetricCheck,
    QuotaCheck,
    ResourceHealthCheck,
    ResourceStateCheck,
    TcpCheck,
)
from blocks.errors import Broken
from blocks.ports.health import FindingCode, Measurement, MissingCode, State, Unit
from tests.contract.azure.conftest import ARCHIVE, HUB, MACHINE, RESOURCES, SITE, Azure

STATE = ResourceStateCheck(kind="resource_state")
HEALTH = ResourceHealthCheck(kind="resource_health")
CONNECTED = IotConnectedCheck(kind="iot_connected", connected={"warning": "< 90 %"})
RATE = IotMessageRateCheck(kind="iot_message_rate", against_last_week={"warning": "< 70 %"})


def metric(name: str, unit: str, aggregation: str = "average", **more: object) -> MetricCheck:
    return MetricCheck(
        kind="metric", metric=name, unit=unit, aggregation=aggregation, value={"warning": "> 1 count"}, **more
    )


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("check", [STATE, HEALTH], ids=["state", "health"])
async def test_a_healthy_resource_is_available(azure: Azure, resource: str, check: object) -> None:
    reading = await azure.probe(resource, check)
    assert (reading.measurements, reading.finding, reading.missing) == (
        (Measurement("available", 1.0, Unit.COUNT),),
        None,
        None,
    )
    assert reading.elapsed_ms > 0
    assert datetime.now(UTC) - reading.started_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("resource", "word"),
    [(SITE, "Stopped"), (MACHINE, "PowerState/stopped"), (HUB, "Suspended"), (ARCHIVE, "unavailable")],
)
async def test_a_killed_resource_is_critical_and_says_its_state(azure: Azure, resource: str, word: str) -> None:
    azure.break_(resource.rsplit("/", 1)[1], "kill")
    reading = await azure.probe(resource, STATE)
    assert reading.finding is not None
    assert (reading.finding.code, reading.finding.state) == (FindingCode.RESOURCE_STATE, State.CRITICAL)
    assert word in reading.finding.text
    assert reading.measurements[0].value == 0


async def test_a_state_that_is_expected_to_differ_is_right(azure: Azure) -> None:
    azure.break_("hearth-db-1", "kill")
    reading = await azure.probe(MACHINE, ResourceStateCheck(kind="resource_state", expect="PowerState/stopped"))
    assert reading.finding is None


async def test_resource_health_says_why_without_html(azure: Azure) -> None:
    azure.break_("hearth-device-api", "kill")
    reading = await azure.probe(SITE, HEALTH)
    assert reading.finding is not None
    assert "unavailable" in reading.finding.text
    assert "<" not in reading.finding.text


async def test_a_deleted_resource_is_critical(azure: Azure) -> None:
    reading = await azure.probe(SITE + "-gone", STATE)
    assert reading.finding is not None
    assert "does not exist" in reading.finding.text


async def test_ids_in_another_casing_mean_the_same_resource(azure: Azure) -> None:
    for resource in (SITE.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), MACHINE.lower()):
        assert (await azure.probe(resource, STATE)).finding is None


@pytest.mark.parametrize(
    ("resource", "check", "low", "high"),
    [
        (SITE, metric("HttpResponseTime", "s"), 0.05, 0.2),
        (SITE, metric("HttpResponseTime", "ms"), 50, 200),
        (SITE, metric("Requests", "count", "total"), 900, 9000),
        (SITE, metric("Requests", "/s", "total"), 3, 30),
        (MACHINE, metric("Percentage CPU", "%"), 10, 60),
        (ARCHIVE, metric("Availability", "%"), 100, 100),
        (ARCHIVE, metric("UsedCapacity", "bytes", window="1h"), 7e10, 8e10),
        (HUB, metric("connectedDeviceCount", "count", "minimum", window="7min"), 1000, 1200),
        (MACHINE, metric("Percentage CPU", "count", "count", window="10min"), 10, 10),
    ],
    ids=lambda value: getattr(value, "metric", None),
)
async def test_a_metric_is_read_in_the_unit_that_was_asked_for(
    azure: Azure, resource: str, check: MetricCheck, low: float, high: float
) -> None:
    reading = await azure.probe(resource, check)
    (value,) = reading.measurements
    assert (value.name, value.unit) == ("value", check.unit)
    assert low <= value.value <= high


async def test_a_spike_shows_in_the_metric(azure: Azure) -> None:
    azure.break_("hearth-device-api", "metric-spike")
    reading = await azure.probe(SITE, metric("Http5xx", "count", "total"))
    assert reading.measurements[0].value > 1000


async def test_a_metric_without_points_is_missing_and_never_zero(azure: Azure) -> None:
    azure.break_("hearth-db-1", "kill")
    reading = await azure.probe(MACHINE, metric("Percentage CPU", "%"))
    assert reading.missing is not None
    assert reading.missing.code == MissingCode.NO_DATA
    assert (reading.measurements, reading.finding) == ((), None)


async def test_an_unknown_metric_names_the_nearest(azure: Azure) -> None:
    with pytest.raises(Broken, match="'Percentage CPU'") as raised:
        await azure.probe(MACHINE, metric("Percent CPU", "%"))
    assert raised.value.code == MissingCode.PROBE_FAILED


async def test_a_window_finer_than_the_metric_is_a_fault_of_the_catalogue(azure: Azure) -> None:
    with pytest.raises(Broken, match="UsedCapacity is not kept per 5min, but per 1h, 1d"):
        await azure.probe(ARCHIVE, metric("UsedCapacity", "bytes"))


async def test_a_unit_that_azure_does_not_use_is_a_fault_of_the_catalogue(azure: Azure) -> None:
    with pytest.raises(Broken, match="in Percent, the check expects bytes"):
        await azure.probe(MACHINE, metric("Percentage CPU", "bytes"))


async def test_the_share_of_connected_devices(azure: Azure) -> None:
    share, count = (await azure.probe(HUB, CONNECTED)).measurements
    assert (share.name, share.unit, count) == ("connected", Unit.PERCENT, Measurement("device_count", 1200, Unit.COUNT))
    assert 92 < share.value < 100
    azure.break_("hearth-hub", "metric-spike")
    assert (await azure.probe(HUB, CONNECTED)).measurements[0].value == pytest.approx(50)


def timespans(azure: Azure) -> list[str]:
    """The windows that were asked for, as they went over the wire."""
    asked = [one["query"] for one in azure.simulator.traffic.exchanges]
    return [query["timespan"] for query in asked if "timespan" in query]


async def test_messages_are_compared_with_the_same_hour_last_week(azure: Azure) -> None:
    share, rate = (await azure.probe(HUB, RATE)).measurements
    assert (share.name, share.unit, rate.name, rate.unit) == (
        "against_last_week",
        Unit.PERCENT,
        "rate",
        Unit.PER_SECOND,
    )
    today, last_week = ([datetime.fromisoformat(end) for end in span.split("/")] for span in timespans(azure))
    assert [now - then for now, then in zip(today, last_week, strict=True)] == [timedelta(days=7)] * 2
    assert 95 < share.value < 105
    assert 0.5 < rate.value < 5
    azure.break_("hearth-hub", "metric-spike")
    assert (await azure.probe(HUB, RATE)).measurements[0].value < 10


async def test_a_quota_is_found_on_a_later_page(azure: Azure) -> None:
    used, used_count, limit_count = (
        await azure.probe(HUB, QuotaCheck(kind="quota", quota="TotalTwinQueries"))
    ).measurements
    assert (used.unit, used_count.value, limit_count.value) == (Unit.PERCENT, 12, 6000)
    assert used.value == pytest.approx(0.2)
    pages = [path for path in azure.paths() if path.lower().endswith("/quotametrics")]
    assert len(pages) == 2


async def test_an_unknown_quota_names_those_there_are(azure: Azure) -> None:
    with pytest.raises(Broken, match="TotalMessages"):
        await azure.probe(HUB, QuotaCheck(kind="quota", quota="Cores"))


async def test_a_wrong_address_is_told_before_anything_is_asked(azure: Azure) -> None:
    with pytest.raises(Broken, match="not the address of an Azure resource"):
        await azure.probe("hearth-device-api", STATE)
    assert azure.paths() == []


async def test_a_check_of_another_provider_is_a_fault_of_the_catalogue(azure: Azure) -> None:
    with pytest.raises(Broken, match="cannot be made in Azure"):
        await azure.probe(SITE, TcpCheck(kind="tcp", address="a.example:1"))


async def test_every_call_is_pinned_to_the_version_that_was_validated(azure: Azure) -> None:
    checks = [(SITE, STATE), (MACHINE, STATE), (HUB, STATE), (ARCHIVE, STATE), (SITE, HEALTH), (HUB, CONNECTED)]
    checks += [(MACHINE, metric("Percentage CPU", "%")), (HUB, QuotaCheck(kind="quota", quota="TotalMessages"))]
    for resource, check in checks:
        await azure.probe(resource, check)
    versions = {
        (one["path"].rsplit("/providers/", 1)[1].split("/")[0].lower(), one["query"]["api-version"])
        for one in azure.simulator.traffic.exchanges
    }
    assert versions == {
        ("microsoft.web", "2023-01-01"),
        ("microsoft.compute", "2023-09-01"),
        ("microsoft.devices", "2023-06-30"),
        ("microsoft.storage", "2023-01-01"),
        ("microsoft.resourcehealth", "2022-10-01"),
        ("microsoft.insights", "2021-05-01"),
    }
