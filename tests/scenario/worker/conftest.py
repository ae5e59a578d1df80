"""A real Prefect server on PostgreSQL, a folder of flows, and the two workers as operators start them."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.prefect_fixture import prefect_home  # noqa: F401
from tests.sandbox_fixture import plain_client

_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _ends_with_us() -> None:
    """A killed test run leaves no worker behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _program(python: Path, module: str, name: str) -> list[str]:
    return [str(python), "-c", f"from {module} import {name}; {name}()"]


def until(found: Callable[[], Any], what: str, patience_s: float = 60, pause_s: float = 0.25) -> Any:
    """Wait for something true, and give it."""
    deadline = time.monotonic() + patience_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {patience_s} s until {what}"
        time.sleep(pause_s)
    return value


@dataclass
class Prefect:
    """The server, as people and tests speak to it."""

    environment: dict[str, str]
    code: Path
    notes: Path

    def call(self, path: str, body: Any = None, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = plain_client().request(method, self.environment["PREFECT_API_URL"] + path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def pool(self, name: str) -> None:
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        self.call("/work_pools/", {"name": name, "type": "process", "base_job_template": template})

    def deploy(self, flow: str, pool: str, *, code: Path | None = None, **more: Any) -> str:
        code = code or self.code
        found = self.call("/flows/", {"name": flow})["id"]
        pull = [{"prefect.deployments.steps.set_working_directory": {"directory": str(code)}}]
        made = {"flow_id": found, "name": pool, "entrypoint": f"trial.py:{flow}", "work_pool_name": pool}
        made |= {"pull_steps": pull, "path": str(code), "enforce_parameter_schema": False}
        return self.call("/deployments/", made | more)["id"]

    def start(self, deployment: str, variables: dict[str, Any] | None = None, **parameters: Any) -> str:
        body = {"parameters": parameters, "job_variables": variables or {}}
        return self.call(f"/deployments/{deployment}/create_flow_run", body)["id"]

    def run(self, run: str) -> dict[str, Any]:
        return self.call(f"/flow_runs/{run}")

    def ends(self, run: str, patience_s: float = 90) -> dict[str, Any]:
        return self.state(run, patience_s=patience_s)

    def state(self, run: str, *names: str, patience_s: float = 90) -> dict[str, Any]:
        """Wait for one of these states, or any final one."""

        def reached() -> dict[str, Any] | None:
            state = self.run(run)["state"]
            return state if state["name"] in names or state["type"] in _FINAL else None

        return until(reached, f"{run} is {' or '.join(names) or 'over'}", patience_s)

    def ask(self, run: str, kind: str, name: str = "") -> dict[str, Any]:
        state = {"type": kind} | ({"name": name} if name else {})
        return self.call(f"/flow_runs/{run}/set_state", {"state": state, "force": True})

    def logs(self, run: str, word: str = "", patience_s: float = 20) -> str:
        """Its log, as soon as the word is in it."""

        def found() -> str:
            rows = self.call("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200})
            text = "\n".join(row["message"] for row in rows)
            return text if word in text else ""

        return until(found, f"the log says {word!r}", patience_s)

    def began(self, run: str) -> int:
        """Wait for the run's code to begin; its process."""
        return int(self.logs(run, "began as", 60).partition("began as ")[2].split()[0])


@dataclass
class Worker:
    """A worker's process, its pool and what it wrote."""

    kind: str
    pool: str
    name: str
    prefect: Prefect
    log: Path
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    python: Path = Path(sys.executable)

    def begin(self) -> Worker:
        own = {"PREFECT_WORKER_QUERY_SECONDS": "1"} if self.kind == "process" else {}
        to = ["--pool", self.pool, "--name", self.name]
        command = {
            "warm": [*_program(self.python, "deployments.cli", "main"), "worker", *to],
            "process": [*_program(self.python, "prefect.cli", "app"), "worker", "start", "--type", "process", *to],
            "vigie": [*_program(self.python, "prefect.cli", "app"), "worker", "start", "--type", "vigie", *to],
        }[self.kind]
        environment = self.prefect.environment | own | self.variables
        before = self.written().count("started!")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments], env=environment, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_ends_with_us,  # noqa: PLW1509  no lock is taken in it
            )  # fmt: skip
        until(lambda: self.written().count("started!") > before or not self.lives, "the worker starts", 60)
        assert self.lives, self.written()
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def written(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def says(self, words: str, patience_s: float = 60) -> None:
        until(lambda: words in self.written(), f"the worker says {words!r}", patience_s)

    def tell(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def leave(self) -> None:
        """End it and everything it started."""
        if self.process is None:
            return
        below = psutil.Process(self.pid).children(recursive=True) if self.lives else []
        for process in (*below, *([psutil.Process(self.pid)] if self.lives else [])):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(20)


@pytest.fixture(scope="session")
def prefect_server(prefect_home, tmp_path_factory) -> Prefect:  # noqa: F811
    """The server, and a folder of flows."""
    place = tmp_path_factory.mktemp("trial")
    code, notes = place / "code", place / "notes"
    code.mkdir(), notes.mkdir()
    shutil.copy(Path(__file__).with_name("trial.py"), code)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTEST_", "COV_"))}
    more = {
        "TRIAL_NOTES": str(notes),
        "VIGIE_HOME": str(prefect_home.home),
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.3",
    }
    return Prefect(own | prefect_home.environment() | more, code, notes)


@contextmanager
def worker_of(
    kind: str,
    prefect: Prefect,
    folder: Path,
    *arguments: str,
    pool: str = "",
    python: Path = Path(sys.executable),
    **variables: str,
) -> Iterator[Worker]:
    """A worker of a pool of its own; `python` is the one it runs in."""
    name = f"{kind}-{uuid.uuid4().hex[:8]}"
    if not pool:
        prefect.pool(name)
    log = folder / f"{uuid.uuid4().hex[:6]}.log"
    worker = Worker(kind, pool or name, name, prefect, log, arguments, variables, python=python)
    try:
        worker.begin()
        if kind != "process":
            worker.says("the fork server was ready")
        yield worker
    finally:
        worker.leave()


@pytest.fixture(scope="module", params=["warm", pytest.param("process", marks=pytest.mark.long)])
def worker(request, prefect_server, tmp_path_factory) -> Iterator[Worker]:
    """One worker of each kind, for all tests of a file."""
    often = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "1", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with worker_of(request.param, prefect_server, tmp_path_factory.mktemp("worker"), **often) as one:
        yield one


@pytest.fixture(scope="module")
def warm(prefect_server, tmp_path_factory) -> Iterator[Worker]:
    """A warm worker that takes four at once, as a production process pool has a limit."""
    rarely = {"PREFECT_WORKER_QUERY_SECONDS": "120"}  # so that looking now and then hides nothing
    with worker_of("warm", prefect_server, tmp_path_factory.mktemp("warm"), "--limit", "4", **rarely) as one:
        yield one


def seen_by(prefect: Prefect, worker: Worker, folder: Path, **variables: Any) -> dict[str, Any]:
    """What a run of `look` says about itself."""
    told = folder / f"{uuid.uuid4().hex}.json"
    run = prefect.start(prefect.deploy("look", worker.pool), variables, tell_to=str(told))
    state = prefect.ends(run)
    assert state["type"] == "COMPLETED", (state, worker.written()[-3000:])
    return json.loads(told.read_text()) | {"run": run}
