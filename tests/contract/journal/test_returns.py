"""A yes that was given with a move is used once, by one run, after the window, for the way back and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Refused
from blocks.ports.approvals import Bound, Choice, Door, Guard, Plan, PlanStep, Policy, Said, Standing
from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import SCHEDULE, ActionKind, RunState
from tasks.approvals.decide import judge
from tests.contract.journal.test_moves import HOUR, begin, kinds, open_run

HOME, AWAY = "azure-west", "dc-west"
POLICY = Policy(approvers=("platform-engineer",))
LONG_AGO, NOT_YET = timedelta(seconds=-1), HOUR


def plan(**changes) -> Plan:
    given = {
        "action": "failover",
        "platform": "hearth",
        "subject": f"{HOME} → {AWAY}",
        "candidate": AWAY,
        "roles": {AWAY: "active", HOME: "fenced"},
        "steps": (PlanStep(phase="promote", item=f"promote-database:household:{AWAY}", text="promote"),),
        "commit_within_s": 14400.0,
        "rolls_back": True,
    }
    return Plan(**(given | changes))


def home(**changes) -> Plan:
    """The plan of the way back."""
    given = {
        "action": "failback",
        "subject": f"{AWAY} → {HOME}",
        "candidate": HOME,
        "roles": {HOME: "active", AWAY: "standby"},
        "guards": (Guard(name="the way home of household", holds=True, text="it follows"),),
        "commit_within_s": 0.0,
        "rolls_back": False,
    }
    return plan(**(given | changes))


def moved(journal, *, approved=True, within=LONG_AGO, rolls_back=True, agreed=None, serves=True, **begun) -> UUID:
    """A failover that people approved and that serves; its window is over where `within` lies behind."""
    run, token = open_run(journal)
    question = journal.ask(run, plan=agreed or plan(), policy=POLICY, requester="unknown")
    if approved:
        say_yes(journal, question)
    begin(journal, run, token, **begun)
    if serves:
        journal.move_serves(run, token, commit_within=within, rolls_back=rolls_back)
    journal.move_run(run, RunState.DONE, reason="")
    return run


def say_yes(journal, question) -> None:
    """Two people say yes."""
    for name in ("platform-engineer", "second"):
        said = Said(approver=name, choice=Choice.APPROVE, door=Door.TERMINAL, code_step=None)
        policy = replace(question.policy, approvers=(name,), requester_may_approve=True)
        journal.say(
            question.id, said, lambda a, s, now, p=policy: judge(replace(a, policy=p), replace(s, code_step=1), now)
        )
    assert journal.approval(question.id).standing is Standing.GRANTED


def the_schedule_s(journal, *, action="failback", platform="hearth", who=SCHEDULE) -> UUID:
    run = uuid4()
    journal.open_run(
        run, platform=platform, action=action, subject=platform, parameters={"platform": platform},
        requested_by=who, customer="hearth",
    )  # fmt: skip
    return run


@pytest.fixture
def move(journal):
    return moved(journal)


@pytest.fixture
def run(journal, move):
    """The run that was promised."""
    found = the_schedule_s(journal)
    journal.promise_return(move, found)
    return found


# -- the one yes, used once ---------------------------------------------------------------------


def test_the_way_back_has_the_yes_of_the_move_and_the_chain_says_whose(journal, move, run):
    (agreed,) = journal.approvals(move)
    assert journal.standing_yes(move) == agreed
    granted = journal.grant_return(move, run, home())
    assert (granted.standing, granted.plan, granted.requester) == (Standing.GRANTED, home(), SCHEDULE)
    assert granted.reason.startswith(f"as approved with the failover of run {str(move)[:8]}: approved by")
    assert granted.policy == agreed.policy
    line = next(each for each in journal.actions(run) if each.kind is ActionKind.RETURN_GRANTED)
    assert (line.data["agreed"], line.data["agreed_digest"]) == (str(agreed.id), agreed.digest)
    assert (journal.way_back_of(move), journal.taken_back_by(run)) == (run, move)
    assert journal.verify_actions("hearth") > 0
    wanted = {message.purpose for message in journal.claim_messages(run, limit_count=20, lease=HOUR)}
    assert "approval:1" in wanted


def test_what_is_confirmed_in_the_middle_of_the_move_or_its_way_back_changes_nothing_of_the_yes(journal):
    told = {"confirms": f"ask:told:{HOME}", "rolls_back": False}
    move = moved(journal)
    say_yes(journal, journal.ask(move, plan=plan(**told), policy=POLICY, requester="unknown"))
    run = the_schedule_s(journal)
    journal.promise_return(move, run)
    granted = journal.grant_return(move, run, home())
    assert granted.standing is Standing.GRANTED
    say_yes(journal, journal.ask(run, plan=home(**told), policy=POLICY, requester="unknown"))
    assert journal.grant_return(move, run, home()) == granted


def test_entered_again_it_is_the_same_yes_and_nothing_is_written_twice(journal, move, run):
    journal.promise_return(move, run)
    first = journal.grant_return(move, run, home())
    assert journal.grant_return(move, run, home()) == first
    assert kinds(journal, run).count(ActionKind.RETURN_PROMISED) == 1
    assert kinds(journal, run).count(ActionKind.RETURN_GRANTED) == 1


def test_another_run_has_no_part_in_it(journal, move, run):
    other = the_schedule_s(journal)
    with pytest.raises(Refused, match=f"run {run} was started for it already"):
        journal.promise_return(move, other)
    with pytest.raises(Refused, match=f"run {other} was not started for it"):
        journal.grant_return(move, other, home())
    assert journal.approvals(other) == () or journal.approvals(other) == []


def test_another_plan_is_not_what_was_granted(journal, move, run):
    journal.grant_return(move, run, home())
    other = home(steps=(PlanStep(phase="start", item=f"start-service:api:{HOME}", text="start"),))
    with pytest.raises(Refused, match="the one yes was used for another plan"):
        journal.grant_return(move, run, other)


NOT_THE_SCHEDULE = {
    "a person's run": ({"who": "platform-engineer"}, "was asked for by platform-engineer"),
    "nobody's run": ({"who": "unknown"}, "was asked for by somebody in the Prefect UI"),
    "a restart": ({"action": "service-restart"}, "is a service-restart of hearth"),
    "a failover": ({"action": "failover"}, "is a failover of hearth"),
    "another platform": ({"platform": "storefront"}, "is a failback of storefront"),
}


@pytest.mark.parametrize(("given", "why"), NOT_THE_SCHEDULE.values(), ids=NOT_THE_SCHEDULE)
def test_only_a_run_that_the_schedule_asked_for_is_promised_it(journal, move, given, why):
    run = the_schedule_s(journal, **given)
    with pytest.raises(Refused, match=f"does not go back by itself: run {run} {why}"):
        journal.promise_return(move, run)
    assert journal.way_back_of(move) is None


def test_a_run_that_asked_people_or_is_over_is_not_promised_it(journal, move):
    asked = the_schedule_s(journal)
    journal.ask(asked, plan=home(), policy=POLICY, requester=SCHEDULE)
    over = the_schedule_s(journal)
    journal.move_run(over, RunState.VOID, reason="")
    for run in (asked, over):
        with pytest.raises(Refused, match="does not go back by itself"):
            journal.promise_return(move, run)


UNFIT = {
    "rows may be lost": (home(bounds=(Bound(name="rows", at_most=5, measured=1),)), "something could be lost"),
    "rows must be saved first": (home(coverage={"save-beyond:household:azure-west": "kept"}), "something could be lost"),
    "a guard fails": (home(guards=(Guard(name="room", holds=False, text="no room"),)), "no room"),
    "another site": (home(candidate="elsewhere"), "to elsewhere"),
    "roles of other sites": (home(roles={HOME: "active", "elsewhere": "standby"}), "the plan is about azure-west, elsewhere"),
    "another action": (home(action="switchover"), "the plan is a switchover"),
    "another platform": (home(platform="storefront"), "of storefront"),
    "one that comes back again": (home(rolls_back=True, commit_within_s=60.0), "would come back again by itself"),
}  # fmt: skip


@pytest.mark.parametrize(("offered", "why"), UNFIT.values(), ids=UNFIT)
def test_a_plan_that_is_not_the_lossless_way_back_is_refused(journal, move, run, offered, why):
    with pytest.raises(Refused, match=why):
        journal.grant_return(move, run, offered)
    assert not journal.approvals(run)


NOT_DUE = {
    "the window is open": ({"within": NOT_YET}, "it can still be committed"),
    "there is no window": ({"within": None}, "it can still be committed"),
    "the plan does not go back": ({"rolls_back": False}, "nobody approved that it goes back by itself"),
    "the journal says so and the approved plan does not": (
        {"agreed": plan(rolls_back=False)},
        "nobody approved that it goes back by itself",
    ),
    "nobody approved": ({"approved": False}, "nobody approved that it goes back by itself"),
    "it does not serve": ({"serves": False}, "it is under_way"),
}


@pytest.mark.parametrize(("given", "why"), NOT_DUE.values(), ids=NOT_DUE)
def test_without_a_standing_yes_nothing_is_promised(journal, given, why):
    move = moved(journal, **given)
    run = the_schedule_s(journal)
    for ask in (lambda: journal.standing_yes(move), lambda: journal.promise_return(move, run)):
        with pytest.raises(Refused, match=why):
            ask()


# -- people are quicker -------------------------------------------------------------------------


def test_what_was_committed_meanwhile_stays_at_each_moment(journal, move, run):
    token = journal.take_lease(run).token
    journal.grant_return(move, run, home())
    journal.settle_move(move, MoveState.COMMITTED, who="shift-lead")
    with pytest.raises(Refused, match="it is committed"):
        journal.grant_return(move, run, home())
    with pytest.raises(Refused, match="it is committed"):
        begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    assert journal.active_site("hearth") == AWAY
    assert journal.move(run) is None


def test_what_was_moved_on_meanwhile_does_not_go_back(journal, move, run):
    other, token = open_run(journal, action="switchover")
    begin(journal, other, token, kind=MoveKind.SWITCHOVER, from_site=AWAY, to_site=HOME)
    with pytest.raises(Refused, match="hearth was moved since"):
        journal.grant_return(move, run, home())
    with pytest.raises(Refused, match="cannot be committed: hearth is being moved on"):
        journal.settle_move(move, MoveState.COMMITTED, who="shift-lead")


def test_once_it_goes_back_it_cannot_be_committed_any_more(journal, move, run):
    token = journal.take_lease(run).token
    journal.grant_return(move, run, home())
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    assert journal.grant_return(move, run, home()).run == run, "entered again before its first step"
    with pytest.raises(Refused, match="cannot be committed"):
        journal.settle_move(move, MoveState.COMMITTED, who="shift-lead")


# -- how it ends --------------------------------------------------------------------------------


def test_back_at_home_both_moves_are_over_and_nothing_comes_back_again(journal, move, run):
    token = journal.take_lease(run).token
    journal.grant_return(move, run, home())
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    back = journal.move_serves(run, token, commit_within=HOUR, rolls_back=True)
    assert (back.state, back.settled_by, back.commit_due_at, back.rolls_back) == (
        MoveState.COMMITTED,
        "vigie",
        None,
        False,
    )
    assert journal.move_serves(run, token, commit_within=HOUR, rolls_back=True) == back
    gone = journal.move(move)
    assert (gone.state, gone.settled_by) == (MoveState.ROLLED_BACK, "vigie")
    assert journal.active_site("hearth") == HOME
    assert journal.moves_to_settle() == []
    assert [each.run for each in journal.newest_moves()] == [run]
    assert journal.verify_actions("hearth") > 0


def test_who_takes_what_back_is_never_rewritten(journal, journal_dsn, move, run):
    for statement in ("UPDATE way_back SET promised_at = now()", "DELETE FROM way_back", "TRUNCATE way_back"):
        with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(statement)


def test_no_answer_of_a_person_changes_a_way_back(journal, move, run):
    granted = journal.grant_return(move, run, home())
    said = Said(approver="platform-engineer", choice=Choice.REJECT, door=Door.TERMINAL, code_step=None)
    after, ruling = journal.say(granted.id, said, judge)
    assert "already granted" in ruling.refusal
    assert after.standing is Standing.GRANTED


def test_the_newest_move_of_each_platform_is_where_it_is(journal, move):
    assert [each.run for each in journal.newest_moves()] == [move]
    run, token = open_run(journal)
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    assert [each.run for each in journal.newest_moves()] == [move], "one that is under way has got nowhere"
