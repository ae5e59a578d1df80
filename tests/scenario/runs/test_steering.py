"""A run is steered: its glass broken, stopped safely, gone on with, a step done by hand; from each of three doors.

A door is the terminal (`vigie runs`), the Prefect UI (the form and the `steer` deployment) or Slack.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from blocks.ports.approvals import Choice, Standing
from blocks.ports.runs import ActionKind, RunState
from deployments.commands.runs import app
from tests.scenario.runs.conftest import Desk
from tests.scenario.runs.slack_people import Slack
from tests.scenario.runs.test_restart import BOTH, start

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
LEAD, WHY = "shift-lead", "nobody answers the phone"
DRILL, STEER = "approval-drill/drill", "steer-run/steer"


@dataclass
class Door:
    """What the shift lead does, and through what."""

    desk: Desk
    slack: Slack


class Terminal(Door):
    def told(self, verb, run, *more):
        return told(verb, str(run)[:8], *more, "--as", LEAD, "--code", self.desk.code(LEAD))

    def break_glass(self, run):
        assert "granted" in self.told("break-glass", run, "--reason", WHY)

    def stop(self, run):
        assert "then it is parked" in self.told("stop", run)

    def go_on(self, run):
        assert "goes on where it stopped" in self.told("continue", run)

    def by_hand(self, run, item):
        assert "once it is read back" in self.told("by-hand", run, item)


class PrefectUi(Door):
    def break_glass(self, run):
        given = {"approver": LEAD, "code": self.desk.code(LEAD), "answer": "break_glass", "reason": WHY}
        assert self.desk.fill(run, **given) == "ACCEPT"

    def stop(self, run):
        self.steer(run, "stop")

    def go_on(self, run):
        self.steer(run, "continue")

    def by_hand(self, run, item):
        self.steer(run, "by-hand", item)

    def steer(self, run, what, detail=""):
        given = {"run": str(run), "what": what, "approver": LEAD, "code": self.desk.code(LEAD), "detail": detail}
        steering = self.desk.start(STEER, **given)
        assert self.desk.state(steering)["name"] == "Completed", self.desk.logs(steering)


class InSlack(Door):
    def break_glass(self, run):
        self.slack.link("manager", LEAD)
        card = self.slack.shows(run, "approval:1", "approval.break_glass")
        (question,) = self.desk.journal.approvals(run)
        self.slack.press("manager", card, "approval.break_glass", value=str(question.id))
        answer = self.slack.submit("manager", reason=WHY, code=self.slack.code(LEAD, 1))
        assert not answer["errors"], answer

    def stop(self, run):
        self.slack.press("manager", self.slack.shows(run, "progress", "run.stop"), "run.stop")

    def go_on(self, run):
        self.slack.press("manager", self.slack.shows(run, "progress", "run.continue"), "run.continue")

    def by_hand(self, run, item):
        """What Prefect's UI can start, Slack can ask for."""
        self.slack.link("manager", LEAD)
        self.slack.command("manager", "")
        self.slack.submit("manager", action=self.desk.sandbox.call(f"/deployments/name/{STEER}")["id"])
        code = self.slack.code(LEAD, 1)
        answer = self.slack.submit("manager", run=str(run), what="by-hand", approver=LEAD, code=code, detail=item)
        assert not answer["errors"], answer


class EachItsOwn(InSlack):
    """One run is steered through all three."""

    def stop(self, run):
        Terminal(self.desk, self.slack).stop(run)

    def go_on(self, run):
        PrefectUi(self.desk, self.slack).go_on(run)


_ALONE = [pytest.param(kind, marks=pytest.mark.long) for kind in (Terminal, PrefectUi, InSlack)]


@pytest.fixture(params=[EachItsOwn, *_ALONE], ids=lambda kind: kind.__name__)
def door(request, desk, slack):
    return request.param(desk, slack)


def told(*arguments, code=0):
    """What `vigie runs` answers."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def test_the_glass_is_broken_the_run_stopped_between_two_steps_and_gone_on_with(desk, door):
    desk.sandbox.break_("storefront/web-fleet", "slow-effect")
    run = start(desk, "web-fleet", "storefront")
    desk.asleep(run)
    door.break_glass(run)
    desk.when(run, ActionKind.STEP_INTENDED, patience_s=120)
    door.stop(run)
    desk.sandbox.mend()
    assert desk.state(run)["name"] == "Parked", desk.logs(run)
    (question,) = desk.journal.approvals(run)
    assert [(each.approver, each.choice, each.reason) for each in question.decisions] == [
        (LEAD, Choice.BREAK_GLASS, WHY)
    ]
    assert desk.run(run).reason.startswith(f"stopped by {LEAD} before: replace instance i-")
    assert all(step.is_done for step in desk.steps(run))
    assert 0 < len(desk.steps(run)) < len(question.plan.steps)
    assert question.id in {each.id for each in desk.journal.unreviewed()}

    desk.until(lambda: desk.has_left(run), "the process leaves")
    door.go_on(run)
    desk.until(lambda: desk.run(run).state is RunState.DONE, "it goes on and ends", 180)
    steps = desk.steps(run)
    assert len({step.item for step in steps}) == len(steps) == len(question.plan.steps) > 1
    assert len(desk.journal.approvals(run)) == 1, "nobody was asked again"


def test_what_a_person_did_by_hand_is_read_back_and_not_done_again(desk, door):
    before = desk.restarts()
    run = start(desk)
    desk.asleep(run)
    with desk.refused_operator():
        desk.approve(run, *BOTH)
        assert desk.state(run)["name"] == "Failed"
    (step,) = desk.steps(run)
    assert not step.is_done
    desk.until(lambda: desk.has_left(run), "the process leaves")

    desk.in_the_console("hearth", "device-api", step.item)
    assert desk.restarts() == before + 1
    door.by_hand(run, step.item)
    desk.until(lambda: desk.run(run).state is RunState.DONE, "it is read back, and the run ends", 120)
    (step,) = desk.steps(run)
    assert (step.is_done, step.by_hand) == (True, LEAD)
    assert desk.restarts() == before + 1, "nobody does it a second time"


@pytest.fixture
def sleeping(desk):
    run = desk.start(DRILL, platform="storefront", reason="from the terminal")
    desk.asleep(run)
    return run


def test_the_terminal_lists_shows_and_approves_and_a_wrong_code_counts_for_nothing(desk, sleeping):
    start_of_id = str(sleeping)[:8]
    assert f"{start_of_id}  approval-drill of storefront, waiting since" in told("list")
    assert str(sleeping) in told("list", "--json")
    right = desk.code(LEAD)
    wrong = "000000" if right != "000000" else "111111"
    refused = told("approve", start_of_id, "--as", LEAD, "--code", wrong, code=1)
    assert "the name or its one-time code is wrong" in refused
    assert "approval 1: waiting" in told("show", start_of_id)

    assert "granted: approved by shift-lead" in told("approve", start_of_id, "--as", LEAD, "--code", right)
    assert desk.state(sleeping)["name"] == "Completed"
    assert "approval 1: granted, approved by shift-lead" in told("show", start_of_id)
    assert "no run begins with" in told("show", "ffffffff-no", code=1)
    assert "waits for no answer: it is done" in told(
        "reject", start_of_id, "--as", LEAD, "--code", desk.code(LEAD), code=1
    )


def test_the_terminal_rejects_with_a_reason(desk, sleeping):
    said = told("reject", str(sleeping), "--as", LEAD, "--code", desk.code(LEAD), "--reason", "not tonight")
    assert "rejected by shift-lead: not tonight" in said
    assert desk.state(sleeping)["name"] == "Rejected"


def test_a_broken_glass_is_reviewed_by_somebody_else(desk):
    run = start(desk, "web-fleet", "storefront")
    desk.asleep(run)
    told("break-glass", str(run), "--as", LEAD, "--code", desk.code(LEAD), "--reason", WHY)
    assert desk.state(run)["name"] == "Completed", desk.logs(run)
    (question,) = desk.journal.approvals(run)
    assert question.standing is Standing.GRANTED
    own = told("review", str(run), "--as", LEAD, "--code", desk.code(LEAD), code=1)
    assert "cannot review it himself" in own
    assert question.id in {each.id for each in desk.journal.unreviewed()}
    code = desk.code("platform-engineer")
    assert "Reviewed by platform-engineer" in told("review", str(run), "--as", "platform-engineer", "--code", code)
    assert question.id not in {each.id for each in desk.journal.unreviewed()}
    assert "waits for a review" in told("review", str(run), "--as", LEAD, "--code", desk.code(LEAD), code=1)
