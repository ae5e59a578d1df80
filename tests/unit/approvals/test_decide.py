"""What an answer is worth: a line a rule, and properties over all answers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.approvals import Bound, Choice, Door, Guard, PlanStep, Standing
from tasks.approvals.decide import (
    differences,
    entitled,
    is_due_to_escalate,
    is_expired,
    judge,
    needed_count,
    needs_code,
    stand,
)
from tests.unit.approvals.asked import AT, PEOPLE, POLICY, approval, decision, plan, said

SOON = AT + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("question", "answer", "standing"),
    [
        (approval(), said(), Standing.GRANTED),
        (approval(replace(POLICY, quorum=2)), said(), Standing.WAITING),
        (
            approval(replace(POLICY, quorum=2), decisions=(decision("shift-lead"),)),
            said("platform-engineer"),
            Standing.GRANTED,
        ),
        (approval(), said(choice=Choice.REJECT, reason="not during the match"), Standing.REJECTED),
        (approval(requester="duty-operator"), said(choice=Choice.REJECT), Standing.REJECTED),
        (approval(replace(POLICY, requester_may_approve=True), requester="duty-operator"), said(), Standing.GRANTED),
        (approval(requester="unknown"), said(), Standing.WAITING),
        (
            approval(requester="unknown", decisions=(decision("shift-lead"),)),
            said(),
            Standing.GRANTED,
        ),
        (approval(replace(POLICY, requester_may_approve=True), requester="unknown"), said(), Standing.GRANTED),
        (approval(replace(POLICY, typed="restart")), said(typed="restart", code_step=5), Standing.GRANTED),
        (approval(), said(door=Door.PREFECT, code_step=5), Standing.GRANTED),
        (
            approval(replace(POLICY, quorum=3)),
            said("shift-lead", Choice.BREAK_GLASS, reason="nobody answers", code_step=5),
            Standing.GRANTED,
        ),
        (approval(requester="shift-lead", escalated_at=AT), said("service-manager"), Standing.GRANTED),
    ],
)
def test_answers_that_count(question, answer, standing):
    ruling = judge(question, answer, SOON)
    assert (ruling.refusal, ruling.standing) == ("", standing)
    assert bool(ruling.reason) == (standing is not Standing.WAITING)


@pytest.mark.parametrize(
    ("question", "answer", "now", "why"),
    [
        (approval(), said(), AT + timedelta(minutes=30), "expired at 03:30:00 UTC"),
        (approval(standing=Standing.GRANTED, settled_at=SOON, reason="approved by x"), said(), SOON, "already granted"),
        (approval(standing=Standing.VOID, settled_at=SOON), said(), SOON, "already void at 03:02:00 UTC"),
        (approval(standing=Standing.EXPIRED), said(), SOON, "already expired"),
        (approval(), said("stranger"), SOON, "stranger may not decide about service-restart on hearth"),
        (approval(requester="x"), said("service-manager"), SOON, "service-manager may not decide"),
        (approval(), said(PEOPLE[0].upper()), SOON, "may not decide"),
        (approval(requester="duty-operator"), said(), SOON, "asked for this and cannot approve it himself"),
        (
            approval(replace(POLICY, quorum=2), decisions=(decision("duty-operator", door=Door.PREFECT),)),
            said(),
            SOON,
            "duty-operator answered at 03:01:00 UTC through prefect: approve",
        ),
        (
            approval(replace(POLICY, quorum=2), decisions=(decision("duty-operator"),)),
            said(choice=Choice.REJECT),
            SOON,
            "duty-operator answered",
        ),
        (approval(replace(POLICY, needs_code=True)), said(), SOON, "a one-time code is needed"),
        (approval(replace(POLICY, typed="restart")), said(typed="restart"), SOON, "a one-time code is needed"),
        (approval(), said(door=Door.PREFECT), SOON, "a one-time code is needed"),
        (approval(), said(door=Door.TERMINAL, choice=Choice.REJECT), SOON, "a one-time code is needed"),
        (approval(replace(POLICY, typed="restart")), said(typed="Restart", code_step=5), SOON, "type 'restart'"),
        (
            approval(replace(POLICY, typed="restart")),
            said("shift-lead", Choice.BREAK_GLASS, reason="nobody answers", code_step=5),
            SOON,
            "type 'restart'",
        ),
        (approval(), said(choice=Choice.BREAK_GLASS, reason="nobody answers", code_step=5), SOON, "may not break"),
        (approval(), said("shift-lead", Choice.BREAK_GLASS, reason="because", code_step=5), SOON, "at least 8"),
        (approval(), said("shift-lead", Choice.BREAK_GLASS, reason="nobody answers"), SOON, "one-time code"),
    ],
)
def test_answers_that_do_not_count_change_nothing(question, answer, now, why):
    ruling = judge(question, answer, now)
    assert why in ruling.refusal
    assert ruling.standing is question.standing


def test_a_rejection_needs_no_code_in_slack():
    assert not needs_code(approval(replace(POLICY, needs_code=True)), Choice.REJECT, Door.SLACK)
    assert needs_code(approval(replace(POLICY, needs_code=True)), Choice.APPROVE, Door.SLACK)
    assert not needs_code(approval(), Choice.APPROVE, Door.SLACK)


def test_escalation_asks_more_people_and_takes_nobody_away():
    assert entitled(approval()) == PEOPLE[:3]
    assert entitled(approval(escalated_at=AT)) == PEOPLE
    assert not is_due_to_escalate(approval(), AT + timedelta(seconds=599))
    assert is_due_to_escalate(approval(), AT + timedelta(seconds=600))
    assert not is_due_to_escalate(approval(escalated_at=AT), AT + timedelta(hours=1))
    assert not is_due_to_escalate(approval(standing=Standing.GRANTED), AT + timedelta(hours=1))
    assert not is_due_to_escalate(approval(replace(POLICY, escalate_after_s=0)), AT + timedelta(hours=1))


def test_only_what_waits_expires_and_at_its_very_moment():
    assert not is_expired(approval(), AT + timedelta(minutes=30) - timedelta(microseconds=1))
    assert is_expired(approval(), AT + timedelta(minutes=30))
    assert not is_expired(approval(standing=Standing.GRANTED), AT + timedelta(hours=9))


CHOICES = st.sampled_from([Choice.APPROVE, Choice.REJECT])
ANSWERS = st.lists(st.tuples(st.sampled_from([*PEOPLE, "stranger"]), CHOICES), max_size=8)


@given(ANSWERS, st.integers(1, 3), st.sampled_from([*PEOPLE, "unknown", "schedule"]))
def test_whatever_is_said_the_quorum_is_of_different_entitled_people_without_the_requester(answers, quorum, requester):
    question = approval(replace(POLICY, quorum=quorum), requester=requester)
    for approver, choice in answers:
        ruling = judge(question, said(approver, choice), SOON)
        if not ruling.refusal:
            question = replace(
                question, standing=ruling.standing, decisions=(*question.decisions, decision(approver, choice))
            )
    approving = [each.approver for each in question.decisions if each.choice is Choice.APPROVE]
    assert len(set(approving)) == len(approving)
    assert set(approving) <= set(POLICY.approvers) - {requester}
    if question.standing is Standing.GRANTED:
        assert len(approving) == quorum + (requester == "unknown")
        assert all(each.choice is Choice.APPROVE for each in question.decisions)
    rejected = [each for each in question.decisions if each.choice is Choice.REJECT]
    assert (question.standing is Standing.REJECTED) == bool(rejected)


@given(st.lists(st.sampled_from(PEOPLE), max_size=4, unique=True))
def test_more_yes_never_ends_it_otherwise_than_granted(people):
    question = approval(replace(POLICY, quorum=2))
    standing, _ = stand(question, [decision(each) for each in people])
    assert standing is (Standing.GRANTED if len(people) >= needed_count(question) else Standing.WAITING)


# -- the plan made again ----------------------------------------------------------------------


def test_the_same_plan_may_be_carried_out_whatever_was_measured_within_the_bounds():
    again = plan(bounds=(replace(plan().bounds[0], measured=50),), expected_s=99, cost="more", known_wrong=("x",))
    assert again.digest == plan().digest
    assert differences(plan(), again) == ()


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (plan(steps=plan().steps[:1]), "no longer: restart instance i-2"),
        (
            plan(steps=(*plan().steps, PlanStep(phase="restart", item="i-3", text="restart instance i-3"))),
            "new: restart instance i-3",
        ),
        (plan(steps=plan().steps[::-1]), "the steps' targets or order changed"),
        (plan(steps=(replace(plan().steps[0], item="i-9"), plan().steps[1])), "the steps' targets or order changed"),
        (plan(candidate="standby-2"), "candidate was nothing, is standby-2"),
        (plan(roles={"dc-west": "primary"}), 'dc-west: now "primary", of which the card said nothing'),
        (plan(coverage={"vm": "power"}), 'vm: now "power", of which the card said nothing'),
        (plan(coverage={"i-1": "power"}), 'restart instance i-1: now "power", of which the card said nothing'),
        (plan(subject="shop"), "subject was device-api, is shop"),
        (
            plan(bounds=(replace(plan().bounds[0], at_most=60),)),
            "clients without an answer: the card allowed at most 50 requests, now it would be at most 60 requests",
        ),
        (
            plan(bounds=()),
            "clients without an answer: the card allowed at most 50 requests, which is not asked for any more",
        ),
        (
            plan(bounds=(*plan().bounds, Bound(name="lost rows", at_most=2000, measured=0, unit="rows"))),
            "lost rows: now at most 2000 rows, of which the card said nothing",
        ),
        (plan(guards=()), "the guards are others"),
        (
            plan(commit_within_s=600.0, rolls_back=True),
            "afterwards was nothing to commit, is committed within 10 min, else it goes back by itself",
        ),
        (plan(guards=(Guard(name="one at a time", holds=False, text="1 of 2"),)), "one at a time: 1 of 2"),
        (
            plan(bounds=(replace(plan().bounds[0], measured=51),)),
            "clients without an answer is 51 requests now, approved was at most 50 requests",
        ),
        (plan(bounds=(replace(plan().bounds[0], measured=math.nan),)), "is nan requests now"),
        (plan(bounds=(*plan().bounds, Bound(name="lost rows", at_most=9, measured=0))), "lost rows is 0 now"),
    ],
)
def test_every_difference_voids_the_approval_and_is_said(now, difference):
    assert any(difference in each for each in differences(plan(), now)), differences(plan(), now)


@pytest.mark.parametrize(
    ("how", "difference"),
    [
        ({}, 'restart instance i-1: the card said "no row of its own", which is not known any more'),
        ({"i-1": "12 rows"}, 'restart instance i-1: the card said "no row of its own", now it is "12 rows"'),
    ],
)
def test_what_the_card_said_of_a_thing_is_told_in_words(how, difference):
    assert differences(plan(coverage={"i-1": "no row of its own"}), plan(coverage=how)) == (difference,)


@given(st.floats(), st.floats(allow_nan=False))
def test_a_bound_holds_only_what_is_a_number_and_not_over_it(measured, at_most):
    agreed = plan(bounds=(Bound(name="b", at_most=at_most, measured=0),))
    now = plan(bounds=(Bound(name="b", at_most=at_most, measured=measured),))
    fits = math.isfinite(measured) and measured <= at_most
    assert (differences(agreed, now) == ()) is fits


def test_one_person_is_one_yes_however_often_it_was_written_down():
    twice = (decision("duty-operator"), decision("duty-operator", door=Door.PREFECT))
    two = approval(replace(POLICY, quorum=2))
    assert stand(two, twice) == (Standing.WAITING, "")
    assert stand(two, (*twice, decision("shift-lead")))[0] is Standing.GRANTED


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_the_same_bound_when_it_comes_back_from_the_journal(at_most):
    agreed, back = (plan(bounds=(Bound(name="b", at_most=kind(at_most), measured=0),)) for kind in (int, float))
    assert agreed.digest == back.digest


@given(
    st.sampled_from(["reason", "expected_s", "cost", "known_wrong"]),
    st.text(max_size=5),
)
def test_the_digest_is_of_what_is_agreed_and_of_nothing_else(field, text):
    value = {"expected_s": float(len(text)), "known_wrong": (text,)}.get(field, text)
    assert plan(**{field: value}).digest == plan().digest


def test_what_happens_when_nobody_commits_is_agreed_and_what_has_nothing_to_commit_keeps_its_digest():
    window = plan(commit_within_s=600.0)
    digests = {plan().digest, window.digest, plan(commit_within_s=60.0).digest, replace(window, rolls_back=True).digest}
    assert len(digests) == 4
    assert plan(commit_within_s=600).digest == window.digest, "as the journal gives it back"
    assert plan(rolls_back=True).digest == plan().digest
    assert differences(replace(window, rolls_back=True), window) == (
        "afterwards was committed within 10 min, else it goes back by itself, is committed within 10 min, else it stays",
    )


@pytest.mark.parametrize(
    ("choice", "reason", "standing", "words"),
    [
        (Choice.APPROVE, "", Standing.GRANTED, "shift-lead said that it is done"),
        (Choice.REJECT, "", Standing.REJECTED, "shift-lead says no"),
        (Choice.REJECT, "the truck is outside", Standing.REJECTED, "shift-lead says no: the truck is outside"),
    ],
)
def test_a_question_in_the_middle_of_a_plan_is_no_approval(choice, reason, standing, words):
    asked = approval(
        plan=plan(confirms="ask:told:dc-west"),
        requester="shift-lead",
        policy=replace(POLICY, requester_may_approve=True),
    )
    ruling = judge(asked, said("shift-lead", choice=choice, reason=reason), AT)
    assert (ruling.standing, ruling.reason, ruling.refusal) == (standing, words, "")
    assert asked.plan.digest != plan().digest
