"""What only a worker that forks must promise: fresh code, no run lost, cold where a fork would not be the same."""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
import venv
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deployments.worker.preloads import PREFECT
from tests.scenario.worker.conftest import seen_by, until, worker_of

pytestmark = pytest.mark.scenario


def test_a_run_is_a_fork_and_none_is_like_another(prefect_server, warm, tmp_path):
    seen = [seen_by(prefect_server, warm, tmp_path) for _ in range(2)]
    assert [each["parent"] for each in seen] == [warm.pid] * 2  # adopted by the worker
    assert seen[0]["chance"] != seen[1]["chance"]
    assert "starts cold" not in prefect_server.logs(seen[1]["run"], "printed")


def test_an_edit_is_picked_up(prefect_server, warm, tmp_path):
    code = tmp_path / "code"
    shutil.copytree(prefect_server.code, code)
    deployment = prefect_server.deploy("look", warm.pool, code=code)
    for says in ("first", "second", "third"):
        trial = code / "trial.py"
        trial.write_text(trial.read_text().replace('SAYS = "first"', f'SAYS = "{says}"'))
        run = prefect_server.start(deployment)
        assert prefect_server.ends(run)["type"] == "COMPLETED"
        prefect_server.logs(run, f"logged {says}")
        trial.write_text(trial.read_text().replace(f'SAYS = "{says}"', 'SAYS = "first"'))


@pytest.mark.parametrize("variable", ["LD_DEBUG_OUTPUT", "PYTHONHASHSEED", "OMP_NUM_THREADS"])
def test_what_acts_at_import_means_cold_and_the_log_says_so(prefect_server, warm, tmp_path, variable):
    seen = seen_by(prefect_server, warm, tmp_path, env={variable: "7"})
    assert seen["parent"] != warm.pid or variable in prefect_server.logs(seen["run"], "starts cold")
    assert f"{variable} would be set too late for a fork" in prefect_server.logs(seen["run"], "starts cold")
    assert seen["hash_seed"] == ("7" if variable == "PYTHONHASHSEED" else os.environ.get("PYTHONHASHSEED"))


def test_a_suspended_run_that_is_resumed_at_once_goes_on(prefect_server, warm):
    """Its former process may still be leaving: Prefect's own worker with a limit dies of this."""
    deployment = prefect_server.deploy("sleeps", warm.pool)
    for _ in range(3):
        runs = [prefect_server.start(deployment) for _ in range(3)]
        for run in runs:
            assert prefect_server.state(run, "Suspended")["name"] == "Suspended"
            assert prefect_server.call(f"/flow_runs/{run}/resume", {})["status"] == "ACCEPT"
        assert [prefect_server.ends(run)["type"] for run in runs] == ["COMPLETED"] * 3
    assert warm.lives, warm.written()[-3000:]


def test_a_failed_run_that_is_retried_at_once_goes_on(prefect_server, warm, tmp_path):
    deployment = prefect_server.deploy("fails_once", warm.pool)
    for turn in range(10):
        marks = tmp_path / str(turn)
        marks.mkdir()
        run = prefect_server.start(deployment, marks=str(marks))
        assert until(lambda run=run: prefect_server.run(run)["state"]["type"] == "FAILED", "it fails", 60, 0.02)
        assert prefect_server.ask(run, "SCHEDULED", "AwaitingRetry")["status"] == "ACCEPT"
        state = until(lambda run=run: _over_twice(prefect_server, run), "it completes")
        assert state["type"] == "COMPLETED"
    assert warm.lives, warm.written()[-3000:]


def _over_twice(prefect, run):
    state = prefect.run(run)["state"]
    return state if state["type"] == "COMPLETED" else None


def test_a_dead_fork_server_loses_no_run(prefect_server, warm, tmp_path):
    living = prefect_server.start(prefect_server.deploy("long", warm.pool), seconds=4)
    prefect_server.began(living)
    server = _fork_server(warm)
    server.kill()
    seen = seen_by(prefect_server, warm, tmp_path)  # cold, or by the next fork server
    assert seen["says"] == "first"
    assert prefect_server.ends(living)["type"] == "COMPLETED"
    until(lambda: warm.written().count("the fork server was ready") >= 2, "another is ready")
    assert seen_by(prefect_server, warm, tmp_path)["parent"] == warm.pid


def test_a_fork_server_that_hangs_loses_no_run(prefect_server, warm, tmp_path):
    server = _fork_server(warm)
    server.suspend()
    try:
        assert seen_by(prefect_server, warm, tmp_path)["says"] == "first"
    finally:
        until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, "it is replaced", 30)
    assert warm.lives


def test_what_is_installed_meanwhile_counts_for_the_next_run(prefect_server, tmp_path):
    python, packages = _copied_environment(tmp_path / "venv")
    quickly = {"VIGIE_PRELOADS": ",".join(PREFECT)}
    with worker_of("warm", prefect_server, tmp_path, python=python, **quickly) as worker:
        assert seen_by(prefect_server, worker, tmp_path)["parent"] == worker.pid
        (packages / "came_later.py").write_text("")
        (packages / "came_later-1.0.dist-info").mkdir()
        cold = seen_by(prefect_server, worker, tmp_path)
        assert "the installed packages have changed" in prefect_server.logs(cold["run"], "starts cold")
        until(lambda: worker.written().count("the fork server was ready") == 2, "another is ready")
        again = seen_by(prefect_server, worker, tmp_path)
        assert again["parent"] == worker.pid
        assert "starts cold" not in prefect_server.logs(again["run"], "printed")


def _copied_environment(place):
    """This Python and its packages at another place, where one may install: (its program, its packages)."""
    venv.create(place, with_pip=False, symlinks=True)
    here, there = (Path(sysconfig.get_path("purelib", vars=of)) for of in ({}, {"base": str(place)}))
    for entry in here.iterdir():
        if not (there / entry.name).exists():
            (there / entry.name).symlink_to(entry)
    return place / "bin" / "python", there


def _fork_server(worker):
    """The one that was not forked from anything: it has its socket's number on its command line, and is the oldest."""
    found = [each for each in psutil.Process(worker.pid).children() if "deployments.worker.fork_server" in _words(each)]
    return min(found, key=psutil.Process.create_time)


def _words(process):
    """Its command line; none of a child that has just ended and was not waited for yet."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def test_a_second_worker_of_the_same_name_is_refused(prefect_server, warm):
    second = type(warm)("warm", warm.pool, warm.name, prefect_server, warm.log.with_name("second.log"))
    with pytest.raises(AssertionError, match="already running here"):
        second.begin()


def test_what_waits_for_room_starts_when_there_is_room(prefect_server, warm):
    """Nobody is told that a slot is free: the end of a run wakes the worker, not the next poll."""
    runs = [prefect_server.start(prefect_server.deploy("long", warm.pool), seconds=1) for _ in range(6)]
    began = time.monotonic()
    assert [prefect_server.ends(run)["type"] for run in runs] == ["COMPLETED"] * 6
    assert time.monotonic() - began < 40
