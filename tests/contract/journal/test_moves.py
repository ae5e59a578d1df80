"""Moves in the real journal: one at a time, under the lease, ended once; and where that leaves a platform."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken, Refused
from blocks.journal.adapter import PostgresJournal
from blocks.ports.changes import Evidence, EvidenceKind
from blocks.ports.drills import OldSideCount
from blocks.ports.recovery import Loss, LossKind, Move, MoveKind, MoveState
from blocks.ports.runs import ActionKind, RunState

AT = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOUND = Loss(data="household", kind=LossKind.BOUND, rows=2000, seconds=4.0, text="at most 2,000 rows, 4 s")
EXACT = Loss(
    data="household", kind=LossKind.EXACT, rows=412, seconds=3.2, text="412 rows, 3.2 s", by_table={"readings": 412}
)


def open_run(journal: PostgresJournal, platform: str = "hearth", action: str = "failover") -> tuple[UUID, int]:
    """A run with the lease of its platform."""
    run = uuid4()
    journal.open_run(
        run,
        platform=platform,
        action=action,
        subject="dc-west",
        parameters={"platform": platform},
        requested_by="operator",
        customer="hearth",
    )
    return run, journal.take_lease(run).token


def begin(journal: PostgresJournal, run: UUID, token: int, **changes: object) -> Move:
    given: dict[str, object] = {
        "platform": "hearth",
        "kind": MoveKind.FAILOVER,
        "from_site": "azure-west",
        "to_site": "dc-west",
        "outage_at": AT,
        "detected_at": AT + timedelta(minutes=1),
        "decided_at": None,
    }
    return journal.begin_move(run, token, **(given | changes))  # type: ignore[arg-type]


def serve(journal: PostgresJournal, run: UUID, token: int, within: timedelta | None = HOUR) -> Move:
    return journal.move_serves(run, token, commit_within=within, rolls_back=True)


def moved(journal: PostgresJournal, **changes: object) -> UUID:
    """A move that serves, its run done."""
    run, token = open_run(journal)
    begin(journal, run, token, **changes)
    serve(journal, run, token)
    journal.move_run(run, RunState.DONE, reason="")
    return run


def kinds(journal: PostgresJournal, run: UUID) -> list[ActionKind]:
    return [action.kind for action in journal.actions(run)]


@pytest.fixture
def held(journal) -> Iterator[tuple[UUID, int]]:
    return open_run(journal)


# -- the active site ---------------------------------------------------------------------------


def test_while_nothing_moved_no_site_is_named(journal, held):
    assert journal.active_site("hearth") == journal.active_site("nowhere") == ""
    begin(journal, *held)
    assert journal.active_site("hearth") == ""


def test_the_active_site_is_where_clients_are_served(journal, held):
    begin(journal, *held)
    serve(journal, *held)
    assert journal.active_site("hearth") == "dc-west"
    assert journal.active_site("storefront") == ""
    journal.settle_move(held[0], MoveState.COMMITTED, who="duty-operator")
    assert journal.active_site("hearth") == "dc-west"


def test_a_move_rolled_back_leaves_the_platform_where_it_was(journal):
    first = moved(journal)
    second, token = open_run(journal)
    begin(journal, second, token, kind=MoveKind.FAILBACK, from_site="dc-west", to_site="azure-west")
    serve(journal, second, token)
    assert journal.active_site("hearth") == "azure-west"
    journal.settle_move(second, MoveState.ROLLED_BACK, who="vigie")
    assert journal.active_site("hearth") == "dc-west"
    assert [move.run for move in journal.moves("hearth")] == [second, first]


def test_a_move_given_up_half_way_moves_nothing(journal):
    moved(journal)
    run, token = open_run(journal)
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site="dc-west", to_site="azure-west")
    journal.settle_move(run, MoveState.ABANDONED, who="duty-operator")
    assert journal.active_site("hearth") == "dc-west"
    assert journal.move(run).settled_by == "duty-operator"


# -- begin -------------------------------------------------------------------------------------


def test_a_move_comes_back_as_it_was_begun(journal, held):
    move = begin(journal, *held)
    assert journal.move(held[0]) == move == begin(journal, *held)
    assert (move.kind, move.from_site, move.to_site, move.state) == (
        MoveKind.FAILOVER,
        "azure-west",
        "dc-west",
        MoveState.UNDER_WAY,
    )
    assert (move.outage_at, move.detected_at, move.decided_at) == (AT, AT + timedelta(minutes=1), None)
    assert move.began_at <= journal.now()
    assert kinds(journal, held[0]).count(ActionKind.MOVE_BEGUN) == 1
    assert journal.move(uuid4()) is None


def test_a_stale_token_begins_nothing_and_serves_nothing(journal, held):
    run, token = held
    with pytest.raises(Refused, match=f"stale lease on hearth: this step came with token {token - 1}"):
        begin(journal, run, token - 1)
    begin(journal, run, token)
    journal.move_run(run, RunState.PARKED, reason="stopped")
    _, newer = open_run(journal)
    for late in (token, newer):
        with pytest.raises(Refused, match="stale lease"):
            serve(journal, run, late)
    assert journal.active_site("hearth") == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to_site": "azure-west"}, "cannot move hearth from azure-west to azure-west"),
        ({"platform": "storefront"}, "changes hearth: it cannot move storefront"),
    ],
)
def test_what_cannot_be_a_move_is_refused(journal, held, changes, said):
    with pytest.raises(Refused, match=said):
        begin(journal, *held, **changes)
    assert journal.move(held[0]) is None


def test_begun_again_with_another_meaning_it_is_refused(journal, held):
    begin(journal, *held)
    with pytest.raises(Refused, match="is a failover from azure-west to dc-west, not a switchover"):
        begin(journal, *held, kind=MoveKind.SWITCHOVER)


def test_a_time_without_its_zone_is_refused(journal, held):
    with pytest.raises(Broken, match="no time zone"):
        begin(journal, *held, outage_at=AT.replace(tzinfo=None))


def test_a_new_move_overtakes_the_one_that_nobody_goes_on_with(journal, held):
    begin(journal, *held)
    journal.move_run(held[0], RunState.FAILED, reason="the provider said no")
    second, token = open_run(journal)
    begin(journal, second, token)
    overtaken = journal.move(held[0])
    assert (overtaken.state, overtaken.settled_by) == (MoveState.ABANDONED, "vigie")
    assert str(second) in journal.actions(held[0])[-1].text
    journal.move_run(second, RunState.DONE, reason="")
    journal.move_run(held[0], RunState.RUNNING, reason="retried")
    token = journal.take_lease(held[0]).token
    with pytest.raises(Refused, match="is abandoned by vigie: it cannot become under_way"):
        begin(journal, held[0], token)


def test_many_that_begin_at_once_are_one_move(journal, held):
    start = threading.Barrier(8)

    def one(_: int) -> Move:
        start.wait()
        return begin(journal, *held)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(one, range(8)))
    assert len({move.began_at for move in found}) == 1
    assert kinds(journal, held[0]).count(ActionKind.MOVE_BEGUN) == 1
    assert journal.verify_actions("hearth") == 3  # opened, lease taken, begun


def test_the_database_itself_holds_one_move_under_way(journal, journal_dsn, held):
    begin(journal, *held)
    other, _ = uuid4(), None
    journal.open_run(
        other, platform="hearth", action="failover", subject="x", parameters={}, requested_by="o", customer="hearth"
    )
    with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.UniqueViolation, match="under_way_once"):
        connection.execute(
            "INSERT INTO move (run_id, platform_id, kind, from_site, to_site, began_at) "
            "SELECT %s, platform_id, kind, from_site, to_site, began_at FROM move",
            (other,),
        )


# -- serving and the end -----------------------------------------------------------------------


def test_serving_starts_the_commit_window_once(journal, held):
    begin(journal, *held)
    move = serve(journal, *held)
    assert serve(journal, *held, within=2 * HOUR) == move
    assert move.serving_at is not None
    assert (move.state, move.rolls_back, move.commit_due_at) == (MoveState.SERVING, True, move.serving_at + HOUR)
    journal.settle_move(held[0], MoveState.COMMITTED, who="duty-operator")
    assert serve(journal, *held).state is MoveState.COMMITTED
    assert kinds(journal, held[0]).count(ActionKind.MOVE_SERVES) == 1


def test_a_run_without_a_move_serves_settles_and_loses_nothing(journal, held):
    for attempt in (
        lambda: serve(journal, *held),
        lambda: journal.settle_move(held[0], MoveState.COMMITTED, who="x"),
        lambda: journal.keep_loss(held[0], BOUND),
    ):
        with pytest.raises(Broken, match="has begun no move"):
            attempt()


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        (MoveState.UNDER_WAY, MoveState.ABANDONED, True),
        (MoveState.UNDER_WAY, MoveState.ROLLED_BACK, True),
        (MoveState.UNDER_WAY, MoveState.COMMITTED, False),
        (MoveState.UNDER_WAY, MoveState.SERVING, False),
        (MoveState.SERVING, MoveState.COMMITTED, True),
        (MoveState.SERVING, MoveState.ROLLED_BACK, True),
        (MoveState.SERVING, MoveState.ABANDONED, False),
        (MoveState.SERVING, MoveState.UNDER_WAY, False),
        (MoveState.COMMITTED, MoveState.COMMITTED, True),
        (MoveState.COMMITTED, MoveState.ROLLED_BACK, False),
        (MoveState.ROLLED_BACK, MoveState.COMMITTED, False),
        (MoveState.ABANDONED, MoveState.ROLLED_BACK, False),
    ],
)
def test_a_move_ends_once(journal, held, before, after, fits):
    begin(journal, *held)
    if before in {MoveState.SERVING, MoveState.COMMITTED}:
        serve(journal, *held)
    if before not in {MoveState.SERVING, MoveState.UNDER_WAY}:
        journal.settle_move(held[0], before, who="first")
    lines = len(journal.actions(held[0]))
    if fits:
        move = journal.settle_move(held[0], after, who="second")
        assert move.state is after
        assert move.settled_by == ("first" if before is after else "second")
        assert len(journal.actions(held[0])) == lines + (before is not after)
        return
    with pytest.raises(Refused, match=f"is {before.value}.*: it cannot become {after.value}"):
        journal.settle_move(held[0], after, who="second")
    assert journal.move(held[0]).state is before
    assert len(journal.actions(held[0])) == lines


def test_a_commit_and_a_rollback_at_once_have_one_winner(journal):
    run = moved(journal)
    start = threading.Barrier(6)

    def one(number: int) -> bool:
        start.wait()
        try:
            journal.settle_move(run, [MoveState.COMMITTED, MoveState.ROLLED_BACK][number % 2], who=f"person {number}")
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(one, range(6))) == 3  # the winner, and those who wanted the same
    assert kinds(journal, run).count(ActionKind.MOVE_SETTLED) == 1


def test_a_window_that_is_over_is_found_and_one_that_runs_is_not(journal):
    over, token = open_run(journal)
    begin(journal, over, token)
    serve(journal, over, token, timedelta(seconds=-1))
    other, token = open_run(journal, "storefront")
    begin(journal, other, token, platform="storefront")
    serve(journal, other, token)
    assert [move.run for move in journal.moves_to_settle()] == [over]
    journal.settle_move(over, MoveState.COMMITTED, who="duty-operator")
    assert journal.moves_to_settle() == []


def test_without_a_window_nothing_is_ever_due(journal, held):
    begin(journal, *held)
    assert serve(journal, *held, within=None).commit_due_at is None
    assert journal.moves_to_settle() == []


def test_a_move_that_a_newer_one_has_overtaken_is_not_rolled_back_by_a_timer(journal):
    first, token = open_run(journal)
    begin(journal, first, token)
    serve(journal, first, token, timedelta(0))
    journal.move_run(first, RunState.DONE, reason="")
    second, token = open_run(journal)
    assert [move.run for move in journal.moves_to_settle()] == [first]
    begin(journal, second, token, kind=MoveKind.FAILBACK, from_site="dc-west", to_site="azure-west")
    assert journal.moves_to_settle() == []
    journal.settle_move(second, MoveState.ABANDONED, who="vigie")
    assert [move.run for move in journal.moves_to_settle()] == [first]


# -- losses ------------------------------------------------------------------------------------


def test_an_exact_loss_replaces_a_bound_and_never_the_other_way_round(journal, held):
    begin(journal, *held)
    assert journal.keep_loss(held[0], BOUND).losses == (BOUND,)
    assert journal.keep_loss(held[0], EXACT).losses == (EXACT,)
    assert journal.keep_loss(held[0], BOUND).losses == (EXACT,)
    saved = replace(EXACT, saved_in="s3://evidence/beyond.jsonl.gz")
    assert journal.keep_loss(held[0], saved).losses == (saved,)
    other = replace(BOUND, data="archive")
    assert journal.keep_loss(held[0], other).losses == (saved, other)
    assert journal.move(held[0]).losses == (saved, other)


def test_a_loss_said_again_is_written_once(journal, held):
    begin(journal, *held)
    for _ in range(3):
        journal.keep_loss(held[0], BOUND)
    assert kinds(journal, held[0]).count(ActionKind.LOSS_KEPT) == 1
    assert journal.verify_actions("hearth") == 4


def test_a_loss_is_counted_after_the_move_is_over(journal):
    run = moved(journal)
    journal.settle_move(run, MoveState.COMMITTED, who="duty-operator")
    assert journal.keep_loss(run, EXACT).losses == (EXACT,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE move_loss SET row_count = 0",
        "DELETE FROM move_loss",
        "UPDATE old_side SET client_count = 0",
        "DELETE FROM old_side",
        "DELETE FROM move",
    ],
)
def test_what_a_move_lost_is_neither_changed_nor_deleted(journal, journal_dsn, held, statement):
    begin(journal, *held)
    journal.keep_loss(held[0], EXACT)
    journal.keep_old_side(held[0], [OldSideCount(at=AT, client_count=3)])
    with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation, match="never changed"):
        connection.execute(statement)


def test_a_changed_line_of_a_move_is_found(journal, journal_dsn, postgres_server, held):
    begin(journal, *held)
    journal.keep_loss(held[0], EXACT)
    assert journal.verify_actions("hearth") == 4
    with psycopg.connect(postgres_server.dsn(journal_dsn.rpartition("/")[2]), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE action_event SET data = '{\"rows\":0}' WHERE kind = 'loss_kept'")
    with pytest.raises(Broken, match="action 4 of run"):
        journal.verify_actions("hearth")


def test_clients_of_the_old_side_are_kept_in_order_and_once(journal, held):
    begin(journal, *held)
    counts = [OldSideCount(at=AT + timedelta(seconds=s), client_count=9 - s) for s in (2, 0, 1)]
    journal.keep_old_side(held[0], counts)
    journal.keep_old_side(held[0], [OldSideCount(at=AT, client_count=0)])
    assert [count.client_count for count in journal.old_side(held[0])] == [9, 8, 7]
    assert journal.old_side(uuid4()) == []


# -- durations ---------------------------------------------------------------------------------


def step(journal: PostgresJournal, run: UUID, token: int, item: str, *, entered: int = 1, by_hand: bool = False):
    key = f"{hash((run, item)) % 2**64:064x}"
    for _ in range(entered):
        journal.intend(run, token, key=key, phase="fence", item=item, text=item, baseline={})
    if by_hand:
        journal.claim_by_hand(run, key, who="duty-operator")
    evidence = Evidence(kind=EvidenceKind.GENERATION, reference="2", text="fenced")
    return journal.finish_step(run, token, key, "fenced", evidence)


def test_durations_are_of_steps_that_nothing_interrupted_newest_first(journal):
    taken = []
    for _ in range(2):
        run, token = open_run(journal)
        done = step(journal, run, token, "fence-database:household:azure-west")
        taken.insert(0, done.done_at - done.mark.intended_at)
        step(journal, run, token, "entered-twice", entered=2)
        step(journal, run, token, "by-hand", by_hand=True)
        journal.intend(run, token, key="f" * 64, phase="fence", item="not-done", text="", baseline={})
        journal.move_run(run, RunState.DONE, reason="")
    assert journal.durations("hearth", "failover") == {("fence", "fence-database:household:azure-west"): taken}
    assert journal.durations("hearth", "switchover") == journal.durations("storefront", "failover") == {}
