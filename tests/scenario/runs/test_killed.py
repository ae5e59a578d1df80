"""The process of a run is killed with -9 in the middle: it is found, announced, resumed, and nothing is done twice."""

from __future__ import annotations

from datetime import datetime

import pytest

from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.runs import ActionKind, RunState
from tasks.runs.catalogue import load_policy
from tasks.runs.decide import MOST_RESUMES
from tasks.runs.steering import Steer, steer
from tests.scenario.runs.test_restart import BOTH, start

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(ActionKind.LEASE_TAKEN, marks=pytest.mark.long),  # before the intent
        ActionKind.STEP_INTENDED,  # the act is under way
        ActionKind.STEP_EVIDENCE,  # it took effect, the goal is awaited
        pytest.param(ActionKind.STEP_DONE, marks=pytest.mark.long),  # recorded
    ],
)
def test_killed_at_each_phase_of_a_step(desk, at):
    for _ in range(5):
        before = desk.restarts()
        run = start(desk)
        desk.asleep(run)
        if at in {ActionKind.STEP_INTENDED, ActionKind.STEP_EVIDENCE}:
            desk.azure("slow-effect")  # long enough to be killed in, on a slow machine too
        desk.approve(run, *BOTH)
        desk.when(run, at)
        desk.kill(run)
        over = desk.run(run).state.is_over  # on a slow machine: only Prefect does not know it, and nothing goes on
        assert not over or at is ActionKind.STEP_DONE
        if not (over and desk.sandbox.call(f"/flow_runs/{run}")["state"]["type"] == "COMPLETED"):
            break  # and if Prefect knows it too, it was killed too late, with nothing left to do
    desk.azure_whole()

    resume(desk, run)
    assert desk.run(run).state is RunState.DONE
    done = desk.restarts() - before
    assert done == 1, f"restarted {done} times"
    kinds = desk.kinds(run)
    assert kinds.count(ActionKind.STEP_DONE) == 1
    assert kinds.count(ActionKind.RUN_RESUMED) == 1
    assert kinds.count(ActionKind.APPROVAL_ASKED) == 1
    assert desk.journal.verify_actions("hearth") > 0
    assert over or announced_at(desk, run) < resumed_at(desk, run)


def announced_at(desk, run):
    """When the channel was told that it goes on by itself (seconds of the machine's clock)."""
    with desk._client() as client:
        traffic = client.get(f"https://{desk.sandbox.state.address('slack')}/_sandbox/traffic").json()
    told = [each for each in traffic if str(run) in str(each["arguments"])]
    return min(each["at"] for each in told if "Reparti de lui-m" in str(each["arguments"]))


def resumed_at(desk, run):
    states = desk.sandbox.call(f"/flow_run_states/?flow_run_id={run}")
    return min(
        datetime.fromisoformat(each["timestamp"]) for each in states if each["name"] == "AwaitingRetry"
    ).timestamp()


def resume(desk, run):
    """Prefect reports the crash; the resumer waits out late reports and goes on."""
    desk.until(lambda: not desk.journal.is_executing(run), "the lock is free")
    desk.until(lambda: _look(desk, run), "it goes on", patience_s=120, pause_s=1)
    desk.until(lambda: desk.run(run).state.is_over, "it ends", patience_s=120)


def _look(desk, run):
    desk.look_after()
    return ActionKind.RUN_RESUMED in desk.kinds(run)


def test_at_the_cap_it_is_parked_and_a_person_is_paged(desk):
    run = start(desk)
    desk.asleep(run)
    desk.azure("slow-effect")
    desk.approve(run, *BOTH)
    desk.when(run, ActionKind.LEASE_TAKEN)
    for _ in range(MOST_RESUMES):
        desk.journal.count_resume(run)
    desk.kill(run)
    desk.azure_whole()
    desk.until(lambda: desk.look_after() or desk.run(run).state is RunState.PARKED, "it is parked", patience_s=150)
    assert f"again after {MOST_RESUMES} automatic resumes" in desk.run(run).reason
    assert desk.journal.lease("hearth") is None
    rung = desk.until(lambda: desk.calls(run), "somebody is rung")
    assert [(each["state"], each["summary"]) for each in rung] == [
        ("ringing", "hearth · device-api : redémarrage attend quelqu'un")
    ]

    policy = load_policy("hearth", "hearth", "service-restart")
    with PrefectOrchestrator() as orchestrator:
        steer(desk.journal, orchestrator, policy, Steer.CONTINUE, run, who="shift-lead")
    desk.until(lambda: desk.run(run).state is RunState.DONE, "it goes on and ends")
    desk.until(lambda: {each["state"] for each in desk.calls(run)} == {"resolved"}, "nobody is needed any more")
