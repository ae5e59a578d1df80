"""The operator's and reader's rights that docs promise are exactly those that a restart uses: no fewer, no more."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from blocks.aws.block import NOT_FOR_OPERATORS, OPERATOR, OPERATOR_ACTIONS, SIMULATE, examine_aws
from blocks.azure.actions import (
    CREDENTIAL_ACTIONS,
    EXAMINE_ACTIONS,
    MOVE_ACTIONS,
    RESTART_ACTIONS,
    RESTART_LOOKS,
    WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE,
)
from blocks.openstack.block import AUTHENTICATE, CHANGES, RESTART_CHANGES
from blocks.openstack.block import NOT_FOR_OPERATORS as TOO_MUCH
from tests.contract.clouds import CLOUDS
from tests.contract.test_restart_port import change_of, effect_of, evidence_of, intend

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
DOCS = Path(__file__).parents[2] / "docs"
LOOKS = {
    "aws.autoscaling_group": {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "elasticloadbalancing:DescribeTargetHealth",
    },
    "openstack.server": {
        "os_compute_api:os-instance-actions:list",
        "os_compute_api:servers:detail",
        "os_compute_api:servers:show",
    },
} | {kind: {action.lower() for action in actions} for kind, actions in RESTART_LOOKS.items()}
ACTS = {
    "aws.autoscaling_group": {"autoscaling:TerminateInstanceInAutoScalingGroup"},
    "openstack.server": set(RESTART_CHANGES),
} | {kind: {action.lower()} for kind, action in RESTART_ACTIONS.items()}
ACTORS = {"acting", "vigie-operator", "vigie-restarter"}


def test_a_whole_restart_uses_exactly_what_is_documented(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    mark = intend(change)
    change.act(mark)
    evidence_of(cloud, item, mark)
    effect_of(cloud, item, mark)
    calls = cloud.calls()
    assert {action for who, action in calls if who in ACTORS} == ACTS[cloud.name]
    assert {action for who, action in calls if who not in ACTORS} == LOOKS[cloud.name]


def _policies(page: str) -> list[set[str]]:
    """The actions of each policy or role to copy, in the order of the page."""
    found = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)]
    return [set(each.get("Actions") or _granted(each["Statement"])) for each in found]


def _granted(statements: list[dict]) -> list[str]:
    return [action for statement in statements for action in statement["Action"]]


def test_the_operators_role_of_azure_restarts_moves_and_examines_and_no_more():
    _, operator, keeper = _policies("permissions-azure.md")
    assert operator == {*RESTART_ACTIONS.values(), *MOVE_ACTIONS, *EXAMINE_ACTIONS}
    assert keeper == {*CREDENTIAL_ACTIONS, "Microsoft.Authorization/permissions/read"}
    assert not operator & set(CREDENTIAL_ACTIONS), "whoever may write assignments may give himself any right there"
    assert set(CREDENTIAL_ACTIONS) <= set(WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE)


def test_the_operators_policy_of_aws_terminates_and_examines_and_no_more():
    reader, operator = _policies("permissions-aws.md")
    assert operator == set(OPERATOR_ACTIONS)
    assert reader >= LOOKS["aws.autoscaling_group"]
    assert not reader & ACTS["aws.autoscaling_group"]


def test_the_operators_policy_of_openstack_is_on_its_page():
    page = (DOCS / "permissions-openstack.md").read_text().partition("## The operator")[2]
    assert set(re.findall(r"^\| `(os_compute_api:[^`]+)`", page, re.MULTILINE)) == set(CHANGES)


def test_examine_says_what_an_operator_of_aws_may_and_warns_of_more(emulator):
    with CLOUDS["aws.autoscaling_group"](emulator) as cloud:
        narrow, wide, reader = (
            {each.action: each for each in asyncio.run(examine_aws(block, OPERATOR))}
            for block in (cloud.operator, cloud.strong, cloud.reader)
        )
    assert {name for name, each in narrow.items() if each.allowed} == {*OPERATOR_ACTIONS, "sts:GetCallerIdentity"}
    assert not [each for each in narrow.values() if "WARNING" in each.detail]
    assert all("an operator should not have this" in wide[action].detail for action in NOT_FOR_OPERATORS)
    assert reader["autoscaling:TerminateInstanceInAutoScalingGroup"].allowed is False
    assert reader[SIMULATE].allowed is True


def test_examine_says_what_an_operator_of_openstack_is_and_warns_of_strong_roles(tmp_path):
    with CLOUDS["openstack.server"](tmp_path) as cloud:
        found, wide = (
            {each.action: each for each in asyncio.run(block.examine())} for block in (cloud.operator, cloud.strong)
        )
    assert set(found) == {AUTHENTICATE, *CHANGES}
    assert found[AUTHENTICATE].allowed is True
    assert found[CHANGES[0]].allowed is None
    assert all("WARNING" in wide[action].detail for action in TOO_MUCH)


def test_examine_says_what_an_operator_of_azure_may(tmp_path):
    with CLOUDS["azure.app_service"](tmp_path) as cloud:
        found = {each.action: each for each in asyncio.run(cloud.operator.examine())}
    assert {name for name, each in found.items() if each.allowed} == {*RESTART_ACTIONS.values(), *MOVE_ACTIONS}
    assert "nothing beyond restarts and moves" in found["*/write"].detail
