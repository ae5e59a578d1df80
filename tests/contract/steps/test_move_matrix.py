"""A switchover, a failover and a failback, killed at every place of every step, and gone on with.

At each place where the world or the journal has just changed (before the effect, in the middle of it, after it, with
its evidence recorded, with its outcome recorded, and between the steps) the process is left for dead. Another one goes
on from what journal and world hold, one in four only to the next place, where it dies as well. What no move may do is
asked by the world itself, at every change (moving_world.py).
"""

from __future__ import annotations

import pytest

from tests.contract.steps.moving_scenes import SCENES, at_every_place, it_moved
from tests.contract.steps.moving_walk import Walk, calls_of, copied
from tests.contract.steps.world import Killed


@pytest.mark.parametrize(("kind", "make"), SCENES.values(), ids=SCENES)
def test_killed_at_every_place_and_gone_on_with(one_transaction, kind, make):
    journal = one_transaction

    def die(world, run, plan, place):
        with journal.returning():
            after = copied(world)
            if len(journal.actions(run)) % 4 == 0:
                _die_at_the_next_place(journal, after, run, plan)
            Walk(journal, after, run, plan).go()
            it_moved(journal, after, run, plan, place)

    places = at_every_place(journal, make(journal), kind, die)
    assert len(places) > 4 * 9, "the matrix must have rows"


def _die_at_the_next_place(journal, world, run, plan):
    def dead(place):
        raise Killed(place)

    try:
        Walk(journal, world, run, plan, at=dead).go()
    except Killed:
        return


def test_the_order_is_the_flow_s_own():
    phases = [phase for name, phase in calls_of("failback") if name == "carry_out"]
    known = {name for action in ("switchover", "failover", "failback") for name, _ in calls_of(action)}
    assert {name for name in known if not hasattr(Walk, name)} == set(), "this matrix must know every call of a flow"
    assert phases == ["prepare", "fence", "promote", "verify-data", "start", "shift", "verify-clients", "settle"]
