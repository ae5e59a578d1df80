"""Who runs the flows in the sandbox?

`vigie worker`, as in production: this program only imports it while the server still starts, and waits
for the server.

The rule: a sandbox that was down does not make up for it. Sweeps that were due meanwhile are cancelled
(two dozen at once would stifle the machine, and the next sweep looks at everything anyway), and runs
that its end cut off are called crashed, so that nobody believes they are still at work. A worker that is started
again in a sandbox that goes on settles nothing: its runs may live, and the product sees to them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.sandbox.lifetimes import RUN_MARK
from deployments.sandbox.parts import WORK_POOL

_PATIENCE_S = 120.0
_AT_ONCE = 8
_DRAIN_S = 3.0  # the sandbox waits eight seconds for each of its components
_MISSED = "The sandbox was down when this was due. Nothing is lost: the next sweep looks at everything."
_CUT_OFF = "The sandbox ended while this ran."


def main() -> None:
    """Become the worker, as soon as its server answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    home = parser.parse_args().state
    from deployments.commands.worker import serve

    _await_server(f"{os.environ['PREFECT_API_URL']}/health")
    settle_once(home / "settled", os.environ[RUN_MARK], os.environ["PREFECT_API_URL"])
    serve(WORK_POOL, _AT_ONCE, "sandbox", _DRAIN_S)


def settle_once(note: Path, life: str, api: str) -> None:
    """The first worker in a life of the sandbox settles what the former life left."""
    if note.exists() and note.read_text(encoding="utf-8") == life:
        return
    settle_former_runs(api)
    note.write_text(life, encoding="utf-8")


def settle_former_runs(api: str) -> None:
    """Give an end to what was due, or running, when the sandbox ended. Call it while no worker runs."""
    due = {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}}
    _end_all(api, {"state": {"name": {"any_": ["Scheduled", "Late"]}}, **due}, "CANCELLED", _MISSED)
    _end_all(api, {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}, "CRASHED", _CUT_OFF)


def _end_all(api: str, which: dict[str, Any], state: str, why: str) -> None:
    """A page at a time, forced: no rule of a former life is asked."""
    content = {"flow_runs": which, "state": {"type": state, "message": why}, "force": True}
    while True:
        request = urllib.request.Request(  # noqa: S310  the sandbox's own server
            f"{api}/flow_runs/bulk_set_state", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            if not json.load(answer)["results"]:
                return


def _await_server(address: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"the Prefect server did not answer at {address} within {_PATIENCE_S:.0f} s")


if __name__ == "__main__":
    main()
