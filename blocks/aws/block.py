"""What may the AWS credential do?

The block is prefect_aws.AwsCredentials, for readers and operators alike; which of the two one is, its name
in the catalogue says. This file opens one and says, action by action, what it may do: all that is needed,
and a few that it must not have.

The rule: what cannot be found out is said to be unknown, never allowed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.aws.clients import AwsClients
from blocks.aws.failures import error_code, explained
from blocks.errors import Refused
from blocks.ports.capabilities import Capability

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

IDENTITY = "sts:GetCallerIdentity"
SIMULATE = "iam:SimulatePrincipalPolicy"
READER_ACTIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeScalingActivities",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "dynamodb:DescribeTable",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "iam:SimulatePrincipalPolicy",
    "rds:DescribeDBInstances",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
)
NOT_FOR_READERS = (
    "autoscaling:SetDesiredCapacity",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "dynamodb:DeleteTable",
    "ec2:TerminateInstances",
    "rds:DeleteDBInstance",
    "sqs:PurgeQueue",
    "sqs:ReceiveMessage",
)
OPERATOR_ACTIONS = ("autoscaling:TerminateInstanceInAutoScalingGroup", "iam:SimulatePrincipalPolicy")
NOT_FOR_OPERATORS = (
    "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
    "dynamodb:DeleteTable",
    "ec2:TerminateInstances",
    "iam:CreateAccessKey",
    "rds:DeleteDBInstance",
    "sqs:PurgeQueue",
)
_ABSENT = "vigie-permission-check"
_ASSUMED = re.compile(r"^arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Duty:
    """What a credential is for: the actions it needs, and those it had better not have."""

    word: str
    needed: tuple[str, ...]
    too_much: tuple[str, ...]


READER = Duty("a reader", READER_ACTIONS, NOT_FOR_READERS)
OPERATOR = Duty("an operator", OPERATOR_ACTIONS, NOT_FOR_OPERATORS)


async def examine_aws(credentials: AwsCredentials, duty: Duty = READER) -> tuple[Capability, ...]:
    """Who these credentials are and what they may do, in IAM's words. Never raises for what AWS answers."""
    return await asyncio.to_thread(_examine, credentials, duty)


def _examine(credentials: AwsCredentials, duty: Duty) -> tuple[Capability, ...]:
    clients = AwsClients(credentials)
    region = credentials.region_name or "us-east-1"
    try:
        arn = str(clients.client("sts", region).get_caller_identity()["Arn"])
    except Exception as error:  # noqa: BLE001 (whatever it is, it is said in the answer)
        return (Capability(IDENTITY, **_verdict(error, region)),)
    else:
        return (Capability(IDENTITY, allowed=True, detail=f"is {arn}"), *_permissions(clients, region, arn, duty))
    finally:
        clients.close()


def _permissions(clients: AwsClients, region: str, arn: str, duty: Duty) -> Iterator[Capability]:
    try:
        decisions = dict(_simulated(clients.client("iam", region), principal_arn(arn), duty))
    except Exception as error:  # noqa: BLE001 (then each action is tried)
        why = _verdict(error, region)
        yield Capability(SIMULATE, **why)
        yield from _tried(clients, region, duty)
        return
    for action in (*duty.needed, *duty.too_much):
        decision = decisions.get(action)
        allowed = None if decision is None else decision == "allowed"
        too_much = f"WARNING: {duty.word} should not have this" if allowed and action in duty.too_much else ""
        yield Capability(action, allowed, too_much or decision or "IAM did not say")


def principal_arn(arn: str) -> str:
    """IAM simulates roles, not their sessions: the role's ARN for an assumed role (without its path, which is lost)."""
    session = _ASSUMED.match(arn)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else arn


def _simulated(iam: Any, arn: str, duty: Duty) -> Iterator[tuple[str, str]]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=[*duty.needed, *duty.too_much]
    )
    for page in pages:
        for result in page["EvaluationResults"]:
            yield result["EvalActionName"], result["EvalDecision"]


def _tried(clients: AwsClients, region: str, duty: Duty) -> Iterator[Capability]:
    """Without the simulator: the answer to a harmless call says it for reads; changes are never tried."""
    for action in duty.needed:
        if action not in _HARMLESS:
            continue
        service, call = _HARMLESS[action]
        try:
            call(clients.client(service, region))
        except Exception as error:  # noqa: BLE001 (the verdict is the answer)
            yield Capability(action, **_verdict(error, region))
        else:
            yield Capability(action, allowed=True, detail="a harmless call was answered")
    changes = [action for action in duty.needed if action not in (SIMULATE, *_HARMLESS)]
    for action in (*changes, *duty.too_much):
        yield Capability(action, allowed=None, detail=f"changes are not tried, and {SIMULATE} is not allowed")


def _verdict(error: Exception, region: str) -> dict[str, Any]:
    if error_code(error) in _ALLOWED_BUT_ABSENT:
        return {"allowed": True, "detail": "a call for something that does not exist was answered"}
    ours = explained(error, f"AWS {region}")
    return {"allowed": False if isinstance(ours, Refused) else None, "detail": str(ours)}


def _no_metric(cloudwatch: Any) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    metric = {"Metric": {"Namespace": "Vigie", "MetricName": _ABSENT}, "Period": 60, "Stat": "Sum"}
    query = {"Id": "none", "MetricStat": metric}
    cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=now - timedelta(minutes=1), EndTime=now)


def _no_targets(elbv2: Any) -> None:
    region = elbv2.meta.region_name
    elbv2.describe_target_health(
        TargetGroupArn=f"arn:aws:elasticloadbalancing:{region}:000000000000:targetgroup/{_ABSENT}/0000000000000000"
    )


def _first_queue(sqs: Any) -> str:
    return f"{sqs.meta.endpoint_url}/000000000000/{_ABSENT}"


_ALLOWED_BUT_ABSENT = {
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
    "ResourceNotFoundException",
    "TargetGroupNotFound",
}
_HARMLESS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "autoscaling:DescribeAutoScalingGroups": ("autoscaling", lambda c: c.describe_auto_scaling_groups(MaxRecords=1)),
    "autoscaling:DescribeScalingActivities": ("autoscaling", lambda c: c.describe_scaling_activities(MaxRecords=1)),
    "cloudwatch:DescribeAlarms": ("cloudwatch", lambda c: c.describe_alarms(MaxRecords=1)),
    "cloudwatch:GetMetricData": ("cloudwatch", _no_metric),
    "dynamodb:DescribeTable": ("dynamodb", lambda c: c.describe_table(TableName=_ABSENT)),
    "elasticloadbalancing:DescribeLoadBalancers": ("elbv2", lambda c: c.describe_load_balancers(PageSize=1)),
    "elasticloadbalancing:DescribeTargetGroups": ("elbv2", lambda c: c.describe_target_groups(PageSize=1)),
    "elasticloadbalancing:DescribeTargetHealth": ("elbv2", _no_targets),
    "rds:DescribeDBInstances": ("rds", lambda c: c.describe_db_instances(MaxRecords=20)),
    # SQS gives one answer for "no such queue" and "not yours to see": only a denial says something.
    "sqs:GetQueueAttributes": (
        "sqs",
        lambda c: c.get_queue_attributes(QueueUrl=_first_queue(c), AttributeNames=["QueueArn"]),
    ),
    "sqs:GetQueueUrl": ("sqs", lambda c: c.get_queue_url(QueueName=_ABSENT)),
}
