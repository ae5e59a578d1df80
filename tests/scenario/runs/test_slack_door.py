"""Slack's door on the running sandbox: linked, started, approved, refused, caught up; over HTTP and Socket Mode."""

from __future__ import annotations

import time

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.runs import RunState
from deployments.sandbox.lifecycle import order

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
DRILL = "approval-drill/drill"


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_linked_started_and_approved_in_slack(desk, slack, mode):
    slack.act("app", mode=mode)
    slack.link("operator", "duty-operator")
    slack.link("manager", "shift-lead")
    slack.command("operator", "")
    drill = desk.sandbox.call(f"/deployments/name/{DRILL}")["id"]
    slack.submit("operator", action=drill)
    answer = slack.submit("operator", platform="storefront", reason=f"practice over {mode}")
    assert not answer["errors"], answer
    run = desk.until(lambda: noted(desk, mode), "the run is noted")
    assert (run.requested_by, run.action) == ("duty-operator", "approval-drill")

    card = slack.shows(run.id, "approval:1", "approval.approve")
    assert f"practice over {mode}" in card["text"]
    desk.asleep(run.id)
    pressed = time.monotonic()
    slack.press("manager", card, "approval.approve")
    desk.until(lambda: desk.run(run.id).state is RunState.DONE, "it is done", pause_s=0.02)
    assert time.monotonic() - pressed < 30, "it woke"
    slack.shows(run.id, "approval:1", "shift-lead")
    assert "approval.approve" not in str(slack.message(run.id, "approval:1"))
    slack.shows(run.id, "progress", "✅")
    assert desk.journal.approvals(run.id)[0].decisions[0].approver == "shift-lead"


def noted(desk, mode):
    found = [each for each in desk.journal.runs() if each.parameters.get("reason") == f"practice over {mode}"]
    return found[0] if found else None


def test_a_stranger_presses_and_nothing_happens(desk, slack):
    run = desk.start(DRILL, platform="hearth")
    desk.asleep(run)
    card = slack.shows(run, "approval:1", "approval.approve")
    slack.press("stranger", card, "approval.approve")
    desk.until(lambda: "account.link" in slack.whispers(), "the stranger is asked to link")
    assert desk.journal.approvals(run)[0].standing is Standing.WAITING


def test_a_click_that_is_delivered_twice_counts_once(desk, slack):
    slack.link("manager", "shift-lead")
    run = desk.start(DRILL, platform="hearth")
    desk.asleep(run)
    card = slack.shows(run, "approval:1", "approval.approve")
    slack.act("break", target="slack", how="duplicate", times=1)
    before = slack.whispers()
    slack.press("manager", card, "approval.approve")
    assert desk.state(run)["name"] == "Completed"
    assert len(desk.journal.approvals(run)[0].decisions) == 1
    assert slack.whispers() == before  # nobody heard that it was decided already


def test_the_card_of_a_run_that_was_cancelled_in_prefect_asks_nobody_any_more(desk, slack):
    run = desk.start(DRILL, platform="hearth")
    desk.asleep(run)
    slack.shows(run, "approval:1", "approval.approve")
    desk.sandbox.call(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
    desk.look_after()
    card = slack.shows(run, "approval:1", "Personne n'a à répondre")
    assert "approval.approve" not in str(card)


def test_while_slack_is_away_the_form_works_and_one_message_catches_up(desk, slack):
    slack.act("break", target="slack", how="error", times=1000)
    run = desk.start(DRILL, platform="storefront", reason="while Slack is away")
    desk.approve(run, "duty-operator")
    assert desk.state(run)["name"] == "Completed"
    slack.act("mend")
    slack.shows(run, "approval:1", "duty-operator", patience_s=120)
    slack.shows(run, "progress", "✅", patience_s=120)


def test_with_no_gateway_the_resumer_catches_up(desk, slack):
    order(desk.sandbox.state, "kill", "gateway")
    try:
        slack.act("break", target="slack", how="error", times=1000)
        run = desk.start(DRILL, platform="storefront", reason="no gateway")
        desk.approve(run, "duty-operator")
        assert desk.state(run)["name"] == "Completed"
        slack.act("mend")
        assert slack.message(run, "progress") is None
        desk.until(lambda: desk.look_after() or slack.message(run, "progress"), "it is shown", 400, 5)
        slack.shows(run, "progress", "✅")
    finally:
        order(desk.sandbox.state, "start", "gateway")
