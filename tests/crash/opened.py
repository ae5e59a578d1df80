"""A sandbox for a crash table, and the desk from which its rows are measured.

The resumer goes on by its schedule and by its automation; everything else that starts by itself is paused.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.state import State

_RESUMER = "resume"


@contextmanager
def desk_of(home: Path) -> Generator[Any]:
    """The sandbox as people use it: this process speaks to its Prefect server and journal."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_UI_URL, temporary_settings

    from blocks.journal.opening import open_journal
    from tests.sandbox_fixture import Sandbox
    from tests.scenario.runs.conftest import Desk

    sandbox = Sandbox(home, State.at(home))
    environment = sandbox.environment
    os.environ.update(environment)
    updates = {
        PREFECT_API_URL: environment["PREFECT_API_URL"],
        PREFECT_HOME: Path(environment["PREFECT_HOME"]),
        PREFECT_UI_URL: environment["PREFECT_UI_URL"],
    }
    only_the_resumer(sandbox)
    with temporary_settings(updates=updates), open_journal() as journal:
        yield Desk(sandbox, journal)


def only_the_resumer(sandbox: Any) -> None:
    """Sweeps are paused, the resumer's schedule goes on."""
    from tests.sandbox_fixture import as_is

    for deployment in sandbox.call("/deployments/filter", {}):
        for schedule in deployment["schedules"]:
            path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
            sandbox.call(path, as_is(schedule) | {"active": deployment["name"] == _RESUMER}, "PATCH")
    wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    for row in sandbox.call("/flow_runs/filter", {"flow_runs": wanted}):
        if row["name"].startswith("sweep"):
            sandbox.call(f"/flow_runs/{row['id']}", method="DELETE")


@contextmanager
def sandbox_for(home: Path | None) -> Generator[Path]:
    if home is not None:
        bring_up(home)
        yield home.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="vigie-crash-") as folder:
        own = Path(folder) / "sandbox"
        say("bringing up a sandbox")
        bring_up(own, tied=True)
        try:
            yield own
        finally:
            take_down(own)


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()
