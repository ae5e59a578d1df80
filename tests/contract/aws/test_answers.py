"""What AWS's answers mean, case by case, with the SDK's own Stubber in AWS's place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blocks.aws.failures import explaining
from blocks.aws.metrics import MetricAddress, alarm_answer, metric_points, read_metric
from blocks.aws.resources import (
    capacity_answer,
    read_capacity,
    read_queue,
    read_resource_state,
    read_target_health,
    short_name,
)
from blocks.catalogue.model import CapacityCheck, MetricCheck, QueueCheck, ResourceStateCheck, TargetHealthCheck
from blocks.errors import Refused, Retryable
from blocks.ports.health import MissingCode, State, Unit

NOW = datetime(2026, 11, 23, 18, 7, 42, tzinfo=UTC)
ADDRESS = MetricAddress("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "orders"})


def client_of(service):
    import boto3
    from botocore.stub import Stubber

    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    stubber = Stubber(client)
    stubber.activate()
    return client, stubber


def numbers(answer):
    return {m.name: m.value for m in answer.measurements}


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("storefront-web", "storefront-web"),
        ("arn:aws:rds:eu-west-1:123456789012:db:orders", "orders"),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/carts", "carts"),
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "orders"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "orders"),
        ("arn:aws:autoscaling:us-west-2:1:autoScalingGroup:930d940e:autoScalingGroupName/my-asg", "my-asg"),
    ],
)
def test_names_of_resources(resource, name):
    assert short_name(resource) == name


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("available", None),
        ("backing-up", None),
        ("modifying", State.WARNING),
        ("upgrading", State.WARNING),
        ("stopped", State.CRITICAL),
        ("storage-full", State.CRITICAL),
        ("a-state-of-next-year", State.CRITICAL),
    ],
)
def test_states_of_a_database(status, state):
    rds, stubber = client_of("rds")
    stubber.add_response("describe_db_instances", {"DBInstances": [{"DBInstanceStatus": status}]})
    answer = read_resource_state(rds, "aws.rds_instance", "orders", ResourceStateCheck(kind="resource_state"))
    assert (answer.finding.state if answer.finding else None) is state
    assert numbers(answer) == {"available": 1.0 if state is None else 0.0}


def test_an_expected_state_replaces_the_normal_one():
    expect = ResourceStateCheck(kind="resource_state", expect="stopped")
    for status, good in (("stopped", True), ("available", False)):
        rds, stubber = client_of("rds")
        stubber.add_response("describe_db_instances", {"DBInstances": [{"DBInstanceStatus": status}]})
        answer = read_resource_state(rds, "aws.rds_instance", "orders", expect)
        assert (answer.finding is None) is good


@pytest.mark.parametrize(
    ("code", "state"), [("active", None), ("active_impaired", State.WARNING), ("failed", State.CRITICAL)]
)
def test_states_of_a_load_balancer(code, state):
    elbv2, stubber = client_of("elbv2")
    stubber.add_response("describe_load_balancers", {"LoadBalancers": [{"State": {"Code": code}}]}, {"Names": ["shop"]})
    answer = read_resource_state(elbv2, "aws.load_balancer", "shop", ResourceStateCheck(kind="resource_state"))
    assert (answer.finding.state if answer.finding else None) is state


@pytest.mark.parametrize(
    ("desired", "instances", "share"),
    [
        (3, [("InService", "Healthy")] * 3, 100.0),
        (3, [("InService", "Healthy")] * 2 + [("InService", "Unhealthy")], 200 / 3),
        (2, [("Pending", "Healthy"), ("InService", "HEALTHY")], 50.0),
        (2, [], 0.0),
        (0, [], 100.0),
        (1, [("InService", "Healthy")] * 2, 200.0),
    ],
)
def test_capacity_counts_who_serves(desired, instances, share):
    listed = [{"LifecycleState": lifecycle, "HealthStatus": health} for lifecycle, health in instances]
    answer = capacity_answer({"DesiredCapacity": desired, "Instances": listed})
    assert numbers(answer)["in_service"] == pytest.approx(share)


def test_groups_are_read_to_the_last_page():
    autoscaling, stubber = client_of("autoscaling")
    group = {
        "AutoScalingGroupName": "web", "MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1, "DefaultCooldown": 1,
        "AvailabilityZones": ["a"], "HealthCheckType": "EC2", "CreatedTime": NOW, "Instances": [],
    }  # fmt: skip
    stubber.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [], "NextToken": "more"})
    stubber.add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [group]},
        {"AutoScalingGroupNames": ["web"], "NextToken": "more"},
    )
    assert numbers(read_capacity(autoscaling, "web", CapacityCheck(kind="capacity")))["desired_count"] == 1.0
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("states", "healthy"),
    [
        (["healthy", "healthy"], 100.0),
        (["healthy", "unhealthy", "initial", "unused"], 25.0),
        (["healthy", "draining"], 100.0),
        (["draining"], 0.0),
        ([], 0.0),
    ],
)
def test_target_health(states, healthy):
    elbv2, stubber = client_of("elbv2")
    arn = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"
    targets = [{"Target": {"Id": f"i-{n}"}, "TargetHealth": {"State": state}} for n, state in enumerate(states)]
    stubber.add_response("describe_target_health", {"TargetHealthDescriptions": targets}, {"TargetGroupArn": arn})
    answer = read_target_health(elbv2, TargetHealthCheck(kind="target_health", target_group=arn))
    assert numbers(answer)["healthy"] == healthy


def queue(visible, held=0, delayed=0):
    sqs, stubber = client_of("sqs")
    counts = {
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(held),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
    }
    stubber.add_response("get_queue_url", {"QueueUrl": "https://queue"})
    stubber.add_response("get_queue_attributes", {"Attributes": counts})
    return sqs


@pytest.mark.parametrize(
    ("counts", "age", "limits", "expected"),
    [
        ((0,), None, {"age": {"critical": "> 5 min"}}, {"depth": 0.0, "age": 0.0}),
        ((7,), 12.0, {"age": {"critical": "> 5 min"}}, {"depth": 7.0, "age": 12.0}),
        ((0, 3), None, {"age": {"critical": "> 5 min"}}, None),  # held by a consumer: how long is not known
        ((7,), None, {"age": {"critical": "> 5 min"}}, None),
        ((7,), None, {"depth": {"critical": "> 5 count"}, "age": {"critical": "> 5 min"}}, {"depth": 7.0}),
        ((7,), None, {"depth": {"critical": "> 9 count"}}, {"depth": 7.0}),
    ],
)
def test_a_queue_whose_age_is_judged_and_not_known_is_missing(counts, age, limits, expected):
    answer = read_queue(queue(*counts), "orders", QueueCheck(kind="queue", **limits), lambda _name: age)
    if expected is None:
        assert answer.missing.code is MissingCode.NO_DATA
        assert answer.measurements == ()
    else:
        assert numbers(answer) == expected


def metric_reply(**values):
    return {
        "MetricDataResults": [
            {"Id": f"q_{name}", "Values": list(found), "StatusCode": "Complete"} for name, found in values.items()
        ]
    }


@pytest.mark.parametrize(
    ("aggregation", "reply", "value"),
    [
        ("average", {"Sum": (10.0, 1.0), "SampleCount": (10.0, 1.0)}, 1.0),
        ("average", {"Sum": (30.0, 10.0), "SampleCount": (3.0, 1.0)}, 10.0),
        ("total", {"Sum": (3.0, 4.0)}, 7.0),
        ("minimum", {"Minimum": (3.0, 4.0)}, 3.0),
        ("maximum", {"Maximum": (3.0, 4.0)}, 4.0),
        ("count", {"SampleCount": (3.0, 4.0)}, 7.0),
        ("total", {"Sum": (0.0,)}, 0.0),
        ("total", {"Sum": ()}, None),
        ("average", {"Sum": (1.0,), "SampleCount": ()}, None),
    ],
)
def test_a_metric_over_its_window(aggregation, reply, value):
    cloudwatch, stubber = client_of("cloudwatch")
    stubber.add_response("get_metric_data", metric_reply(**reply))
    check = MetricCheck(
        kind="metric", metric=str(ADDRESS), aggregation=aggregation, unit=Unit.PERCENT, value={"critical": "> 9 %"}
    )
    answer = read_metric(cloudwatch, check, ADDRESS, NOW)
    assert numbers(answer) == ({} if value is None else {"value": value})
    assert (answer.missing.code if answer.missing else None) is (MissingCode.NO_DATA if value is None else None)


def test_a_window_is_full_minutes_and_read_to_the_last_page():
    cloudwatch, stubber = client_of("cloudwatch")
    asked = {
        "MetricDataQueries": [
            {
                "Id": "q_Sum",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/RDS",
                        "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "orders"}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": True,
            }
        ],
        "StartTime": datetime(2026, 11, 23, 17, 57, tzinfo=UTC),
        "EndTime": datetime(2026, 11, 23, 18, 7, tzinfo=UTC),
        "ScanBy": "TimestampDescending",
    }
    stubber.add_response("get_metric_data", {**metric_reply(Sum=(1.0, 2.0)), "NextToken": "more"}, asked)
    stubber.add_response("get_metric_data", metric_reply(Sum=(3.0,)), {**asked, "NextToken": "more"})
    points = metric_points(cloudwatch, ADDRESS, ("Sum",), window=timedelta(minutes=10), now=NOW)
    assert points == {"Sum": [1.0, 2.0, 3.0]}
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("status", "error"), [("Forbidden", Refused), ("InternalError", Retryable)])
def test_a_metric_that_is_not_given_is_no_number(status, error):
    cloudwatch, stubber = client_of("cloudwatch")
    stubber.add_response(
        "get_metric_data", {"MetricDataResults": [{"Id": "q_Sum", "Values": [], "StatusCode": status}]}
    )
    with pytest.raises(error):
        metric_points(cloudwatch, ADDRESS, ("Sum",), window=timedelta(minutes=5), now=NOW)


def test_an_alarm_in_no_known_state_is_an_odd_answer():
    with pytest.raises(Exception, match="not what AWS's API promises") as caught, explaining("here"):
        alarm_answer({"AlarmName": "a", "StateValue": "MAYBE"})
    assert caught.value.code == MissingCode.UNEXPECTED_ANSWER


@pytest.mark.parametrize(
    ("service", "operation", "code", "status", "error", "missing"),
    [
        ("autoscaling", "describe_auto_scaling_groups", "Throttling", 400, Retryable, "throttled"),
        ("dynamodb", "describe_table", "ThrottlingException", 400, Retryable, "throttled"),
        ("cloudwatch", "get_metric_data", "RequestLimitExceeded", 503, Retryable, "throttled"),
        ("sqs", "get_queue_url", "RequestThrottled", 400, Retryable, "throttled"),
        ("rds", "describe_db_instances", "ExpiredToken", 403, Refused, "credentials"),
        ("dynamodb", "describe_table", "UnrecognizedClientException", 400, Refused, "credentials"),
        ("rds", "describe_db_instances", "AccessDenied", 403, Refused, "credentials"),
        ("dynamodb", "describe_table", "AccessDeniedException", 400, Refused, "credentials"),
        ("elbv2", "describe_load_balancers", "SignatureDoesNotMatch", 403, Refused, "credentials"),
        ("rds", "describe_db_instances", "InternalFailure", 500, Retryable, "api_unreachable"),
        ("rds", "describe_db_instances", "ServiceUnavailable", 503, Retryable, "api_unreachable"),
        ("rds", "describe_db_instances", "InvalidParameterValue", 400, Exception, "probe_failed"),
    ],
)
def test_error_codes(service, operation, code, status, error, missing):  # noqa: PLR0917
    client, stubber = client_of(service)
    stubber.add_client_error(operation, code, "words with planted-secret" if "Signature" in code else "words", status)
    arguments = {"get_queue_url": {"QueueName": "q"}, "describe_table": {"TableName": "t"}}.get(operation, {})
    if operation == "get_metric_data":
        arguments = {"MetricDataQueries": [], "StartTime": NOW, "EndTime": NOW}
    with pytest.raises(error) as caught, explaining("AWS eu-west-1"):
        getattr(client, operation)(**arguments)
    assert caught.value.code == missing
    assert "planted" not in str(caught.value)


def test_how_long_to_wait_is_the_providers_word():
    client, stubber = client_of("rds")
    stubber.add_client_error(
        "describe_db_instances", "Throttling", "slow", 400, response_meta={"HTTPHeaders": {"retry-after": "7"}}
    )
    with pytest.raises(Retryable) as caught, explaining("here"):
        client.describe_db_instances()
    assert caught.value.retry_after == timedelta(seconds=7)


def test_a_worker_without_credentials_says_which_block_to_fill():
    from botocore.exceptions import NoCredentialsError

    with pytest.raises(Exception, match="no usable AWS credentials") as caught, explaining("here"):
        raise NoCredentialsError
    assert caught.value.code == MissingCode.CREDENTIALS
