"""Drills, restores, what a drill created, and reminders in the real journal: nothing forgotten, nothing said twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken, Refused
from blocks.ports.drills import DrillVerdict
from blocks.ports.notifications import Sent
from blocks.ports.runs import ActionKind, RunState
from tests.contract.journal.test_moves import kinds, open_run

AT = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERVER = {"kind": "postgres.server", "reference": "drill-copy-1"}
TODAY = date(2026, 11, 28)


@pytest.fixture
def run(journal):
    return open_run(journal, action="recovery-drill")[0]


# -- drills and restores -----------------------------------------------------------------------


def test_a_drill_comes_back_as_it_was_said(journal, run):
    took = {"promote": timedelta(seconds=2.5)}
    drill = journal.keep_drill(run, verdict=DrillVerdict.PASSED, text="all well", durations=took)
    again = journal.keep_drill(run, verdict=DrillVerdict.PASSED, text="all well", durations=took)
    assert journal.drill(run) == drill == again
    assert (drill.platform, drill.verdict, drill.leftovers, drill.durations) == (
        "hearth",
        DrillVerdict.PASSED,
        (),
        took,
    )
    assert kinds(journal, run).count(ActionKind.DRILL_KEPT) == 1
    assert journal.drill(uuid4()) is None


def test_a_retried_drill_says_it_anew_and_both_stand_in_its_history(journal, run):
    journal.keep_drill(run, verdict=DrillVerdict.FAILED, text="no", leftovers=["copy"], durations={})
    drill = journal.keep_drill(run, verdict=DrillVerdict.PASSED, text="yes", durations={})
    assert (drill.verdict, drill.leftovers) == (DrillVerdict.PASSED, ())
    assert kinds(journal, run).count(ActionKind.DRILL_KEPT) == 2


def test_drills_are_listed_newest_first_and_by_platform(journal, run):
    journal.keep_drill(run, verdict=DrillVerdict.PASSED, text="", durations={})
    journal.move_run(run, RunState.DONE, reason="")
    second = open_run(journal, action="recovery-drill")[0]
    journal.keep_drill(second, verdict=DrillVerdict.STOPPED, text="", durations={})
    assert [drill.run for drill in journal.drills("hearth")] == [second, run]
    assert [drill.run for drill in journal.drills("hearth", 1)] == [second]
    assert journal.drills("storefront") == []


def test_a_restore_is_kept_once_and_its_age_is_known(journal, run):
    first = journal.keep_restore_test(run, data="household", restored_to=AT, passed=True, text="1,204 rows as known")
    again = journal.keep_restore_test(run, data="household", restored_to=AT, passed=False, text="other")
    assert first == again
    assert journal.restore_tests("hearth") == [first]
    assert timedelta(0) <= journal.now() - first.at < HOUR
    assert kinds(journal, run).count(ActionKind.RESTORE_KEPT) == 1
    with pytest.raises(Broken, match="no time zone"):
        journal.keep_restore_test(run, data="b", restored_to=AT.replace(tzinfo=None), passed=True, text="")


def test_a_restore_is_never_rewritten(journal, journal_dsn, run):
    journal.keep_restore_test(run, data="household", restored_to=AT, passed=False, text="")
    with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation, match="never changed"):
        connection.execute("UPDATE restore_test SET passed = true")


# -- what a drill created ----------------------------------------------------------------------


def test_what_was_leased_is_found_until_it_is_freed(journal, run):
    until = journal.now() + HOUR
    journal.lease_resource(run, kind="dns.record", reference="drill.hearth.example", until=until)
    leased = journal.lease_resource(run, **SERVER, until=until)
    assert (leased.run, leased.platform, leased.until) == (run, "hearth", until)
    assert [each.reference for each in journal.leased_resources(run)] == ["drill-copy-1", "drill.hearth.example"]
    journal.free_resource(run, **SERVER)
    journal.free_resource(run, **SERVER)
    assert [each.reference for each in journal.leased_resources(run)] == ["drill.hearth.example"]
    assert kinds(journal, run).count(ActionKind.RESOURCE_FREED) == 1


def test_leased_again_by_the_same_run_it_lasts_longer(journal, run):
    until = journal.now() + HOUR
    journal.lease_resource(run, **SERVER, until=until)
    assert journal.lease_resource(run, **SERVER, until=until + HOUR).until == until + HOUR
    assert len(journal.leased_resources(run)) == 1
    assert kinds(journal, run).count(ActionKind.RESOURCE_LEASED) == 1


def test_a_resource_belongs_to_one_run(journal, run):
    journal.lease_resource(run, **SERVER, until=journal.now() + HOUR)
    other = open_run(journal, "storefront", "recovery-drill")[0]
    with pytest.raises(Refused, match=f"drill-copy-1 belongs to run {run}"):
        journal.lease_resource(other, **SERVER, until=journal.now() + HOUR)
    journal.free_resource(run, **SERVER)
    assert journal.lease_resource(other, **SERVER, until=journal.now() + HOUR).run == other


def test_of_many_runs_that_want_it_at_once_one_gets_it(journal):
    runs = [open_run(journal, f"platform-{number}")[0] for number in range(6)]
    start = threading.Barrier(6)

    def one(run) -> bool:
        start.wait()
        try:
            journal.lease_resource(run, **SERVER, until=journal.now() + HOUR)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(one, runs)) == 1


@pytest.mark.parametrize(
    ("action", "state", "leaks"),
    [
        ("recovery-drill", None, False),
        ("recovery-drill", RunState.WAITING, False),
        ("recovery-drill", RunState.FAILED, True),  # a drill that ended never goes on
        ("recovery-drill", RunState.PARKED, True),
        ("switchover", RunState.FAILED, False),  # its retry cleans up
        ("switchover", RunState.PARKED, False),
        ("switchover", RunState.CANCELLED, True),
        ("recovery-drill", RunState.CANCELLED, True),
        ("recovery-drill", RunState.DONE, True),
        ("recovery-drill", RunState.VOID, True),
    ],
)
def test_what_an_ended_run_left_is_a_leak(journal, action, state, leaks):
    run = open_run(journal, action=action)[0]
    journal.lease_resource(run, **SERVER, until=journal.now() + HOUR)
    if state is not None:
        journal.move_run(run, state, reason="")
    assert [each.reference for each in journal.leaked_resources()] == (["drill-copy-1"] if leaks else [])


def test_what_a_killed_drill_left_is_a_leak_once_its_time_is_over(journal, run):
    journal.lease_resource(run, **SERVER, until=journal.now() - timedelta(seconds=1))
    (leak,) = journal.leaked_resources()
    assert leak.run == run
    journal.free_resource(run, kind=leak.kind, reference=leak.reference)
    assert journal.leaked_resources() == []


# -- a rehearsal gives way ---------------------------------------------------------------------


def test_whatever_is_real_takes_the_platform_from_a_drill_at_once(journal):
    drill, token = open_run(journal, action="recovery-drill")
    real, newer = open_run(journal, action="failover")
    assert newer == token + 1
    assert journal.lease("hearth").run == real
    assert journal.run(drill).state is RunState.FAILED
    assert journal.run(drill).reason == f"gave way to failover of dc-west (run {real})"
    with pytest.raises(Refused, match="no step of it may begin"):
        journal.intend(drill, token, key="k" * 64, phase="promote", item="promote-copy:x:y", text="x", baseline={})
    assert journal.verify_actions("hearth") > 0


def test_a_drill_takes_the_platform_from_nobody(journal):
    real, _ = open_run(journal, action="failover")
    for action in ("recovery-drill", "switchover"):
        with pytest.raises(Refused, match=f"is being changed by failover .*{real}"):
            open_run(journal, action=action)
    journal.move_run(real, RunState.DONE, reason="")
    first, _ = open_run(journal, action="recovery-drill")
    with pytest.raises(Refused, match=f"is being changed by recovery-drill .*{first}"):
        open_run(journal, action="recovery-drill")


# -- reminders ---------------------------------------------------------------------------------


def test_a_reminder_is_given_once_a_day_with_its_message(journal, run):
    given = {"name": "running-elsewhere", "text": "hearth runs in dc-west for 2 days", "facts": {"hours": 48}}
    assert journal.remind(run, day=TODAY, **given)
    assert not journal.remind(run, day=TODAY, **given)
    assert journal.remind(run, day=TODAY + timedelta(days=1), **given)
    lines = [action for action in journal.actions(run) if action.kind is ActionKind.REMINDED]
    assert [line.data["hours"] for line in lines] == [48, 48]
    wanted = {m.purpose for m in journal.claim_messages(run, limit_count=20, lease=HOUR)}
    assert wanted >= {f"reminder:{line.number}" for line in lines}


def test_another_platform_and_another_name_are_reminded_themselves(journal, run):
    other = open_run(journal, "storefront")[0]
    assert journal.remind(run, name="a", day=TODAY, text="", facts={})
    assert journal.remind(run, name="b", day=TODAY, text="", facts={})
    assert journal.remind(other, name="a", day=TODAY, text="", facts={})


def test_two_that_remind_at_once_say_it_once(journal, run):
    start = threading.Barrier(6)

    def one(_: int) -> bool:
        start.wait()
        return journal.remind(run, name="a", day=TODAY, text="", facts={})

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(one, range(6))) == 1


# -- reports -----------------------------------------------------------------------------------


def test_a_report_is_said_once_and_a_newer_one_wants_its_message_again(journal, run):
    facts = {"summary": {"rto_s": 238.9}, "kept_in": "e/1.html"}
    for _ in range(2):
        journal.keep_report(run, text="clients are served", facts=facts)
    (first,) = [m for m in journal.claim_messages(run, limit_count=20, lease=HOUR) if m.purpose == "report"]
    journal.keep_report(run, text="clients are served", facts=facts | {"kept_in": "e/2.html"})
    lines = [action for action in journal.actions(run) if action.kind is ActionKind.REPORTED]
    assert [line.data["kept_in"] for line in lines] == ["e/1.html", "e/2.html"]
    assert first.version == 1
    journal.mark_message_sent(first, Sent("1", "C"))
    (again,) = [m for m in journal.claim_messages(run, limit_count=20, lease=HOUR) if m.purpose == "report"]
    assert again.version == 2
    assert journal.verify_actions("hearth") == 4
