"""Restarts on the running sandbox: mended with approval, retried from the failed step, stopped and gone on with."""

from __future__ import annotations

import pytest

from blocks.errors import Refused
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.approvals import Standing
from blocks.ports.runs import ActionKind, RunState
from tasks.runs.catalogue import load_policy
from tasks.runs.steering import Steer, steer

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
RESTART = "service-restart/restart"
BOTH = ("shift-lead", "platform-engineer")


def start(desk, service="device-api", platform="hearth"):
    return desk.start(RESTART, platform=platform, service=service, reason="it does not answer")


def test_a_killed_service_is_mended_by_an_approved_restart(desk):
    desk.sandbox.break_("hearth/device-api", "kill")
    before = desk.restarts()
    run = start(desk)
    desk.approve(run, *BOTH)
    assert desk.state(run)["name"] == "Completed", desk.logs(run)

    (step,) = desk.steps(run)
    assert step.is_done
    assert step.evidence is not None
    assert "started anew" in step.outcome
    assert desk.restarts() == before + 1
    done = desk.run(run)
    assert done.state is RunState.DONE
    assert "Before: device-api is critical" in done.reason
    assert "After: device-api is ok" in done.reason
    assert desk.journal.lease("hearth") is None
    assert desk.journal.verify_actions("hearth") > 0
    names = [each["name"] for each in desk.task_runs(run)]
    assert "restart app hearth-device-api" in names


def test_a_group_is_restarted_instance_by_instance_and_can_be_stopped_between(desk):
    run = start(desk, "web-fleet", "storefront")
    desk.approve(run, "shift-lead")
    desk.approve(run, "platform-engineer")
    desk.when(run, ActionKind.STEP_INTENDED)
    desk.journal.request_stop(run, who="shift-lead", reason="the customer calls")

    state = desk.state(run)
    assert (state["type"], state["name"]) == ("CANCELLED", "Parked")
    assert "stopped by shift-lead before: replace instance i-" in state["message"]
    assert [step.is_done for step in desk.steps(run)] == [True]
    assert desk.journal.lease("storefront") is None

    former = state["id"]
    desk.retry(run)  # somebody presses retry: it says why it won't
    desk.until(lambda: desk.state(run, "Parked")["id"] != former, "it says so again")
    assert desk.state(run)["name"] == "Parked"
    assert len(desk.steps(run)) == 1

    go_on(desk, run, "storefront")
    assert desk.state(run)["name"] == "Completed", desk.logs(run)
    steps = desk.steps(run)
    assert len(steps) == len(desk.journal.approvals(run)[-1].plan.steps) > 1
    assert all(step.is_done and step.evidence for step in steps)
    assert len({step.item for step in steps}) == len(steps)


def go_on(desk, run, platform):
    policy = load_policy(platform, platform, "service-restart")
    with PrefectOrchestrator() as orchestrator:
        steer(desk.journal, orchestrator, policy, Steer.CONTINUE, run, who="platform-engineer")


@pytest.mark.long
def test_a_retry_executes_the_failed_step_and_those_after_it_only(desk):
    before = desk.restarts()
    run = start(desk)
    desk.asleep(run)
    with desk.refused_operator():
        desk.approve(run, *BOTH)
        assert desk.state(run)["name"] == "Failed"
    assert desk.run(run).state is RunState.FAILED
    assert desk.journal.lease("hearth") is None
    assert desk.kinds(run)[-3:] == [ActionKind.STEP_FAILED, ActionKind.LEASE_RELEASED, ActionKind.RUN_MOVED]
    looked = [each for each in desk.task_runs(run) if each["name"] == "look at device-api before"]

    desk.retry(run)
    desk.until(lambda: desk.run(run).state is RunState.DONE, "the retry ends well")
    assert desk.restarts() == before + 1
    kinds = desk.kinds(run)
    assert kinds.count(ActionKind.STEP_INTENDED) == 1
    assert kinds.count(ActionKind.APPROVAL_ASKED) == 1, "a retry never asks twice"
    again = [each for each in desk.task_runs(run) if each["name"] == "look at device-api before"]
    assert [each["state"]["name"] for each in again].count("Completed") == len(looked) == 1
    assert [each["state"]["name"] for each in again].count("Cached") == 1


def test_a_plan_that_changed_after_it_was_asked_is_void_and_asked_again_with_the_difference(desk, slack):
    run = start(desk, "web-fleet", "storefront")
    desk.asleep(run)
    (first,) = desk.journal.approvals(run)
    gone = first.plan.steps[0]
    desk.in_the_console("storefront", "web-fleet", gone.item)  # the group launches another in its place

    desk.approve(run, "shift-lead")
    desk.until(lambda: len(desk.journal.approvals(run)) > 1, "it is asked again")
    first, second = desk.journal.approvals(run)
    assert first.standing is Standing.VOID
    assert f"no longer: {gone.text}" in first.reason
    assert f"no longer: {gone.text}" in second.differences
    assert any(each.startswith("new: restart instance i-") for each in second.differences)
    assert (second.standing, second.decisions) == (Standing.WAITING, ()), "no yes is carried over to another plan"
    assert desk.steps(run) == []
    assert desk.journal.lease("storefront") is None
    former = slack.shows(run, "approval:1", "⚪")
    assert "approval.approve" not in str(former)
    card = slack.shows(run, "approval:2", "approval.approve")
    assert gone.item in str(card), "the card says what changed"

    desk.approve(run, *BOTH)
    assert desk.state(run)["name"] == "Completed", desk.logs(run)
    assert [step.item for step in desk.steps(run)] == [step.item for step in second.plan.steps]


@pytest.mark.long
def test_an_answer_that_is_lost_does_not_restart_twice(desk):
    before = desk.restarts()
    run = start(desk)
    desk.asleep(run)
    desk.azure("drop-after")
    desk.approve(run, *BOTH)
    assert desk.state(run)["name"] == "Completed", desk.logs(run)
    assert desk.restarts() == before + 1
    assert desk.kinds(run).count(ActionKind.STEP_ENTERED_AGAIN) >= 1


@pytest.mark.long
def test_a_platform_that_is_being_changed_lets_nobody_else_change_it(desk):
    first, second = start(desk), start(desk)
    for run in (first, second):
        desk.asleep(run)
    desk.azure("slow-effect")
    desk.approve(first, *BOTH)
    desk.when(first, ActionKind.LEASE_TAKEN, patience_s=120)
    with desk.held_up(first):
        desk.approve(second, *BOTH)
        assert desk.state(second)["name"] == "Failed"
        assert "hearth is being changed by service-restart of device-api" in desk.run(second).reason
    desk.azure_whole()
    assert desk.state(first)["name"] == "Completed", desk.logs(first)


def test_a_service_that_cannot_be_restarted_asks_nobody(desk):
    run = desk.start(RESTART, platform="hearth", service="web-fleet", reason="wrong platform")
    assert desk.state(run)["name"] == "Failed"
    assert "hearth has no service 'web-fleet'" in desk.run(run).reason
    assert desk.journal.approvals(run) == []


def test_who_may_not_decide_may_not_steer(desk):
    run = start(desk)
    desk.asleep(run)
    policy = load_policy("hearth", "hearth", "service-restart")
    with PrefectOrchestrator() as orchestrator, pytest.raises(Refused, match="stranger may not steer"):
        steer(desk.journal, orchestrator, policy, Steer.STOP, run, who="stranger")
