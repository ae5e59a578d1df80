"""A quiet day seen as the night: the plan that would be made then, and nothing that could be taken for a look."""

from __future__ import annotations

import pytest

from blocks.errors import Refused
from blocks.ports.recovery import DatabaseRole, MoveKind
from tasks.recovery.decide import plan_move
from tasks.recovery.supposing import SUPPOSED, suppose_gone
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, dark, elsewhere, quiet


def test_the_supposed_plan_is_the_one_of_the_night():
    with pytest.raises(Refused, match="start a switchover"):
        plan_move(MoveKind.FAILOVER, HEARTH, quiet())
    supposed = plan_move(MoveKind.FAILOVER, HEARTH, suppose_gone(HEARTH, quiet()))
    real = plan_move(MoveKind.FAILOVER, HEARTH, dark())
    assert supposed.digest == real.digest
    assert "one place (supposed)" in supposed.guards[0].text


def test_only_the_active_site_is_dark():
    facts = suppose_gone(HEARTH, quiet())
    assert facts.databases["household", AZURE].role is DatabaseRole.UNREACHABLE
    assert SUPPOSED in facts.databases["household", AZURE].text
    assert facts.databases["household", CELLAR] == quiet().databases["household", CELLAR]
    assert set(facts.compute) == {"device-api-recovery", "household-digest-recovery"}
    assert facts.last_known["household"] == quiet().databases["household", AZURE]


def test_it_is_read_the_other_way_round_after_a_move():
    facts = suppose_gone(HEARTH, elsewhere())
    assert facts.databases["household", CELLAR].role is DatabaseRole.UNREACHABLE
    assert {each.site for each in facts.sightings} == {CELLAR}
