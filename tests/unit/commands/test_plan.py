"""`vigie plan` of several platforms: who goes on one approval, who does not, and what is never planned together."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from blocks.errors import Refused
from deployments.cli import app
from deployments.commands.plan import _made, lines_of, together
from tasks.recovery.values import Accepted
from tests.unit.commands.conftest import words
from tests.unit.messages.test_together import PLAN
from tests.unit.recovery.scenes import HEARTH


def test_who_goes_and_who_does_not_come_first():
    assert list(together(PLAN)) == [
        f"together, on one approval: hearth, shop, ledger, archive (plan {PLAN.digest[:12]})",
        "Not on it:",
        "    garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 2 are free",
        "    attic does not go: attic has no recovery plan",
    ]
    assert list(together(PLAN.parts[0])) == []


def test_each_one_s_plan_is_printed_as_alone():
    for part in PLAN.parts:
        lines = list(lines_of(HEARTH, part))
        assert lines[0].startswith(f"failover of {part.platform} to dc-west")
        assert any("promote household in dc-west" in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "candidate", "as_of"),
    [
        ("switchover", "", ""),
        ("failback", "", ""),
        ("failover", "dc-west", ""),
        ("restore", "", ""),
        ("failover", "", "2026-11-28T03:10:00Z"),
    ],
)
def test_only_failovers_are_planned_together(kind, candidate, as_of):
    with pytest.raises(Refused, match="several platforms only fail over together"):
        _made(kind, ["hearth", "shop"], candidate, as_of, accepted=Accepted(), suppose_gone=False, say=print)


def test_a_move_that_there_is_not_is_refused_with_those_that_the_help_names(vigie):
    result = vigie("plan", "failovr", "hearth")
    assert (result.exit_code, "no move called 'failovr'; the nearest is 'failover'" in words(result)) == (1, True)
    *others, last = words(result).partition("choose one of ")[2].split(", ")
    helps = {param.help for name in ("plan", "paper") for param in _parameters(name) if param.name == "kind"}
    assert helps == {f"{', '.join(others)} or {last}."}
    assert last == "restore"


def _parameters(command):
    return typer.main.get_command(app).commands[command].params


def test_a_loss_is_accepted_for_one_failover_and_for_nothing_else():
    accepted = Accepted(rows_count=150_000)
    with pytest.raises(Refused, match="nothing is accepted for several platforms at once") as refused:
        _made("failover", ["hearth", "shop"], "", "", accepted=accepted, suppose_gone=False, say=print)
    assert refused.value.next_step == "plan, and start, each alone"
    with pytest.raises(Refused, match="a switchover loses no row"):
        _made("switchover", ["hearth"], "", "", accepted=accepted, suppose_gone=False, say=print)


def test_what_cannot_be_accepted_is_said_before_anything_is_looked_at():
    run = CliRunner()
    wrong = run.invoke(app, ["plan", "failover", "hearth", "--accept-time", "ten minutes"])
    assert (wrong.exit_code, "is no time that one could accept to lose" in wrong.output) == (1, True)
    wrong = run.invoke(app, ["plan", "failover", "hearth", "--accept-rows", "-1"])
    assert (wrong.exit_code, "-1 is no number of rows" in wrong.output) == (1, True)
