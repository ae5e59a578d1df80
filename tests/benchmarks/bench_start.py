"""How long from a run that is created to its first step at work, and from an answer to the next step?

Four contestants run the same flow on one Prefect server on PostgreSQL, interleaved: the warm worker,
Prefect's process worker at its defaults and looking every second, and `serve()`. A first step counts
when it has imported Great Expectations. Cancellations are timed beside (Cancelled within 2 s is promised). Then ten
runs at once, and memory (PSS). The last line is JSON: seconds as medians (p95 where named), MB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.state import State
from tests.scenario.worker.conftest import Prefect, Worker, until, worker_of

TOGETHER = 10
_PATIENCE_S = 120
_CANCELLED_COLD = 5  # rounds in which a run of the process worker is cancelled too, for comparison
_SETTLE_S, _IDLE_FOR_S, _IDLE_PCT = 20.0, 1.5, 25.0
_CONTESTANTS = ("warm", "process_default", "process_1s", "serve")


def main() -> None:
    """Run all contestants and print what they took."""
    arguments = _arguments()
    chosen = [each for each in _CONTESTANTS if each not in arguments.without.split(",")]
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="vigie-start-") as folder, ExitStack() as stack:
        place = Path(folder)
        prefect = stack.enter_context(_server(place, arguments.home))
        deployments, warm = _contestants(stack, prefect, place, chosen)
        for name in chosen:  # what is read from the disk for the first time is not counted
            _first(prefect, deployments[name], place)
        for turn in range(arguments.rounds):
            for name in chosen:
                _settle()
                time.sleep(random.uniform(0, 1))  # not in step with anybody's polling
                first, resumed = _first_and_resume(prefect, deployments[name], place)
                figures.setdefault(f"{name}_s", []).append(first)
                figures.setdefault(f"{name}_resume_s", []).append(resumed)
                if name == "warm" or (name == "process_1s" and turn < _CANCELLED_COLD):
                    figures.setdefault(f"{name}_cancel_s", []).append(_cancel(prefect, deployments[name], place))
            sys.stdout.write(f"{turn + 1:>3}: {', '.join(f'{k} {v[-1]:.2f}' for k, v in figures.items())}\n")
            sys.stdout.flush()
        if warm is not None:
            figures["idle_mb"] = [_megabytes(warm.pid) + sum(map(_megabytes, _children(warm.pid)))]
            for _ in range(arguments.bursts):
                _settle()
                together, per_run = _ten(prefect, deployments["warm"], warm, place)
                figures.setdefault("ten_at_once_s", []).append(together)
                figures.setdefault("per_run_mb", []).append(per_run)
    _tell(figures)


def _contestants(
    stack: ExitStack, prefect: Prefect, place: Path, chosen: list[str]
) -> tuple[dict[str, str], Worker | None]:
    """Each with a pool of its own, started; their deployments, and the warm worker."""
    found: dict[str, str] = {}
    warm: Worker | None = None
    for name in chosen:
        if name == "serve":
            found[name] = stack.enter_context(_served(prefect, place))
            continue
        every = "1" if name == "process_1s" else "10"
        kind = "warm" if name == "warm" else "process"
        worker = stack.enter_context(worker_of(kind, prefect, place, PREFECT_WORKER_QUERY_SECONDS=every))
        found[name] = prefect.deploy("start_flow", worker.pool, entrypoint="start_flow.py:start_flow")
        warm = worker if name == "warm" else warm
    return found, warm


@contextmanager
def _server(place: Path, home: Path | None) -> Iterator[Prefect]:
    """Prefect's server on PostgreSQL; one that runs already where `home` names its sandbox."""
    where = home or place / "sandbox"
    bring_up(where, only=("prefect-server",), tied=home is None)
    code = place / "code"
    code.mkdir()
    shutil.copy(Path(__file__).with_name("start_flow.py"), code)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTEST_"))}
    try:
        yield Prefect(own | State.at(where).environment() | {"VIGIE_HOME": str(where)}, code, place)
    finally:
        if home is None:
            take_down(where)


@contextmanager
def _served(prefect: Prefect, place: Path) -> Iterator[str]:
    """`serve()` at its defaults; the deployment it makes."""
    name = f"served-{os.getpid()}"
    with (place / "serve.log").open("wb") as log:
        command = [sys.executable, "start_flow.py", name]
        process = subprocess.Popen(command, cwd=prefect.code, env=prefect.environment, stdout=log, stderr=log)
    wanted = {"deployments": {"name": {"any_": [name]}}}
    try:
        found = until(lambda: prefect.call("/deployments/filter", wanted), "the flow is served", _PATIENCE_S)
        yield found[0]["id"]
    finally:
        process.terminate()
        process.wait(30)


def _start(prefect: Prefect, deployment: str, place: Path, **more: Any) -> tuple[str, Path, float]:
    stamps = place / f"{time.monotonic_ns()}.stamps"
    now = time.time()
    return prefect.start(deployment, stamps=str(stamps), **more), stamps, now


def _stamp(stamps: Path, what: str) -> float:
    """When the step said so (seconds of the machine's clock), as soon as it has."""

    def said() -> float:
        lines = stamps.read_text(encoding="utf-8").splitlines() if stamps.exists() else []
        return next((float(line.split()[1]) for line in lines if line.startswith(what)), 0)

    return until(said, f"the {what} step works", _PATIENCE_S, 0.02)


def _first(prefect: Prefect, deployment: str, place: Path) -> float:
    """Seconds from creating a run to its first step at work; returns when the run is over."""
    run, stamps, began = _start(prefect, deployment, place)
    seconds = _stamp(stamps, "first") - began
    assert prefect.ends(run)["type"] == "COMPLETED"
    return seconds


def _first_and_resume(prefect: Prefect, deployment: str, place: Path) -> tuple[float, float]:
    """Seconds from creating a run to its first step, and from a person's answer, some seconds later, to its next."""
    run, stamps, created = _start(prefect, deployment, place, ask=True)
    first = _stamp(stamps, "first") - created
    assert prefect.state(run, "Suspended", patience_s=_PATIENCE_S)["name"] == "Suspended"
    _settle()
    time.sleep(random.uniform(2, 3))
    began = time.time()
    assert prefect.call(f"/flow_runs/{run}/resume", {})["status"] == "ACCEPT"
    resumed = _stamp(stamps, "next") - began
    assert prefect.ends(run)["type"] == "COMPLETED"
    return first, resumed


def _cancel(prefect: Prefect, deployment: str, place: Path) -> float:
    """Seconds from asking a run at work to be cancelled until it is called so."""
    run, stamps, _ = _start(prefect, deployment, place, hold_s=60)
    _stamp(stamps, "first")
    time.sleep(random.uniform(0, 1))
    prefect.ask(run, "CANCELLING")
    began = time.time()
    assert prefect.ends(run)["type"] == "CANCELLED"
    return time.time() - began


def _ten(prefect: Prefect, deployment: str, warm: Worker, place: Path) -> tuple[float, float]:
    """Ten runs created one after the other at once: seconds until the last one's first step, and MB a run."""
    before = set(_children(warm.pid))
    begun = [_start(prefect, deployment, place, hold_s=15) for _ in range(TOGETHER)]
    seconds = max(_stamp(stamps, "first") for _, stamps, _ in begun) - begun[0][2]
    runs = [each for each in _children(warm.pid) if each not in before]
    per_run = statistics.mean(map(_megabytes, runs))
    for run, _, _ in begun:
        assert prefect.ends(run)["type"] == "COMPLETED"
    return seconds, per_run


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def _megabytes(pid: int) -> float:
    """What a process holds for itself, and its share of what it shares."""
    return psutil.Process(pid).memory_full_info().pss / 1e6


def _settle() -> None:
    """Wait until the machine is idle, a while: what one contestant left the server to do is not the next one's."""
    give_up, idle_s = time.monotonic() + _SETTLE_S, 0.0
    while idle_s < _IDLE_FOR_S and time.monotonic() < give_up:
        idle_s = idle_s + 0.5 if psutil.cpu_percent(interval=0.5) < _IDLE_PCT else 0.0


def result(figures: dict[str, list[float]]) -> dict[str, Any]:
    """The line."""

    def median(name: str) -> float | None:
        return round(statistics.median(figures[name]), 3) if figures.get(name) else None

    warm = figures.get("warm_s", [])
    return {
        "bench": "start",
        "warm_p50_s": median("warm_s"),
        "warm_p95_s": round(statistics.quantiles(warm, n=20, method="inclusive")[18], 3) if len(warm) > 1 else None,
        "resume_p50_s": median("warm_resume_s"),
        "process_default_p50_s": median("process_default_s"),
        "process_1s_p50_s": median("process_1s_s"),
        "serve_p50_s": median("serve_s"),
        "ten_at_once_s": median("ten_at_once_s"),
        "idle_mb": median("idle_mb"),
        "per_run_mb": median("per_run_mb"),
    }


def _tell(figures: dict[str, list[float]]) -> None:
    for name, values in figures.items():
        spread = f"{min(values):8.2f} {statistics.median(values):8.2f} {max(values):8.2f}"
        sys.stdout.write(f"{name:>22}: {spread}  (least, median, most of {len(values)})\n")
    sys.stdout.write(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    sys.stdout.write(json.dumps(result(figures)) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bursts", type=int, default=3)
    parser.add_argument("--without", default="", help="contestants to leave out, with commas")
    parser.add_argument("--home", type=Path, default=None, help="a sandbox that is up already, to use its server")
    return parser.parse_args()


if __name__ == "__main__":
    main()
