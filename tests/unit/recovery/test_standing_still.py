"""A move that stands still in the middle says that nobody can write, where that is so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from blocks.errors import Broken
from blocks.ports.approvals import Standing
from blocks.ports.recovery import MoveKind
from tasks.core.change import Stopped
from tasks.recovery import phases
from tasks.recovery.confirming import NotConfirmed
from tasks.recovery.decide import plan_move
from tasks.recovery.standing_still import closed_to_writes, say_closed
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, dark, elsewhere, quiet

MOVES = {
    MoveKind.SWITCHOVER: (quiet, f"drain-database:household:{AZURE}", f"open-database:household:{CELLAR}"),
    MoveKind.FAILOVER: (dark, f"fence-database:household:{AZURE}", f"open-database:household:{CELLAR}"),
    MoveKind.FAILBACK: (elsewhere, f"drain-database:household:{CELLAR}", f"open-database:household:{AZURE}"),
}


def rows(steps, *, last_done=True):
    return [SimpleNamespace(item=s.item, is_done=last_done or s is not steps[-1]) for s in steps]


@pytest.mark.parametrize("last_done", [True, False])
@pytest.mark.parametrize("kind", MOVES)
def test_nobody_can_write_from_the_moment_that_it_is_closed_until_it_is_open(kind, last_done):
    facts, closes, opens = MOVES[kind]
    plan = plan_move(kind, HEARTH, facts())
    items = [step.item for step in plan.steps]
    assert closes in items or kind is MoveKind.FAILOVER, "a dead site has nothing that could be fenced"
    for count in range(len(items) + 1):
        begun = items[:count]
        closed = closes in begun and not (opens in begun and (last_done or begun[-1] != opens))
        assert closed_to_writes(plan, rows(plan.steps[:count], last_done=last_done)) == (
            ("household",) if closed else ()
        )


def test_what_is_fenced_in_the_site_that_comes_home_stops_nobody():
    plan = plan_move(MoveKind.FAILBACK, HEARTH, elsewhere())
    assert closed_to_writes(plan, [SimpleNamespace(item=f"fence-database:household:{AZURE}", is_done=True)]) == ()


def test_it_is_said_where_people_read_why_the_run_stands():
    stopped, broken = (
        Stopped("alix", "promote household in dc-west"),
        Broken("no answer", where="hearth", next_step="look"),
    )
    question = SimpleNamespace(standing=Standing.REJECTED, decisions=[SimpleNamespace(approver="alix", reason="")])
    asked = NotConfirmed(question, "is the warehouse told?")
    for error in (stopped, broken, asked):
        say_closed(error, ())
        assert "nobody" not in str(error)
        say_closed(error, ("accounts", "household"))
        assert "; until it goes on nobody can write to accounts, household" in str(error)
    assert str(stopped).startswith("stopped by alix before: promote household in dc-west; until")
    assert str(broken).endswith("Next: look")
    assert (stopped.who, stopped.before) == ("alix", "promote household in dc-west")


@pytest.mark.parametrize("error", [Stopped("alix", "promote"), Broken("no answer", where="hearth")])
def test_a_phase_that_does_not_end_well_says_it(monkeypatch, error):
    plan = plan_move(MoveKind.SWITCHOVER, HEARTH, quiet())
    begun = rows(plan.steps[: 1 + [step.item for step in plan.steps].index(f"drain-database:household:{AZURE}")])
    book = SimpleNamespace(run=SimpleNamespace(id="run"), journal=SimpleNamespace(steps=lambda _: begun))

    def fails(*_):
        raise error

    monkeypatch.setattr(phases, "load_platform", lambda _: SimpleNamespace(platform=HEARTH))
    monkeypatch.setattr(phases, "this_run", lambda: book)
    monkeypatch.setattr(phases, "go_through", fails)
    with pytest.raises(type(error), match="until it goes on nobody can write to household"):
        phases.carry_out(SimpleNamespace(plan=plan), "promote")
