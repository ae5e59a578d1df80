"""Flows that do to a worker what flows do; copied to a folder of their own, where they may be edited."""

import os
import random
import signal
import time
from pathlib import Path

from prefect import flow, get_run_logger, suspend_flow_run, task
from prefect.settings import get_current_settings

SAYS = "first"


def _note(flow, flow_run, state):
    """A hook that leaves a trace: which, and in which process."""
    folder = Path(os.environ["TRIAL_NOTES"])
    (folder / f"{state.name.lower()}-{flow_run.id}").write_text(str(os.getpid()))


@task
def what_it_is() -> dict:
    """Everything by which a run could tell where it was started."""
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "folder": str(Path.cwd()),
        "variable": os.environ.get("TRIAL_VARIABLE"),
        "retries": get_current_settings().tasks.default_retries,
        "hash_seed": os.environ.get("PYTHONHASHSEED"),
        "says": SAYS,
        "chance": random.random(),
        "open": sorted(str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()),
        "ignored": [n for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_IGN],
    }


@flow(log_prints=True)
def look(tell_to: str = "") -> dict:
    """Say what this run is, in its log, on its output and in a file."""
    import json

    seen = what_it_is()
    get_run_logger().info("logged %s", SAYS)
    print("printed", SAYS)  # noqa: T201  which is what is tried
    if tell_to:
        Path(tell_to).write_text(json.dumps(seen))
    return seen


@flow(on_cancellation=[_note], on_crashed=[_note])
def long(seconds: float = 60.0) -> None:
    """Be there for a while."""
    get_run_logger().info("began as %s", os.getpid())
    time.sleep(seconds)


@flow
def fails() -> None:
    """Fail as flows do."""
    raise ValueError("as it was asked to")


@flow
def leaves(code: int) -> None:
    """Leave without telling Prefect."""
    os._exit(code)


@flow
def sleeps() -> None:
    """Sleep without a process until somebody answers."""
    what_it_is()
    suspend_flow_run(timeout=600, key="once")
    what_it_is()


@task(persist_result=True, cache_key_fn=lambda context, parameters: str(context.task_run.flow_run_id))
def once() -> int:
    """What is not repeated when the run is retried."""
    return os.getpid()


@flow
def fails_once(marks: str) -> None:
    """Fail the first time, however soon the second is."""
    times = len(list(Path(marks).glob("time-*")))
    (Path(marks) / f"time-{times}").touch()
    if times == 0:
        raise ValueError("the first time")
