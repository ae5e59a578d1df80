"""Killed before or after every single call that a step makes: it is done once, found again, and ends.

The matrix is not a list somebody wrote: each case kills one call further, until a try survives.
"""

from __future__ import annotations

import pytest

from blocks.errors import Retryable
from tasks.core.change import perform
from tests.contract.steps.world import (
    BlindChange,
    FastWatch,
    GenerationChange,
    Mortal,
    Thing,
    TokenChange,
    mortals,
)

PROVIDERS = (GenerationChange, TokenChange, BlindChange)


def one_try(journal, order, change, mortal: Mortal):
    return perform(mortal.wrap(journal), order, mortal.wrap(change), FastWatch())


def die_once(journal, order, change, mortal: Mortal) -> bool:
    """True when the try died there; False when it came to its end before."""
    with mortal:
        one_try(journal, order, change, mortal)
    return mortal.died


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.__name__)
def test_killed_once_at_every_call(journal, begin, provider, after):
    for mortal in mortals(rows=6, after=after):
        order = begin(f"p{mortal.die_at}")
        thing = Thing(looks_until_goal=2)
        die_once(journal, order, provider(thing), mortal)
        done = perform(journal, order, provider(thing), FastWatch())

        assert done.is_done
        assert thing.generation == int(done.mark.baseline["generation"]) + thing.act_count
        assert thing.act_count == 1 or (provider.repeatable and thing.act_count == 2), mortal.calls[-1]
        assert provider.repeatable or done.evidence is not None
        assert [step.key for step in journal.steps(order.run)] == [order.key]
        assert journal.verify_actions(order.platform) > 0


def test_killed_twice_at_every_pair_of_calls(journal, begin):
    first, rows = 0, 0
    while True:
        second, any_first = 0, False
        while True:
            order = begin(f"p{first}-{second}")
            thing = Thing(looks_until_goal=1)
            any_first = die_once(journal, order, GenerationChange(thing), Mortal(first, after=second % 2 == 0))
            again = die_once(journal, order, GenerationChange(thing), Mortal(second, after=first % 2 == 0))
            done = perform(journal, order, GenerationChange(thing), FastWatch())
            assert (done.is_done, thing.act_count) == (True, 1), f"killed at {first}, then at {second}"
            rows += 1
            second += 1
            if not again:
                break
        first += 1
        if not any_first:
            break
    assert rows > 40


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.__name__)
def test_an_answer_that_is_lost_is_looked_for_and_not_repeated(journal, begin, provider):
    order, thing = begin(), Thing(loses_answers=1)
    with pytest.raises(Retryable, match="lost"):
        perform(journal, order, provider(thing), FastWatch())
    done = perform(journal, order, provider(thing), FastWatch())
    assert done.is_done
    assert thing.act_count == (2 if provider.repeatable else 1)


def test_a_finished_step_is_not_entered_again(journal, begin):
    order, thing = begin(), Thing()
    first = perform(journal, order, GenerationChange(thing), FastWatch())
    thing.refuses = "this must not even be asked"
    mortal = Mortal()
    again = one_try(journal, order, GenerationChange(thing), mortal)
    assert again == first
    assert thing.act_count == 1
    assert set(mortal.calls) <= {"run", "step"}
