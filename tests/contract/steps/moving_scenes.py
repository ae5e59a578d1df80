"""Which moves are killed at every place, and what must hold at the end of each, seen in world and journal."""

from __future__ import annotations

from collections.abc import Callable

from blocks.ports.recovery import LossKind, MoveKind, MoveState
from blocks.ports.runs import RunState
from tests.contract.steps.moving_walk import Walk, begin
from tests.contract.steps.moving_world import (
    WORKERS,
    World,
    back_again,
    cut_off,
    dead_database,
    quiet_world,
)

SWITCHOVER, FAILOVER, FAILBACK = MoveKind.SWITCHOVER, MoveKind.FAILOVER, MoveKind.FAILBACK
PEACE = {SWITCHOVER, FAILBACK}


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


def at_every_place(journal, world: World, kind: MoveKind, die: Callable) -> list[str]:
    """One whole move; at each place `die` plays what follows of a death there. Returns the places."""
    run, plan = begin(journal, world, kind)
    walk = Walk(journal, world, run, plan, at=lambda place: die(world, run, plan, place))
    walk.go()
    it_moved(journal, world, run, plan, "nowhere")
    assert journal.verify_actions("hearth") > 0
    return walk.told


# -- what holds at the end ------------------------------------------------------------------------


def rights_are_right(world, kind, where):
    """A failover leaves home without; whatever brings clients home leaves it as it was, word for word."""
    assert world.right == ("" if kind is FAILOVER else "as it was"), f"{where}: {world.right!r}"


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
    rights_are_right(world, kind, where)
    if kind in PEACE:
        assert (left.follows, left.primary, left.running) == (True, False, True), where
        assert [(loss.kind, loss.rows) for loss in move.losses] == [(LossKind.EXACT, 0)], where
        nothing_is_lost(world, to, where)
    elif world.fence_is_confirmed:
        (bound,) = move.losses
        assert len(set(left.rows) - set(world.servers[to].rows)) <= bound.rows, where


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
