"""What does the emulated AWS hold? What the catalogue declares, no more.

Every aws.* service becomes the resource it names, with the metrics and alarms its checks ask for,
well within their limits. Made through boto3 as a customer would.

The rule: the sandbox follows the catalogue; a new check is answered without touching this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.catalogue.model import (
    AlarmCheck,
    Catalogue,
    CheckBase,
    Limits,
    MetricCheck,
    Platform,
    QueueCheck,
    Service,
    TargetHealthCheck,
)
from blocks.ports.health import Unit

INSTANCE_COUNT = 3
HISTORY_MINUTES = 90
_BATCH = 500


@dataclass
class Series:
    """A metric that is kept alive: what it is now, and what it is on a good day."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    normal: float
    spiked: float
    spiking: bool = False

    def point(self, at: datetime) -> dict[str, Any]:
        """As put_metric_data takes it."""
        return {
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(self.dimensions.items())],
            "Timestamp": at,
            "Value": self.spiked if self.spiking else self.normal,
        }


@dataclass
class Seeded:
    """One service of the catalogue as it stands in the emulator."""

    platform: Platform
    service: Service
    region: str
    series: list[Series] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    target_groups: list[str] = field(default_factory=list)  # ARNs


Clients = Callable[[str, str], Any]  # (service, region) -> boto3 client


def aws_services(catalogue: Catalogue) -> Iterator[Seeded]:
    """Every service of the catalogue that is asked on AWS, the fleets first (targets need instances)."""
    found = [
        Seeded(platform, service, platform.sites[service.site].region)
        for platform in catalogue.platforms.values()
        for service in platform.services.values()
        if service.kind.startswith("aws.")
    ]
    return iter(sorted(found, key=lambda each: each.service.kind != "aws.autoscaling_group"))


def seed(each: Seeded, clients: Clients) -> None:
    """Create one service's resource, target groups, alarms and ninety minutes of metrics."""
    name = resource_name(each.service)
    create_resource(each.service.kind, name, each.region, clients)
    for check in each.service.checks.values():
        _seed_check(each, name, check, clients)
    cloudwatch = clients("cloudwatch", each.region)
    put_points(each, cloudwatch, minutes=HISTORY_MINUTES)


def put_points(each: Seeded, cloudwatch: Any, *, minutes: int = 0) -> None:
    """A data point of each of the service's metrics for this minute and the `minutes` before it."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    times = [now - timedelta(minutes=ago) for ago in range(minutes, -1, -1)]
    for namespace in {series.namespace for series in each.series}:
        points = [series.point(at) for series in each.series if series.namespace == namespace for at in times]
        for start in range(0, len(points), _BATCH):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=points[start : start + _BATCH])


def create_resource(kind: str, name: str, region: str, clients: Clients) -> None:
    """Make the resource of one service; the emulator must not have it yet."""
    _CREATORS[kind](name, region, clients)


def resource_name(service: Service) -> str:
    """The name at the end of an ARN or address; the service's own where the catalogue names none."""
    return (service.resource or service.name).rpartition("/")[2].rpartition(":")[2]


def _seed_check(each: Seeded, name: str, check: CheckBase, clients: Clients) -> None:
    if isinstance(check, MetricCheck):
        namespace, _, metric = check.metric.rpartition("/")
        dimensions = check.dimensions or _dimensions(each, name, clients)
        minutes = check.window.total_seconds() / 60 if check.aggregation == "total" else 1.0
        _keep(
            each, Series(namespace, metric, dimensions, _normal(check.value) / minutes, _beyond(check.value) / minutes)
        )
    elif isinstance(check, QueueCheck):
        _keep(each, Series("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": name}, 1.0, _beyond(check.age)))
    elif isinstance(check, AlarmCheck):
        each.alarms.append(check.alarm)
        _create_alarm(check.alarm, clients("cloudwatch", each.region))
    elif isinstance(check, TargetHealthCheck):
        each.target_groups.append(_create_target_group(check.target_group, each.region, clients))


def _keep(each: Seeded, series: Series) -> None:
    """Two checks may look at one metric: it has one value, good for both and bad for both."""
    for known in each.series:
        if (known.namespace, known.name, known.dimensions) == (series.namespace, series.name, series.dimensions):
            known.normal = min(known.normal, series.normal)
            known.spiked = max(known.spiked, series.spiked)
            return
    each.series.append(series)


def _dimensions(each: Seeded, name: str, clients: Clients) -> dict[str, str]:
    if each.service.kind == "aws.load_balancer":
        found = clients("elbv2", each.region).describe_load_balancers(Names=[name])["LoadBalancers"][0]
        return {"LoadBalancer": found["LoadBalancerArn"].partition("loadbalancer/")[2]}
    return {_DIMENSION[each.service.kind]: name}


_DIMENSION = {
    "aws.autoscaling_group": "AutoScalingGroupName",
    "aws.sqs_queue": "QueueName",
    "aws.rds_instance": "DBInstanceIdentifier",
    "aws.dynamodb_table": "TableName",
}


def _normal(limits: Limits) -> float:
    """A value that the tighter limit calls good."""
    limit = limits.warning or limits.critical
    if limit is None:
        return 1.0
    if limit.operator.startswith(">"):
        return limit.value * 0.4
    return 100.0 if limit.unit is Unit.PERCENT else limit.value * 2 + 1


def _beyond(limits: Limits) -> float:
    """A value that the harder limit calls bad."""
    limit = limits.critical or limits.warning
    if limit is None:
        return 1_000_000.0
    if limit.operator.startswith("<"):
        return limit.value * 0.5
    return (limit.value + 100.0) / 2 if limit.unit is Unit.PERCENT else limit.value * 1.5 + 1


def _create_alarm(alarm: str, cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="Sandbox",
        MetricName=alarm,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="Within its threshold")


def _create_target_group(target_group: str, region: str, clients: Clients) -> str:
    elbv2 = clients("elbv2", region)
    name = target_group.partition("targetgroup/")[2].partition("/")[0] or target_group
    made = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=_network(region, clients)[0])
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    autoscaling = clients("autoscaling", region)
    for group in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        autoscaling.attach_load_balancer_target_groups(
            AutoScalingGroupName=group["AutoScalingGroupName"], TargetGroupARNs=[arn]
        )
    register_targets(arn, region, clients)
    return arn


def register_targets(arn: str, region: str, clients: Clients) -> None:
    """Every instance of the region's fleets becomes a target."""
    groups = clients("autoscaling", region).describe_auto_scaling_groups()["AutoScalingGroups"]
    targets = [{"Id": instance["InstanceId"]} for group in groups for instance in group["Instances"]]
    if targets:
        clients("elbv2", region).register_targets(TargetGroupArn=arn, Targets=targets)


def _network(region: str, clients: Clients) -> tuple[str, list[str]]:
    """The region's default network: its id and the subnets of two zones."""
    ec2 = clients("ec2", region)
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return vpc, [subnet["SubnetId"] for subnet in subnets][:2]


def _create_fleet(name: str, region: str, clients: Clients) -> None:
    ec2 = clients("ec2", region)
    image = ec2.describe_images(MaxResults=5)["Images"][0]["ImageId"]
    template = {"ImageId": image, "InstanceType": "t3.small"}
    ec2.create_launch_template(LaunchTemplateName=f"{name}-web", LaunchTemplateData=template)
    clients("autoscaling", region).create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": f"{name}-web", "Version": "$Latest"},
        MinSize=1,
        MaxSize=INSTANCE_COUNT * 3,
        DesiredCapacity=INSTANCE_COUNT,
        VPCZoneIdentifier=",".join(_network(region, clients)[1]),
    )


def _create_load_balancer(name: str, region: str, clients: Clients) -> None:
    clients("elbv2", region).create_load_balancer(Name=name, Subnets=_network(region, clients)[1], Type="application")


def _create_queue(name: str, region: str, clients: Clients) -> None:
    clients("sqs", region).create_queue(QueueName=name)


def _create_database(name: str, region: str, clients: Clients) -> None:
    import secrets

    clients("rds", region).create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="orders",
        MasterUserPassword=secrets.token_hex(12),
    )


def _create_table(name: str, region: str, clients: Clients) -> None:
    clients("dynamodb", region).create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


_CREATORS: dict[str, Callable[[str, str, Clients], None]] = {
    "aws.autoscaling_group": _create_fleet,
    "aws.load_balancer": _create_load_balancer,
    "aws.sqs_queue": _create_queue,
    "aws.rds_instance": _create_database,
    "aws.dynamodb_table": _create_table,
}
