"""Steps run against a real journal and a scripted world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from blocks.journal.adapter import PostgresJournal
from tasks.core.change import Order
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401


@pytest.fixture
def journal(journal_dsn: str) -> Iterator[PostgresJournal]:  # noqa: F811
    with PostgresJournal(journal_dsn) as opened:
        yield opened


@pytest.fixture
def one_transaction(journal_dsn: str) -> Iterator[Any]:  # noqa: F811
    """The journal of whole moves: a place in it can be returned to."""
    from tests.contract.steps.moving_walk import JournalInOneTransaction

    with psycopg.connect(journal_dsn) as connection, connection.transaction(force_rollback=True):
        yield JournalInOneTransaction(connection)


@pytest.fixture
def begin(journal) -> Callable[..., Order]:
    """A run with the lease of a platform, and the order for one step of it."""

    def make(platform: str = "hearth", run: UUID | None = None, item: str = "thing") -> Order:
        run = run or uuid4()
        open_run(journal, run, platform)
        lease = journal.take_lease(run)
        return Order(run=run, platform=platform, token=lease.token, phase="restart", item=item, digest="d" * 64)

    return make


def open_run(journal: PostgresJournal, run: UUID, platform: str = "hearth"):
    return journal.open_run(
        run,
        platform=platform,
        action="service-restart",
        subject="device-api",
        parameters={"platform": platform, "service": "device-api"},
        requested_by="operator",
        customer="hearth",
    )
