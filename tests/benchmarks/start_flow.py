"""The flow that every contestant of `bench_start` runs, as a file of its own; with an argument it serves itself."""

import sys
import time
from pathlib import Path

from prefect import flow, suspend_flow_run, task
from prefect.cache_policies import RUN_ID


@task(persist_result=True, cache_policy=RUN_ID)
def judge(stamps: str) -> int:
    """The first step: it works as soon as it has imported Great Expectations."""
    import great_expectations

    _stamp(stamps, "first")
    return len(great_expectations.__version__)


@task
def go_on(stamps: str) -> None:
    """The step after the answer."""
    _stamp(stamps, "next")


@flow
def start_flow(stamps: str, hold_s: float = 0, *, ask: bool = False) -> None:
    """A step, perhaps a question to a person, another step."""
    judge(stamps)
    if ask:
        suspend_flow_run(timeout=600, key="asked")
    time.sleep(hold_s)
    go_on(stamps)


def _stamp(stamps: str, what: str) -> None:
    with Path(stamps).open("a", encoding="utf-8") as file:
        file.write(f"{what} {time.time()}\n")


if __name__ == "__main__":
    start_flow.serve(name=sys.argv[1])
