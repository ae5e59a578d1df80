"""Which leftover is a drill's own copy, when its drill has let go of it, and when it wakes a person."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.copies import KIND, copy_name, reference_of
from blocks.ports.drills import LeasedResource
from blocks.ports.runs import RunState
from tasks.drills.leftovers import RING_AFTER, Ours, assess_leftover, may_be_swept, must_ring
from tasks.drills.values import LeakReport, Leftover
from tests.unit.messages.runs import a_run
from tests.unit.recovery.scenes import CELLAR, HEARTH, NOW

RUN = UUID(int=7)
NAME = copy_name(RUN, "household")
DOOR = "db2.dc-west.hearth.example:8443"
REFERENCE = reference_of(DOOR, NAME)
H = timedelta(hours=1)


def leased(reference=REFERENCE, kind=KIND, run=RUN, platform="hearth", until=NOW + H):
    return LeasedResource(run=run, platform=platform, kind=kind, reference=reference, leased_at=NOW - H, until=until)


def test_a_drill_s_own_copy_is_found_where_its_plan_says():
    assert assess_leftover(leased(), HEARTH) == Ours("household", CELLAR, NAME)


@pytest.mark.parametrize(
    ("why", "resource"),
    [
        ("nothing here removes a postgres.server", leased(kind="postgres.server")),
        ("does not bear the mark", leased(reference=f"{DOOR}/household")),
        ("does not bear the mark", leased(reference=NAME)),
        ("does not bear the mark", leased(reference=f"{DOOR}/../{NAME}")),
        ("is no copy that run", leased(reference=reference_of("elsewhere.example:8443", NAME))),
        ("is no copy that run", leased(reference=reference_of(DOOR, copy_name(RUN, "other")))),
        ("is no copy that run", leased(run=UUID(int=8))),
        ("has no recovery plan that names", leased(platform="storefront")),
    ],
)
def test_whatever_else_the_journal_says_nothing_is_removed(why, resource):
    ours = assess_leftover(resource, HEARTH)
    assert why in ours.why
    assert (ours.data, ours.name) == ("", "")


@given(st.text(max_size=80))
def test_no_reference_but_that_of_its_own_run_is_ever_ours(reference):
    assert assess_leftover(leased(reference=reference), HEARTH).why


def test_a_platform_that_lost_its_plan_removes_nothing():
    bare = HEARTH.model_copy(update={"recovery": None})
    assert "has no recovery plan" in assess_leftover(leased(), bare).why


@pytest.mark.parametrize("state", list(RunState))
def test_a_drill_that_lives_keeps_its_copy_until_its_time_is_over(state):
    lives = state in {RunState.RUNNING, RunState.WAITING}
    assert may_be_swept(leased(), a_run(state=state), NOW) is not lives
    assert may_be_swept(leased(until=NOW), a_run(state=state), NOW)


@pytest.mark.parametrize(
    ("since", "rings"), [(RING_AFTER - timedelta(seconds=1), False), (RING_AFTER, True), (3 * H, True)]
)
def test_a_person_is_woken_after_half_an_hour(since, rings):
    ended = a_run(state=RunState.CANCELLED, state_at=NOW - since)
    assert must_ring(leased(), ended, NOW) is rings
    alive = a_run(state=RunState.RUNNING, state_at=NOW - 9 * H)
    assert must_ring(leased(until=NOW - since), alive, NOW) is rings


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ([], "nothing is left over"),
        ([""], "1 leftover removed"),
        (["", ""], "2 leftovers removed"),
        (["", "no answer"], "1 leftover removed, 1 stays: x: no answer"),
        (["no", "no"], "0 leftovers removed, 2 stay: x: no; x: no"),
    ],
)
def test_a_sweep_says_what_it_did(left, said):
    found = tuple(Leftover(RUN, "hearth", "x", failure) for failure in left)
    assert LeakReport(found).sentence == said
