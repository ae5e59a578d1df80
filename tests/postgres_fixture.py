"""A real PostgreSQL for tests: import the fixtures into a conftest or a test module.

from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from deployments.sandbox.postgres import PostgresServer

# Tests kill processes, not machines: what the kernel has been given survives, so fsync only costs time.
QUICK = {"fsync": "off", "max_connections": "80", "shared_buffers": "32MB"}
_OWNER = "journal_owner"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One running server for the whole session."""
    server = PostgresServer.create(tmp_path_factory.mktemp("postgres") / "shared", name="shared", settings=QUICK)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def journal_template(postgres_server: PostgresServer) -> str:
    """The name of a database that has the journal's schema and nothing in it."""
    from blocks.journal.schema import upgrade

    upgrade(postgres_server.ensure_database("journal_template", _OWNER))
    return "journal_template"


@pytest.fixture
def journal_dsn(postgres_server: PostgresServer, journal_template: str) -> str:
    """A fresh journal of its own."""
    return copied_database(postgres_server, journal_template)


def copied_database(server: PostgresServer, template: str) -> str:
    """A new database like the template, with the same owner."""
    name = _new_name()
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY OWNER {}")
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(_OWNER)))
    return server.dsn(name, user=_OWNER)


def new_database(server: PostgresServer) -> str:
    """An empty database with an owner of its own."""
    return server.ensure_database(_new_name())


def private_server(folder: Path, name: str) -> PostgresServer:
    """A server that a test may kill; the test removes it."""
    return PostgresServer.create(folder / name, name=name, settings=QUICK)


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"
