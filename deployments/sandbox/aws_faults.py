"""How is a service on the emulated AWS broken, and how is it mended?

`kill` and `metric-spike` change the resources themselves, through AWS's own actions where it has
them; the API faults make calls fail: to the one API behind a service, or to the whole region when
the target is a site (or "aws").

The rule: what `mend` leaves is what `seed` made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from blocks.catalogue.model import Catalogue
from deployments.sandbox.aws_front import API_FAULTS, Front
from deployments.sandbox.aws_replacing import CHANGE_FAULTS, Replacing
from deployments.sandbox.aws_seed import (
    HISTORY_MINUTES,
    Clients,
    Seeded,
    aws_services,
    create_resource,
    put_points,
    register_targets,
    resource_name,
    seed,
)

_SIGNING_NAME = {
    "aws.autoscaling_group": "autoscaling",
    "aws.load_balancer": "elasticloadbalancing",
    "aws.sqs_queue": "sqs",
    "aws.rds_instance": "rds",
    "aws.dynamodb_table": "dynamodb",
}
_SPIKE_MESSAGE_COUNT = 200


class Cloud:
    """The seeded resources and what is done to them; one change at a time."""

    def __init__(
        self, catalogue: Catalogue, clients: Clients, terminated: Callable[[str], object] = lambda _service: None
    ) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._catalogue = catalogue
        self._services: dict[str, Seeded] = {}
        self._killed: set[str] = set()
        self._sites = {"aws"} | {
            name for p in catalogue.platforms.values() for name, s in p.sites.items() if s.provider == "aws"
        }
        self.front: Front | None = None
        self.replacing = Replacing(self._announce)
        self._announced = terminated

    def seed(self) -> None:
        """Create everything the catalogue declares on AWS."""
        for each in aws_services(self._catalogue):
            seed(each, self._clients)
            self._services[each.service.name] = each

    def keep_alive(self) -> None:
        """A fresh data point of every metric: called each minute."""
        with self._lock:
            for each in self._services.values():
                self._put_now(each)

    def control(self, action: str, target: str, how: str) -> str:
        """Break or mend `target` (a service, a site, or "aws"). Raises ValueError saying what is possible."""
        with self._lock:
            return self._break(target, how) if action == "break" else self._mend(target)

    def _break(self, target: str, how: str) -> str:
        if how in API_FAULTS:
            self._api_front().break_api(self._api(target), how)
            return f"{target}: API {how}"
        service = self._service(target)
        if how == "kill" and target not in self._killed:  # twice is once
            _KILL[service.service.kind](service, self._clients)
            self._killed.add(target)
        elif how == "kill":
            return f"{target}: killed already"
        elif how == "metric-spike":
            self._spike(service)
        elif how in CHANGE_FAULTS and service.service.kind == "aws.autoscaling_group":
            self.replacing.faults[resource_name(service.service)] = how
        else:
            possible = ", ".join(("kill", "metric-spike", *CHANGE_FAULTS, *API_FAULTS))
            raise ValueError(f"{target} cannot be broken by {how!r}; possible: {possible}")
        return f"{target}: {how}"

    def _mend(self, target: str) -> str:
        self._api_front().mend_api(self._api(target))
        if target in self._services:
            service = self._services[target]
            if target in self._killed:
                self._killed.discard(target)
                _REVIVE[service.service.kind](service, self._clients)
            self.replacing.mend(resource_name(service.service))
            self._calm(service)
        return f"{target}: mended"

    def _announce(self, group: str) -> None:
        """An instance of this group was terminated: whoever asked to be told is told the service."""
        for name, each in self._services.items():
            if each.service.kind == "aws.autoscaling_group" and resource_name(each.service) == group:
                self._announced(name)

    def _spike(self, each: Seeded) -> None:
        for series in each.series:
            series.spiking = True
        self._rewrite(each)
        self._set_alarms(each, "ALARM", "Threshold crossed")
        if each.service.kind == "aws.sqs_queue":
            self._flood(each)

    def _calm(self, each: Seeded) -> None:
        spiked = any(series.spiking for series in each.series)
        for series in each.series:
            series.spiking = False
        if spiked:
            self._rewrite(each)
            if each.service.kind == "aws.sqs_queue":  # a new queue: purging is allowed once a minute only
                _delete_queue(each, self._clients)
                _create_again(each, self._clients)
        self._set_alarms(each, "OK", "Within its threshold")

    def _rewrite(self, each: Seeded) -> None:
        """Make the metrics' history what they are now, so that a check sees it at once and not in five minutes.

        Dropping points is the one thing done behind moto's back: CloudWatch has no action for it.
        """
        from moto.backends import get_backend
        from moto.core.models import DEFAULT_ACCOUNT_ID

        backend: Any = get_backend("cloudwatch")[DEFAULT_ACCOUNT_ID][each.region]
        names = {(series.namespace, series.name, tuple(sorted(series.dimensions.items()))) for series in each.series}
        backend.metric_data = [
            point
            for point in backend.metric_data
            if (point.namespace, point.name, tuple(sorted((d.name, d.value) for d in point.dimensions))) not in names
        ]
        put_points(each, self._client("cloudwatch", each), minutes=HISTORY_MINUTES)

    def _flood(self, each: Seeded) -> None:
        sqs = self._client("sqs", each)
        url = sqs.get_queue_url(QueueName=resource_name(each.service))["QueueUrl"]
        for batch in range(self._flood_count(each) // 10 + 1):
            entries = [{"Id": str(number), "MessageBody": f"order {batch}-{number}"} for number in range(10)]
            sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def _flood_count(self, each: Seeded) -> int:
        """Enough to be seen; where only the depth is judged, enough to be too much."""
        limits = [limits for check in each.service.checks.values() for limits in check.limits().items()]
        if any(name == "age" and (limit.critical or limit.warning) for name, limit in limits):
            return _SPIKE_MESSAGE_COUNT
        depths = [limit.critical or limit.warning for name, limit in limits if name == "depth"]
        return max([_SPIKE_MESSAGE_COUNT, *(int(depth.value * 1.2) for depth in depths if depth)])

    def _set_alarms(self, each: Seeded, state: str, reason: str) -> None:
        for alarm in each.alarms:
            self._client("cloudwatch", each).set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=reason)

    def _put_now(self, each: Seeded) -> None:
        put_points(each, self._client("cloudwatch", each))

    def _client(self, service: str, each: Seeded) -> Any:
        return self._clients(service, each.region)

    def _service(self, target: str) -> Seeded:
        if target not in self._services:
            raise ValueError(f"no service {target!r} on AWS; there are: {', '.join(sorted(self._services))}")
        return self._services[target]

    def _api(self, target: str) -> str:
        return "*" if target in self._sites else _SIGNING_NAME[self._service(target).service.kind]

    def _api_front(self) -> Front:
        if self.front is None:
            raise ValueError("the emulator is not serving yet")
        return self.front


def _instances(each: Seeded, clients: Clients) -> list[str]:
    name = resource_name(each.service)
    groups = clients("autoscaling", each.region).describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    return [instance["InstanceId"] for instance in groups["AutoScalingGroups"][0]["Instances"]]


def _stop_fleet(each: Seeded, clients: Clients) -> None:
    """The instances stop: unhealthy in the group, unused as targets."""
    ids = _instances(each, clients)
    clients("ec2", each.region).stop_instances(InstanceIds=ids)
    _set_health(each, ids, "Unhealthy", clients)


def _start_fleet(each: Seeded, clients: Clients) -> None:
    ids = _instances(each, clients)
    clients("ec2", each.region).start_instances(InstanceIds=ids)
    _set_health(each, ids, "Healthy", clients)


def _set_health(each: Seeded, ids: list[str], health: str, clients: Clients) -> None:
    for instance in ids:
        clients("autoscaling", each.region).set_instance_health(InstanceId=instance, HealthStatus=health)


def _empty_targets(each: Seeded, clients: Clients) -> None:
    elbv2 = clients("elbv2", each.region)
    for arn in each.target_groups:
        targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        elbv2.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": target["Target"]["Id"]} for target in targets])


def _fill_targets(each: Seeded, clients: Clients) -> None:
    for arn in each.target_groups:
        register_targets(arn, each.region, clients)


def _delete_queue(each: Seeded, clients: Clients) -> None:
    sqs = clients("sqs", each.region)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=resource_name(each.service))["QueueUrl"])


def _stop_database(each: Seeded, clients: Clients) -> None:
    clients("rds", each.region).stop_db_instance(DBInstanceIdentifier=resource_name(each.service))


def _start_database(each: Seeded, clients: Clients) -> None:
    clients("rds", each.region).start_db_instance(DBInstanceIdentifier=resource_name(each.service))


def _delete_table(each: Seeded, clients: Clients) -> None:
    clients("dynamodb", each.region).delete_table(TableName=resource_name(each.service))


def _create_again(each: Seeded, clients: Clients) -> None:
    create_resource(each.service.kind, resource_name(each.service), each.region, clients)


Change = Callable[[Seeded, Clients], None]
_KILL: dict[str, Change] = {
    "aws.autoscaling_group": _stop_fleet,
    "aws.load_balancer": _empty_targets,
    "aws.sqs_queue": _delete_queue,
    "aws.rds_instance": _stop_database,
    "aws.dynamodb_table": _delete_table,
}
_REVIVE: dict[str, Change] = {
    "aws.autoscaling_group": _start_fleet,
    "aws.load_balancer": _fill_targets,
    "aws.sqs_queue": _create_again,
    "aws.rds_instance": _start_database,
    "aws.dynamodb_table": _create_again,
}
