"""A switchover, a failover and a failback, killed at every place of every step: gone on with, and given up.

At each place where the world or the journal has just changed (before the effect, in the middle of it, after it, with
its evidence recorded, with its outcome recorded, and between the steps) the process is left for dead. Another one goes
on from what journal and world hold, one in four only to the next place, where it dies as well; or the run is given up,
and a new one brings the platform home. What no move may do is asked by the world itself, at every change
(moving_world.py).
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from blocks.errors import Refused
from blocks.ports.recovery import LossKind, MoveKind, MoveState
from blocks.ports.runs import RunState
from tests.contract.steps.moving_walk import JournalInOneTransaction, Walk, begin, calls_of, copied
from tests.contract.steps.moving_world import (
    WORKERS,
    World,
    back_again,
    cut_off,
    dead_database,
    quiet_world,
)
from tests.contract.steps.world import Killed
from tests.unit.recovery.scenes import AZURE

SWITCHOVER, FAILOVER, FAILBACK = MoveKind
PEACE = {SWITCHOVER, FAILBACK}


@pytest.fixture
def journal(journal_dsn):
    with psycopg.connect(journal_dsn) as connection, connection.transaction(force_rollback=True):
        yield JournalInOneTransaction(connection)


def moved(journal, kind: MoveKind, spoil: Callable[[World], World] = lambda world: world) -> World:
    """A world after a whole move."""
    world = spoil(quiet_world(journal.now()))
    run, plan = begin(journal, world, kind)
    Walk(journal, world, run, plan).go()
    return world


SCENES: dict[str, tuple[MoveKind, Callable]] = {
    "switchover": (SWITCHOVER, lambda journal: quiet_world(journal.now())),
    "failover, cut off": (FAILOVER, lambda journal: cut_off(quiet_world(journal.now()))),
    "failover, database dead": (FAILOVER, lambda journal: dead_database(quiet_world(journal.now()))),
    "failback after a switchover": (FAILBACK, lambda journal: moved(journal, SWITCHOVER)),
    "failback after a site was cut off": (FAILBACK, lambda journal: back_again(moved(journal, FAILOVER, cut_off))),
}


@pytest.mark.parametrize(("kind", "make"), SCENES.values(), ids=SCENES)
def test_killed_at_every_place_and_gone_on_with(journal, kind, make):
    def die(world, run, plan, place):
        with journal.returning():
            after = copied(world)
            if len(journal.actions(run)) % 4 == 0:
                _die_at_the_next_place(journal, after, run, plan)
            Walk(journal, after, run, plan).go()
            it_moved(journal, after, run, plan, place)

    places = at_every_place(journal, make(journal), kind, die)
    assert len(places) > 4 * 9, "the matrix must have rows"


@pytest.mark.parametrize(("kind", "make"), SCENES.values(), ids=SCENES)
def test_killed_at_every_place_and_given_up_it_comes_home(journal, kind, make):
    def die(world, run, plan, place):
        if place == "after keep_evidence":
            return  # to whoever plans anew it looks as just after the effect
        with journal.returning():
            after = copied(world)
            journal.move_run(run, RunState.FAILED, reason="given up")
            it_comes_home(journal, back_again(after), place)

    at_every_place(journal, make(journal), kind, die)


def at_every_place(journal, world: World, kind: MoveKind, die: Callable) -> list[str]:
    """One whole move; at each place `die` plays what follows of a death there. Returns the places."""
    run, plan = begin(journal, world, kind)
    walk = Walk(journal, world, run, plan, at=lambda place: die(world, run, plan, place))
    walk.go()
    it_moved(journal, world, run, plan, "nowhere")
    assert journal.verify_actions("hearth") > 0
    return walk.told


def _die_at_the_next_place(journal, world, run, plan):
    def dead(place):
        raise Killed(place)

    try:
        Walk(journal, world, run, plan, at=dead).go()
    except Killed:
        return


# -- what holds at the end ------------------------------------------------------------------------


def it_moved(journal, world, run, plan, place):
    """The goal of this very move, seen in world and journal."""
    kind, to, left = MoveKind(plan.action), plan.candidate, world.other(plan.candidate)
    where = f"killed {place}: {world.done}"
    assert journal.run(run).state is RunState.DONE, where
    assert all(step.is_done for step in journal.steps(run)), where
    assert len({step.key for step in journal.steps(run)}) == len(journal.steps(run))
    move = journal.move(run)
    assert (move.state, journal.active_site("hearth")) == (MoveState.SERVING, to), where
    serves(world, to, where)
    if kind in PEACE:
        assert (left.follows, left.primary, left.running) == (True, False, True), where
        assert [(loss.kind, loss.rows) for loss in move.losses] == [(LossKind.EXACT, 0)], where
        nothing_is_lost(world, to, where)
    elif world.fence_is_confirmed:
        (bound,) = move.losses
        assert len(set(left.rows) - set(world.servers[to].rows)) <= bound.rows, where


def it_comes_home(journal, world, place):
    """Whatever was done of the move, a new one takes the platform home; where nothing was, it is there."""
    where = f"given up {place}: {world.done}"
    try:
        run, plan = begin(journal, world, FAILBACK)
    except Refused as refused:
        if refused.code != "at_home":  # nothing that it did must be brought home
            raise
        return
    world.effects.clear()
    Walk(journal, world, run, plan).go()
    serves(world, AZURE, where)
    assert journal.active_site("hearth") == AZURE, where
    nothing_is_lost(world, AZURE, where)


def serves(world, to, where):
    """Clients are there, they can write, and nobody else writes or works."""
    server, other = world.servers[to], world.other(to)
    assert (server.takes_writes, server.waits, world.keeps_unused_slot(server)) == (True, False, False), where
    assert all(shares[to] == 100 for shares in world.shares.values()), f"{where} {world.shares}"
    assert world.machines[WORKERS[to]].running, where
    if world.fence_is_confirmed:
        assert not other.takes_writes, where
        assert not world.machines[WORKERS[other.site]].running or other.site not in world.powered, where


def nothing_is_lost(world, to, where):
    """Every row that clients were told is safe is there, or was saved before its server was rewound."""
    kept = set(world.servers[to].rows).union(*(server.saved for server in world.servers.values()))
    written = set(range(1, world.last_row + 1))
    lost = {row for row in written if row not in kept and row in world.acknowledged}
    assert not lost, f"{where}: {sorted(lost)}"


def test_the_order_is_the_flow_s_own():
    phases = [phase for name, phase in calls_of("failback") if name == "carry_out"]
    assert phases == ["prepare", "fence", "promote", "verify-data", "start", "shift", "verify-clients", "settle"]
    with pytest.raises(AttributeError):
        getattr(Walk, "a call that nobody knows")
