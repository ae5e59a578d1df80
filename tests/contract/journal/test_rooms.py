"""Room in the real journal: counted from before a move begins until its provider counts it, and never given twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Refused
from blocks.journal.adapter import PostgresJournal
from blocks.ports.recovery import MoveState
from blocks.ports.room import Room, RoomWanted
from blocks.ports.runs import ActionKind, RunState
from tests.contract.journal.test_moves import begin, kinds, open_run, serve

POOL = "project p in cellar"
QUOTA = 10


def wanted(journal, cores=4, *, free=QUOTA, pool=POOL, since=None) -> RoomWanted:
    """A claim out of a look that saw `free` cores."""

    def judge(others) -> str:
        left = free - sum(claim.room.cores for claim in others)
        return "" if cores <= left else f"{cores} cores are needed and {left} are free"

    room = Room(pool=pool, cores=cores, ram_mib=0, instances=0)
    return RoomWanted(room=room, since=since or journal.now(), judge=judge)


def seen_by_others(journal, since=None) -> list[str]:
    return [claim.platform for claim in journal.room_claims(POOL, since=since or journal.now(), apart_from="nobody")]


@pytest.fixture
def held(journal) -> tuple[UUID, int]:
    """A run of hearth that holds its room and moves nothing yet."""
    run, token = open_run(journal)
    journal.claim_room(run, wanted(journal))
    return run, token


def test_a_claim_is_counted_against_everybody_else(journal, held):
    claim = journal.room_of(held[0])
    assert (claim.platform, claim.action, claim.state, claim.room.cores) == ("hearth", "failover", RunState.RUNNING, 4)
    other, _ = open_run(journal, "shop")
    with pytest.raises(Refused, match="there is no room for shop any more: 7 cores are needed and 6 are free"):
        journal.claim_room(other, wanted(journal, 7))
    assert journal.room_of(other) is None
    assert journal.claim_room(other, wanted(journal, 6)).platform == "shop"
    assert journal.room_claims(POOL, since=journal.now(), apart_from="hearth")[0].platform == "shop"
    assert journal.room_claims("another pool", since=journal.now(), apart_from="x") == []
    assert journal.verify_actions("hearth") > 0


def test_said_again_nothing_is_written_and_a_pool_that_filled_since_takes_nothing_away(journal, held):
    first = journal.room_of(held[0])
    assert journal.claim_room(held[0], wanted(journal, free=0)) == first
    assert kinds(journal, held[0]).count(ActionKind.ROOM_CLAIMED) == 1


def test_from_when_its_clients_are_served_the_provider_counts_it(journal, held):
    begin(journal, *held)
    before = journal.now()
    serve(journal, *held)
    assert journal.room_of(held[0]) is None
    assert seen_by_others(journal) == []
    assert seen_by_others(journal, since=before) == ["hearth"], "a look that began before does not show it as used"
    assert kinds(journal, held[0]).count(ActionKind.ROOM_FREED) == 1


@pytest.mark.parametrize("state", [each for each in RunState if each is not RunState.RUNNING])
def test_whoever_moves_nothing_holds_nothing_unless_it_runs(journal, held, state):
    journal.move_run(held[0], state, reason="")
    assert seen_by_others(journal) == []


@pytest.mark.parametrize("state", [each for each in RunState if each is not RunState.RUNNING])
def test_in_the_middle_of_a_move_room_is_kept_until_nobody_can_go_on(journal, held, state):
    begin(journal, *held)
    journal.move_run(held[0], state, reason="")
    assert seen_by_others(journal) == ([] if state.is_over else ["hearth"])


def test_what_another_run_of_the_platform_gave_up_or_took_over_is_free(journal, held):
    begin(journal, *held)
    journal.move_run(held[0], RunState.FAILED, reason="")
    second, token = open_run(journal)
    journal.claim_room(second, wanted(journal, 5))
    assert (journal.room_of(held[0]), journal.room_of(second).room.cores) == (None, 5), "a platform needs its room once"
    begin(journal, second, token)
    assert seen_by_others(journal) == ["hearth"]
    journal.settle_move(second, MoveState.ABANDONED, who="duty-operator")
    assert seen_by_others(journal) == []


def test_whoever_may_not_act_claims_nothing(journal, held):
    journal.move_run(held[0], RunState.PARKED, reason="")
    with pytest.raises(Refused, match="is parked: it holds no room for hearth"):
        journal.claim_room(held[0], wanted(journal))
    journal.move_run(held[0], RunState.RUNNING, reason="goes on", who="shift-lead")
    assert journal.claim_room(held[0], wanted(journal)).freed_at is None


def test_whoever_judges_is_alone_with_the_pool(journal, journal_dsn):
    """The second waits for the lock while the first still judges; what it then sees is the first's claim."""
    (first, _), (second, _) = open_run(journal), open_run(journal, "shop")
    judging, go_on, seen = threading.Event(), threading.Event(), list[str]()

    def slowly(others) -> str:
        judging.set()
        assert go_on.wait(timeout=60)
        return ""

    def look(others) -> str:
        seen.extend(claim.platform for claim in others)
        return "" if not others else "it is taken"

    def claim(run, judge):
        with PostgresJournal(journal_dsn) as own:
            return own.claim_room(run, replace(wanted(own), judge=judge))

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(claim, first, slowly)
        assert judging.wait(timeout=60)
        other = pool.submit(claim, second, look)
        while not (waits := _waits_for_a_pool(journal_dsn)) and not other.done():
            pass
        go_on.set()
        assert one.result(timeout=60).platform == "hearth"
        with pytest.raises(Refused, match="it is taken"):
            other.result(timeout=60)
    assert (waits, seen) == (True, ["hearth"])


def _waits_for_a_pool(journal_dsn) -> bool:
    with psycopg.connect(journal_dsn) as connection:
        row = connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return row is not None


def test_many_at_once_never_get_more_than_there_is(journal, journal_dsn):
    runs = [open_run(journal, f"p{number}")[0] for number in range(8)]
    since, gate = journal.now(), threading.Barrier(len(runs))

    def claim(run):
        with PostgresJournal(journal_dsn) as own:
            gate.wait(timeout=60)
            try:
                return own.claim_room(run, wanted(own, since=since)).room.cores
            except Refused:
                return 0

    with ThreadPoolExecutor(len(runs)) as pool:
        given = list(pool.map(claim, runs))
    assert sum(given) == 8, "two of four cores each, of ten"
    assert len(seen_by_others(journal)) == 2


def test_room_that_was_freed_after_the_look_is_not_believed_free(journal, held):
    """hearth's servers came up after the look: 10 free was true then, 6 are now."""
    begin(journal, *held)
    since = journal.now()
    serve(journal, *held)
    other, _ = open_run(journal, "shop")
    with pytest.raises(Refused, match="8 cores are needed and 6 are free"):
        journal.claim_room(other, wanted(journal, 8, since=since))
    assert journal.claim_room(other, wanted(journal, 8, free=8)).platform == "shop"


def test_the_ledger_is_never_rewritten(journal_dsn, held):
    for statement in (
        "UPDATE room_claim SET cores = 0",
        "UPDATE room_claim SET freed_at = now() + interval '1 day', pool = 'q'",
        "DELETE FROM room_claim",
        "TRUNCATE room_claim",
    ):
        with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(statement)
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE room_claim SET freed_at = now() + interval '1 minute'")
        with pytest.raises(errors.RestrictViolation):
            connection.execute("UPDATE room_claim SET freed_at = NULL")


def test_a_claim_is_never_older_than_its_end(journal, journal_dsn, held):
    """A clock that was set back ends it at once, and breaks nothing."""
    with psycopg.connect(journal_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE room_claim DISABLE TRIGGER room_is_freed_once")
        connection.execute("UPDATE room_claim SET claimed_at = claimed_at + %s", (timedelta(hours=1),))
    journal.move_run(held[0], RunState.DONE, reason="")
    assert seen_by_others(journal, since=journal.now() + timedelta(hours=2)) == []
