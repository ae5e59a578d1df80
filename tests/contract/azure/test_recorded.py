"""Replies that the real Azure once gave, read by the same adapter through the unmodified SDKs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from blocks.catalogue.model import MetricCheck, ResourceStateCheck
from blocks.errors import Broken
from blocks.ports.health import MissingCode, Reading, Unit
from tests.conftest import conformance_dir
from tests.contract.azure.conftest import ask

FOLDER = conformance_dir() / "azure-recorded"
RIGHT = {
    "microsoft.web/sites": ("state", "Running"),
    "microsoft.devices/iothubs": ("state", "Active"),
    "microsoft.storage/storageaccounts": ("statusOfPrimary", "available"),
}


def interactions(file: Path) -> Iterator[tuple[str, int, Any]]:
    """(path, status, body) of each recorded reply."""
    for one in json.loads(file.read_text())["interactions"]:
        body = one["response"]["body"]
        data = body.get("data") if isinstance(body, dict) else body
        yield unquote(urlsplit(one["request"]["uri"]).path), one["response"]["status"]["code"], data


def recorded_resources() -> list[Any]:
    """Every resource of our kinds in the recordings, once a file."""
    if not FOLDER.exists():
        return [pytest.param({}, id="absent")]
    found = list[Any]()
    for file in sorted(FOLDER.glob("*.json")):
        items = [item for _, _, body in interactions(file) if isinstance(body, dict) for item in _items(body)]
        unique = {item["id"]: item for item in items if _type(item) in RIGHT}
        found += [pytest.param(item, id=f"{file.stem}-{item['name']}") for item in unique.values()]
    return found


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in body.get("value") or [] if isinstance(item, dict) and "id" in item]


def _type(item: dict[str, Any]) -> str:
    return "/".join(item["id"].split("/providers/")[-1].split("/")[:2]).lower() if item["id"].count("/") == 8 else ""


@pytest.mark.parametrize("item", recorded_resources())
async def test_a_recorded_resource_is_read(tmp_path: Path, item: dict[str, Any], conformance: Any) -> None:
    conformance("azure-recorded")
    key, right = RIGHT[_type(item)]
    replies = {item["id"].lower(): (200, item)}
    reading = await ask(tmp_path, replies, item["id"], ResourceStateCheck(kind="resource_state"))
    said = item["properties"].get(key)
    if said is None:
        assert reading.missing is not None
    elif said == right:
        assert (reading.measurements[0].value, reading.missing) == (1.0, None)
    else:
        assert reading.finding is not None
        assert said in reading.finding.text


async def metric(tmp_path: Path, file: Path, window: str, **more: Any) -> Reading:
    path, status, body = next(one for one in interactions(file) if "insights/metrics" in one[0])
    resource = path.lower().split("/providers/microsoft.insights")[0]
    check = MetricCheck(kind="metric", window=window, unit="%", value={"warning": "> 80 %"}, **more)
    return await ask(tmp_path, {f"{resource}/providers/microsoft.insights/metrics": (status, body)}, resource, check)


async def test_a_recorded_metric_is_read(tmp_path: Path, conformance: Any) -> None:
    file = conformance("azure-recorded/ArmResourceTest.test_metric_filter_find_average.json")
    (value,) = (await metric(tmp_path, file, "1d", metric="Percentage CPU")).measurements
    assert (value.name, value.unit) == ("value", Unit.PERCENT)
    assert value.value == pytest.approx(3.1704730617608408)


async def test_a_recorded_answer_with_several_series_asks_for_a_dimension(tmp_path: Path, conformance: Any) -> None:
    file = conformance("azure-recorded/SqlServerTest.test_metric_database.json")
    with pytest.raises(Broken, match="2 series where one was expected"):
        await metric(tmp_path, file, "3d", metric="dtu_consumption_percent")


async def test_a_recorded_answer_without_series_is_missing(tmp_path: Path, conformance: Any) -> None:
    file = conformance("azure-recorded/SqlServerTest.test_metric_elastic_include.json")
    reading = await metric(tmp_path, file, "3d", metric="dtu_consumption_percent")
    assert reading.missing is not None
    assert reading.missing.code == MissingCode.NO_DATA


async def test_a_recorded_refusal_of_a_metric_is_a_fault_of_the_catalogue(tmp_path: Path, conformance: Any) -> None:
    file = conformance("azure-recorded/ArmResourceTest.test_metric_filter_invalid_metric.json")
    with pytest.raises(Broken, match="metric: InvalidMetric") as raised:
        await metric(tmp_path, file, "1d", metric="InvalidMetric")
    assert raised.value.code == MissingCode.PROBE_FAILED
