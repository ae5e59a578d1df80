"""What real AWS accounts answered (recorded by others) is read by the adapter's own code.

botocore's Stubber, the SDK's own test tool, checks each reply against AWS's service model before
the adapter sees it; examples of the AWS CLI's documentation go the same way.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from blocks.aws.metrics import read_alarm
from blocks.aws.resources import read_capacity
from blocks.catalogue.model import AlarmCheck, CapacityCheck
from blocks.ports.health import FindingCode, MissingCode

_TYPES = {
    "datetime": lambda v: datetime(
        *(v[k] for k in ("year", "month", "day", "hour", "minute", "second", "microsecond")), tzinfo=UTC
    )
}
FOLDER_COUNTS = {"DescribeAutoScalingGroups": 36, "DescribeAlarms": 2}


def recorded(path):
    def revive(value):
        if "__class__" in value:
            return _TYPES[value["__class__"]](value)
        return {k: v for k, v in value.items() if v != ""}  # real AWS sends '' where its own model forbids it

    return json.loads(path.read_text(), object_hook=revive)


def stubbed(service, operation, reply):
    import boto3
    from botocore.stub import Stubber

    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    stubber = Stubber(client)
    stubber.add_response(operation, reply)
    stubber.activate()
    return client


def check(kind, **given):
    return {"alarm": AlarmCheck, "capacity": CapacityCheck}[kind](kind=kind, name="check", **given)


def test_every_recorded_group_is_read(conformance):
    paths = sorted(conformance("aws-recorded").glob("*autoscaling.DescribeAutoScalingGroups_*.json"))
    read = 0
    for path in paths:
        groups = recorded(path)["data"]["AutoScalingGroups"]
        for group in groups:
            client = stubbed("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroups": groups})
            answer = read_capacity(client, group["AutoScalingGroupARN"], check("capacity"))
            measured = {m.name: m.value for m in answer.measurements}
            assert measured["desired_count"] == group["DesiredCapacity"], path.name
            assert measured["in_service_count"] <= len(group["Instances"]), path.name
            assert measured["in_service"] >= 0, path.name
            read += 1
    assert len(paths) == FOLDER_COUNTS["DescribeAutoScalingGroups"]
    assert read >= 25


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("test_asg_resume__autoscaling.DescribeAutoScalingGroups_1", "CustodianASG", (100.0, 3.0, 3.0)),
        ("test_asg_suspend_when_no_instances__autoscaling.DescribeAutoScalingGroups_1", None, (100.0, 0.0, 0.0)),
    ],
)
def test_recorded_groups_by_hand(conformance, name, group, expected):
    groups = recorded(conformance(f"aws-recorded/{name}.json"))["data"]["AutoScalingGroups"]
    client = stubbed("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroups": groups})
    answer = read_capacity(client, group or groups[0]["AutoScalingGroupName"], check("capacity"))
    assert tuple(m.value for m in answer.measurements) == expected


def test_a_deleted_group_is_a_critical_finding(conformance):
    groups = recorded(conformance("aws-recorded/test_asg_resume__autoscaling.DescribeAutoScalingGroups_1.json"))["data"]
    client = stubbed("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroups": groups["AutoScalingGroups"]})
    answer = read_capacity(client, "another", check("capacity"))
    assert answer.finding.code is FindingCode.RESOURCE_STATE


def test_recorded_alarms_without_data_are_missing(conformance):
    paths = sorted(conformance("aws-recorded").glob("*monitoring.DescribeAlarms_*.json"))
    assert len(paths) == FOLDER_COUNTS["DescribeAlarms"]
    for path in paths:
        data = recorded(path)["data"]
        data.pop("ResponseMetadata")
        for alarm in data["MetricAlarms"]:
            answer = read_alarm(
                stubbed("cloudwatch", "describe_alarms", {"MetricAlarms": [alarm]}), check("alarm", alarm="x")
            )
            wanted = {"INSUFFICIENT_DATA": MissingCode.NO_DATA}.get(alarm["StateValue"])
            assert (answer.missing.code if answer.missing else None) is wanted


def test_examples_of_the_command_line(conformance):
    groups = json.loads(conformance("aws-cli/autoscaling/describe-auto-scaling-groups_L8.json").read_text())[
        "AutoScalingGroups"
    ]
    alarms = json.loads(conformance("aws-cli/cloudwatch/describe-alarms_L7.json").read_text())["MetricAlarms"]
    for group in groups:
        group["CreatedTime"] = datetime.fromisoformat(group["CreatedTime"])
    for alarm in alarms:
        alarm |= {key: datetime.fromisoformat(value) for key, value in alarm.items() if key.endswith("Timestamp")}
    capacity = read_capacity(
        stubbed("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroups": groups}),
        "my-asg",
        check("capacity"),
    )
    alarm = read_alarm(
        stubbed("cloudwatch", "describe_alarms", {"MetricAlarms": alarms}), check("alarm", alarm="myalarm")
    )
    assert [m.value for m in capacity.measurements] == [100.0, 1.0, 1.0]
    assert [(m.name, m.value) for m in alarm.measurements] == [("alarm", 0.0)]
