"""The lock of a run whose session is lost: taken again while the process lives, and never by two."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest

from blocks.journal.adapter import PostgresJournal
from blocks.journal.holding import LOOK_EVERY_S
from blocks.journal.records import _lock_key

_SOON_S = 20 * LOOK_EVERY_S
RUN = uuid4()


@pytest.fixture
def journal(journal_dsn):
    with PostgresJournal(journal_dsn) as opened:
        yield opened


@pytest.fixture
def admin(journal_dsn):
    with psycopg.connect(journal_dsn, autocommit=True) as connection:
        yield connection


def never():
    pytest.fail("nobody took it")


def until(found):
    give_up = time.monotonic() + _SOON_S
    while not found():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def cut(admin):
    """As a journal that restarts does it: the session that holds a lock ends."""
    holders = admin.execute(
        "SELECT pg_terminate_backend(pid), pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchall()
    assert len(holders) == 1
    return holders[0][1]


def holder(admin):
    row = admin.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    return row[0] if row else None


def test_held_by_one_and_free_afterwards(journal):
    with journal.run_lock(RUN, overtaken=never) as first, journal.run_lock(RUN, overtaken=never) as second:
        assert (first, second) == (True, False)
        assert journal.is_executing(RUN)
    assert not journal.is_executing(RUN)
    with journal.run_lock(RUN, overtaken=never) as again:
        assert again


def test_a_lost_session_is_replaced_as_often_as_it_is_lost(journal, admin):
    with journal.run_lock(RUN, overtaken=never) as held:
        assert held
        for _ in range(2):
            former = cut(admin)
            until(lambda former=former: holder(admin) not in (None, former))
            assert journal.is_executing(RUN)
    assert not journal.is_executing(RUN)


def test_who_was_overtaken_is_told(journal, journal_dsn, admin):
    told = threading.Event()
    with journal.run_lock(RUN, overtaken=told.set) as held, next_in_line(journal_dsn, admin):
        assert held
        cut(admin)
        assert told.wait(_SOON_S)


@contextmanager
def next_in_line(dsn, admin):
    """Another process that has waited for the lock, and gets it the moment it is free."""
    with psycopg.connect(dsn, autocommit=True) as other:
        waits = threading.Thread(target=other.execute, args=("SELECT pg_advisory_lock(%s)", (_lock_key(RUN),)))
        waits.start()
        until(lambda: admin.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'").fetchone())
        yield
        waits.join()
