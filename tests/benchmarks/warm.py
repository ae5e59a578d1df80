"""A contestant that stays warm: one process that runs rounds on demand and says how long each took.

Every contestant has a process of its own, so that one's memory and garbage are not another's; it
imports everything on a first small round, which is not counted. Orders come as JSON lines on standard
input, answers leave as JSON lines on what was standard output; whatever else is printed goes to
standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.endpoints import World


class Contestant:
    """The other end of a warm process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, what: str, count: int, **more: Any) -> dict[str, float]:
        """One round: {"seconds", "faulty", "peak_mb", ...}."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, "count": count, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process for {what} ended")
        return json.loads(answer)


@contextlib.contextmanager
def warm_process(world: World, variables: Mapping[str, str] | None = None) -> Iterator[Contestant]:
    """A process that can run any of the contestants, ended with the block."""
    command = [sys.executable, "-m", "tests.benchmarks.warm", str(world.port), world.ca_file]
    environment = os.environ | dict(variables or {})
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield Contestant(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def main() -> None:
    """Answer orders until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    world = World(int(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        done = asyncio.run(_round(world, **json.loads(line)))
        done["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps(done) + "\n")


async def _round(world: World, what: str, count: int, **more: Any) -> dict[str, float]:
    from tests.benchmarks import bare, blackbox, sweep_flow

    match what:
        case "bare":
            return await bare.run_bare(world, count)
        case "prober":
            return await bare.run_prober(world, count)
        case "blackbox":
            return await blackbox.run_blackbox(world, count, more["address"], more["pid"])
        case "prepare" | "lead":
            prepare = sweep_flow.prepare if what == "prepare" else sweep_flow.lead
            await asyncio.to_thread(prepare, world, tuple(more["counts"]))
            return {}
        case "flow":
            return await sweep_flow.run_flow(count)
        case "task_each":
            return await sweep_flow.run_task_each(world, count)
        case _:
            raise ValueError(what)


if __name__ == "__main__":
    main()
