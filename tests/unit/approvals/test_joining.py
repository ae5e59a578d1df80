"""Whoever grants the common question would have granted each platform's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import Refused
from blocks.ports.approvals import Choice, Decision, Door, Policy, Said, Standing
from tasks.approvals.decide import entitled, is_due_to_escalate, judge, needs_code
from tasks.approvals.joining import strictest
from tests.unit.approvals.asked import AT, PEOPLE, approval

MANY = ("duty-operator", "shift-lead", "platform-engineer", "service-manager", "night-lead")
A = Policy(
    approvers=("duty-operator", "shift-lead", "service-manager"), quorum=1, expires_after_s=900, escalate_after_s=180,
    escalate_to=("platform-engineer",), typed="hearth", glass=("shift-lead",),
)  # fmt: skip
B = Policy(
    approvers=("shift-lead", "platform-engineer", "duty-operator"), quorum=2, requester_may_approve=True,
    expires_after_s=1800, escalate_after_s=600, needs_code=True, typed="shop", glass=("night-lead", "shift-lead"),
)  # fmt: skip


def test_the_strictest_of_each_counts():
    joined = strictest({"hearth": A, "shop": B})
    assert joined == Policy(
        approvers=("duty-operator", "shift-lead"), quorum=2, requester_may_approve=False, expires_after_s=900,
        escalate_after_s=600, escalate_to=("platform-engineer",), needs_code=True, typed="hearth shop",
        glass=("shift-lead",),
    )  # fmt: skip


def test_one_rule_is_itself():
    assert strictest({"hearth": A}) == A


def test_where_nobody_is_added_it_rings_as_early_as_any():
    joined = strictest({"a": replace(A, escalate_to=()), "b": B})
    assert (joined.escalate_after_s, joined.escalate_to) == (180, ())
    never = replace(A, escalate_after_s=0.0)
    assert strictest({"a": never, "b": replace(B, escalate_after_s=0.0)}).escalate_after_s == 0.0


def test_of_three_only_those_in_every_one_decide_and_break_the_glass():
    names = (("a", "b", "c"), ("b", "c", "d"), ("c", "d", "a"))
    joined = strictest({str(n): Policy(approvers=each, glass=each) for n, each in enumerate(names)})
    assert (joined.approvers, joined.glass) == (("c",), ("c",))


def test_one_word_for_two_rules_is_typed_once():
    assert strictest({"a": A, "b": replace(B, typed="hearth")}).typed == "hearth"


@pytest.mark.parametrize(
    ("other", "left"),
    [(Policy(approvers=("night-lead",)), 0), (Policy(approvers=("shift-lead",), quorum=2), 1)],
)
def test_where_too_few_are_left_nobody_is_asked(other, left):
    with pytest.raises(Refused, match=f"about hearth, other only {left} decide about all of them") as refused:
        strictest({"hearth": A, "other": other})
    assert "its own failover" in refused.value.next_step


PEOPLE_OF = st.lists(st.sampled_from(MANY), min_size=1, max_size=5, unique=True).map(tuple)
POLICIES = st.builds(
    Policy, approvers=PEOPLE_OF, quorum=st.integers(1, 3), requester_may_approve=st.booleans(),
    expires_after_s=st.sampled_from([600.0, 900.0]), escalate_after_s=st.sampled_from([0.0, 60.0, 300.0]),
    escalate_to=PEOPLE_OF, needs_code=st.booleans(), typed=st.sampled_from(["", "hearth", "shop"]),
    glass=st.lists(st.sampled_from(MANY), max_size=3, unique=True).map(tuple),
)  # fmt: skip
ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(MANY), st.sampled_from(list(Choice)), st.sampled_from(list(Door)), st.booleans(),
        st.integers(0, 1000), st.booleans(),
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=400)
@given(
    policies=st.lists(POLICIES, min_size=1, max_size=4), answers=ANSWERS, requester=st.sampled_from([*MANY, "unknown"])
)
def test_whoever_grants_all_would_have_granted_each(policies, answers, requester):
    """By what was counted: on a common card no word is taken of who may not decide about all, and he is told so."""
    named = {f"p{number}": policy for number, policy in enumerate(policies)}
    try:
        joined = strictest(named)
    except Refused:
        return
    common = _answered(joined, answers, requester, joined.typed)
    if common.standing is Standing.GRANTED:
        counted = {(each.approver, each.choice, each.door, each.at) for each in common.decisions}
        theirs = [each for each in answers if (*each[:3], AT + timedelta(seconds=each[4])) in counted]
        for policy in policies:
            own = _answered(policy, theirs, requester, policy.typed)
            assert own.standing is Standing.GRANTED, (policy, common.decisions)


def _answered(policy, answers, requester, word):
    """The same people say the same at the same times; whoever typed every word typed this one."""
    question = approval(policy, requester=requester, expires_at=AT + timedelta(seconds=policy.expires_after_s))
    for who, choice, door, coded, after_s, typed in sorted(answers, key=lambda each: each[4]):
        now = AT + timedelta(seconds=after_s)
        if is_due_to_escalate(question, now):
            question = replace(question, escalated_at=now)
        said = Said(
            approver=who, choice=choice, door=door, reason="the site is dark", typed=word if typed else "",
            code_step=1 if coded else None,
        )  # fmt: skip
        ruling = judge(question, said, now)
        if not ruling.refusal:
            made = Decision(approver=who, choice=choice, door=door, at=now)
            question = replace(question, standing=ruling.standing, decisions=(*question.decisions, made))
    return question


def test_a_code_that_one_rule_asks_for_is_asked_for():
    joined = strictest({"hearth": replace(A, typed=""), "shop": replace(B, typed="")})
    assert needs_code(approval(joined), Choice.APPROVE, Door.SLACK)
    assert entitled(approval(joined)) == ("duty-operator", "shift-lead")
    assert set(entitled(approval(joined))) <= set(PEOPLE)
