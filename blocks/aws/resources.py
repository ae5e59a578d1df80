"""How are the AWS resources themselves: there, in the right state, with what they need?

A resource that the catalogue names and AWS does not know is a critical finding: at 3 a.m. a deleted
database is an outage, not a typing mistake.

The rule: each state is judged by AWS's own list of states; one that is not in our tables is a
warning to look at, never ok. Every list is read to its last page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from blocks.aws.failures import error_code
from blocks.catalogue.model import CapacityCheck, QueueCheck, ResourceStateCheck, TargetHealthCheck
from blocks.errors import Broken
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, State, Unit
from blocks.threads import Answer

_NOT_FOUND = {
    "AWS.SimpleQueueService.NonExistentQueue", "DBInstanceNotFound", "DBInstanceNotFoundFault", "LoadBalancerNotFound",
    "QueueDoesNotExist", "ResourceNotFoundException", "TargetGroupNotFound",
}  # fmt: skip
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html: states in which it serves
_RDS_SERVING = {
    "available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth",
    "configuring-log-exports", "storage-optimization", "storage-config-upgrade", "storage-initialization",
}  # fmt: skip
_RDS_PASSING = {
    "converting-to-vpc", "delete-precheck", "maintenance", "modifying", "moving-to-vpc", "renaming",
    "resetting-master-credentials", "upgrading",
}  # fmt: skip
_GOOD = {
    "aws.rds_instance": _RDS_SERVING,
    "aws.dynamodb_table": {"ACTIVE", "UPDATING"},
    "aws.load_balancer": {"active"},
    "aws.autoscaling_group": {"in use"},
    "aws.sqs_queue": {"exists"},
}
_PASSING = {"aws.rds_instance": _RDS_PASSING, "aws.load_balancer": {"active_impaired", "provisioning"}}


def short_name(resource: str) -> str:
    """The name in an ARN or queue address; a plain name stays."""
    if resource.startswith("arn:"):
        resource = resource.split(":", 5)[-1]
    return resource.rpartition("/")[2].rpartition(":")[2]


def read_resource_state(client: Any, kind: str, resource: str, check: ResourceStateCheck) -> Answer:
    """`available` 1 when it is in its right state, a finding else."""
    reader = _STATE_READERS.get(kind)
    if reader is None:
        raise Broken(f"no state is known for services of kind {kind}", code=MissingCode.PROBE_FAILED)
    state = _unless_absent(lambda: reader(client, resource))
    if state is None:
        return _absent(kind, resource)
    return _judged_state(kind, resource, state, check)


def read_capacity(autoscaling: Any, resource: str, _check: CapacityCheck) -> Answer:
    """`in_service` (% of desired), `desired_count` and `in_service_count` of an Auto Scaling group."""
    group = find_group(autoscaling, short_name(resource))
    return _absent("aws.autoscaling_group", resource) if group is None else capacity_answer(group)


def capacity_answer(group: Mapping[str, Any]) -> Answer:
    """Only instances that are both InService and Healthy serve anybody. A group that wants none has 100 %."""
    desired = int(group["DesiredCapacity"])
    serving = serving_instances(group)
    share = 100.0 * len(serving) / desired if desired else 100.0
    return Answer(
        (
            Measurement("in_service", share, Unit.PERCENT),
            Measurement("desired_count", float(desired), Unit.COUNT),
            Measurement("in_service_count", float(len(serving)), Unit.COUNT),
        )
    )


def read_target_health(elbv2: Any, check: TargetHealthCheck) -> Answer:
    """`healthy` (%) and `healthy_count` of a target group. Without any target nobody is served: 0 %."""
    arn = _unless_absent(lambda: _target_group_arn(elbv2, check.target_group))
    if arn is None:
        return _absent("target group", check.target_group)
    answer = _unless_absent(lambda: elbv2.describe_target_health(TargetGroupArn=arn))
    if answer is None:
        return _absent("target group", check.target_group)
    states = [target["TargetHealth"]["State"] for target in answer["TargetHealthDescriptions"]]
    staying = [state for state in states if state != "draining"]
    healthy = staying.count("healthy")
    share = 100.0 * healthy / len(staying) if staying else 0.0
    return Answer(
        (Measurement("healthy", share, Unit.PERCENT), Measurement("healthy_count", float(healthy), Unit.COUNT))
    )


def read_queue(sqs: Any, resource: str, check: QueueCheck, oldest_s: Callable[[str], float | None]) -> Answer:
    """`depth` (count waiting) and `age` (s, of the oldest, which CloudWatch knows: `oldest_s(queue name)`).

    A queue that holds nothing has no oldest message: its age is 0 without asking.
    """
    name = short_name(resource)
    url = _unless_absent(lambda: sqs.get_queue_url(QueueName=name)["QueueUrl"])
    if url is None:
        return _absent("aws.sqs_queue", resource)
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    waiting, held, delayed = (int(attributes[each]) for each in names)
    age = oldest_s(name) if waiting + held + delayed else 0.0
    return _queue_answer(check, name, float(waiting), age)


def load_balancer_dimension(elbv2: Any, resource: str) -> str:
    """CloudWatch's name of a load balancer, 'app/name/50dc6c495c0c9188', from its ARN or name."""
    arn = resource if resource.startswith("arn:") else _load_balancer(elbv2, resource)["LoadBalancerArn"]
    return str(arn).partition("loadbalancer/")[2]


def serving_instances(group: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A group's instances that serve: InService and Healthy."""
    return [
        instance
        for instance in group["Instances"]
        if instance["LifecycleState"] == "InService" and instance["HealthStatus"].lower() == "healthy"
    ]


def find_group(autoscaling: Any, name: str) -> Mapping[str, Any] | None:
    """The Auto Scaling group of that name as AWS describes it; None when there is none."""
    pages = autoscaling.get_paginator("describe_auto_scaling_groups").paginate(AutoScalingGroupNames=[name])
    groups = [group for page in pages for group in page["AutoScalingGroups"]]
    return next((group for group in groups if group["AutoScalingGroupName"] == name), None)


def _queue_answer(check: QueueCheck, name: str, depth: float, age: float | None) -> Answer:
    waiting = Measurement("depth", depth, Unit.COUNT)
    if age is not None:
        return Answer((waiting, Measurement("age", age, Unit.SECONDS)))
    judged = check.age.warning is not None or check.age.critical is not None
    over = check.depth.critical is not None and check.depth.critical.crossed_by(depth)
    if judged and not over:
        return Answer(
            missing=Missing(MissingCode.NO_DATA, f"CloudWatch does not know how old queue {name}'s messages are")
        )
    return Answer((waiting,))


def _judged_state(kind: str, resource: str, state: str, check: ResourceStateCheck) -> Answer:
    if state == check.expect or (check.expect is None and state in _GOOD[kind]):
        return Answer((Measurement("available", 1.0, Unit.COUNT),))
    passing = check.expect is None and state in _PASSING.get(kind, set())
    wanted = f" instead of {check.expect}" if check.expect else ""
    text = f"{kind} {short_name(resource)} is {state}{wanted}"
    measured = (Measurement("available", 0.0, Unit.COUNT),)
    return Answer(measured, Finding(FindingCode.RESOURCE_STATE, text, State.WARNING if passing else State.CRITICAL))


def _absent(kind: str, resource: str) -> Answer:
    text = f"{kind} {short_name(resource)} does not exist (deleted, or named wrongly in the catalogue)"
    return Answer(finding=Finding(FindingCode.RESOURCE_STATE, text))


def _unless_absent(read: Callable[[], Any]) -> Any:
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as error:
        if error_code(error) in _NOT_FOUND:
            return None
        raise


def _group_state(autoscaling: Any, resource: str) -> str | None:
    group = find_group(autoscaling, short_name(resource))
    return None if group is None else str(group.get("Status") or "in use")  # Status is set only while it is deleted


def _target_group_arn(elbv2: Any, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]


def _load_balancer(elbv2: Any, resource: str) -> Mapping[str, Any]:
    choice = {"LoadBalancerArns": [resource]} if resource.startswith("arn:") else {"Names": [resource]}
    return elbv2.describe_load_balancers(**choice)["LoadBalancers"][0]


def _rds_state(rds: Any, resource: str) -> str:
    return rds.describe_db_instances(DBInstanceIdentifier=short_name(resource))["DBInstances"][0]["DBInstanceStatus"]


def _table_state(dynamodb: Any, resource: str) -> str:
    return dynamodb.describe_table(TableName=short_name(resource))["Table"]["TableStatus"]


def _queue_state(sqs: Any, resource: str) -> str:
    return "exists" if sqs.get_queue_url(QueueName=short_name(resource))["QueueUrl"] else ""


_STATE_READERS: dict[str, Callable[[Any, str], str | None]] = {
    "aws.rds_instance": _rds_state,
    "aws.dynamodb_table": _table_state,
    "aws.load_balancer": lambda elbv2, resource: _load_balancer(elbv2, resource)["State"]["Code"],
    "aws.autoscaling_group": _group_state,
    "aws.sqs_queue": _queue_state,
}
