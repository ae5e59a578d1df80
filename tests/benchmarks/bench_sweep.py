"""What does a sweep cost beside the ways not taken? Prints one JSON line last.

Interleaved rounds on one machine, medians: (a) a bare asyncio loop with the same HTTP client, (b) the
whole flow in a warm process on a real Prefect server and journal, (c) prometheus-blackbox-exporter,
(d) one Prefect task an endpoint. The same 2,000 TLS endpoints, 64 at a time, the same checks; every
contestant must find exactly the planned faults, else there is no result.

    python -m tests.benchmarks.bench_sweep [--rounds 5] [--endpoints 2000] [--without flow,blackbox,task_each]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.blackbox import is_installed, running_exporter
from tests.benchmarks.endpoints import MOST, World, fault_count, running_endpoints
from tests.benchmarks.sweep_flow import running_control_plane
from tests.benchmarks.warm import Contestant, warm_process

SMALL = 200
_IDLE_PCT = 20.0
_SETTLE_S = 90.0


class Rounds:
    """What was measured, by contestant and count."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.other: dict[str, list[float]] = defaultdict(list)

    def take(self, who: Contestant, what: str, count: int, **more: Any) -> None:
        """One round, told on standard error. Refuses a contestant that did not do the work."""
        _settle()
        done = who.run(what, count, **more)
        if done["faulty"] != fault_count(count):
            raise SystemExit(f"{what} found {done['faulty']} faults, planned were {fault_count(count)}")
        self.seconds[what, count].append(done["seconds"])
        for key in ("cpu_s", "exporter_cpu_s", "peak_mb"):
            if key in done:
                self.other[f"{what}_{key}_{count}"].append(done[key])
        sys.stderr.write(f"{what:>10} {count:>6}: {done['seconds']:7.2f} s\n")

    def median(self, what: str, count: int) -> float | None:
        """The middle of a contestant's rounds, None where it did not take part."""
        taken = self.seconds.get((what, count))
        return statistics.median(taken) if taken else None


def main() -> None:
    """Run it all and print the result."""
    arguments = _arguments()
    without = set(filter(None, arguments.without.split(",")))
    rounds = Rounds()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-bench-")))
        world = stack.enter_context(running_endpoints(folder))
        light = stack.enter_context(warm_process(world))
        light.run("bare", SMALL), light.run("prober", SMALL)
        exporter = None
        if "blackbox" not in without and is_installed():
            exporter = stack.enter_context(running_exporter(world, folder))
        variables, tasks = None, None
        if not {"flow", "task_each"} <= without:
            home = folder / "home"
            home.mkdir()
            variables = stack.enter_context(running_control_plane(home)) | {"PREFECT_LOGGING_LEVEL": "WARNING"}
            if "flow" not in without:
                with warm_process(world, variables) as registrar:  # what registering takes is not a sweep's memory
                    registrar.run("prepare", 0, counts=[1, SMALL, arguments.endpoints, arguments.most])
            if "task_each" not in without:
                tasks = stack.enter_context(warm_process(world, variables))
                tasks.run("task_each", SMALL)
        for _ in range(arguments.rounds):
            rounds.take(light, "bare", arguments.endpoints)
            if variables is not None and "flow" not in without:
                _take_flows(rounds, world, variables, arguments.endpoints, arguments.most)
            if exporter is not None:
                rounds.take(light, "blackbox", arguments.endpoints, address=exporter[0], pid=exporter[1])
            if tasks is not None:
                rounds.take(tasks, "task_each", arguments.endpoints)
            rounds.take(light, "prober", arguments.endpoints)
    _tell(rounds, arguments.endpoints, arguments.most)


def _take_flows(rounds: Rounds, world: World, variables: Mapping[str, str], count: int, most: int) -> None:
    """The flow at its three sizes, each round in fresh warm processes: a run has a process of its own."""
    with warm_process(world, variables) as warm:
        warm.run("lead", 0, counts=[count]), warm.run("flow", SMALL), warm.run("flow", count)
        rounds.take(warm, "flow", count)
        warm.run("lead", 0, counts=[SMALL])
        rounds.take(warm, "flow", SMALL)
    with warm_process(world, variables) as warm:
        warm.run("lead", 0, counts=[most]), warm.run("flow", SMALL)
        rounds.take(warm, "flow", most)


def _settle() -> None:
    """Wait until the machine is idle: what one contestant left the Prefect server to do is not the next one's cost."""
    give_up = time.monotonic() + _SETTLE_S
    while psutil.cpu_percent(interval=0.5) > _IDLE_PCT and time.monotonic() < give_up:
        pass


def result(rounds: Rounds, count: int, most: int) -> dict[str, Any]:
    """The line: seconds as medians, ratio of flow to bare, marginal cost against that between 200 and `count`."""
    bare, flow = rounds.median("bare", count), rounds.median("flow", count)
    small, large = rounds.median("flow", SMALL), rounds.median("flow", most)
    slope = (flow - small) / (count - SMALL) if flow is not None and small is not None else None
    far = (large - flow) / (most - count) if flow is not None and large is not None else None
    peaks = rounds.other.get(f"flow_peak_mb_{count}")
    return {
        "bench": "sweep",
        "endpoints": count,
        "bare_s": _rounded(bare),
        "flow_s": _rounded(flow),
        "fixed_s": _rounded(small - SMALL * slope if small is not None and slope is not None else None),
        "blackbox_s": _rounded(rounds.median("blackbox", count)),
        "task_each_s": _rounded(rounds.median("task_each", count)),
        "ratio": _rounded(flow / bare if flow is not None and bare else None),
        "peak_mb": _rounded(max(peaks) if peaks else None),
        "marginal_pct": _rounded(100 * (far / slope - 1) if far is not None and slope else None),
    }


def _tell(rounds: Rounds, count: int, most: int) -> None:
    for key, values in sorted(rounds.other.items()):
        sys.stdout.write(f"{key:>32}: {statistics.median(values):9.2f}\n")
    bare, prober = (rounds.other.get(f"{what}_cpu_s_{count}") for what in ("bare", "prober"))
    if bare and prober:
        over_us = 1e6 * (statistics.median(prober) - statistics.median(bare)) / count
        sys.stdout.write(f"a reading costs {over_us:.0f} µs of processor over a bare request\n")
    sys.stdout.write(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    sys.stdout.write(json.dumps(result(rounds, count, most)) + "\n")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--endpoints", type=int, default=2000)
    parser.add_argument("--most", type=int, default=MOST)
    parser.add_argument("--without", default="", help="contestants to leave out, with commas")
    return parser.parse_args()


if __name__ == "__main__":
    main()
