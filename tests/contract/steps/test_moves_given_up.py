"""A move that was killed at any place is given up: whatever was done of it, a new one takes the platform home.

The same places as in test_move_matrix.py. Nothing that clients were told is safe is lost on the way, or it was saved.
"""

from __future__ import annotations

import pytest

from blocks.errors import Refused
from blocks.ports.runs import RunState
from tests.contract.steps.moving_scenes import (
    FAILBACK,
    SCENES,
    at_every_place,
    nothing_is_lost,
    rights_are_right,
    serves,
)
from tests.contract.steps.moving_walk import Walk, begin, copied
from tests.contract.steps.moving_world import back_again
from tests.unit.recovery.scenes import AZURE


@pytest.mark.parametrize(("kind", "make"), SCENES.values(), ids=SCENES)
def test_killed_at_every_place_and_given_up_it_comes_home(one_transaction, kind, make):
    journal = one_transaction

    def die(world, run, plan, place):
        if place == "after keep_evidence":
            return  # to whoever plans anew it looks as just after the effect
        with journal.returning():
            after = copied(world)
            journal.move_run(run, RunState.FAILED, reason="given up")
            it_comes_home(journal, back_again(after), place)

    at_every_place(journal, make(journal), kind, die)


def it_comes_home(journal, world, place):
    """Whatever was done of the move, a new one takes the platform home; where nothing was, it is there."""
    where = f"given up {place}: {world.done}"
    try:
        run, plan = begin(journal, world, FAILBACK)
    except Refused as refused:
        if refused.code != "at_home":  # nothing that it did must be brought home
            raise
        rights_are_right(world, FAILBACK, where)
        return
    world.effects.clear()
    Walk(journal, world, run, plan).go()
    serves(world, AZURE, where)
    assert journal.active_site("hearth") == AZURE, where
    rights_are_right(world, FAILBACK, where)
    nothing_is_lost(world, AZURE, where)
