"""Who runs the flows in the sandbox?

Prefect's own process worker, unchanged: this program only imports it while the server still starts,
waits for the server, and then is `prefect worker start -t process`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from deployments.sandbox.parts import WORK_POOL

_PATIENCE_S = 120.0


def main() -> None:
    """Become the worker, as soon as its server answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.parse_args()
    from prefect.cli import app

    _await_server(f"{os.environ['PREFECT_API_URL']}/health")
    sys.argv = ["prefect", "worker", "start", "--type", "process", "--pool", WORK_POOL, "--name", "sandbox"]
    app()


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
