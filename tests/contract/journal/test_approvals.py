"""Questions and answers in the real journal: one winner, one use a code, nothing rewritten, nothing shown twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.approvals.block import ApproverKey, new_key
from blocks.errors import Broken, Refused
from blocks.ports.approvals import Choice, Door, Standing
from blocks.ports.notifications import Sent
from blocks.ports.runs import ActionKind, RunState
from tasks.approvals.answer import Answer, record_answer
from tasks.approvals.codes import MOST_WRONG, STEP_S, new_secret
from tasks.approvals.decide import judge
from tests.contract.steps.conftest import open_run
from tests.unit.approvals.asked import POLICY, plan, said

KEY = ApproverKey(key=new_key())


@pytest.fixture
def question(journal):
    run = uuid4()
    open_run(journal, run)
    return journal.ask(run, plan=plan(), policy=POLICY, requester="operator")


@pytest.fixture
def code_of(journal):
    """Enrol a name; its code now, or so many steps away."""
    from pyotp.totp import TOTP

    secrets: dict[str, str] = {}

    def code(name: str, shift: int = 0) -> str:
        if name not in secrets:
            secrets[name] = new_secret()
            journal.enrol(name, KEY.seal(secrets[name]))
        return TOTP(secrets[name]).at(journal.now().timestamp() + shift * STEP_S)

    return code


def answer(approver="duty-operator", choice=Choice.APPROVE, door=Door.PREFECT, **more) -> Answer:
    return Answer(approver=approver, choice=choice, door=door, **more)


def test_a_question_comes_back_as_it_was_asked(journal, question):
    assert journal.approval(question.id) == question
    assert question.plan == plan()
    assert question.plan.digest == question.digest == plan().digest
    assert question.policy == POLICY
    assert question.expires_at - question.asked_at == timedelta(minutes=30)
    assert journal.waiting("hearth") == [question]
    assert journal.waiting("storefront") == []


def test_asked_again_for_the_same_plan_it_is_the_same_question(journal, question):
    again = journal.ask(question.run, plan=plan(cost="more"), policy=POLICY, requester="operator")
    assert again == question


def test_another_plan_voids_the_question_before_and_says_the_difference(journal, question):
    changed = plan(candidate="standby-2")
    after = journal.ask(
        question.run, plan=changed, policy=POLICY, requester="operator", differences=("candidate is standby-2",)
    )
    assert (after.number, after.digest, after.differences) == (2, changed.digest, ("candidate is standby-2",))
    assert journal.approval(question.id).standing is Standing.VOID
    _, ruling = journal.say(question.id, said(), judge)
    assert "already void" in ruling.refusal


def test_opposite_answers_at_once_have_one_winner(journal, question):
    start = threading.Barrier(8)

    def one(number: int):
        start.wait()
        people = ["duty-operator", "shift-lead", "platform-engineer"]
        choice = Choice.REJECT if number % 2 else Choice.APPROVE
        return journal.say(question.id, said(people[number % 3], choice), judge)[1]

    with ThreadPoolExecutor(8) as threads:
        rulings = list(threads.map(one, range(8)))
    assert sum(not ruling.refusal for ruling in rulings) == 1
    after = journal.approval(question.id)
    assert len(after.decisions) == 1
    won = after.decisions[0].choice
    assert after.standing is (Standing.REJECTED if won is Choice.REJECT else Standing.GRANTED)
    assert journal.verify_actions("hearth") == 3 + 7 + 1  # opened, asked, answered and granted; seven refused


def test_the_same_person_twice_once_through_each_door(journal, question, code_of):
    run = uuid4()
    open_run(journal, run)
    two = journal.ask(run, plan=plan(), policy=replace(POLICY, quorum=2), requester="operator")
    record_answer(journal, KEY.unseal, two.id, answer(door=Door.SLACK))
    with pytest.raises(Refused, match=r"duty-operator answered at .* through slack: approve"):
        record_answer(journal, KEY.unseal, two.id, answer(code=code_of("duty-operator")))
    assert journal.approval(two.id).standing is Standing.WAITING


def test_a_code_is_used_once_whatever_it_was_used_for(journal, question, code_of):
    code = code_of("stranger")
    with pytest.raises(Refused, match="stranger may not decide"):
        record_answer(journal, KEY.unseal, question.id, answer("stranger", code=code))
    with pytest.raises(Refused, match="used before"):
        record_answer(journal, KEY.unseal, question.id, answer("stranger", code=code))


@pytest.mark.parametrize(
    ("choice", "who"),
    [(Choice.APPROVE, ", ".join(POLICY.approvers)), (Choice.BREAK_GLASS, "shift-lead")],
)
def test_who_may_not_is_told_who_may(journal, question, code_of, choice, who):
    refused = answer("service-manager", choice, reason="nobody answers", code=code_of("service-manager"))
    with pytest.raises(Refused, match="service-manager may not") as no:
        record_answer(journal, KEY.unseal, question.id, refused)
    assert no.value.next_step == f"one of these may: {who}"


def test_where_nobody_may_break_the_glass_that_is_said(journal, code_of):
    run = uuid4()
    open_run(journal, run)
    asked = journal.ask(run, plan=plan(), policy=replace(POLICY, glass=()), requester="operator")
    refused = answer(choice=Choice.BREAK_GLASS, reason="nobody answers", code=code_of("duty-operator"))
    with pytest.raises(Refused, match=r"Next: approvals.yaml names nobody who may"):
        record_answer(journal, KEY.unseal, asked.id, refused)


def test_who_may_and_comes_too_late_is_sent_to_nobody(journal, question):
    record_answer(journal, KEY.unseal, question.id, answer("shift-lead", Choice.REJECT, Door.SLACK))
    for late in ("duty-operator", "stranger"):
        with pytest.raises(Refused, match="already rejected") as no:
            record_answer(journal, KEY.unseal, question.id, answer(late, door=Door.SLACK))
        assert no.value.next_step == ""


def test_a_code_older_than_the_last_one_used_is_not_taken_either(journal, question, code_of):
    now, before = code_of("shift-lead"), code_of("shift-lead", -1)
    record_answer(journal, KEY.unseal, question.id, answer("shift-lead", Choice.REJECT, code=now))
    run = uuid4()
    open_run(journal, run)
    other = journal.ask(run, plan=plan(), policy=POLICY, requester="operator")
    with pytest.raises(Refused, match="used before"):
        record_answer(journal, KEY.unseal, other.id, answer("shift-lead", code=before))


@pytest.mark.parametrize("code", ["", "000000x", "12345", "１２３４５６", "{{ 1 }}", "' OR 1=1"])
def test_what_is_no_code_is_refused_and_nothing_is_said_of_it(journal, question, code_of, code):
    code_of("duty-operator")
    with pytest.raises(Refused, match="the name or its one-time code is wrong"):
        record_answer(journal, KEY.unseal, question.id, answer(code=code))
    assert journal.approval(question.id) == question


def test_an_unknown_name_hears_the_same_as_a_wrong_code(journal, question):
    with pytest.raises(Refused, match="the name or its one-time code is wrong"):
        record_answer(journal, KEY.unseal, question.id, answer("shift-lead", code="123456"))


def test_too_many_wrong_codes_close_the_door_for_the_right_one_too(journal, question, code_of):
    right = code_of("duty-operator")
    for _ in range(MOST_WRONG):
        with pytest.raises(Refused, match="wrong"):
            record_answer(journal, KEY.unseal, question.id, answer(code="000000" if right != "000000" else "111111"))
    with pytest.raises(Refused, match="5 wrong codes were given for duty-operator"):
        record_answer(journal, KEY.unseal, question.id, answer(code=right))
    assert record_answer(journal, KEY.unseal, question.id, answer("shift-lead", code=code_of("shift-lead"))).is_settled


def test_who_enrols_again_opens_nothing_with_the_former_phone(journal, question, code_of):
    former = code_of("duty-operator")
    journal.link_slack("duty-operator", "T0", "U1", 7)
    journal.enrol("duty-operator", KEY.seal(new_secret()))
    assert journal.approver_of("T0", "U1") is None
    with pytest.raises(Refused, match="wrong"):
        record_answer(journal, KEY.unseal, question.id, answer(code=former))


def test_a_slack_account_belongs_to_one_approver(journal, code_of):
    code_of("duty-operator"), code_of("shift-lead")
    assert journal.link_slack("duty-operator", "T0", "U1", 7).slack_user == "U1"
    assert journal.approver_of("T0", "U1").name == "duty-operator"
    assert journal.approver_of("T1", "U1") is None
    assert journal.approver_of("", "") is None
    with pytest.raises(Refused, match="linked to duty-operator"):
        journal.link_slack("shift-lead", "T0", "U1", 7)
    with pytest.raises(Refused, match="used before"):
        journal.link_slack("duty-operator", "T0", "U2", 7)


def test_a_broken_glass_waits_for_its_review(journal, question, code_of):
    given = answer("shift-lead", Choice.BREAK_GLASS, reason="nobody answers the phone", code=code_of("shift-lead"))
    assert record_answer(journal, KEY.unseal, question.id, given).is_settled
    assert [each.id for each in journal.unreviewed()] == [question.id]
    journal.review(question.id, who="service-manager")
    assert journal.unreviewed() == []


def test_settling_is_once_and_a_granted_approval_can_only_become_void(journal, question):
    journal.say(question.id, said(), judge)
    assert journal.settle(question.id, Standing.EXPIRED, reason="late").standing is Standing.GRANTED
    assert journal.settle(question.id, Standing.VOID, reason="the plan changed").standing is Standing.VOID
    assert journal.settle(question.id, Standing.GRANTED, reason="no").standing is Standing.VOID


def test_escalation_is_noted_once_and_rings(journal, question):
    first = journal.note_escalation(question.id)
    assert journal.note_escalation(question.id).escalated_at == first.escalated_at
    claimed = journal.claim_messages(None, limit_count=10, lease=timedelta(minutes=1))
    assert ("escalation:1", "pager", 1) in {(m.purpose, m.channel, m.version) for m in claimed}


def test_who_was_rung_hears_of_it_again_once_it_is_decided(journal, question):
    journal.note_escalation(question.id)
    calls_of(journal)
    journal.say(question.id, said(), judge)
    assert [each.purpose for each in calls_of(journal)] == ["escalation:1"]


def test_a_page_is_wanted_with_the_state_that_needs_it_and_again_when_the_run_leaves_it(journal, question):
    journal.count_resume(question.run)
    journal.move_run(question.run, RunState.PARKED, reason="at the cap", page=True)
    assert [each.purpose for each in calls_of(journal)] == ["page:1"]
    assert calls_of(journal) == []
    journal.move_run(question.run, RunState.RUNNING, reason="goes on", who="shift-lead")
    assert [each.purpose for each in calls_of(journal)] == ["page:1"]


@pytest.mark.parametrize(("shown", "due"), [(True, ["progress"]), (False, [])], ids=["shown before", "never shown"])
def test_what_a_dead_process_was_showing_is_announced_by_whoever_resumes_it(journal, question, shown, due):
    first = journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=2))
    for each in first if shown else ():
        journal.mark_message_sent(each, Sent("1.1", "C1"))
    journal.move_run(question.run, RunState.RUNNING, reason="goes on")
    journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=2))  # and the process dies
    journal.count_resume(question.run)
    claimed = journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=2))
    assert [each.purpose for each in claimed] == due
    assert all(each.attempt_count for each in claimed), "that it may have been sent is known"


def test_whether_somebody_is_about_to_show_it_is_known(journal, question):
    def taken(lease):
        claimed = journal.claim_messages(question.run, limit_count=10, lease=lease)
        return next(each for each in claimed if each.purpose == "progress")

    def is_coming():
        return journal.is_being_shown(question.run, "progress")

    message = taken(timedelta(minutes=2))
    assert is_coming()
    journal.mark_message_failed(message, "Slack is down", timedelta(0))
    assert not is_coming()
    taken(timedelta(0))
    assert not is_coming(), "a claim that has lapsed is nobody's"
    message = taken(timedelta(minutes=2))
    journal.mark_message_sent(message, Sent("1.1", "C1"))
    assert not is_coming()


def calls_of(journal):
    """The calls that are due now, as somebody who sends them at once sees them."""
    claimed = journal.claim_messages(None, limit_count=10, lease=timedelta(minutes=1))
    for each in claimed:
        journal.mark_message_sent(each, Sent("there"))
    return [each for each in claimed if each.channel == "pager"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET choice = 'approve'",
        "DELETE FROM decision",
        "UPDATE action_event SET who = 'somebody'",
        "DELETE FROM action_event",
        "TRUNCATE action_event CASCADE",
        "DELETE FROM lease",
        "UPDATE lease SET token = token - 1",
    ],
)
def test_the_database_refuses_to_rewrite(journal, journal_dsn, question, statement):
    journal.say(question.id, said(choice=Choice.REJECT), judge)
    journal.take_lease(question.run)
    with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation):
        connection.execute(statement)
    assert journal.verify_actions("hearth") > 3


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE action_event SET who = 'somebody' WHERE number = 2", "action 2 "),
        ("UPDATE action_event SET data = '{}' WHERE number = 2", "action 2 "),
        ("DELETE FROM action_event WHERE number = 3", "the end after action 2"),
        ("UPDATE platform SET action_count = 2", "the end after action 3"),
    ],
)
def test_a_forced_change_is_found_and_named(  # noqa: PLR0917  fixtures and a table
    journal, journal_dsn, postgres_server, question, statement, named
):
    journal.request_stop(question.run, who="operator", reason="wait")
    with psycopg.connect(postgres_server.dsn(journal_dsn.rpartition("/")[2])) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)
    with pytest.raises(Broken, match=named):
        journal.verify_actions("hearth")


def test_one_message_a_purpose_however_much_happens_while_nobody_listens(journal, question):
    for _ in range(5):
        journal.want_message(question.run, "progress")
    claimed = journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=1))
    assert {m.purpose for m in claimed} == {"approval:1", "progress"}
    assert journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=1)) == []
    progress = next(m for m in claimed if m.purpose == "progress")
    journal.want_message(question.run, "progress")
    journal.mark_message_sent(progress, Sent("1.1", "C1"))
    (again,) = journal.claim_messages(question.run, limit_count=10, lease=timedelta(minutes=1))
    assert (again.version, again.sent_version, again.sent) == (
        progress.version + 1,
        progress.version,
        Sent("1.1", "C1"),
    )
    journal.mark_message_sent(again, Sent("1.1", "C1"))
    assert journal.waiting_messages() == 1  # the question, still claimed


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (RunState.WAITING, {"progress"}),
        (RunState.CANCELLED, {"progress", "approval:1"}),
    ],
)
def test_the_card_of_a_run_that_is_cancelled_is_shown_anew(journal, question, state, shown):
    shown_now(journal, question.run)
    journal.move_run(question.run, state, reason="somebody")
    assert shown_now(journal, question.run) == shown


def test_the_card_of_a_cancelled_run_that_goes_on_is_shown_anew_unless_it_is_decided(journal, question):
    journal.move_run(question.run, RunState.CANCELLED, reason="somebody")
    shown_now(journal, question.run)
    journal.move_run(question.run, RunState.RUNNING, reason="goes on", who="shift-lead")
    assert shown_now(journal, question.run) == {"progress", "approval:1"}
    journal.settle(question.id, Standing.EXPIRED, reason="nobody decided in time")
    shown_now(journal, question.run)
    journal.move_run(question.run, RunState.CANCELLED, reason="somebody")
    assert shown_now(journal, question.run) == {"progress"}


def shown_now(journal, run) -> set[str]:
    """Send what is due, and say what it was."""
    claimed = journal.claim_messages(run, limit_count=10, lease=timedelta(minutes=1))
    for each in claimed:
        journal.mark_message_sent(each, Sent("1.1", "C1"))
    return {each.purpose for each in claimed}


def test_a_message_that_failed_waits_and_says_why(journal, question):
    (progress, *_) = journal.claim_messages(question.run, limit_count=1, lease=timedelta(minutes=1))
    journal.mark_message_failed(progress, "Slack is down", timedelta(hours=1))
    assert {
        m.purpose for m in journal.claim_messages(question.run, limit_count=9, lease=timedelta(minutes=1))
    }.isdisjoint({progress.purpose})
    journal.mark_message_failed(progress, "Slack is down", timedelta(0))
    (again,) = journal.claim_messages(question.run, limit_count=9, lease=timedelta(minutes=1))
    assert (again.purpose, again.attempt_count, again.last_error) == (progress.purpose, 1, "Slack is down")


def test_the_history_of_a_run_is_told_in_order(journal, question):
    journal.say(question.id, said(), judge)
    journal.move_run(question.run, RunState.DONE, reason="restarted")
    kinds = [each.kind for each in journal.actions(question.run)]
    assert kinds == [
        ActionKind.RUN_OPENED,
        ActionKind.APPROVAL_ASKED,
        ActionKind.APPROVED,
        ActionKind.APPROVAL_GRANTED,
        ActionKind.RUN_MOVED,
    ]
