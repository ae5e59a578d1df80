"""The yes of a failover lets its old site be fenced and follow: what was listed, one run at a time, told when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.approvals import Bound, Guard, Standing
from blocks.ports.orchestration import RunPhase
from blocks.ports.recovery import Loss, LossKind, MoveKind
from blocks.ports.runs import REJOIN, SCHEDULE, ActionKind, RunState
from tasks.approvals.asking import agreed_with_failover
from tasks.recovery.decide import plan_move
from tasks.recovery.rejoin_steps import (
    agreed_for,
    allow_rewind,
    note_fenced_late,
    rejoin_one,
    went_on_at,
    what_came_of_it,
)
from tasks.recovery.rejoining import plan_rejoin
from tasks.recovery.settling import remind_one
from tasks.runs.runbook import Runbook, Settled
from tests.contract.journal.test_moves import HOUR, begin, kinds, open_run
from tests.contract.journal.test_returns import AWAY, HOME, POLICY, moved, say_yes, the_schedule_s
from tests.contract.journal.test_settling import KNOWN, Prefect, a_day_ago, reminders, where_it_is
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import HEARTH, UNREACHABLE, compute, database, elsewhere, with_database

FAILOVER = plan_move(MoveKind.FAILOVER, HEARTH, scenes.dark())
DARK = with_database(elsewhere(compute=compute("device-api-recovery")), HOME, database(UNREACHABLE))
EXACT = Loss(data="household", kind=LossKind.EXACT, rows=2103, seconds=3.0, text="2103 rows", saved_in="db1/rows")


@pytest.fixture
def move(journal) -> UUID:
    return moved(journal, agreed=FAILOVER)


@pytest.fixture
def prefect():
    return Prefect(flows=("failback", "rejoin"))


def settle(journal, prefect, run, facts=None):
    return rejoin_one(journal, prefect, journal.move(run), KNOWN, look=lambda *_: facts or elsewhere())


def offered(journal, move, facts=None):
    return plan_rejoin(HEARTH, facts or elsewhere(), agreed_for(journal, journal.move(move)), "it answers")


@pytest.fixture
def run(journal, move):
    """One that was promised."""
    found = the_schedule_s(journal, action=REJOIN)
    journal.promise_rejoin(move, found)
    return found


def finish(journal, run, *items):
    """Steps of that run, done under its lease."""
    token = journal.take_lease(run).token
    for number, (phase, item) in enumerate(items):
        key = f"{number:x}".rjust(64, "0")
        journal.intend(run, token, key=key, phase=phase, item=item, text=item, baseline={})
        journal.finish_step(run, token, key, "done", None)
    return token


# -- the schedule -------------------------------------------------------------------------------


def test_while_the_old_site_is_dark_nothing_begins_and_when_it_answers_one_run_does(journal, prefect, move):
    assert settle(journal, prefect, move, DARK) is None
    assert prefect.started == {}
    deed = settle(journal, prefect, move)
    ((run, flow),) = prefect.started.items()
    assert (flow, prefect.released, deed.run) == (REJOIN, [run], run)
    known = journal.run(run)
    assert (known.requested_by, known.action, known.parameters["reason"]) == (SCHEDULE, REJOIN, f"{HOME} answers again")
    assert (journal.rejoins_of(move), journal.rejoin_for(run)) == ([run], move)
    assert {each.purpose for each in journal.claim_messages(run, limit_count=9, lease=HOUR)} == {"progress"}
    prefect.phases[run] = RunPhase.RUNNING
    assert settle(journal, prefect, move) is None, "the next look starts nothing more"
    assert len(prefect.started) == 1


def test_promised_and_not_released_it_is_released_by_the_next_look(journal, prefect, move):
    prefect.dies_before_release = True
    with pytest.raises(Retryable):
        settle(journal, prefect, move)
    prefect.dies_before_release = False
    settle(journal, prefect, move)
    assert len(prefect.started) == 1
    assert prefect.released == list(prefect.started)


def test_whoever_moves_the_platform_comes_first(journal, prefect, move):
    run, _ = open_run(journal, action="failback")
    assert settle(journal, prefect, move) is None
    journal.move_run(run, RunState.WAITING, reason="asks")
    assert settle(journal, prefect, move) is None
    journal.move_run(run, RunState.REJECTED, reason="no")
    assert settle(journal, prefect, move) is not None


def test_what_was_confirmed_in_the_middle_of_the_failover_is_no_yes_about_its_plan(journal, move):
    middle = replace(FAILOVER, when_back=(), confirms="ask:told:dc-west")
    say_yes(journal, journal.ask(move, plan=middle, policy=POLICY, requester="unknown"))
    assert agreed_for(journal, journal.move(move)).plan == FAILOVER
    run = the_schedule_s(journal, action=REJOIN)
    journal.promise_rejoin(move, run)
    granted = journal.grant_rejoin(move, run, offered(journal, move))
    assert granted.standing is Standing.GRANTED
    say_yes(journal, journal.ask(run, plan=middle, policy=POLICY, requester="unknown"))
    assert journal.grant_rejoin(move, run, offered(journal, move)) == granted


def test_a_failback_takes_the_lease_from_it_at_once(journal, run):
    journal.take_lease(run)
    home, _ = open_run(journal, action="failback")
    assert journal.lease("hearth").run == home
    assert journal.run(run).state is RunState.FAILED


def test_what_failed_is_tried_again_and_what_a_person_stopped_is_not(journal, prefect, move, run):
    journal.move_run(run, RunState.FAILED, reason="the site went dark again")
    assert settle(journal, prefect, move) is not None
    (second,) = prefect.started
    journal.move_run(second, RunState.PARKED, reason="stopped by shift-lead")
    assert settle(journal, prefect, move) is None


def test_what_is_done_is_not_done_again(journal, prefect, move, run):
    finish(journal, run, *((step.phase, step.item) for step in FAILOVER.when_back))
    journal.move_run(run, RunState.DONE, reason="")

    def look(*_):
        raise AssertionError("nothing needs to be seen")

    assert rejoin_one(journal, prefect, journal.move(move), KNOWN, look=look) is None


def test_more_rows_than_were_approved_begin_nothing_and_the_reminder_says_why(journal, journal_dsn, prefect, move):
    journal.keep_loss(move, EXACT)
    assert settle(journal, prefect, move) is None
    a_day_ago(journal_dsn, move)
    remind_one(journal, journal.move(move), where_it_is(10, journal), look=lambda *_: elsewhere())
    missing = reminders(journal, move)[-1].data["missing"]
    assert "household in azure-west was never fenced: nothing there has answered" in missing
    assert "household in azure-west does not follow" in missing


def test_of_a_conflict_the_reminder_has_the_whole_report(journal, journal_dsn, move, run):
    why = "2103 rows that only azure-west has of household (devices 2103), saved in db1/rows: 2000 were approved"
    journal.move_run(run, RunState.FAILED, reason=why)
    a_day_ago(journal_dsn, move)
    remind_one(journal, journal.move(move), where_it_is(10, journal), look=lambda *_: elsewhere())
    assert reminders(journal, move)[-1].data["missing"][-1] == f"its rejoin is failed: {why}"


def test_a_move_that_was_overtaken_or_that_approved_nothing_is_left_alone(journal, prefect):
    old = moved(journal)
    assert settle(journal, prefect, old) is None, "its plan is of before"
    move = moved(journal, agreed=FAILOVER)
    run, token = open_run(journal, action="failback")
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    journal.move_run(run, RunState.FAILED, reason="half-way")
    assert settle(journal, prefect, move) is None
    with pytest.raises(Refused, match="was moved since"):
        journal.promise_rejoin(move, the_schedule_s(journal, action=REJOIN))
    assert prefect.started == {}


# -- the one yes --------------------------------------------------------------------------------


def test_it_has_the_yes_of_the_failover_and_the_chain_says_whose(journal, move, run):
    plan = offered(journal, move)
    granted = journal.grant_rejoin(move, run, plan)
    assert (granted.standing, granted.plan, granted.requester) == (Standing.GRANTED, plan, SCHEDULE)
    assert granted.reason.startswith(f"as approved with the failover of run {str(move)[:8]}: approved by")
    assert journal.grant_rejoin(move, run, plan) == granted
    assert kinds(journal, run).count(ActionKind.REJOIN_GRANTED) == 1
    assert journal.verify_actions("hearth") > 0


OTHERS = {
    "another step": ({"steps": FAILOVER.steps[-1:]}, "nobody approved this"),
    "nothing": ({"steps": ()}, "nothing that is left to do answers"),
    "the other way round": ({"candidate": HOME}, "the plan is a rejoin of hearth to azure-west"),
    "another action": ({"action": "failback"}, "the plan is a failback"),
    "another site": ({"roles": {"elsewhere": "standby"}}, "the plan is about elsewhere"),
    "a guard": ({"guards": (Guard(name="it", holds=False, text="dc-west takes no writes"),)}, "takes no writes"),
    "more rows": (
        {"bounds": (Bound(name="rows of household that may be lost", at_most=2103.0, measured=2103.0),)},
        "2103, and 2000 were approved",
    ),
    "rows of something else": ({"bounds": (Bound(name="rows of x that may be lost", at_most=1, measured=1),)}, "and 0"),
}


@pytest.mark.parametrize(("changes", "why"), OTHERS.values(), ids=OTHERS)
def test_any_other_plan_is_refused(journal, move, run, changes, why):
    with pytest.raises(Refused, match=why):
        journal.grant_rejoin(move, run, replace(offered(journal, move), **changes))
    assert journal.approvals(run) == []


def test_only_the_run_that_was_promised_has_it_and_only_one_at_a_time(journal, move, run):
    other = the_schedule_s(journal, action=REJOIN)
    with pytest.raises(Refused, match="does it already"):
        journal.promise_rejoin(move, other)
    with pytest.raises(Refused, match="was not started for it"):
        journal.grant_rejoin(move, other, offered(journal, move))
    journal.promise_rejoin(move, run)
    assert kinds(journal, run).count(ActionKind.REJOIN_PROMISED) == 1
    journal.move_run(run, RunState.DONE, reason="")
    for wrong in (the_schedule_s(journal, action="failback"), the_schedule_s(journal, action=REJOIN, who="shift-lead")):
        with pytest.raises(Refused):
            journal.promise_rejoin(move, wrong)
    journal.promise_rejoin(move, other)
    assert journal.rejoins_of(move) == [run, other]


def test_the_run_takes_the_lease_and_asks_nobody_and_without_anything_to_do_it_is_void(journal, move, run):
    book = Runbook(journal.run(run), journal)
    granted = agreed_with_failover(book, move, lambda: offered(journal, move))
    assert granted.lease.run == run
    assert journal.waiting() == []
    with pytest.raises(Settled, match="nothing that is left to do answers"):
        agreed_with_failover(book, move, lambda: offered(journal, move, DARK))


def test_what_was_promised_is_never_changed(journal, journal_dsn, run):
    for statement in ("UPDATE rejoin SET promised_at = now()", "DELETE FROM rejoin", "TRUNCATE rejoin"):
        with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(statement)


# -- since when it is fenced --------------------------------------------------------------------


def test_how_long_it_was_not_fenced_is_said_once_under_the_lease(journal, move, run):
    item, at = "fence-database:household:azure-west", journal.now()
    token = journal.take_lease(run).token
    for late in (12, 99):
        journal.keep_fenced_late(move, run, token, item, at, at + timedelta(minutes=late))
    (line,) = [each for each in journal.actions(move) if each.kind is ActionKind.FENCED_LATE]
    assert (line.data["item"], line.data["to"]) == (item, (at + timedelta(minutes=12)).isoformat())
    assert "for at most 720 s" in line.text
    with pytest.raises(Refused):
        journal.keep_fenced_late(move, run, token - 1, "stop-worker:digest:azure-west", at, at)
    assert journal.verify_actions("hearth") > 0


# -- what the run itself writes and says ---------------------------------------------------------


@pytest.fixture
def granted(journal, journal_dsn, move, run, monkeypatch):
    """The run with its yes and the lease; its steps find the journal where every run does."""
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    return agreed_with_failover(Runbook(journal.run(run), journal), move, lambda: offered(journal, move))


def counted(rows):
    return replace(
        EXACT, rows=rows, text=f"{rows} row changes of 3.0 s were acknowledged by household-data and by no other"
    )


def fences(phase="fence"):
    return [(step.phase, step.item) for step in FAILOVER.when_back if step.phase == phase]


def test_its_course_is_written_behind_the_failover_and_told(journal, move, run, granted):
    finish(journal, run, *fences())
    assert note_fenced_late.fn(granted) == move
    journal.keep_loss(move, counted(12))
    allow_rewind.fn(granted)
    finish(journal, run, *fences(), *fences("settle"))
    late = [line.data for line in journal.actions(move) if line.kind is ActionKind.FENCED_LATE]
    assert {line["item"] for line in late} == {
        "stop-worker:digest:azure-west",
        "stop-service:device-api:azure-west",
        "fence-database:household:azure-west",
    }
    assert {line["from"] for line in late} == {journal.move(move).began_at.isoformat()}, "it promoted nothing by a step"
    assert what_came_of_it.fn(granted).said == (
        "digest in azure-west is fenced",
        "device-api in azure-west is fenced",
        "household in azure-west is fenced",
        "household in azure-west follows dc-west",
        "12 row changes of 3.0 s were acknowledged by household-data and by no other",
    )


def test_it_stops_with_the_conflict_before_anything_is_rewound(journal, move, granted):
    journal.keep_loss(move, counted(2103))
    with pytest.raises(Broken, match="2103 rows that only azure-west has of household"):
        allow_rewind.fn(granted)


def test_what_is_still_dark_is_said(journal, journal_dsn, move, run, monkeypatch):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    some = with_database(elsewhere(compute=compute("device-api")), HOME, database(UNREACHABLE))
    part = agreed_with_failover(Runbook(journal.run(run), journal), move, lambda: offered(journal, move, some))
    finish(journal, run, fences()[1])
    assert what_came_of_it.fn(part).said == (
        "device-api in azure-west is fenced",
        "digest in azure-west does not answer yet",
        "household in azure-west does not answer yet",
    )


@pytest.mark.parametrize("home", [None, database(UNREACHABLE)], ids=["it answers", "it is dark"])
def test_what_promises_zero_loss_is_said_to_be_protected_where_it_is(journal, journal_dsn, monkeypatch, home):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    promised = scenes.promised()
    move = moved(journal, agreed=plan_move(MoveKind.FAILOVER, promised, scenes.dark()))
    run = the_schedule_s(journal, action=REJOIN)
    journal.promise_rejoin(move, run)
    facts = elsewhere() if home is None else with_database(elsewhere(), HOME, home)
    plan = plan_rejoin(promised, facts, agreed_for(journal, journal.move(move)), "it answers")
    said = what_came_of_it.fn(agreed_with_failover(Runbook(journal.run(run), journal), move, lambda: plan)).said
    protected = "each commit of household in dc-west waits for its standby while that follows"
    assert (protected in said) == (home is None)
    assert [each for each in said if "answer" in each] == (
        [] if home is None else [f"household in {HOME} does not answer yet"]
    )


def test_an_exposure_begins_with_the_first_promotion_of_the_failover(journal):
    run, token = open_run(journal)
    begin(journal, run, token)
    assert went_on_at(journal.steps(run), journal.move(run)) == journal.move(run).began_at
    finish(journal, run, ("fence", "fence-database:x:y"), ("promote", "promote-database:household:dc-west"))
    promoted = next(step for step in journal.steps(run) if step.phase == "promote")
    assert went_on_at(journal.steps(run), journal.move(run)) == promoted.mark.intended_at
