"""`python -m deployments.dbhost --config FILE`: the database host's own door, and the server behind it.

Runs in the foreground until SIGTERM or SIGINT, and stops its server in order then. docs/recovery-postgres.md says
what goes into FILE, and what the trade-offs are.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import VigieError
from deployments.dbhost.config import load_config
from deployments.dbhost.running import run_host

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one database host; 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m deployments.dbhost", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    wanted = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stopping = threading.Event()
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(how, lambda _number, _frame: stopping.set())
    try:
        run_host(load_config(wanted.config), stopping)
    except VigieError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
