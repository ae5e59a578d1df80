"""With which variables do the sandbox's components and its users run?

The same few for everyone: where Prefect and the journal are, whom to trust, and that nobody calls home.
They are written to `sandbox.env`; nothing else of the operator's Prefect settings reaches the sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.lifetimes import HOME_MARK, RUN_MARK
from deployments.sandbox.state import CHECKOUT, State, write_text

_CONNECTIONS = {  # kept open with their prepared statements: at each busy moment Prefect would open and close ten anew
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_STATEMENT_CACHE_SIZE": "500",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_PREPARED_STATEMENT_CACHE_SIZE": "500",
}
_LOOKS_EVERY_S = {"SCHEDULER": 20, "SCHEDULER_RECENT_DEPLOYMENTS": 15, "LATE_RUNS": 15, "PAUSE_EXPIRATIONS": 15}
"""Of Prefect's own services. At its five seconds they cost each idle server some hundredths of a processor."""
_DROPPED = ("PREFECT_", "AWS_", "AZURE_", "OS_", "PG", "VIGIE_", "PYTEST_")


def sandbox_environment(state: State, prefect_address: str) -> dict[str, str]:
    """What sandbox.env holds: the journal's address appears once its database is there."""
    ca_file = str(ensure_authority(state.home).ca_file)
    variables = {
        "VIGIE_HOME": str(state.home),
        "PREFECT_HOME": str(state.home / "prefect"),
        "PREFECT_API_URL": f"http://{prefect_address}/api",
        "PREFECT_UI_URL": f"http://{prefect_address}",
        "PREFECT_API_SSL_CERT_FILE": ca_file,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "SSL_CERT_FILE": str(state.bundle),
        "REQUESTS_CA_BUNDLE": str(state.bundle),
    }
    journal_dsn = state.read_ready("control-database").get("journal_dsn")
    return variables | ({"VIGIE_JOURNAL_DSN": str(journal_dsn)} if journal_dsn else {})


def child_environment(state: State, prefect_address: str, run: str) -> dict[str, str]:
    """What every component gets: the operator's own, less what steers clouds and Prefect, plus the sandbox's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    marks = {HOME_MARK: str(state.home), RUN_MARK: run, "PYTHONUNBUFFERED": "1"}
    marks["TMPDIR"] = str(state.temporary)  # Prefect's runner keeps a folder there that two users cannot share
    marks["MPLCONFIGDIR"] = str(state.home / "matplotlib")  # else pictures leave their fonts in somebody's HOME
    quiet = {"PREFECT_WORKER_QUERY_SECONDS": "5", "PREFECT_WORKER_PREFETCH_SECONDS": "10"}
    kept = {name: os.environ[name] for name in ("VIGIE_POSTGRES_ROOM",) if name in os.environ}
    return own | sandbox_environment(state, prefect_address) | quiet | kept | marks


def server_environment(state: State, prefect_address: str) -> Mapping[str, str]:
    """What only the Prefect server gets: its database, and its pages inside the sandbox's folder."""
    dsn = str(state.read_ready("control-database")["prefect_dsn"])
    return {
        "PREFECT_API_DATABASE_CONNECTION_URL": dsn.replace("postgresql://", "postgresql+asyncpg://", 1),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(state.home / "prefect" / "ui"),
        "PREFECT_SERVER_UI_API_URL": f"http://{prefect_address}/api",
        **{f"PREFECT_SERVER_SERVICES_{name}_LOOP_SECONDS": str(every) for name, every in _LOOKS_EVERY_S.items()},
        **_CONNECTIONS,
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT__SERVER_FINAL": "1",
    }


def write_bundle(state: State) -> None:
    """Public authorities and the sandbox's own in one file, for tools that take one."""
    import certifi

    ours = ensure_authority(state.home).ca_file.read_text()
    write_text(state.bundle, Path(certifi.where()).read_text() + "\n" + ours)


def folder_of_children() -> Path:
    """Components run in the checkout, so that flows are loaded from it."""
    return CHECKOUT
