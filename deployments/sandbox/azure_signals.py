"""What would Azure Monitor and Resource Health say in the sandbox?

Numbers follow the wall clock with a weekly rhythm and a little noise that is the same whoever asks, so
that "the same hour last week" means something. The rule: what is broken shows in the numbers from an
hour before it was broken, so that nobody waits for a window to pass.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.sandbox.azure_kinds import HOURLY_ONLY, Kind, Metric
from deployments.sandbox.azure_resources import ArmError, Resource

GRAINS = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT6H": 360, "PT12H": 720, "P1D": 1440}
_SHOWN_BEFORE = timedelta(hours=1)
_CLASSES = ("Average", "Minimum", "Maximum", "Total", "Count")


def metrics_answer(resource: Resource, query: dict[str, str], faults: dict[str, datetime]) -> dict[str, Any]:
    """The answer to a metrics query (api-version 2021-05-01); ArmError with Azure's words for a wrong one."""
    names = [name.strip() for name in query.get("metricnames", "").split(",") if name.strip()]
    metrics = [_metric(resource.kind, name) for name in names or [resource.kind.metrics[0].name]]
    start, end = (_time(part) for part in query["timespan"].split("/"))
    interval = query.get("interval", "PT1M")
    _refuse_grain(interval, metrics)
    asked = [word for word in _CLASSES if word.lower() in query.get("aggregation", "average").lower().split(",")]
    return {
        "cost": max(0, int((end - start).total_seconds() // 60)),
        "timespan": f"{_text(start)}/{_text(end)}",
        "interval": interval,
        "value": [
            _series(resource, metric, _buckets(start, end, GRAINS[interval]), asked, faults) for metric in metrics
        ],
        "namespace": resource.kind.type,
        "resourceregion": resource.body["location"],
    }


def definitions_answer(resource: Resource) -> dict[str, Any]:
    """What can be asked of a resource (api-version 2021-05-01)."""
    return {"value": [_definition(resource, metric) for metric in resource.kind.metrics]}


def health_answer(resource: Resource, faults: dict[str, datetime]) -> dict[str, Any]:
    """Resource Health's current word on a resource (api-version 2022-10-01)."""
    killed = "kill" in faults
    since = faults.get("kill", datetime.now(UTC) - timedelta(days=3))
    well = {
        "availabilityState": "Available",
        "title": "Available",
        "summary": "There aren't any known Azure platform problems affecting this resource",
        "reasonType": "",
    }
    ill = {
        "availabilityState": "Unavailable",
        "title": "Unavailable",
        "summary": "We're sorry, your resource isn't available because it was <b>stopped</b>",
        "reasonType": "Unplanned",
    }
    return {
        "id": f"{resource.body['id']}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
        "name": "current",
        "type": "Microsoft.ResourceHealth/AvailabilityStatuses",
        "location": resource.body["location"],
        "properties": {
            **(ill if killed else well),
            "occuredTime": _text(since),
            "reportedTime": _text(datetime.now(UTC)),
            "reasonChronicity": "Persistent" if killed else "Transient",
        },
    }


def weekly(at: datetime) -> float:
    """The rhythm of a household, between -1 and 1: mornings and evenings, a little more at weekends."""
    hour = at.hour + at.minute / 60
    day = 0.7 * math.sin((hour - 10) / 24 * 2 * math.pi) + 0.25 * math.sin((hour - 6) / 12 * 2 * math.pi)
    return day + (0.05 if at.weekday() >= 5 else 0.0)


def value_at(resource_id: str, metric: Metric, at: datetime, faults: dict[str, datetime]) -> float | None:
    """One minute of a metric; None where nothing was recorded."""
    for how, since in faults.items():
        if at >= since - _SHOWN_BEFORE and how in ("metric-spike", "kill"):
            return metric.spike if how == "metric-spike" else metric.killed
    noise = hashlib.blake2s(f"{resource_id.lower()}|{metric.name}|{at:%Y%m%d%H%M}".encode(), digest_size=4).digest()
    grain = 1 + 0.03 * (int.from_bytes(noise, "big") / 2**31 - 1) if metric.swing else 1.0
    value = metric.base * (1 + metric.swing * weekly(at)) * grain
    value = min(value, metric.ceiling) if metric.ceiling is not None else value
    return float(round(value)) if metric.aggregation == "Total" else value


def _series(
    resource: Resource, metric: Metric, buckets: Iterable[list[datetime]], asked: list[str], faults: dict[str, datetime]
) -> dict[str, Any]:
    now = datetime.now(UTC)
    data = list[dict[str, Any]]()
    for minutes in buckets:
        values = [value_at(resource.body["id"], metric, at, faults) for at in minutes if at <= now]
        known = [value for value in values if value is not None]
        data.append({"timeStamp": _text(minutes[0]), **_point(known, asked)})
    return {
        "id": f"{resource.body['id']}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.name},
        "displayDescription": metric.name,
        "unit": metric.unit,
        "timeseries": [{"metadatavalues": [], "data": data}],
        "errorCode": "Success",
    }


def _point(values: list[float], asked: list[str]) -> dict[str, float]:
    if not values:
        return {}
    folded = {
        "average": sum(values) / len(values),
        "minimum": min(values),
        "maximum": max(values),
        "total": sum(values),
        "count": float(len(values)),
    }
    return {word.lower(): round(folded[word.lower()], 6) for word in asked}


def _buckets(start: datetime, end: datetime, minutes: int) -> Iterable[list[datetime]]:
    """As Azure cuts them: from the minute of the start, in steps of the interval."""
    at = start.replace(second=0, microsecond=0)
    while at < end:
        yield [at + timedelta(minutes=number) for number in range(minutes)]
        at += timedelta(minutes=minutes)


def _definition(resource: Resource, metric: Metric) -> dict[str, Any]:
    uri = resource.body["id"]
    grains = ["PT1H", "P1D"] if metric.name.lower() in HOURLY_ONLY else list(GRAINS)
    return {
        "id": f"{uri}/providers/microsoft.insights/metricdefinitions/{metric.name}",
        "resourceId": uri,
        "namespace": resource.kind.type,
        "name": {"value": metric.name, "localizedValue": metric.name},
        "isDimensionRequired": False,
        "unit": metric.unit,
        "primaryAggregationType": metric.aggregation,
        "supportedAggregationTypes": list(_CLASSES),
        "metricAvailabilities": [{"timeGrain": grain, "retention": "P93D"} for grain in grains],
    }


def _metric(kind: Kind, name: str) -> Metric:
    for metric in kind.metrics:
        if metric.name.lower() == name.lower():
            return metric
    provider, _, type_name = kind.type.partition("/")
    valid = ",".join(metric.name for metric in kind.metrics)
    words = f"provider: {provider}, resource Type: {type_name}, metric: {name}, Valid metrics: {valid}"
    raise ArmError(400, "BadRequest", f"Failed to find metric configuration for {words}")


def _refuse_grain(interval: str, metrics: list[Metric]) -> None:
    hourly = any(metric.name.lower() in HOURLY_ONLY for metric in metrics)
    if interval not in GRAINS or (hourly and interval not in ("PT1H", "P1D")):
        raise ArmError(400, "BadRequest", f"Detected invalid time grain input {interval}, supported ones are: 01:00:00")


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise ArmError(400, "BadRequest", f"Invalid timespan: {text}") from None


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
