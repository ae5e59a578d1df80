"""The sweep as it runs, and the way not taken: one Prefect task an endpoint.

Both need a Prefect server and a journal; `running_control_plane` starts the sandbox's own on its own
PostgreSQL. `prepare` saves the platforms as `vigie apply` would.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bare import at_once, platform_of
from tests.benchmarks.endpoints import World

_PATIENCE_S = 240.0


@contextlib.contextmanager
def running_control_plane(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that lead to a fresh Prefect server and journal, both ended with the block."""
    held, tied = os.pipe()
    command = [sys.executable, "-m", "deployments.sandbox.supervisor", "--home", str(folder)]
    with (folder / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--only", "prefect-server,journal", "--tied", str(held)],
            pass_fds=(held,), stdout=log, stderr=log,
        )  # fmt: skip
    os.close(held)
    try:
        _await_ready(folder, process)
        yield _variables(folder / "sandbox.env")
    finally:
        os.close(tied)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def prepare(world: World, counts: tuple[int, ...]) -> None:
    """Save one platform for each count, and where their names lead."""
    from blocks.catalogue.block import PlatformBlock
    from blocks.catalogue.model import Customer

    lead(world, counts)
    customer = Customer(name="bench", time_zone="Europe/Paris", channel="bench")
    for count in counts:
        platform = platform_of(world, count, f"bench-{count}")
        PlatformBlock.of(platform, customer).save(platform.name, overwrite=True)


def lead(world: World, counts: tuple[int, ...]) -> None:
    """Save where the names of so many endpoints lead, and of no others: a sweep is not to pay for another one's."""
    from blocks.network.block import ProbeNetwork

    network = ProbeNetwork(connect_to=world.connect_to(max(counts)), ca_file=world.ca_file)
    network.save("probe-network", overwrite=True)


async def run_flow(count: int) -> dict[str, float]:
    """Seconds of the whole flow over the platform `bench-<count>`, and how many checks were a problem."""
    from flows.health_sweep import health_sweep

    begin, begin_cpu = time.perf_counter(), time.process_time()
    report = await health_sweep(platform=f"bench-{count}")
    return {
        "seconds": time.perf_counter() - begin,
        "cpu_s": time.process_time() - begin_cpu,
        "faulty": report.problem_count + report.missing_count,
    }


async def run_task_each(world: World, count: int) -> dict[str, float]:
    """Seconds of a flow that makes every check in a Prefect task of its own, 64 at a time."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    from blocks.clock import SystemClock
    from blocks.network.prober import open_prober
    from blocks.ports.health import Probe
    from blocks.ports.network import Routes

    platform = platform_of(world, count)
    probes = [Probe(platform, service, service.checks["health"]) for service in platform.services.values()]

    @flow(name="task-each")
    async def task_each() -> dict[str, float]:
        async with open_prober(
            None, routes=Routes(world.connect_to(count), world.ca_file), clock=SystemClock()
        ) as prober:

            @task(cache_policy=NO_CACHE)
            async def probe_one(number: int) -> bool:
                return (await prober.probe(probes[number])).finding is None

            return await at_once(count, probe_one)

    begin = time.perf_counter()
    done = await task_each()
    return done | {"seconds": time.perf_counter() - begin}


def _await_ready(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    record = folder / "state.json"
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(record.read_text())["phase"] == "ready":
                return
        time.sleep(0.1)
    raise RuntimeError("the control plane did not start:\n" + (folder / "supervisor.log").read_text()[-2000:])


def _variables(file: Path) -> dict[str, str]:
    """What sandbox.env exports."""
    shown = subprocess.run(
        ["sh", "-c", f'set -a; . "{file}"; env -0'], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    return dict(line.split("=", 1) for line in shown.stdout.decode().split("\0") if "=" in line)
