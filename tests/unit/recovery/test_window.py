"""When the commit window is over: back by itself only where that was approved and loses nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from blocks.ports.recovery import Loss, LossKind, MoveState
from tasks.recovery.window import Due, rule_window
from tests.unit.recovery.scenes import AZURE, CELLAR, NOW, PRIMARY, STANDBY, STOPPED, UNREACHABLE, a_move, database

RPO = timedelta(minutes=5)


def lost(**changes):
    values = {"data": "household", "kind": LossKind.EXACT, "rows": 3, "seconds": 1.0, "text": "lost"}
    return Loss(**(values | changes))


def looks(home=None, away=None):
    return {
        ("household", AZURE): home or database(STANDBY, behind_s=1, timeline=4),
        ("household", CELLAR): away or database(PRIMARY, timeline=4),
    }


def rule(seen=None, now=NOW, **changes):
    move = a_move(**({"commit_due_at": NOW, "rolls_back": True} | changes))
    return rule_window(move, now, looks() if seen is None else seen, data=["household"], within=RPO)


def test_it_goes_back_by_itself_when_nobody_committed_and_nothing_is_lost():
    found = rule()
    assert found.due is Due.ROLL_BACK
    assert found.text == "nobody committed the failover in time, and going back to azure-west loses nothing"


def test_before_the_window_is_over_nothing_happens():
    found = rule(now=NOW - timedelta(minutes=10))
    assert found.due is Due.WAIT
    assert found.text == "the failover to dc-west can be committed for 10 min"


@pytest.mark.parametrize("state", [state for state in MoveState if state is not MoveState.SERVING])
def test_what_does_not_serve_or_is_settled_is_left_alone(state):
    assert rule(state=state).due is Due.SETTLED
    assert rule(commit_due_at=None).due is Due.SETTLED


def test_a_plan_that_does_not_go_back_only_reminds():
    assert rule(rolls_back=False) == rule(rolls_back=False, losses=(lost(),))
    assert rule(rolls_back=False).due is Due.REMIND


KEPT = {
    "home is dark": (looks(home=database(UNREACHABLE)), (), "household in azure-west does not follow"),
    "home is stopped": (looks(home=database(STOPPED)), (), "household in azure-west does not follow"),
    "home takes writes": (looks(home=database(PRIMARY, timeline=4)), (), "household in azure-west does not follow"),
    "home follows another history": (looks(home=database(STANDBY, timeline=3)), (), "does not follow"),
    "home has no heartbeat": (looks(home=database(STANDBY, timeline=4, heartbeat_at=None)), (), "does not follow"),
    "home is far behind": (looks(home=database(STANDBY, behind_s=301, timeline=4)), (), "azure-west is 301 s behind"),
    "the other side died": (looks(away=database(STOPPED)), (), "does not follow"),
    "nobody looked": ({}, (), "does not follow"),
    "rows that nobody saved": (None, (lost(),), "household in azure-west has rows of its own"),
    "rows that nobody counted": (None, (lost(kind=LossKind.BOUND, rows=0),), "has rows of its own"),
}


@pytest.mark.parametrize(("seen", "losses", "why"), KEPT.values(), ids=KEPT)
def test_it_stays_where_going_back_would_lose_something(seen, losses, why):
    found = rule(seen, losses=losses)
    assert found.due is Due.REMIND
    assert why in found.text
    assert "would not be lossless" in found.text


def test_rows_that_were_saved_or_never_were_do_not_keep_it():
    assert rule(losses=(lost(saved_in="evidence/1"), lost(rows=0))).due is Due.ROLL_BACK
    assert rule(looks(home=database(STANDBY, behind_s=300, timeline=4))).due is Due.ROLL_BACK
