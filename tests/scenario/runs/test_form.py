"""The Prefect UI's door: asked, answered in the form with a one-time code, and what does not count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.runs import ActionKind, RunState
from tests.scenario.runs.conftest import asked_before, expire_now
from tests.scenario.runs.test_restart import start

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
DRILL = "approval-drill/drill"


def test_a_drill_is_answered_in_the_form_and_changes_nothing(desk):
    run = desk.start(DRILL, platform="storefront", reason="friday practice")
    desk.asleep(run)
    form = desk.form(run)
    names = form["schema"]["$defs"]["Approver"]["enum"]
    assert {"-", "duty-operator", "service-manager"} <= set(names)
    first, *_ = form["description"].splitlines()
    assert first.startswith("**🟠 To approve · approval drill · storefront \\(")
    assert "friday practice" in first

    desk.approve(run, "duty-operator")
    assert desk.state(run)["name"] == "Completed"
    assert desk.run(run).state is RunState.DONE
    assert "duty-operator answered through prefect" in desk.run(run).reason
    assert desk.steps(run) == []
    assert desk.journal.lease("storefront") is None
    assert ActionKind.LEASE_TAKEN not in desk.kinds(run)


def test_a_wrong_code_counts_for_nothing_and_is_said_on_the_next_form(desk):
    run = desk.start(DRILL, platform="hearth")
    desk.asleep(run)
    right = desk.code("shift-lead")
    wrong = "000000" if right != "000000" else "111111"
    assert desk.fill(run, approver="shift-lead", code=wrong, answer="approve") == "ACCEPT"
    desk.until(lambda: "wrong" in (desk.journal.form_refusal(desk.journal.approvals(run)[0].id)), "it was read")
    desk.asleep(run)
    said = desk.form(run)["description"].replace("\u00a0", " ")
    assert "La dernière réponse n'a pas compté : le nom ou son code est faux. Ensuite : l'heure du téléphone" in said
    assert desk.journal.approvals(run)[0].decisions == ()

    assert desk.fill(run, approver="shift-lead", code=right, answer="approve") == "ACCEPT"
    assert desk.state(run)["name"] == "Completed"


@pytest.mark.parametrize(
    "given",
    [
        {"approver": "stranger", "code": "123456", "answer": "approve"},
        {"approver": "shift-lead", "code": "1" * 40, "answer": "approve"},
        {"approver": "shift-lead", "code": "123456", "answer": "of course"},
        {"approver": "shift-lead", "code": "123456", "answer": "approve", "reason": "x" * 501},
        {"approver": {"__prefect_kind": "jinja", "template": "{{ 7 * 7 }}"}, "code": "123456"},
        {"approver": ["shift-lead"], "code": "123456"},
    ],
)
def test_what_the_form_does_not_offer_wakes_nobody(desk, sleeping_drill, given):
    assert desk.fill(sleeping_drill, **given) == "REJECT"
    assert desk.sandbox.call(f"/flow_runs/{sleeping_drill}")["state"]["name"] == "Suspended"


@pytest.fixture
def sleeping_drill(desk):
    run = desk.start(DRILL, platform="hearth")
    desk.asleep(run)
    return run


def test_a_template_in_a_reason_stays_text(desk, sleeping_drill):
    reason = "{{ 7 * 7 }} <b>*now*</b> `x`"
    given = {"approver": "shift-lead", "code": desk.code("shift-lead"), "answer": "reject", "reason": reason}
    assert desk.fill(sleeping_drill, **given) == "ACCEPT"
    assert desk.state(sleeping_drill)["name"] == "Rejected"
    (decision,) = desk.journal.approvals(sleeping_drill)[0].decisions
    assert decision.reason == reason


def test_a_rejected_run_says_why_it_will_not_be_retried(desk, sleeping_drill):
    given = {"approver": "shift-lead", "code": desk.code("shift-lead"), "answer": "reject", "reason": "not tonight"}
    desk.fill(sleeping_drill, **given)
    state = desk.state(sleeping_drill)
    assert (state["type"], state["name"]) == ("CANCELLED", "Rejected")
    before = desk.kinds(sleeping_drill)

    desk.retry(sleeping_drill)
    desk.until(
        lambda: desk.sandbox.call(f"/flow_runs/{sleeping_drill}")["state"]["name"] == "Rejected", "it ends again"
    )
    said = desk.sandbox.call(f"/flow_runs/{sleeping_drill}")["state"]["message"]
    assert "rejected by shift-lead: not tonight" in said
    assert "start a new run" in said
    desk.look_after()
    assert desk.kinds(sleeping_drill) == before


def test_nobody_answers_and_it_expires(desk, sleeping_drill):
    expire_now(desk, sleeping_drill)
    desk.look_after()
    assert desk.state(sleeping_drill)["name"] == "Expired"
    assert desk.run(sleeping_drill).state is RunState.EXPIRED
    assert desk.journal.approvals(sleeping_drill)[0].standing is Standing.EXPIRED


def test_nobody_answers_for_long_and_others_are_rung_once_until_somebody_does(desk):
    run = start(desk)
    desk.asleep(run)
    asked_before(desk, run, timedelta(minutes=9))
    desk.look_after()
    assert desk.journal.approvals(run)[0].escalated_at is None, "hearth's rule says ten minutes"
    asked_before(desk, run, timedelta(minutes=1))
    desk.look_after()
    escalated_at = desk.journal.approvals(run)[0].escalated_at
    assert escalated_at is not None
    rung = desk.until(lambda: desk.calls(run), "somebody is rung")
    assert [each["state"] for each in rung] == ["ringing"]
    desk.look_after()
    assert desk.journal.approvals(run)[0].escalated_at == escalated_at
    assert len(desk.calls(run)) == 1

    given = {"approver": "service-manager", "code": desk.code("service-manager"), "answer": "reject"}
    assert desk.fill(run, **given) == "ACCEPT"
    assert desk.state(run)["name"] == "Rejected"
    desk.until(lambda: {each["state"] for each in desk.calls(run)} == {"resolved"}, "nobody is needed any more")


def test_an_answer_whose_door_died_before_waking_the_run_is_found_and_the_run_wakes(desk, sleeping_drill):
    from blocks.ports.approvals import Choice, Door
    from tasks.approvals.answer import Answer, record_answer
    from tasks.approvals.keys import load_unseal

    (question,) = desk.journal.approvals(sleeping_drill)
    said = Answer(approver="shift-lead", choice=Choice.APPROVE, door=Door.SLACK)
    record_answer(desk.journal, load_unseal(), question.id, said)
    assert desk.sandbox.call(f"/flow_runs/{sleeping_drill}")["state"]["name"] == "Suspended"
    desk.look_after()
    assert desk.state(sleeping_drill)["name"] == "Completed"


def test_a_waiting_run_that_is_cancelled_in_prefect_is_cancelled_here(desk, sleeping_drill):
    desk.sandbox.call(f"/flow_runs/{sleeping_drill}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
    desk.look_after()
    assert desk.run(sleeping_drill).state is RunState.CANCELLED


def test_a_run_that_is_only_resumed_sleeps_on(desk, sleeping_drill):
    """Whoever calls the API with nothing in the form has approved nothing."""
    assert desk.fill(sleeping_drill) == "ACCEPT"
    desk.until(lambda: desk.journal.form_count(desk.journal.approvals(sleeping_drill)[0].id) == 1, "it was read")
    desk.asleep(sleeping_drill)
    assert desk.journal.approvals(sleeping_drill)[0].standing is Standing.WAITING
