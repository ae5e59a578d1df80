"""What Prefect's process worker promises, ours keeps: the same tests over both."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.scenario.worker.conftest import seen_by, until

pytestmark = pytest.mark.scenario


def test_a_run_has_what_it_was_given(prefect_server, worker, tmp_path):
    seen = seen_by(prefect_server, worker, tmp_path, env={"TRIAL_VARIABLE": "yes"})
    assert seen["variable"] == "yes"
    assert seen["folder"] == str(prefect_server.code)
    assert seen["ignored"] == []
    assert seen["pid"] != worker.pid
    for said in ("printed first", "logged first", "submitting flow run"):  # worker and run send theirs apart
        prefect_server.logs(seen["run"], said)
    assert str(seen["pid"]) == prefect_server.run(seen["run"])["infrastructure_pid"] or worker.kind == "process"
    labels = prefect_server.run(seen["run"])["labels"]
    assert labels["prefect.worker.name"] == worker.name


def test_its_settings_are_those_of_its_variables_and_not_the_workers(prefect_server, worker, tmp_path):
    others = {"PREFECT_TASKS_DEFAULT_RETRIES": "7"}
    assert seen_by(prefect_server, worker, tmp_path, env=others)["retries"] == 7
    assert seen_by(prefect_server, worker, tmp_path)["retries"] == 0, "the next run has none of them"


def test_the_job_has_its_own_folder_and_may_be_silent(prefect_server, worker, tmp_path):
    seen = seen_by(prefect_server, worker, tmp_path, working_dir=str(tmp_path), stream_output=False)
    assert seen["says"] == "first"
    prefect_server.logs(seen["run"], "printed first")


def test_a_failure_is_a_failure(prefect_server, worker):
    run = prefect_server.start(prefect_server.deploy("fails", worker.pool))
    state = prefect_server.ends(run)
    assert (state["type"], "as it was asked to" in state["message"]) == ("FAILED", True)


@pytest.mark.parametrize("code", [1, 3])
def test_a_run_that_leaves_is_crashed(prefect_server, worker, code):
    run = prefect_server.start(prefect_server.deploy("leaves", worker.pool), code=code)
    state = prefect_server.ends(run)
    assert state["type"] == "CRASHED"
    assert f"status code: {code}" in state["message"]
    is_not_begun_again(prefect_server, worker)


def test_a_killed_run_is_crashed_and_its_hooks_run_elsewhere(prefect_server, worker):
    run = prefect_server.start(prefect_server.deploy("long", worker.pool))
    pid = prefect_server.began(run)
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    state = prefect_server.ends(run)
    assert (state["type"], "-9" in state["message"]) == ("CRASHED", True), state
    assert time.monotonic() - began < 5
    note = prefect_server.notes / f"crashed-{run}"
    until(note.exists, "the hook runs", 30)
    until(note.read_text, "the hook has written", 5)
    assert int(note.read_text()) not in (pid, worker.pid)
    is_not_begun_again(prefect_server, worker)


def is_not_begun_again(prefect, worker):
    """By its worker, which sees it through as one that ended badly and goes on with the next one."""
    after = prefect.start(prefect.deploy("look", worker.pool))
    assert prefect.ends(after)["type"] == "COMPLETED"
    assert "Lost connection" not in worker.written()
    assert "starts cold" not in worker.written()


def test_a_cancelled_run_ends_and_its_hooks_run_elsewhere(prefect_server, worker):
    run = prefect_server.start(prefect_server.deploy("long", worker.pool))
    pid = prefect_server.began(run)
    prefect_server.ask(run, "CANCELLING")
    began = time.monotonic()
    assert prefect_server.ends(run)["type"] == "CANCELLED"
    if worker.kind == "warm":
        assert time.monotonic() - began < 4  # 2 s on a quiet machine: the benchmark measures it
    assert not psutil.pid_exists(pid)
    hooks = int((prefect_server.notes / f"cancelling-{run}").read_text())
    assert hooks not in (pid, worker.pid)


def test_one_at_a_time_where_the_pool_says_so(prefect_server, worker):
    deployment = prefect_server.deploy("long", worker.pool)
    prefect_server.call(f"/work_pools/{worker.pool}", {"concurrency_limit": 1}, "PATCH")
    try:
        runs = [prefect_server.start(deployment, seconds=1) for _ in range(2)]
        assert [prefect_server.ends(run)["type"] for run in runs] == ["COMPLETED"] * 2
        spans = sorted((each["start_time"], each["end_time"]) for each in map(prefect_server.run, runs))
        assert spans[0][1] <= spans[1][0]
    finally:
        prefect_server.call(f"/work_pools/{worker.pool}", {"concurrency_limit": None}, "PATCH")


def test_worker_and_run_say_that_they_live(prefect_server, worker):
    """What Prefect's pages and automations (a worker gone, a run gone silent) go by."""

    def beat():
        (found,) = prefect_server.call(f"/work_pools/{worker.pool}/workers/filter", {})
        return found["last_heartbeat_time"] if found["status"] == "ONLINE" else ""

    first = until(beat, "the worker is online")
    until(lambda: beat() > first, "it says so again", 20)
    run = prefect_server.start(prefect_server.deploy("long", worker.pool), seconds=1)
    assert prefect_server.ends(run)["type"] == "COMPLETED"
    wanted = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    until(lambda: prefect_server.call("/events/filter", {"filter": wanted})["events"], "the run's heartbeat is known")
