"""A person is asked in the middle of a plan, over the real journal: asleep, answered, killed anywhere, gone on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from blocks.catalogue.recovery import AddedStep
from blocks.errors import Refused
from blocks.ports.approvals import Choice, Door, Plan, PlanStep, Policy, Said, Standing
from blocks.ports.runs import ActionKind, RunState
from tasks.approvals.asking import _begun, _question
from tasks.approvals.decide import judge
from tasks.core.change import Stopped
from tasks.recovery.confirming import Asking, NotConfirmed, asking_policy
from tasks.runs.runbook import Granted, Runbook
from tasks.runs.steering import Steer, steer
from tests.contract.steps.conftest import open_run
from tests.contract.steps.world import Mortal, mortals

TOLD = AddedStep(name="told", kind="ask", when="before", phase="shift", text="is the warehouse told?")
STEP = PlanStep(phase="shift", item="ask:told:dc-west", text="ask a person: is the warehouse told?")
PLAN = Plan(
    action="failover",
    platform="hearth",
    subject="azure-west → dc-west",
    steps=(STEP, PlanStep(phase="shift", item="shift-traffic:api:dc-west@100", text="send 100 % of api to dc-west")),
    roles={"dc-west": "active", "azure-west": "fenced"},
    candidate="dc-west",
)
POLICY = Policy(approvers=("anna", "ben"), quorum=2, expires_after_s=900, escalate_after_s=180, glass=("zoe",))


class Asleep(Exception):
    """The process was given back."""


class Woken:
    """Prefect, as much of it as whoever answers or steers needs."""

    def __init__(self) -> None:
        self.resumed: list = []

    def resume(self, run) -> bool:
        self.resumed.append(run)
        return True


@pytest.fixture
def run(journal):
    return new_run(journal)


def new_run(journal, platform="hearth"):
    run = uuid4()
    open_run(journal, run, platform)
    granted = journal.ask(run, plan=replace(PLAN, platform=platform), policy=POLICY, requester="operator")
    for name in ("anna", "ben"):
        journal.say(granted.id, Said(approver=name, choice=Choice.APPROVE, door=Door.SLACK), judge)
    return run


def walk(journal, run, mortal=None, plan=PLAN):
    """One process of the run, up to its question's answer, as the runbook would go through it."""
    lived = (mortal or Mortal()).wrap(journal)
    if journal.run(run).state is not RunState.RUNNING:
        lived.move_run(run, RunState.RUNNING, reason="goes on")
    book = Runbook(journal.run(run), lived)
    granted = Granted(plan, lived.take_lease(run), None)

    def sleep(_, question):
        lived.move_run(run, RunState.WAITING, reason="waits", keeps_lease=True)
        raise Asleep(question.number)

    asking = Asking(book=book, granted=granted, step=STEP, declared=TOLD, policy=lambda: POLICY, sleep=sleep)
    try:
        return asking.result()
    except Stopped as stopped:
        lived.move_run(run, RunState.PARKED, reason=str(stopped), page=stopped.rings)
        raise


def asked(journal, run):
    return [each for each in journal.approvals(run) if each.plan.confirms]


def say(journal, run, choice, who="anna", reason=""):
    said = Said(approver=who, choice=choice, door=Door.SLACK, reason=reason)
    return journal.say(asked(journal, run)[-1].id, said, judge)


def fall_asleep(journal, run):
    with pytest.raises(Asleep):
        walk(journal, run)


def go_on(journal, run):
    journal.move_run(run, RunState.RUNNING, reason="goes on", who="operator")


def test_it_sleeps_with_the_platform_kept_and_nobody_may_act_meanwhile(journal, run):
    fall_asleep(journal, run)
    lease = journal.lease("hearth")
    assert (lease.run, journal.run(run).state) == (run, RunState.WAITING)
    open_run(journal, other := uuid4())
    with pytest.raises(Refused, match="is being changed by"):
        journal.take_lease(other)
    with pytest.raises(Refused, match="no step of it may begin"):
        journal.intend(run, lease.token, key="a" * 64, phase="shift", item="x", text="x", baseline={})
    (question,) = asked(journal, run)
    assert (question.plan.reason, question.plan.confirms) == ("is the warehouse told?", STEP.item)
    assert journal.steps(run)[0].is_done is False


def test_done_goes_on_with_the_same_lease_and_keeps_who_said_it(journal, run):
    fall_asleep(journal, run)
    token = journal.lease("hearth").token
    say(journal, run, Choice.APPROVE, who="operator-of-nothing")
    fall_asleep(journal, run)
    _, ruling = say(journal, run, Choice.APPROVE)
    assert ruling.standing is Standing.GRANTED, "one is enough, whatever the quorum of the move"
    assert walk(journal, run) == "anna said that it is done"
    (step,) = journal.steps(run)
    assert (step.is_done, step.outcome, step.token) == (True, "anna said that it is done", token)
    assert walk(journal, run) == "anna said that it is done"
    assert len(asked(journal, run)) == 1, "nobody is asked twice"


def test_no_parks_it_frees_the_platform_and_who_goes_on_is_asked_anew(journal, run):
    fall_asleep(journal, run)
    say(journal, run, Choice.REJECT, reason="the truck is outside")
    with pytest.raises(NotConfirmed, match=r"anna says no: is the warehouse told\? \(the truck is outside\)") as told:
        walk(journal, run)
    assert told.value.rings is False
    assert (journal.run(run).state, journal.lease("hearth")) == (RunState.PARKED, None)
    go_on(journal, run)
    fall_asleep(journal, run)
    assert [each.standing for each in asked(journal, run)] == [Standing.REJECTED, Standing.WAITING]
    say(journal, run, Choice.APPROVE)
    assert walk(journal, run) == "anna said that it is done"


def test_silence_parks_it_and_rings(journal, journal_dsn, run):
    fall_asleep(journal, run)
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE approval SET expires_at = asked_at WHERE standing = 'waiting'")
    with pytest.raises(NotConfirmed, match=r"nobody answered in time: is the warehouse told\?") as told:
        walk(journal, run)
    assert told.value.rings
    assert asked(journal, run)[-1].standing is Standing.EXPIRED
    channels = {
        (each.purpose, each.channel) for each in journal.claim_messages(run, limit_count=50, lease=timedelta(1))
    }
    assert ("page:0", "pager") in channels
    go_on(journal, run)
    fall_asleep(journal, run)


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.FAILED])
def test_a_question_that_waits_is_still_the_one_after_a_cancel(journal, run, state):
    fall_asleep(journal, run)
    journal.move_run(run, state, reason="somebody did")
    assert journal.lease("hearth") is None
    go_on(journal, run)
    fall_asleep(journal, run)
    assert len(asked(journal, run)) == 1


def test_broken_glass_lets_it_go_on(journal, run):
    fall_asleep(journal, run)
    said = Said(approver="zoe", choice=Choice.BREAK_GLASS, door=Door.SLACK, reason="everybody sleeps", code_step=7)
    journal.enrol("zoe", b"sealed")
    _, ruling = journal.say(asked(journal, run)[-1].id, said, judge)
    assert ruling.standing is Standing.GRANTED, ruling
    assert walk(journal, run) == "zoe said that it is done"
    assert [each.plan.confirms for each in journal.unreviewed()] == [STEP.item]


# -- steering ------------------------------------------------------------------------------------


def test_a_stop_takes_effect_at_once_where_it_waits_for_a_person(journal, run):
    fall_asleep(journal, run)
    woken = Woken()
    said = steer(journal, woken, POLICY, Steer.STOP, run, who="ben", detail="the customer calls")
    assert "parked now" in said
    assert woken.resumed == [run]
    with pytest.raises(Stopped, match=r"stopped by ben before: ask a person: is the warehouse told\?"):
        walk(journal, run)
    assert (journal.run(run).state, journal.lease("hearth")) == (RunState.PARKED, None)
    assert asked(journal, run)[-1].standing is Standing.VOID
    go_on(journal, run)
    fall_asleep(journal, run)
    assert len(asked(journal, run)) == 2


def test_a_stop_of_one_that_waits_for_its_approval_leaves_the_question(journal):
    run, woken = uuid4(), Woken()
    open_run(journal, run)
    question = journal.ask(run, plan=PLAN, policy=POLICY, requester="operator")
    journal.move_run(run, RunState.WAITING, reason="waits")
    assert "finishes the step" in steer(journal, woken, POLICY, Steer.STOP, run, who="ben")
    assert (journal.approval(question.id).standing, woken.resumed) == (Standing.WAITING, [])


def test_said_to_be_done_by_hand_it_is_taken_at_their_word(journal, run):
    fall_asleep(journal, run)
    woken = Woken()
    steer(journal, woken, POLICY, Steer.BY_HAND, run, who="ben", detail=STEP.item)
    assert woken.resumed == [run]
    assert walk(journal, run) == "ben said that it is done"
    assert journal.steps(run)[0].by_hand == "ben"
    assert asked(journal, run)[-1].standing is Standing.VOID


# -- beside the approval of the plan ---------------------------------------------------------------


def test_a_question_in_the_middle_never_stands_for_the_plan(journal, run):
    fall_asleep(journal, run)
    say(journal, run, Choice.APPROVE)
    walk(journal, run)
    book = Runbook(journal.run(run), journal)
    assert _begun(book) is None, "to ask is no effect: the plan is made anew before the first"
    assert _question(book, PLAN, "").plan.steps == PLAN.steps
    assert len(journal.approvals(run)) == 2, "and nobody is asked about it again"
    lease = journal.take_lease(run)
    journal.intend(run, lease.token, key="b" * 64, phase="shift", item=PLAN.steps[1].item, text="x", baseline={})
    assert _begun(book).plan.steps == PLAN.steps


def test_a_plan_that_was_approved_anew_asks_anew(journal, run):
    fall_asleep(journal, run)
    say(journal, run, Choice.APPROVE)
    walk(journal, run)
    with pytest.raises(Asleep):
        walk(journal, run, plan=replace(PLAN, candidate="elsewhere"))
    assert len(asked(journal, run)) == 2


@pytest.mark.parametrize(
    ("policy", "within", "expires_s", "escalate_s"),
    [
        (POLICY, None, 900, 180),
        (POLICY, timedelta(hours=2), 7200, 180),
        (POLICY, timedelta(minutes=2), 120, 60),
        (replace(POLICY, escalate_after_s=0), timedelta(minutes=2), 120, 0),
    ],
)
def test_who_is_asked_and_for_how_long(policy, within, expires_s, escalate_s):
    made = asking_policy(policy, within)
    assert (made.quorum, made.requester_may_approve, made.approvers) == (1, True, policy.approvers)
    assert (made.expires_after_s, made.escalate_after_s) == (expires_s, escalate_s)


def test_a_word_that_the_move_wants_typed_becomes_the_code():
    made = asking_policy(replace(POLICY, typed="hearth"), None)
    assert (made.typed, made.needs_code) == ("", True)
    assert asking_policy(POLICY, None).needs_code is False


# -- killed anywhere -------------------------------------------------------------------------------


def through(journal, run, processes, answers):
    """Processes one after the other, and a person who answers whenever the run sleeps; what the last one said."""
    processes, answers = list(processes), list(answers)
    for _ in range(40):
        mortal = processes.pop(0) if processes else Mortal()
        try:
            with mortal:
                return walk(journal, run, mortal)
        except Asleep:
            if asked(journal, run)[-1].standing is Standing.WAITING:
                say(journal, run, answers.pop(0))
        except NotConfirmed:
            go_on(journal, run)
    raise AssertionError("it never ended")


SCRIPTS = {"done": [Choice.APPROVE], "no, then done": [Choice.REJECT, Choice.APPROVE]}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("answers", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("process", [0, 1], ids=["that asks", "that hears"])
def test_killed_at_every_call(journal, answers, after, process):
    for mortal in mortals(rows=5, after=after):
        platform = f"p{mortal.die_at}"
        run = new_run(journal, platform)
        said = through(journal, run, [*(Mortal() for _ in range(process)), mortal], answers)
        assert said == "anna said that it is done"
        assert [each.standing for each in asked(journal, run)] == [
            {Choice.APPROVE: Standing.GRANTED, Choice.REJECT: Standing.REJECTED}[each] for each in answers
        ], f"killed {mortal.calls[-1]}: each answer was asked for once"
        (step,) = journal.steps(run)
        assert step.is_done
        kinds = [each.kind for each in journal.actions(run)]
        assert kinds.count(ActionKind.STEP_INTENDED) == kinds.count(ActionKind.STEP_DONE) == 1
        assert journal.lease(platform).run == run
        assert journal.verify_actions(platform) > 0
