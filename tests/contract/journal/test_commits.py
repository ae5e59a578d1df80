"""Whom commits waited for, as the journal keeps it: the newest look, the worse of two, and what vigie did since."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.journal.adapter import PostgresJournal
from blocks.journal.commits import ACTS_FOR
from blocks.ports.recovery import CommitLook
from blocks.ports.runs import RunState
from tests.contract.journal.test_moves import AT, open_run

SEEN = CommitLook(
    data="household",
    site="azure-west",
    waits=True,
    seen_at=AT,
    seen_by="readiness",
    standby="hearth_db2",
    system_id="7391",
    timeline=3,
    position_bytes=2**40,
)
ALONE = ("stand-alone:household:azure-west", "protect-while-followed:household:azure-west")


def test_the_newest_look_stands_in_whatever_order_they_are_kept(journal: PostgresJournal):
    assert journal.commit_look("hearth", "household") is None
    later = replace(SEEN, seen_at=AT + timedelta(minutes=30), seen_by="failback", site="dc-west")
    for look in (later, SEEN):
        journal.keep_commit_look("hearth", look)
    assert journal.commit_look("hearth", "household") == later
    assert journal.commit_look("hearth", "archive") is None
    assert journal.commit_look("another", "household") is None


def test_of_two_at_one_moment_the_one_that_saw_no_waiting_stands(journal: PostgresJournal):
    lifted = replace(SEEN, waits=False, standby="", position_bytes=0)
    for look in (SEEN, lifted, SEEN):
        journal.keep_commit_look("hearth", look)
    assert journal.commit_look("hearth", "household") == lifted


def test_the_same_look_is_kept_once(journal: PostgresJournal, journal_dsn):
    for _ in range(2):
        journal.keep_commit_look("hearth", SEEN)
    with psycopg.connect(journal_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM commit_look").fetchall() == [(1,)]


def test_a_look_from_the_future_is_one_of_now(journal: PostgresJournal):
    journal.keep_commit_look("hearth", replace(SEEN, seen_at=journal.now() + timedelta(days=1)))
    assert journal.commit_look("hearth", "household").seen_at <= journal.now()


@pytest.mark.parametrize("wrong", [{"standby": ""}, {"system_id": ""}, {"timeline": 0}, {"position_bytes": 0}])
def test_who_waits_is_kept_whole_or_not_at_all(journal: PostgresJournal, journal_dsn, wrong):
    with pytest.raises(Exception, match="commit_look"):
        journal.keep_commit_look("hearth", replace(SEEN, **wrong))
    assert journal.commit_look("hearth", "household") is None


def test_what_was_seen_is_never_changed(journal: PostgresJournal, journal_dsn):
    journal.keep_commit_look("hearth", SEEN)
    for change in ("UPDATE commit_look SET waits = false", "DELETE FROM commit_look", "TRUNCATE commit_look"):
        with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.Error) as refused:
            connection.execute(change)
        assert isinstance(refused.value, errors.RestrictViolation | errors.InsufficientPrivilege)
    assert journal.commit_look("hearth", "household") == SEEN


# -- what vigie did itself


def entered(journal: PostgresJournal, run, token, item: str) -> str:
    key = uuid4().hex * 2
    journal.intend(run, token, key=key, phase="promote", item=item, text=item, baseline={})
    return key


def test_a_step_that_ended_may_have_acted_until_then(journal: PostgresJournal):
    run, token = open_run(journal)
    assert journal.last_acted("hearth", ALONE) is None
    entered(journal, run, token, "stand-alone:household:dc-west")
    assert journal.last_acted("hearth", ALONE) is None, "another server's"
    key = entered(journal, run, token, ALONE[0])
    journal.finish_step(run, token, key, "alone", None)
    (done_at,) = [step.done_at for step in journal.steps(run) if step.key == key]
    assert journal.last_acted("hearth", ALONE) == done_at
    assert journal.last_acted("another", ALONE) is None


def test_a_step_that_never_ended_may_have_acted_a_while_after_it_was_last_entered(journal: PostgresJournal):
    run, token = open_run(journal)
    key = entered(journal, run, token, ALONE[1])
    (first,) = [step.mark.intended_at for step in journal.steps(run)]
    assert journal.last_acted("hearth", ALONE) == first + ACTS_FOR
    journal.move_run(run, RunState.FAILED, reason="died")
    journal.move_run(run, RunState.RUNNING, reason="goes on")
    token = journal.take_lease(run).token
    journal.intend(run, token, key=key, phase="promote", item=ALONE[1], text="again", baseline={})
    assert first + ACTS_FOR < journal.last_acted("hearth", ALONE) <= journal.now() + ACTS_FOR
