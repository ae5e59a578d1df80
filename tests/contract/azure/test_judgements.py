"""Answers that a healthy simulator never gives: half-well resources, gaps, zeros, fields that are not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.azure.window import Window
from blocks.catalogue.model import (
    IotConnectedCheck,
    IotMessageRateCheck,
    MetricCheck,
    QuotaCheck,
    ResourceHealthCheck,
    ResourceStateCheck,
)
from blocks.errors import Broken
from blocks.ports.health import Finding, FindingCode, MissingCode, Reading, State
from tests.contract.azure.conftest import ARCHIVE, HUB, MACHINE, SITE, ask

STATE = ResourceStateCheck(kind="resource_state")
HEALTH = ResourceHealthCheck(kind="resource_health")
CONNECTED = IotConnectedCheck(kind="iot_connected", connected={"warning": "< 90 %"})
RATE = IotMessageRateCheck(kind="iot_message_rate", against_last_week={"warning": "< 70 %"})
QUOTA = QuotaCheck(kind="quota", quota="TotalMessages")


async def state(tmp_path: Path, resource: str, body: Any, suffix: str = "") -> Reading:
    return await ask(tmp_path, {resource.lower() + suffix: (200, body)}, resource, STATE)


async def health(tmp_path: Path, **properties: Any) -> Reading:
    body = {"id": SITE, "name": "current", "properties": properties}
    path = SITE.lower() + "/providers/microsoft.resourcehealth/availabilitystatuses/current"
    return await ask(tmp_path, {path: (200, body)}, SITE, HEALTH)


def metric_reply(name: str, *points: float | None, unit: str = "Count", aggregation: str = "total") -> Any:
    data = [
        {"timeStamp": f"2026-11-23T1{number}:00:00Z"} | ({} if point is None else {aggregation: point})
        for number, point in enumerate(points)
    ]
    series = [{"metadatavalues": [], "data": data}]
    metric = {"id": "i", "type": "t", "name": {"value": name}, "unit": unit, "timeseries": series}
    return 200, {"timespan": "a/b", "interval": "PT1H", "value": [metric]}


def metrics_of(resource: str) -> str:
    return resource.lower() + "/providers/microsoft.insights/metrics"


async def test_degraded_is_a_warning(tmp_path: Path) -> None:
    reading = await health(tmp_path, availabilityState="Degraded", summary="<p>One of two&nbsp;paths is down</p>")
    assert reading.finding is not None
    assert (reading.finding.state, reading.finding.code) == (State.WARNING, FindingCode.RESOURCE_STATE)
    assert "two paths is down" in reading.finding.text


async def test_unknown_is_missing_and_never_available(tmp_path: Path) -> None:
    reading = await health(tmp_path, availabilityState="Unknown")
    assert reading.missing is not None
    assert (reading.missing.code, reading.measurements) == (MissingCode.NO_DATA, ())


@pytest.mark.parametrize("properties", [{}, {"availabilityState": None}, {"availabilityState": "Splendid"}])
async def test_an_availability_nobody_defined_is_an_unexpected_answer(tmp_path: Path, properties: Any) -> None:
    with pytest.raises(Broken) as raised:
        await health(tmp_path, **properties)
    assert raised.value.code == MissingCode.UNEXPECTED_ANSWER


@pytest.mark.parametrize("properties", [{"availabilityState": "Limited"}, {"usageState": "Exceeded"}])
async def test_a_running_but_limited_app_is_a_warning(tmp_path: Path, properties: dict[str, str]) -> None:
    reading = await state(tmp_path, SITE, {"id": SITE, "properties": {"state": "Running", **properties}})
    assert reading.finding is not None
    assert reading.finding.state is State.WARNING
    assert next(iter(properties.values())) in reading.finding.text


async def test_a_secondary_copy_that_is_unavailable_is_a_warning(tmp_path: Path) -> None:
    body = {"id": ARCHIVE, "properties": {"statusOfPrimary": "available", "statusOfSecondary": "unavailable"}}
    reading = await state(tmp_path, ARCHIVE, body)
    assert reading.finding is not None
    assert reading.finding.state is State.WARNING


@pytest.mark.parametrize(
    ("resource", "body", "suffix"),
    [
        (SITE, {"id": SITE, "properties": {}}, ""),
        (ARCHIVE, {"id": ARCHIVE, "properties": {}}, ""),
        (HUB, {"id": HUB, "location": "w", "properties": {}, "sku": {"name": "S1"}}, ""),
        (MACHINE, {"statuses": [{"code": "ProvisioningState/succeeded"}]}, "/instanceview"),
        (MACHINE, {}, "/instanceview"),
    ],
)
async def test_no_state_is_missing(tmp_path: Path, resource: str, body: Any, suffix: str) -> None:
    reading = await state(tmp_path, resource, body, suffix)
    assert reading.missing is not None
    assert reading.missing.code == MissingCode.NO_DATA


@pytest.mark.parametrize("body", [[], "text", None, {"properties": None}, {"properties": 7}])
async def test_json_of_another_shape_is_an_unexpected_answer(tmp_path: Path, body: Any) -> None:
    with pytest.raises(Broken) as raised:
        await state(tmp_path, SITE, body)
    assert raised.value.code == MissingCode.UNEXPECTED_ANSWER


async def test_a_machine_whose_provisioning_failed_is_a_warning(tmp_path: Path) -> None:
    codes = [{"code": "PowerState/running"}, {"code": "ProvisioningState/failed/OSProvisioningTimedOut"}]
    reading = await state(tmp_path, MACHINE, {"statuses": codes}, "/instanceview")
    assert isinstance(reading.finding, Finding)
    assert reading.finding.state is State.WARNING


async def test_a_sum_with_a_gap_is_missing(tmp_path: Path) -> None:
    check = MetricCheck(
        kind="metric", metric="m", unit="count", aggregation="total", window="2h", value={"warning": "> 1 count"}
    )
    whole = await ask(tmp_path, {metrics_of(SITE): metric_reply("m", 3, 4)}, SITE, check)
    assert whole.measurements[0].value == 7
    gap = await ask(tmp_path, {metrics_of(SITE): metric_reply("m", 3, None)}, SITE, check)
    assert gap.missing is not None


async def test_an_average_of_nothing_is_missing_and_a_zero_is_zero(tmp_path: Path) -> None:
    check = MetricCheck(kind="metric", metric="m", unit="count", window="1h", value={"warning": "> 1 count"})
    zero = await ask(tmp_path, {metrics_of(SITE): metric_reply("m", 0, aggregation="average")}, SITE, check)
    assert zero.measurements[0].value == 0
    nothing = await ask(tmp_path, {metrics_of(SITE): metric_reply("m", None)}, SITE, check)
    assert nothing.missing is not None


async def test_another_metric_than_the_one_asked_for_is_unexpected(tmp_path: Path) -> None:
    check = MetricCheck(kind="metric", metric="m", unit="count", value={"warning": "> 1 count"})
    with pytest.raises(Broken) as raised:
        await ask(tmp_path, {metrics_of(SITE): metric_reply("other", 1)}, SITE, check)
    assert raised.value.code == MissingCode.UNEXPECTED_ANSWER


async def test_a_share_of_no_devices_is_missing(tmp_path: Path) -> None:
    replies = {HUB.lower() + "/iothubstats": (200, {"totalDeviceCount": 0})}
    reading = await ask(tmp_path, replies, HUB, CONNECTED)
    assert reading.missing is not None


async def test_a_registry_that_names_no_count_is_unexpected(tmp_path: Path) -> None:
    with pytest.raises(Broken) as raised:
        await ask(tmp_path, {HUB.lower() + "/iothubstats": (200, {})}, HUB, CONNECTED)
    assert raised.value.code == MissingCode.UNEXPECTED_ANSWER


async def test_a_silent_fleet_is_zero_percent(tmp_path: Path) -> None:
    replies = {
        HUB.lower() + "/iothubstats": (200, {"totalDeviceCount": 10}),
        metrics_of(HUB): metric_reply("connectedDeviceCount", 0, aggregation="average"),
    }
    assert (await ask(tmp_path, replies, HUB, CONNECTED)).measurements[0].value == 0


@pytest.mark.parametrize("points", [(None,), (0,)], ids=["nothing", "zero"])
async def test_a_rate_without_a_last_week_is_missing(tmp_path: Path, points: tuple[float | None, ...]) -> None:
    replies = {metrics_of(HUB): metric_reply("d2c.telemetry.ingress.success", *points)}
    reading = await ask(tmp_path, replies, HUB, RATE)
    assert reading.missing is not None
    assert reading.missing.code == MissingCode.NO_DATA


async def test_a_quota_without_a_limit_is_missing(tmp_path: Path) -> None:
    value = {"value": [{"name": "TotalMessages", "currentValue": 3, "maxValue": 0}]}
    reading = await ask(tmp_path, {HUB.lower() + "/quotametrics": (200, value)}, HUB, QUOTA)
    assert reading.missing is not None


@pytest.mark.parametrize(
    ("seconds", "minutes", "grain"),
    [
        (30, 1, 1),
        (60, 1, 1),
        (90, 2, 1),
        (300, 5, 5),
        (420, 7, 1),
        (600, 10, 5),
        (3600, 60, 60),
        (7200, 120, 60),
        (259_200, 4320, 1440),
    ],
)
def test_a_window_is_whole_settled_minutes_in_the_largest_interval(seconds: int, minutes: int, grain: int) -> None:
    now = datetime(2026, 11, 23, 18, 0, 59, tzinfo=UTC)
    window = Window.ending(now, timedelta(seconds=seconds))
    assert window.end == datetime(2026, 11, 23, 17, 58, tzinfo=UTC)
    assert (window.length, window.grain) == (timedelta(minutes=minutes), timedelta(minutes=grain))
    assert str(window).endswith("/2026-11-23T17:58:00Z")
