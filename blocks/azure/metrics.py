"""What does Azure Monitor say about a resource?

One question, one bucket: the window is asked for as one interval, so Azure itself weighs the samples.
The rules: a point that is not there is missing, never zero; a total with a gap is no total.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from blocks.azure.failures import explained
from blocks.azure.window import Window
from blocks.catalogue.quantities import format_duration
from blocks.errors import Broken, VigieError
from blocks.ports.health import Measurement, Missing, MissingCode, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource
    from blocks.catalogue.model import MetricCheck

METRICS_VERSION = DEFINITIONS_VERSION = "2021-05-01"
_UNITS: dict[str, Unit] = {
    "Count": Unit.COUNT,
    "Bytes": Unit.BYTES,
    "Percent": Unit.PERCENT,
    "Seconds": Unit.SECONDS,
    "MilliSeconds": Unit.MILLISECONDS,
    "CountPerSecond": Unit.PER_SECOND,
    "BytesPerSecond": Unit.PER_SECOND,
    "Unspecified": Unit.COUNT,
}
_SECONDS = {Unit.MILLISECONDS: 0.001, Unit.SECONDS: 1.0, Unit.DAYS: 86400.0}


@dataclass(frozen=True, slots=True)
class Value:
    """One aggregated number and Azure's unit of it; `number` is None when nothing was recorded."""

    number: float | None
    unit: str


async def read_metric(
    azure: Connection, resource: AzureResource, check: MetricCheck, now: datetime
) -> Measurement | Missing:
    """The metric over the check's window, in the check's unit. Raises the three errors."""
    window = Window.ending(now, check.window)
    try:
        value = await read_value(azure, resource, check.metric, check.aggregation, window, dimensions=check.dimensions)
    except Broken as error:
        if error.code == MissingCode.PROBE_FAILED:
            await _explain(azure, resource, check.metric, window, error)
        raise
    if value.number is None:
        return nothing_recorded(check.metric, window)
    return Measurement("value", _convert(value, check, window, resource), check.unit)


async def read_value(
    azure: Connection,
    resource: AzureResource,
    metric: str,
    aggregation: str,
    window: Window,
    *,
    dimensions: Mapping[str, str] | None = None,
) -> Value:
    """One aggregation of one metric over one window. Raises the three errors."""
    from azure.mgmt.monitor.aio import MonitorManagementClient

    where = f"metric {metric} of {resource}"
    with explained(where):
        client = azure.client(MonitorManagementClient, resource.subscription)
        answer = await client.metrics.list(
            resource.id.strip("/"),
            timespan=str(window),
            interval=window.interval,
            metricnames=metric,
            aggregation=aggregation,
            filter=_filter(dimensions or {}),
            api_version=METRICS_VERSION,
        )
        return _fold(answer, metric, aggregation, window, where)


def nothing_recorded(metric: str, window: Window) -> Missing:
    """Azure answered and had no number."""
    return Missing(
        MissingCode.NO_DATA,
        f"Azure Monitor has no {metric} between {window.start:%H:%M} and {window.end:%H:%M} UTC",
    )


def _fold(answer: Any, metric: str, aggregation: str, window: Window, where: str) -> Value:
    found = [item for item in answer.value if item.name.value.lower() == metric.lower()]
    if not found:
        raise ValueError(f"no {metric} in the answer")
    series = found[0].timeseries or []
    if len(series) > 1:
        raise Broken(
            f"Azure gives {len(series)} series where one was expected",
            where=where,
            next_step="name one value for each dimension in the check",
            code=MissingCode.PROBE_FAILED,
        )
    points = (series[0].data or []) if series else []
    numbers = [number for point in points if (number := getattr(point, aggregation)) is not None]
    return Value(_aggregate(numbers, aggregation, window), str(getattr(found[0].unit, "value", found[0].unit)))


def _aggregate(numbers: list[float], aggregation: str, window: Window) -> float | None:
    """Buckets of equal length to one number; a sum with a bucket missing is no sum."""
    if not numbers:
        return None
    if aggregation in ("total", "count"):
        return sum(numbers) if len(numbers) >= window.length // window.grain else None
    if aggregation == "average":
        return sum(numbers) / len(numbers)
    return max(numbers) if aggregation == "maximum" else min(numbers)


def _convert(value: Value, check: MetricCheck, window: Window, resource: AzureResource) -> float:
    """In the check's unit; a sum may also be asked for as a rate."""
    assert value.number is not None
    unit = Unit.COUNT if check.aggregation == "count" else _UNITS.get(value.unit)
    if unit is check.unit:
        return value.number
    if unit and unit in _SECONDS and check.unit in _SECONDS:
        return value.number * _SECONDS[unit] / _SECONDS[check.unit]
    if check.unit is Unit.PER_SECOND and check.aggregation in ("total", "count"):
        return value.number / window.length.total_seconds()
    raise Broken(
        f"Azure gives {check.metric} in {value.unit}, the check expects {check.unit.value}",
        where=str(resource),
        next_step="correct the check's unit in the catalogue",
        code=MissingCode.PROBE_FAILED,
    )


async def _explain(azure: Connection, resource: AzureResource, metric: str, window: Window, error: Broken) -> None:
    """Azure did not accept the question: say which metric or window it would accept."""
    try:
        known = await _definitions(azure, resource)
    except VigieError:
        return  # what Azure said in the first place is all there is
    if metric not in known:
        near = get_close_matches(metric, known, n=1, cutoff=0.4)
        what = f"no metric is called {metric!r}" + (f"; the nearest is {near[0]!r}" if near else "")
    elif window.grain not in known[metric]:
        kept = ", ".join(format_duration(grain) for grain in known[metric])
        what = f"{metric} is not kept per {format_duration(window.grain)}, but per {kept}"
    else:
        return
    raise Broken(
        what, where=str(resource), next_step="correct the check in the catalogue", code=MissingCode.PROBE_FAILED
    ) from error


async def _definitions(azure: Connection, resource: AzureResource) -> dict[str, list[timedelta]]:
    """Each metric of a resource with the intervals it is kept by, shortest first."""
    from azure.mgmt.monitor.aio import MonitorManagementClient

    with explained(f"metric definitions of {resource}"):
        client = azure.client(MonitorManagementClient, resource.subscription)
        pages = client.metric_definitions.list(resource.id.strip("/"), api_version=DEFINITIONS_VERSION)
        return {
            item.name.value: sorted(available.time_grain for available in item.metric_availabilities or [])
            async for item in pages
        }


def _filter(dimensions: Mapping[str, str]) -> str | None:
    parts = [f"{name} eq '{value.replace(chr(39), chr(39) * 2)}'" for name, value in sorted(dimensions.items())]
    return " and ".join(parts) or None
