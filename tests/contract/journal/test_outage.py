"""Since when are clients without service, and since when does a database let nobody log in?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest

from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Reading,
    State,
    Unit,
)
from blocks.ports.recovery import MoveKind
from tasks.recovery.decide import plan_move
from tasks.recovery.outage import Outage, outage_of, servers_silent_since
from tasks.recovery.recording import write_bounds
from tasks.recovery.values import Accepted
from tests.contract.journal.test_moves import begin as begin_move
from tests.contract.journal.test_moves import open_run
from tests.contract.journal.words import assess, begin, closed, latency, missing, opened, status
from tests.unit.recovery import scenes
from tests.unit.recovery.test_waited import CANDIDATE, SEEN

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


def test_what_was_closed_by_evidence_and_came_back_counts_from_its_return(journal):
    """Clients were served in between: an hour of another outage is not this one's."""
    (first,) = assess(journal, opened())
    assess(journal, closed())
    (back,) = assess(journal, opened())
    assert back.id == first.id
    assert outage(journal) == Outage(served_at=back.since, noticed_at=back.since)
    assert back.since > first.opened_at


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


# -- since when a server lets nobody log in ------------------------------------------------------

REFUSED = Finding(FindingCode.CONNECTION_REFUSED, "refused the connection: nothing listens there")
MUTE = Finding(FindingCode.NO_ANSWER, "let nobody in within 5 s")
FULL = Finding(FindingCode.LOGIN_FAILED, "is full: it takes no more connections")
ROLE = Missing(MissingCode.CREDENTIALS, "our own role was refused")
WELL = (Measurement("latency", 2.0, Unit.MILLISECONDS), Measurement("connections", 4.0, Unit.PERCENT))
MEMBER = scenes.HEARTH.recovery.data["household"].members[scenes.AZURE]
LOGIN = next(name for name, check in scenes.HEARTH.services[MEMBER].checks.items() if check.kind == "database")


def looked(journal, *seen):
    """Sweeps that saw this of the database, a minute apart, the last of them a minute ago; when the first began."""
    first = journal.now() - len(seen) * MINUTE
    for number, what in enumerate(seen):
        kind = {Finding: "finding", Missing: "missing", tuple: "measurements"}[type(what)]
        at = first + number * MINUTE
        sweep(journal, Reading(service=MEMBER, check=LOGIN, started_at=at, elapsed_ms=250.0, **{kind: what}))
    return first


def silent(journal):
    return servers_silent_since(journal, scenes.HEARTH, scenes.AZURE)


@pytest.mark.parametrize(
    ("seen", "first_silent"),
    [
        ((WELL, REFUSED, REFUSED), 1),
        ((WELL, MUTE, REFUSED), 1),
        ((REFUSED, WELL, MUTE), 2),
        ((ROLE, ROLE, REFUSED), 2),
        ((FULL, FULL, REFUSED), 2),
        ((REFUSED, ROLE, REFUSED), 2),
        ((REFUSED, MUTE), 0),
    ],
)
def test_a_server_is_silent_since_the_end_of_the_first_reading_of_one_silence(journal, seen, first_silent):
    first = looked(journal, *seen)
    assert silent(journal) == {"household": first + first_silent * MINUTE + timedelta(milliseconds=250)}


@pytest.mark.parametrize("seen", [(), (WELL,), (REFUSED, WELL), (REFUSED, FULL), (REFUSED, ROLE)])
def test_one_that_lets_somebody_in_or_that_nobody_saw_is_not_silent(journal, seen):
    looked(journal, *seen)
    assert silent(journal) == {}


def test_what_another_service_does_is_no_silence_of_the_database(journal, good):
    goes_bad(journal, good + MINUTE / 2, opened())
    assert outage(journal)
    assert silent(journal) == {}


@pytest.mark.parametrize(("seen", "hours", "proves"), [((MUTE,), 0.5, True), ((MUTE,), 3, False), ((), 3, False)])
def test_an_old_incident_makes_no_old_look_at_commits_fresh(journal, seen, hours, proves):
    looked(journal, *seen)
    platform, run_and_token, now = scenes.promised(), open_run(journal), journal.now()
    begin_move(journal, *run_and_token, outage_at=None, detected_at=now - timedelta(hours=6))
    journal.keep_commit_look("hearth", replace(SEEN, seen_at=now - timedelta(hours=hours)))
    looks = {scenes.AZURE: scenes.database(scenes.UNREACHABLE), scenes.CELLAR: CANDIDATE}
    parts = SimpleNamespace(
        platform=platform,
        recovery=platform.recovery,
        member=lambda _, site: SimpleNamespace(look=lambda: looks[site]),
    )
    plan = plan_move(
        MoveKind.FAILOVER, platform, scenes.dark(), accepted=Accepted(rows_count=10**6, span=timedelta(days=9))
    )
    run, token = run_and_token
    (loss,) = write_bounds(journal, parts, SimpleNamespace(plan=plan, lease=SimpleNamespace(run=run, token=token)))
    assert (loss.rows == 0) is proves, loss.text
