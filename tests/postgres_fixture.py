"""A real PostgreSQL for tests: import `postgres_server` and `journal_dsn` into a conftest or a test module.

from tests.postgres_fixture import journal_dsn, postgres_server  # noqa: F401
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.sandbox.postgres import PostgresServer

# Tests kill processes, not machines: what the kernel has been given survives, so fsync only costs time.
QUICK = {"fsync": "off", "max_connections": "80", "shared_buffers": "32MB"}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One running server for the whole session."""
    server = PostgresServer.create(tmp_path_factory.mktemp("postgres") / "shared", name="shared", settings=QUICK)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def journal_dsn(postgres_server: PostgresServer) -> str:
    """A fresh journal database of its own, with its schema."""
    from blocks.journal.schema import upgrade

    dsn = new_database(postgres_server)
    upgrade(dsn)
    return dsn


def new_database(server: PostgresServer) -> str:
    """An empty database with an owner of its own."""
    return server.ensure_database(f"test_{uuid.uuid4().hex[:12]}")


def private_server(folder: Path, name: str) -> PostgresServer:
    """A server that a test may kill; the test removes it."""
    return PostgresServer.create(folder / name, name=name, settings=QUICK)
