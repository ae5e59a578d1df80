"""Which PostgreSQL servers does the sandbox run, and what is in them?

`control-database` holds Prefect's database and the journal. `household-primary` (Azure) and
`household-standby` (private cloud) are hearth's own; the standby really streams from the primary,
through a relay, so that a cut line is a cut line. One process a server:
`python -m deployments.sandbox.databases --state DIR --name household-primary`.

The rule: the demonstration's reader may look and never write.
"""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path
from typing import Any, cast

from deployments.sandbox.household import TABLES
from deployments.sandbox.names import REPLICATION, relayed_port
from deployments.sandbox.postgres import PostgresServer, StandbySource
from deployments.sandbox.state import State, read_json

READER = "vigie_reader"
HOUSEHOLD = "household"
STANDBY_SHOWN_AS = "hearth_db2"
_QUICK = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB"}


def control_database(state: State) -> tuple[PostgresServer, dict[str, Any]]:
    """Prefect's database and the journal, on one server."""
    server = PostgresServer.create(_folder(state, "control"), name="control-database", settings=_QUICK).start()
    return server, {"prefect_dsn": server.ensure_database("prefect"), "journal_dsn": server.ensure_database("journal")}


def household_primary(state: State) -> tuple[PostgresServer, dict[str, Any]]:
    """Hearth's household data, with a fleet of devices in it and a role that may only look."""
    settings = {"max_connections": "60", "wal_sender_timeout": "5s", "shared_buffers": "32MB"}
    server = PostgresServer.create(_folder(state, "household-primary"), name="household-primary", settings=settings)
    server.start()
    owner_dsn = server.ensure_database(HOUSEHOLD, "hearth_app")
    server.ensure_database(HOUSEHOLD, READER)
    _seed(owner_dsn)
    _execute(server.dsn("postgres"), f"GRANT pg_monitor, pg_read_all_data TO {READER}")
    return server, {"app_dsn": owner_dsn, "reader": READER, "reader_password": server.passwords[READER]}


def household_standby(state: State) -> tuple[PostgresServer, dict[str, Any]]:
    """The standby in the private cloud; it follows through the replication relay, wherever the primary is."""
    known = [_passwords(state, name) for name in ("household-standby", "household-primary")]
    source = StandbySource(port=relayed_port(state, REPLICATION), passwords={**known[0], **known[1]})
    server = PostgresServer.create_standby_from(
        source, _folder(state, "household-standby"), name="household-standby", application_name=STANDBY_SHOWN_AS
    )
    server.start()
    server.passwords.update(known[1])
    _execute(server.dsn(), "ALTER SYSTEM SET wal_retrieve_retry_interval = '500ms'", "SELECT pg_reload_conf()")
    return server, {"app_dsn": server.dsn(HOUSEHOLD, "hearth_app"), "reader": READER}


SERVERS = {
    "control-database": control_database,
    "household-primary": household_primary,
    "household-standby": household_standby,
}


def main() -> None:
    """Run one server in the foreground until told to stop, or until it dies."""
    arguments = _arguments()
    state = State.at(arguments.state)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    server, extras = SERVERS[arguments.name](state)
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
    parser.add_argument("--name", choices=sorted(SERVERS), required=True)
    parser.add_argument("--port", type=int, default=0, help="kept for symmetry: a server keeps its former port")
    return parser.parse_args()


def _folder(state: State, name: str) -> Path:
    folder = state.home / "postgres"
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder / name


def _passwords(state: State, name: str) -> dict[str, str]:
    return read_json(state.home / "postgres" / f"{name}.json").get("passwords", {})


def _seed(dsn: str) -> None:
    rows = (
        "INSERT INTO devices (id, household, state) SELECT 'device-' || n, 'household-' || (n / 4),"
        ' \'{"heating": "auto"}\' FROM generate_series(1, 200) n ON CONFLICT DO NOTHING'
    )
    _execute(dsn, *TABLES, rows)


def _execute(dsn: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        for statement in statements:
            connection.execute(cast("Any", statement))


if __name__ == "__main__":
    main()
