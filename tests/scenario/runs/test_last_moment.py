"""Granted, the lease taken, and the plan made once more: what changed in that moment voids the approval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blocks.ports.approvals import Bound, Choice, Door, Guard, Plan, PlanStep, Standing
from blocks.ports.runs import RunState
from tasks.approvals.answer import Answer, record_answer
from tasks.approvals.asking import MOST_QUESTIONS, approved
from tasks.approvals.keys import load_unseal
from tasks.runs.catalogue import load_policy
from tasks.runs.runbook import runbook, this_run

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
AGREED = Plan(
    action="approval-drill",
    platform="hearth",
    subject="hearth",
    reason="practice",
    steps=(PlanStep(phase="promote", item="standby-1", text="promote standby-1", expected_s=1),),
    guards=(Guard(name="ready", holds=True, text="the standby follows"),),
    bounds=(Bound(name="lost rows", at_most=2000, measured=10, unit="rows"),),
)


def a_run(*plans: Plan, asked: tuple[Plan, ...] = (AGREED,)) -> dict:
    """A runbook that was granted what was `asked`, and then reads `plans` one after the other; what became of it."""
    seen: dict = {"leases": []}
    made = iter(plans)

    def make() -> Plan:
        seen["leases"].append(this_run().journal.lease("hearth") is not None)
        return next(made)

    @runbook(name="approval-drill", run_name="at the last moment", subject="platform")
    def at_the_last_moment(platform: str) -> str:
        seen["run"] = this_run().run.id
        for each in asked:
            grant(each)
        seen["granted"] = approved(make)
        return "went on"

    seen["state"] = at_the_last_moment(platform="hearth", return_state=True)
    return seen


def grant(plan: Plan) -> None:
    book = this_run()
    policy = load_policy("hearth", "hearth", "approval-drill")
    question = book.journal.ask(book.run.id, plan=plan, policy=policy, requester="shift-lead")
    answer = Answer(approver="duty-operator", choice=Choice.APPROVE, door=Door.SLACK)
    assert record_answer(book.journal, load_unseal(), question.id, answer).is_settled


def test_the_same_plan_goes_on_with_the_lease(desk):
    measured = replace(AGREED, bounds=(replace(AGREED.bounds[0], measured=2000),))
    seen = a_run(AGREED, measured)
    assert seen["granted"].plan == AGREED
    assert [each.standing for each in desk.journal.approvals(seen["run"])] == [Standing.GRANTED]
    assert desk.run(seen["run"]).state is RunState.DONE
    assert seen["leases"] == [False, True], "made once more under the lease"
    assert desk.journal.lease("hearth") is None, "given back at the end"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": (replace(AGREED.steps[0], item="standby-2", text="promote standby-2"),)}, "new: promote standby-2"),
        ({"guards": (Guard(name="ready", holds=False, text="the standby is gone"),)}, "ready: the standby is gone"),
        ({"bounds": (replace(AGREED.bounds[0], measured=2001),)}, "lost rows is 2001 rows now, approved was at most"),
    ],
)
def test_what_changed_voids_it_and_is_asked_again_without_an_effect(desk, changed, says):
    now = replace(AGREED, **changed)
    seen = a_run(AGREED, now, now)
    assert "granted" not in seen, "it did not go on"
    # It would sleep again; Prefect suspends only what a worker can start anew.
    assert "cannot be suspended" in desk.run(seen["run"]).reason
    first, second = desk.journal.approvals(seen["run"])
    assert (first.standing, second.standing) == (Standing.VOID, Standing.WAITING)
    assert says in first.reason
    assert any(says in each for each in second.differences)
    assert seen["leases"] == [False, True, False], "nobody is kept from working while it waits"


def test_a_plan_that_keeps_changing_ends_the_run_void_and_says_what_changed(desk):
    asked = (AGREED, replace(AGREED, candidate="standby-2"), replace(AGREED, candidate="standby-3"))
    assert len(asked) == MOST_QUESTIONS
    seen = a_run(replace(AGREED, candidate="standby-4"), asked=asked)
    assert (seen["state"].name, seen["state"].type.value) == ("Void", "CANCELLED")
    assert (
        "asked 3 times, and each time the plan changed: candidate was standby-3, is standby-4" in seen["state"].message
    )
    assert desk.run(seen["run"]).state is RunState.VOID
    assert len(desk.journal.approvals(seen["run"])) == MOST_QUESTIONS, "nobody is asked a fourth time"
    assert desk.journal.lease("hearth") is None
