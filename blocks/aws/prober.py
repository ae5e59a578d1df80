"""How are the services that run on AWS?

Makes the checks of every `aws.*` kind with a reader's credential: resource states, CloudWatch
metrics and alarms, target health, capacity and queues. It only reads; the actions it needs are
listed in docs/permissions-aws.md and a test compares them with the calls made.

The rule: what the resource does is a reading; that AWS could not be asked is an error with its reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from blocks.aws import metrics, resources
from blocks.aws.clients import AwsClients
from blocks.aws.failures import explaining
from blocks.catalogue.model import (
    AlarmCheck,
    CapacityCheck,
    MetricCheck,
    QueueCheck,
    ResourceStateCheck,
    Service,
    TargetHealthCheck,
)
from blocks.errors import Broken
from blocks.ports.health import MissingCode, Probe, Prober, Reading
from blocks.threads import Answer, Threads

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

    from blocks.clock import Clock
    from blocks.ports.network import Routes

_CALLS_AT_ONCE = 8
_AGE_WINDOW = timedelta(minutes=5)
_API = {  # which AWS service answers for a kind
    "aws.autoscaling_group": "autoscaling",
    "aws.load_balancer": "elbv2",
    "aws.sqs_queue": "sqs",
    "aws.rds_instance": "rds",
    "aws.dynamodb_table": "dynamodb",
}
_DIMENSION = {  # the dimension under which CloudWatch files a kind's metrics
    "aws.autoscaling_group": "AutoScalingGroupName",
    "aws.sqs_queue": "QueueName",
    "aws.rds_instance": "DBInstanceIdentifier",
    "aws.dynamodb_table": "TableName",
}


def open_prober(block: AwsCredentials, *, routes: Routes, clock: Clock) -> Prober:
    """A prober over one AWS credential block. `routes.ca_file` is trusted where the block names no authority."""
    return AwsProber(AwsClients(block, ca_file=routes.ca_file, connections=_CALLS_AT_ONCE), clock=clock)


class AwsProber:
    """Asks AWS in a few threads; the region is that of the site a check is made at."""

    def __init__(self, clients: AwsClients, *, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._threads = Threads("aws", clock=clock, limit=_CALLS_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.close()
        await asyncio.to_thread(self._clients.close)

    async def probe(self, probe: Probe) -> Reading:
        """Make one check. Raises Retryable, Refused or Broken when AWS cannot be asked."""
        region = probe.platform.sites[probe.check.site or probe.service.site].region
        where = f"AWS {region}, {probe.service.name}/{probe.check.name}"
        return await self._threads.reading(probe, lambda: self._read(probe, region, where), where=where)

    def _read(self, probe: Probe, region: str, where: str) -> Answer:
        with explaining(where):
            return self._reader(probe, lambda api: self._clients.client(api, region))

    def _reader(self, probe: Probe, client: Callable[[str], Any]) -> Answer:
        service, check = probe.service, probe.check
        match check:
            case ResourceStateCheck():
                return resources.read_resource_state(client(_api(service)), service.kind, service.resource, check)
            case MetricCheck():
                address = metrics.metric_address(check.metric, check.dimensions or _dimensions(service, client))
                return metrics.read_metric(client("cloudwatch"), check, address, self._clock.now())
            case AlarmCheck():
                return metrics.read_alarm(client("cloudwatch"), check)
            case TargetHealthCheck():
                return resources.read_target_health(client("elbv2"), check)
            case CapacityCheck():
                return resources.read_capacity(client("autoscaling"), service.resource, check)
            case QueueCheck():
                return resources.read_queue(
                    client("sqs"), service.resource, check, lambda name: self._oldest_s(client("cloudwatch"), name)
                )
            case _:
                raise Broken(
                    f"checks of kind {check.kind} are not made on AWS",
                    next_step="see docs/permissions-aws.md for the kinds that are",
                    code=MissingCode.PROBE_FAILED,
                )

    def _oldest_s(self, cloudwatch: Any, queue: str) -> float | None:
        address = metrics.MetricAddress("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue})
        points = metrics.metric_points(cloudwatch, address, ("Maximum",), window=_AGE_WINDOW, now=self._clock.now())
        return points["Maximum"][0] if points["Maximum"] else None


def _api(service: Service) -> str:
    if service.kind not in _API:
        raise Broken(f"services of kind {service.kind} are not asked on AWS", code=MissingCode.PROBE_FAILED)
    return _API[service.kind]


def _dimensions(service: Service, client: Callable[[str], Any]) -> dict[str, str]:
    if service.kind == "aws.load_balancer":
        return {"LoadBalancer": resources.load_balancer_dimension(client("elbv2"), service.resource)}
    if service.kind not in _DIMENSION:
        return {}
    return {_DIMENSION[service.kind]: resources.short_name(service.resource)}
