"""What does CloudWatch say: a number over a window, or an alarm's state?

Numbers are asked by the minute and put together here, so that the answer is exact whatever minute
it is: an average is the sum of sums over the sum of counts, never an average of averages.

The rule: no data point is no evidence. It is `missing`, never zero and never ok.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.catalogue.model import AlarmCheck, MetricCheck
from blocks.catalogue.quantities import format_duration
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, Unit
from blocks.threads import Answer

_STATISTICS = {
    "average": ("Sum", "SampleCount"),
    "minimum": ("Minimum",),
    "maximum": ("Maximum",),
    "total": ("Sum",),
    "count": ("SampleCount",),
}
_COMBINE = {"Sum": sum, "SampleCount": sum, "Minimum": min, "Maximum": max}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MetricAddress:
    """Where CloudWatch keeps a metric; `namespace` "AWS/SQS", dimensions by name."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.namespace}/{self.name}"


def metric_address(text: str, dimensions: Mapping[str, str]) -> MetricAddress:
    """'AWS/RDS/CPUUtilization' -> its address. Raises Broken when there is no namespace."""
    namespace, slash, name = text.rpartition("/")
    if not slash or not namespace or not name:
        raise Broken(
            f"expected a CloudWatch metric as Namespace/MetricName, not {text!r}",
            next_step="write it as in AWS/RDS/CPUUtilization in the catalogue",
            code=MissingCode.PROBE_FAILED,
        )
    return MetricAddress(namespace, name, dimensions)


def read_metric(cloudwatch: Any, check: MetricCheck, address: MetricAddress, now: datetime) -> Answer:
    """One value over the check's window: `value` in the check's unit, or NO_DATA."""
    statistics = _STATISTICS[check.aggregation]
    points = metric_points(cloudwatch, address, statistics, window=check.window, now=now)
    if not all(points.values()):
        span = format_duration(check.window)
        return Answer(
            missing=Missing(MissingCode.NO_DATA, f"CloudWatch has no data point of {address} in the last {span}")
        )
    totals = {statistic: float(_COMBINE[statistic](values)) for statistic, values in points.items()}
    value = totals["Sum"] / totals["SampleCount"] if check.aggregation == "average" else totals[statistics[0]]
    return Answer((Measurement("value", value, check.unit),))


def metric_points(
    cloudwatch: Any, address: MetricAddress, statistics: tuple[str, ...], *, window: timedelta, now: datetime
) -> dict[str, list[float]]:
    """Values of each statistic for the window's full minutes, newest first; lists are empty without data.

    The running minute is left out: half a minute's total would look like a calm one.
    """
    end = now.replace(second=0, microsecond=0)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(address, statistic) for statistic in statistics],
        StartTime=end - max(window, _MINUTE),
        EndTime=end,
        ScanBy="TimestampDescending",
    )
    points: dict[str, list[float]] = {statistic: [] for statistic in statistics}
    for page in pages:
        for result in page["MetricDataResults"]:
            _complain(str(result.get("StatusCode", "Complete")), address)
            points[result["Id"].removeprefix("q_")].extend(float(value) for value in result["Values"])
    return points


def read_alarm(cloudwatch: Any, check: AlarmCheck) -> Answer:
    """OK measures `alarm` 0; ALARM is a critical finding; INSUFFICIENT_DATA is NO_DATA."""
    answer = cloudwatch.describe_alarms(AlarmNames=[check.alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
    if not found:
        raise Broken(
            f"there is no CloudWatch alarm named {check.alarm!r}",
            next_step="compare the alarm's name in the catalogue with the CloudWatch console",
            code=MissingCode.PROBE_FAILED,
        )
    return alarm_answer(found[0])


def alarm_answer(alarm: Mapping[str, Any]) -> Answer:
    """What one alarm, as DescribeAlarms gives it, means."""
    name, state, reason = alarm["AlarmName"], alarm["StateValue"], str(alarm.get("StateReason", ""))[:300]
    if state == "OK":
        return Answer((Measurement("alarm", 0.0, Unit.COUNT),))
    if state == "ALARM":
        return Answer(finding=Finding(FindingCode.ALARM, f"CloudWatch alarm {name} is in ALARM: {reason}"))
    if state == "INSUFFICIENT_DATA":
        return Answer(missing=Missing(MissingCode.NO_DATA, f"CloudWatch alarm {name} has insufficient data: {reason}"))
    raise ValueError(state)


def _query(address: MetricAddress, statistic: str) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(address.dimensions.items())]
    metric = {"Namespace": address.namespace, "MetricName": address.name, "Dimensions": dimensions}
    return {
        "Id": f"q_{statistic}",
        "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic},
        "ReturnData": True,
    }


def _complain(status: str, address: MetricAddress) -> None:
    if status == "Forbidden":
        raise Refused(
            f"the credentials may not read the metric {address}",
            next_step="allow cloudwatch:GetMetricData for this account",
            code=MissingCode.CREDENTIALS,
        )
    if status == "InternalError":
        raise Retryable(f"CloudWatch failed inside while reading {address}", code=MissingCode.API_UNREACHABLE)
