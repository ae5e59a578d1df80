"""The documented permissions are exactly those the adapter uses: one too few fails, one too many fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from blocks.aws.block import NOT_FOR_READERS, READER_ACTIONS, SIMULATE, examine_aws, principal_arn
from blocks.aws.prober import open_prober
from blocks.clock import SystemClock
from blocks.ports.network import Routes
from tests.contract.aws.conftest import CHECKS, ask, credentials_for, make_catalogue, probe_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "permissions-aws.md"


async def test_the_documented_policy_is_exactly_what_is_called(aws, prober):
    before = len(ask(aws, "traffic")["calls"])
    for service, declared in CHECKS.items():
        for check in declared["checks"]:
            await prober.probe(probe_of(service, check))
    await examine_aws(credentials_for(aws))
    called = {call["action"] for call in ask(aws, "traffic")["calls"][before:]} - {"sts:GetCallerIdentity"}
    policy = json.loads(re.search(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1])
    documented = {action for statement in policy["Statement"] for action in statement["Action"]}
    called |= {"autoscaling:DescribeScalingActivities"}  # tests/contract/test_restart_permissions.py
    assert called == documented
    assert documented == set(READER_ACTIONS)


@pytest.mark.parametrize("action", READER_ACTIONS)
def test_every_action_is_explained(action):
    assert f"`{action}`" in DOCUMENT.read_text().partition("```json")[0] + DOCUMENT.read_text().rpartition("```")[2]


async def test_examine_says_who_and_what(aws):
    capabilities = {each.action: each for each in await examine_aws(credentials_for(aws))}
    assert capabilities["sts:GetCallerIdentity"].allowed is True
    assert {action: capabilities[action].allowed for action in READER_ACTIONS} == dict.fromkeys(READER_ACTIONS, True)
    assert {action: capabilities[action].allowed for action in NOT_FOR_READERS} == dict.fromkeys(NOT_FOR_READERS, False)


async def test_examine_names_the_reader_that_may_too_much(aws):
    admin = credentials_for(aws, aws_access_key_id=aws.admin.key_id, aws_secret_access_key=aws.admin.secret)
    capabilities = {each.action: each for each in await examine_aws(admin)}
    assert capabilities["rds:DeleteDBInstance"].allowed is True
    assert "should not have" in capabilities["rds:DeleteDBInstance"].detail


async def test_examine_without_the_simulator_tries_reads_and_never_changes(tmp_path):
    """A reader whose policy lacks SimulatePrincipalPolicy and RDS: reads are tried, changes stay unknown."""
    from deployments.sandbox.aws import AwsEmulator
    from deployments.sandbox.state import State

    actions = tuple(action for action in READER_ACTIONS if action != SIMULATE and not action.startswith("rds:"))
    with AwsEmulator(State.at(tmp_path), make_catalogue({}), actions=actions) as poor:
        capabilities = {each.action: each for each in await examine_aws(credentials_for(poor))}
        called = {call["action"] for call in ask(poor, "traffic")["calls"]}
    assert capabilities[SIMULATE].allowed is False
    assert capabilities["rds:DescribeDBInstances"].allowed is False
    assert capabilities["autoscaling:DescribeAutoScalingGroups"].allowed is True
    assert capabilities["dynamodb:DescribeTable"].allowed is True
    assert capabilities["sqs:GetQueueUrl"].allowed is None  # SQS answers the absent and the forbidden alike
    assert {capabilities[action].allowed for action in NOT_FOR_READERS} == {None}
    assert not called & set(NOT_FOR_READERS)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [({"aws_secret_access_key": "wrong"}, False), ({"endpoint_url": "https://127.0.0.1:9"}, None)],
)
async def test_examine_with_a_wrong_key_or_no_answer(aws, changes, allowed):
    capabilities = await examine_aws(credentials_for(aws, **changes))
    assert [(each.action, each.allowed) for each in capabilities] == [("sts:GetCallerIdentity", allowed)]
    assert capabilities[0].detail


async def test_an_action_that_is_taken_away_is_named_in_the_refusal(tmp_path):
    from deployments.sandbox.aws import AwsEmulator
    from deployments.sandbox.state import State

    fewer = tuple(action for action in READER_ACTIONS if action != "autoscaling:DescribeAutoScalingGroups")
    with AwsEmulator(State.at(tmp_path), make_catalogue({}), actions=fewer) as poor:
        async with open_prober(credentials_for(poor), routes=Routes(), clock=SystemClock()) as prober:
            with pytest.raises(Exception, match=r"autoscaling:DescribeAutoScalingGroups.*docs/permissions-aws.md"):
                await prober.probe(probe_of("fleet", "capacity"))


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:sts::123456789012:assumed-role/vigie-reader/worker-1", "arn:aws:iam::123456789012:role/vigie-reader"),
        ("arn:aws:iam::123456789012:user/vigie-reader", "arn:aws:iam::123456789012:user/vigie-reader"),
    ],
)
def test_sessions_are_simulated_as_their_role(arn, principal):
    assert principal_arn(arn) == principal
