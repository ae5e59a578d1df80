"""A move is killed with -9 where it hurts most: it goes on by itself, is done once, and nobody's row is lost.

The most telling kill of each runbook; the whole table, once a phase and with what they stand on, is `make crash-table`.
"""

from __future__ import annotations

import pytest

from tests.crash.moves_measuring import make_ready, measure
from tests.crash.moves_report import is_wrong
from tests.crash.moves_rows import ROWS
from tests.crash.opened import only_the_resumer
from tests.crash.parts import MACHINE, Parts
from tests.sandbox_fixture import quiet

pytestmark = [pytest.mark.scenario, pytest.mark.long, pytest.mark.filterwarnings("ignore")]
TELLING = (
    "switchover/flow-process/drain-database/step_intended",  # nobody writes until somebody goes on
    "failback/flow-process/shift-traffic:api:azure-west@25/step_done",  # clients are in two places
    "failover/flow-process/promote-database/step_intended",
    "failback/flow-process/follow-database:household:azure-west/step_intended",  # a rewind is under way
)


@pytest.fixture
def parts(desk):
    """Whatever a test killed is there again, and only the resumer starts by itself meanwhile."""
    parts = Parts(desk.sandbox.state)
    only_the_resumer(desk.sandbox)
    yield parts
    quiet(desk.sandbox)
    parts.start_again(MACHINE)


@pytest.mark.parametrize("key", TELLING)
def test_killed_there_it_comes_to_a_true_end(desk, parts, key):
    row = next(each for each in ROWS if each.key == key)
    make_ready(desk, parts, row, print)
    found = measure(desk, parts, row, print)
    assert not is_wrong(found.as_json()), found
    assert found.looks > 10
    assert (found.asked, found.resumed) == (1, 1), found
