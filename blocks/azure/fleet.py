"""Is the fleet of devices connected, does it send, and how near is the hub's limit?

Connected devices come from Azure Monitor (nothing else in Resource Manager counts them), registered
ones from the hub's own registry statistics: a gap in a metric must not make the fleet look smaller
and the share better. The rules: a device that is silent counts as silent, a share of nothing is not
a number, and messages are compared with the same hour last week, because homes keep the week's rhythm.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.azure.failures import explained
from blocks.azure.metrics import nothing_recorded, read_value
from blocks.azure.states import IOT_VERSION, Seen
from blocks.azure.window import Window
from blocks.errors import Broken
from blocks.ports.health import Measurement, Missing, MissingCode, Unit

if TYPE_CHECKING:
    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource
    from blocks.catalogue.model import IotMessageRateCheck, QuotaCheck

CONNECTED_METRIC = "connectedDeviceCount"
MESSAGES_METRIC = "d2c.telemetry.ingress.success"
_WEEK = timedelta(days=7)
_CONNECTED_WINDOW = timedelta(minutes=5)


async def read_connected(azure: Connection, resource: AzureResource, now: datetime) -> Seen:
    """`connected` (% of registered devices, five-minute average) and `device_count`. Raises the three errors."""
    with explained(f"registry of {resource}"):
        stats = await _hubs(azure, resource).get_stats(resource.group, resource.name)
        registered = int(stats.total_device_count)
    if registered <= 0:
        return Seen(missing=Missing(MissingCode.NO_DATA, f"no device is registered in {resource.name}"))
    window = Window.ending(now, _CONNECTED_WINDOW)
    value = await read_value(azure, resource, CONNECTED_METRIC, "average", window)
    if value.number is None:
        return Seen(missing=nothing_recorded(CONNECTED_METRIC, window))
    share = Measurement("connected", 100.0 * value.number / registered, Unit.PERCENT)
    return Seen((share, Measurement("device_count", float(registered), Unit.COUNT)))


async def read_message_rate(
    azure: Connection, resource: AzureResource, check: IotMessageRateCheck, now: datetime
) -> Seen:
    """`against_last_week` (% of the same hour) and `rate` (messages /s). Raises the three errors."""
    window = Window.ending(now, check.window)
    today = await read_value(azure, resource, MESSAGES_METRIC, "total", window)
    last_week = await read_value(azure, resource, MESSAGES_METRIC, "total", window.earlier(_WEEK))
    if today.number is None:
        return Seen(missing=nothing_recorded(MESSAGES_METRIC, window))
    if not last_week.number:
        text = f"{resource.name} received no message in the same hour last week: nothing to compare with"
        return Seen(missing=Missing(MissingCode.NO_DATA, text))
    share = Measurement("against_last_week", 100.0 * today.number / last_week.number, Unit.PERCENT)
    rate = today.number / window.length.total_seconds()
    return Seen((share, Measurement("rate", rate, Unit.PER_SECOND)))


async def read_quota(azure: Connection, resource: AzureResource, check: QuotaCheck) -> Seen:
    """`used` (%), `used_count` and `limit_count` of one of the hub's quotas. Raises the three errors."""
    if resource.type != "microsoft.devices/iothubs":
        raise _unknown_quota(check.quota, resource, ())
    with explained(f"quotas of {resource}"):
        pages = _hubs(azure, resource).get_quota_metrics(resource.group, resource.name)
        quotas = {str(item.name).lower(): item async for item in pages}
        if check.quota.lower() not in quotas:
            raise _unknown_quota(check.quota, resource, tuple(str(item.name) for item in quotas.values()))
        quota = quotas[check.quota.lower()]
        used, limit = float(quota.current_value), float(quota.max_value)
    if limit <= 0:
        return Seen(missing=Missing(MissingCode.NO_DATA, f"{resource.name} names no limit for {check.quota}"))
    counts = (Measurement("used_count", used, Unit.COUNT), Measurement("limit_count", limit, Unit.COUNT))
    return Seen((Measurement("used", 100.0 * used / limit, Unit.PERCENT), *counts))


def _hubs(azure: Connection, resource: AzureResource) -> Any:
    from azure.mgmt.iothub.aio import IotHubClient

    return azure.client(IotHubClient, resource.subscription, api_version=IOT_VERSION).iot_hub_resource


def _unknown_quota(quota: str, resource: AzureResource, known: tuple[str, ...]) -> Broken:
    return Broken(
        f"{resource} has no quota {quota!r}",
        where=str(resource),
        next_step=f"use one of {', '.join(known) or 'those of an IoT hub'} in the catalogue",
        code=MissingCode.PROBE_FAILED,
    )
