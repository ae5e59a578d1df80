"""Nobody rewrites what was decided: refused by the database, and noticed when forced."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken
from blocks.journal.adapter import PostgresJournal
from tests.contract.journal.words import assess, changed, closed, opened


@pytest.fixture
def history(journal):
    assess(journal, opened("a"))
    assess(journal, opened("b"), changed("a", numbers={"pct": 3.5, "limit": "2 %"}))
    assess(journal, closed("a"))
    assess(journal, opened("a"), platform="storefront")
    return journal


def test_an_untouched_chain_verifies_per_platform(history):
    assert history.verify_chain("hearth") == 4
    assert history.verify_chain("storefront") == 1
    assert history.verify_chain("nowhere") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incident_event SET text = 'nothing happened' WHERE number = 1",
        "DELETE FROM incident_event WHERE number = 4",
        "TRUNCATE incident_event CASCADE",
    ],
)
def test_events_are_neither_changed_nor_deleted(history, journal_dsn, statement):
    with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation, match="never changed"):
        connection.execute(statement)
    assert history.verify_chain("hearth") == 4


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE incident_event SET text = 'nothing happened' WHERE number = 2 AND platform_id = 1", "event 2 "),
        ("UPDATE incident_event SET who = 'somebody' WHERE number = 1 AND platform_id = 1", "event 1 "),
        ("UPDATE incident_event SET at = at - interval '1 hour' WHERE number = 3 AND platform_id = 1", "event 3 "),
        ("UPDATE incident_event SET severity = 'page' WHERE number = 3 AND platform_id = 1", "event 3 "),
        ("UPDATE incident_event SET kind = 'note' WHERE number = 4 AND platform_id = 1", "event 4 "),
        ("UPDATE incident_event SET told = false WHERE number = 4 AND platform_id = 1", "event 4 "),
        ("UPDATE incident_event SET numbers = '{\"pct\":1}' WHERE number = 3 AND platform_id = 1", "event 3 "),
        ("UPDATE incident_event SET hash = sha256('x') WHERE number = 2 AND platform_id = 1", "event 2 "),
        ("DELETE FROM incident_event WHERE number = 2 AND platform_id = 1", "event 3 "),
        ("DELETE FROM incident_event WHERE number = 4 AND platform_id = 1", "the end after event 3"),
        ("UPDATE platform SET event_count = 3 WHERE id = 1", "the end after event 4"),
    ],
)
def test_a_forced_change_is_found_and_named(history, journal_dsn, postgres_server, statement, named):
    database = journal_dsn.rpartition("/")[2]
    with psycopg.connect(postgres_server.dsn(database), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # as somebody with the superuser's password would
        connection.execute("DELETE FROM delivery")
        connection.execute(statement)
    with pytest.raises(Broken, match=named) as caught:
        history.verify_chain("hearth")
    assert "hearth" in str(caught.value)
    assert history.verify_chain("storefront") == 1


def test_a_rewritten_event_with_a_fresh_hash_breaks_the_next_one(history, journal_dsn, postgres_server):
    from blocks.journal.linking import link

    database = journal_dsn.rpartition("/")[2]
    with psycopg.connect(postgres_server.dsn(database), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        row = connection.execute(
            "SELECT incident_id, sequence, at, kind, who, numbers::text, severity, told FROM incident_event "
            "WHERE number = 1 AND platform_id = 1"
        ).fetchone()
        assert row is not None
        incident, sequence, at, kind, who, numbers, severity, told = row
        instant = at.isoformat(timespec="microseconds")
        forged = ("hearth", 1, str(incident), sequence, instant, kind, "all was well", who, numbers, severity, told)
        connection.execute(
            "UPDATE incident_event SET text = 'all was well', hash = %s WHERE number = 1 AND platform_id = 1",
            (link(bytes(32), forged),),
        )
    with pytest.raises(Broken, match="event 2 "):
        history.verify_chain("hearth")


def test_a_long_chain_verifies_in_one_walk(journal, journal_dsn):
    for n in range(20):
        assess(journal, *(opened(f"service-{k}", sentence=f"sentence {n} « é »") for k in range(20)))
    with PostgresJournal(journal_dsn) as other:
        assert other.verify_chain("hearth") == 400
