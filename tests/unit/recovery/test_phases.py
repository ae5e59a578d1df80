"""Steps that run side by side: none of their failures is lost, and a person reads the worst first."""

from __future__ import annotations

import pytest

from blocks.errors import Broken, Refused, Retryable
from tasks.core.change import Stopped
from tasks.recovery.phases import ended

STOPPED = Stopped("shift-lead", "shift traffic")
REFUSED, LATE = Refused("not allowed"), Retryable("no answer")


class Going:
    """A step on its way that ends like this."""

    waited = False

    def __init__(self, ends: object) -> None:
        self._ends = ends

    def result(self) -> object:
        self.waited = True
        if isinstance(self._ends, BaseException):
            raise self._ends
        return self._ends


class Row:
    outcome = "the machine is off"


def test_what_each_found_is_in_order():
    assert ended([Going("it is gone"), Going(Row())]) == ["it is gone", "the machine is off"]


@pytest.mark.parametrize("failure", [Broken("it never came"), REFUSED, LATE, STOPPED])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_fails_fails_the_phase_once_all_have_ended(failure, place):
    going = [Going("well") for _ in range(2)]
    going.insert(place, Going(failure))
    with pytest.raises(type(failure)) as caught:
        ended(going)
    assert caught.value is failure
    assert all(each.waited for each in going)


def test_the_worst_is_said_first_and_the_others_with_it():
    broken = Broken("it never came")
    with pytest.raises(Broken) as caught:
        ended([Going(STOPPED), Going(REFUSED), Going(broken)])
    assert caught.value is broken
    assert caught.value.__notes__ == [f"and: {REFUSED}", f"and: {STOPPED}"]


def test_a_failure_comes_before_being_stopped_as_asked():
    with pytest.raises(Refused):
        ended([Going(STOPPED), Going(REFUSED)])


def test_a_defect_of_ours_is_not_taken_for_an_outcome():
    with pytest.raises(ZeroDivisionError):
        ended([Going(ZeroDivisionError())])
