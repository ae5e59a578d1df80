"""What a run stands on is killed with -9 in the middle of its step: it is done once, and ends well.

The whole table, with the automatic recovery and its seconds, is `make crash-table`; here is one kill of each kind.
"""

from __future__ import annotations

import pytest

from blocks.errors import VigieError
from blocks.ports.runs import ActionKind, RunState
from tests.crash.parts import MACHINE, Parts, patiently
from tests.crash.rows import ROWS, begin, strike

pytestmark = [pytest.mark.scenario, pytest.mark.long, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def parts(desk):
    """Whatever a test killed is there again for the next one."""
    parts = Parts(desk.sandbox.state)
    yield parts
    parts.start_again(MACHINE)
    desk.until(lambda: patiently(parts.are_well, otherwise=False), "every part is well", 180, 1)


@pytest.mark.parametrize("key", ["worker-unit", "gateway-mid-step", "server", "database"])
def test_killed_mid_step(desk, parts, key):
    (row,) = [each for each in ROWS if each.key == key]
    before = desk.restarts()
    scene = begin(desk, parts, row)
    strike(scene, row)
    assert not parts.are_well()
    parts.start_again(row.started_again)
    desk.until(lambda: patiently(lambda: _is_over(desk, scene.run), otherwise=False), "it is over", 300, 1)
    assert desk.run(scene.run).state is RunState.DONE, desk.run(scene.run).reason
    done = desk.restarts() - before
    assert done == 1, f"restarted {done} times"
    assert desk.kinds(scene.run).count(ActionKind.STEP_DONE) == 1
    assert desk.kinds(scene.run).count(ActionKind.APPROVAL_ASKED) == 1
    resumed = desk.kinds(scene.run).count(ActionKind.RUN_RESUMED)
    assert resumed == (1 if key == "worker-unit" else 0), "a run whose process lives is not resumed"
    assert desk.state(scene.run, "Completed", patience_s=180)["name"] == "Completed"


def _is_over(desk, run):
    """The schedule of the resumer is paused in tests: it is called here."""
    if not desk.run(run).state.is_over and not desk.journal.is_executing(run):
        try:
            desk.look_after()
        except VigieError:
            return False
    return desk.run(run).state.is_over
