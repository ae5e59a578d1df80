"""The journal's suite runs against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blocks.journal.adapter import PostgresJournal
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401


@pytest.fixture
def journal(journal_dsn: str) -> Iterator[PostgresJournal]:  # noqa: F811
    """An empty journal."""
    with PostgresJournal(journal_dsn) as opened:
        yield opened
