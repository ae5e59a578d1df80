"""Which PostgreSQL servers does the sandbox run, and what is in them?

`control-database` holds Prefect's database and the journal. `household-primary` (Azure) and
`household-standby` (private cloud) are hearth's own, each behind the product's own database host
(household_hosts.py). One process a server:
`python -m deployments.sandbox.databases --state DIR --name household-primary`.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path
from typing import Any

from deployments.sandbox.household_hosts import HOSTS, READER, run_household
from deployments.sandbox.postgres import PostgresServer
from deployments.sandbox.state import State

__all__ = ["READER", "main"]
_QUICK = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB"}


def control_database(state: State) -> tuple[PostgresServer, dict[str, Any]]:
    """Prefect's database and the journal, on one server."""
    folder = state.home / "postgres"
    folder.mkdir(mode=0o711, exist_ok=True)
    server = PostgresServer.create(folder / "control", name="control-database", settings=_QUICK).start()
    return server, {"prefect_dsn": server.ensure_database("prefect"), "journal_dsn": server.ensure_database("journal")}


def main() -> None:
    """Run one server in the foreground until told to stop, or until it dies."""
    arguments = _arguments()
    state = State.at(arguments.state)
    if arguments.name in HOSTS:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stopping.set())
        run_household(state, arguments.name, stopping)
        return
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    server, extras = control_database(state)
    try:
        state.write_ready(arguments.name, server.address, server_pid=server.pid, **extras)
        while server.running:
            time.sleep(0.2)
        raise SystemExit(f"PostgreSQL {arguments.name} has died; read {server.log_file}")
    finally:
        server.stop(wait_seconds=5)


def _leave(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--name", choices=["control-database", *sorted(HOSTS)], required=True)
    parser.add_argument("--port", type=int, default=0, help="kept for symmetry: a server keeps its former port")
    return parser.parse_args()


if __name__ == "__main__":
    main()
