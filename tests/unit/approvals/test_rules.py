"""approvals.yaml: which rule counts, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.catalogue.approvals import ApprovalRules, load_rules
from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.mistakes import CatalogueInvalid
from blocks.errors import Refused

DEPLOYMENTS = Path(__file__).parents[3] / "deployments"
EVERYWHERE = ("approval-drill", "service-restart")
MOVES = (
    "switchover", "failover", "failback", "point-in-time-restore", "rejoin", "recovery-drill", "joint-failover"
)  # fmt: skip
ACTIONS = (*EVERYWHERE, *MOVES)


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(DEPLOYMENTS / "catalogue")


@pytest.fixture
def write(tmp_path):
    def put(text: str) -> Path:
        file = tmp_path / "approvals.yaml"
        file.write_text(text)
        return file

    return put


def test_the_shipped_rules_are_right_and_let_every_action_be_asked(catalogue):
    rules = load_rules(DEPLOYMENTS / "approvals.yaml", catalogue, ACTIONS)
    for platform in catalogue.platforms.values():
        for action in (*EVERYWHERE, *(MOVES if platform.recovery else ())):
            policy = rules.policy_for(platform.customer, platform.name, action)
            assert policy.approvers
    assert rules.policy_for("hearth", "hearth", "service-restart").needs_code
    assert not rules.policy_for("storefront", "storefront", "service-restart").needs_code
    assert "service-manager" in rules.everybody()


def test_a_move_of_hearth_is_never_one_person_s_and_says_which_platform_is_meant(catalogue):
    rules = load_rules(DEPLOYMENTS / "approvals.yaml", catalogue, ACTIONS)
    moves = {action: rules.policy_for("hearth", "hearth", action) for action in MOVES}
    for action in ("switchover", "failover", "failback", "point-in-time-restore", "rejoin"):
        policy = moves[action]
        assert not policy.requester_may_approve
        assert (policy.needs_code, policy.typed) == (True, "hearth")
    assert moves["failover"].glass == ("shift-lead",)
    assert moves["switchover"].glass == moves["failback"].glass == moves["point-in-time-restore"].glass == ()
    assert (moves["failback"].quorum, moves["failover"].quorum, moves["point-in-time-restore"].quorum) == (2, 1, 2)


def test_without_a_rule_nobody_may():
    rules = ApprovalRules.model_validate({"rules": [{"action": "approval-drill", "approvers": ["shift-lead"]}]})
    with pytest.raises(Refused, match="no rule says who may approve failover on hearth, so nobody may"):
        rules.policy_for("hearth", "hearth", "failover")


def test_the_narrowest_rule_counts_wherever_it_stands():
    written = [
        {"platform": "hearth", "action": "service-restart", "approvers": ["a"]},
        {"platform": "hearth", "approvers": ["b"]},
        {"approvers": ["c"]},
    ]
    for order in (written, written[::-1]):
        rules = ApprovalRules.model_validate({"rules": order})
        chosen = [
            rules.policy_for("hearth", platform, action).approvers
            for platform, action in [("hearth", "service-restart"), ("hearth", "failover"), ("storefront", "failover")]
        ]
        assert chosen == [("a",), ("b",), ("c",)]


def test_groups_are_people_each_once():
    rules = ApprovalRules.model_validate(
        {"groups": {"g": ["a", "b"]}, "rules": [{"approvers": ["g", "b", "c"], "break_glass": ["g"]}]}
    )
    policy = rules.policy_for("x", "y", "z")
    assert (policy.approvers, policy.glass) == (("a", "b", "c"), ("a", "b"))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules: []\n", 1, "at least 1 item"),
        ("groups: {}\n", 1, "missing key 'rules'"),
        ("rules:\n  - aprovers: [a]\n    approvers: [a]\n", 2, "unknown key 'aprovers' (did you mean 'approvers'?)"),
        ("rules:\n  - action: approval-drill\n", 2, "missing key 'approvers'"),
        ("rules:\n  - approvers: [a]\n    quorum: 2\n", 3, "a quorum that 1 approvers can reach, not 2"),
        ("rules:\n  - approvers: [a]\n    quorum: 0\n", 3, "greater than or equal to 1"),
        ("rules:\n  - approvers: [a]\n    expires: 30\n", 3, "30"),
        ("rules:\n  - approvers: [A B]\n", 2, "expected a name"),
        ("rules:\n  - platform: heart\n    approvers: [a]\n", 2, "unknown platform 'heart'"),
        ("rules:\n  - action: service-restrat\n    approvers: [a]\n", 2, "(did you mean 'service-restart'?)"),
        (
            "rules:\n  - platform: hearth\n    approvers: [a]\n  - action: service-restart\n    approvers: [b]\n",
            4,
            "this rule and the one of line 2 speak of the same case",
        ),
        ("rules:\n  - approvers: [a]\n  - approvers: [b]\n", 3, "speak of the same case"),
        ("rules:\n  - approvers: [a\n", 3, "not YAML"),
    ],
)
def test_every_mistake_has_its_line(write, catalogue, text, line, said):
    file = write(text)
    with pytest.raises(CatalogueInvalid) as caught:
        load_rules(file, catalogue, ACTIONS)
    assert any(m.line == line and said in str(m) for m in caught.value.mistakes), str(caught.value)
