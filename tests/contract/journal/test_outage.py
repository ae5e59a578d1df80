"""Since when are clients without service: the last good answer where a sweep saw one, else when it was noticed."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from blocks.ports.health import CheckKey, CheckStatus, State
from tasks.recovery.outage import Outage, outage_of
from tests.contract.journal.words import assess, begin, latency, missing, opened, status

KEY = CheckKey("device-api", "health")
MINUTE = timedelta(minutes=1)


def sweep(journal, reading):
    """One that began a moment before its reading, as every sweep did."""
    found = begin(journal)
    journal.record_readings(found, "hearth", [reading])
    with psycopg.connect(journal.where_it_is) as connection:
        began = reading.started_at - timedelta(seconds=1)
        connection.execute("UPDATE sweep SET started_at = %s WHERE id = %s", (began, found))
    return found


def outage(journal):
    return outage_of(journal, journal.open_incidents("hearth"))


@pytest.fixture
def journal(journal, journal_dsn):
    """It knows its address, so that a test can turn its clock."""
    journal.where_it_is = journal_dsn
    return journal


@pytest.fixture
def good(journal):
    """When it answered well, and a sweep that saw it."""
    at = journal.now() - MINUTE
    assess(journal, sweep=sweep(journal, latency(at=at)), statuses={KEY: status(checked_at=at)})
    return at


def goes_bad(journal, since, *changes, state=State.CRITICAL):
    bad = sweep(journal, missing(at=journal.now() - MINUTE / 4))
    return assess(journal, *changes, sweep=bad, statuses={KEY: CheckStatus(state=state, since=since)})


def test_the_clock_starts_with_the_last_good_answer_and_the_knowledge_with_the_incident(journal, good):
    goes_bad(journal, good + MINUTE / 2, opened())
    (incident,) = journal.open_incidents("hearth")
    assert outage(journal) == Outage(served_at=good, noticed_at=incident.opened_at)


def test_what_suffers_counts_as_what_it_suffers_from(journal, good):
    goes_bad(journal, good + MINUTE / 2, opened("household-data", affected=("device-api",)))
    assert outage(journal).served_at == good


@pytest.mark.parametrize("state", [State.OK, State.WARNING])
def test_a_check_that_lets_clients_through_says_nothing(journal, good, state):
    goes_bad(journal, good + MINUTE / 2, opened(), state=state)
    found = outage(journal)
    assert found.served_at == found.noticed_at


def test_what_was_bad_long_before_is_another_trouble(journal, good):
    goes_bad(journal, good - timedelta(hours=2), opened())
    found = outage(journal)
    assert found.served_at == found.noticed_at


def test_an_answer_with_a_complaint_is_no_good_answer(journal):
    at = journal.now()
    assess(journal, sweep=sweep(journal, missing(at=at - 2 * MINUTE)))
    goes_bad(journal, at - MINUTE, opened())
    found = outage(journal)
    assert found.served_at == found.noticed_at


def test_without_an_incident_or_with_one_about_the_plan_only_nothing_is_out(journal, good):
    assert outage(journal) is None
    goes_bad(journal, good + MINUTE / 2, opened("readiness:capacity"))
    assert outage(journal) is None
