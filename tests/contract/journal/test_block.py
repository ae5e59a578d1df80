"""The journal's block, its heartbeats and its commands, against a real journal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from typer.testing import CliRunner

from blocks.catalogue.model import HeartbeatCheck, Platform, Service, Site, SiteRole, TcpCheck
from blocks.clock import SystemClock
from blocks.errors import Broken, Retryable
from blocks.journal.block import JournalDatabase, open_journal
from blocks.journal.prober import open_prober
from blocks.ports.health import FindingCode, MissingCode, Probe, Unit
from blocks.ports.network import Routes
from deployments.commands.journal import app
from tests.contract.journal.words import assess, begin, latency, opened
from tests.postgres_fixture import new_database

run = CliRunner()


def _allowed(capabilities):
    return {each.action: each.allowed for each in capabilities}


# -- the block --------------------------------------------------------------------------------


async def test_a_good_block_says_what_it_may_and_that_history_is_safe(journal_dsn):
    found = _allowed(await JournalDatabase(dsn=journal_dsn).examine())
    assert found["connect"] is found["use schema"] is found["insert into incident_event"] is True
    assert found["change or delete events"] is found["everything (superuser)"] is False


async def test_a_superuser_and_a_switched_off_guard_are_seen(postgres_server, journal_dsn):
    dsn = postgres_server.dsn(journal_dsn.rpartition("/")[2])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE incident_event DISABLE TRIGGER incident_event_only_grows")
    found = _allowed(await JournalDatabase(dsn=dsn).examine())
    assert found["everything (superuser)"] is found["change or delete events"] is True


async def test_a_missing_schema_is_said(postgres_server):
    found = await JournalDatabase(dsn=new_database(postgres_server)).examine()
    assert _allowed(found) == {"connect": True, "use schema": False}
    assert "vigie journal upgrade" in found[1].detail


async def test_a_wrong_password_is_said_without_it(journal_dsn):
    password = urlsplit(journal_dsn).password
    block = JournalDatabase(dsn=journal_dsn.replace(f":{password}@", ":planted-secret@"))
    (only,) = await block.examine()
    assert (only.action, only.allowed) == ("connect", False)
    assert "planted" not in only.detail + repr(block) + str(block)


def test_the_journal_is_found_by_its_environment(journal_dsn, monkeypatch):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    with open_journal() as journal:
        assert journal.platforms() == []


# -- heartbeats -------------------------------------------------------------------------------


def test_a_beat_is_kept_and_never_goes_back_or_into_the_future(journal):
    assert journal.last_beat("hearth", "export") is None
    first = journal.beat("hearth", "export")
    assert journal.last_beat("hearth", "export") == first
    assert journal.beat("hearth", "export", first - timedelta(hours=1)) == first
    capped = journal.beat("hearth", "export", first + timedelta(days=1))
    assert first <= capped <= journal.now()
    assert journal.last_beat("storefront", "export") is journal.last_beat("hearth", "other") is None
    with pytest.raises(Broken, match="no time zone"):
        journal.beat("hearth", "export", datetime(2026, 1, 1))  # noqa: DTZ001


def _probe(check) -> Probe:
    site = Site(name="west", provider="azure", region="westeurope", role=SiteRole.PRIMARY, credentials="x")
    service = Service(name="archive", kind="web", site="west", checks={check.name: check})
    platform = Platform(name="hearth", customer="hearth", sites={"west": site}, services={"archive": service})
    return Probe(platform=platform, service=service, check=check)


async def _reading(dsn, check):
    async with open_prober(JournalDatabase(dsn=dsn), routes=Routes(), clock=SystemClock()) as prober:
        return await prober.probe(_probe(check))


EXPORT = HeartbeatCheck(name="export", kind="heartbeat", beat="nightly-export", deadline=timedelta(hours=26))


async def test_a_beat_in_time_is_its_age(journal, journal_dsn):
    journal.beat("hearth", "nightly-export", journal.now() - timedelta(hours=2))
    reading = await _reading(journal_dsn, EXPORT)
    (age,) = reading.measurements
    assert (age.name, age.unit) == ("age", Unit.SECONDS)
    assert 7200 <= age.value < 7290
    assert (reading.finding, reading.missing, reading.service, reading.check) == (None, None, "archive", "export")


async def test_a_late_beat_is_critical_and_says_how_late(journal, journal_dsn):
    journal.beat("hearth", "nightly-export", journal.now() - timedelta(hours=30))
    reading = await _reading(journal_dsn, EXPORT)
    assert reading.finding is not None
    assert reading.finding.code is FindingCode.LATE
    assert "more than the 26h allowed" in reading.finding.text
    assert reading.measurements[0].value >= 30 * 3600


async def test_what_never_reported_is_not_known_to_be_well(journal_dsn):
    reading = await _reading(journal_dsn, EXPORT)
    assert reading.missing is not None
    assert reading.missing.code is MissingCode.NO_DATA
    assert reading.measurements == ()


async def test_a_journal_that_does_not_answer_is_an_error_and_no_reading():
    with pytest.raises(Retryable) as caught:
        await _reading("postgresql://vigie:x@127.0.0.1:1/journal", EXPORT)
    assert caught.value.code == MissingCode.API_UNREACHABLE


async def test_other_checks_are_refused(journal_dsn):
    with pytest.raises(Broken, match="cannot make a tcp check"):
        await _reading(journal_dsn, TcpCheck(name="port", kind="tcp", address="db:5432"))


# -- commands ---------------------------------------------------------------------------------


def test_upgrade_then_verify_then_retention(postgres_server, monkeypatch):
    dsn = new_database(postgres_server)
    password = urlsplit(dsn).password
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", dsn)
    for _ in range(2):
        done = run.invoke(app, ["upgrade"])
        assert (done.exit_code, "is at version" in done.output) == (0, True), done.output
        assert password not in done.output
    assert "no platform yet" in run.invoke(app, ["verify"]).output
    with open_journal() as journal:
        assess(journal, opened())
        journal.record_readings(
            begin(journal), "hearth", [latency(at=datetime.now(UTC) - timedelta(days=40)), latency("b")]
        )
    verified = run.invoke(app, ["verify"])
    assert (verified.exit_code, verified.output) == (0, "hearth: 1 events, each follows from the one before it.\n")
    kept = json.loads(run.invoke(app, ["retention", "--keep", "30d", "--json"]).output)
    assert kept["dropped"] >= 1
    assert run.invoke(app, ["retention", "--keep", "30"]).exit_code == 2


def test_verify_ends_with_1_when_history_was_rewritten(postgres_server, journal, journal_dsn, monkeypatch):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    assess(journal, opened())
    assess(journal, opened(), platform="storefront")
    with psycopg.connect(postgres_server.dsn(journal_dsn.rpartition("/")[2]), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE incident_event SET text = 'all was well' WHERE platform_id = 1")
    done = run.invoke(app, ["verify"])
    assert done.exit_code == 1
    assert "chain of platform hearth breaks at event 1" in done.output
    assert "storefront: 1 events, each follows" in done.output


def test_commands_say_in_one_line_that_the_journal_is_down(monkeypatch):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", "postgresql://vigie:planted@127.0.0.1:1/journal")
    for words in (["upgrade"], ["verify"], ["retention"]):
        done = run.invoke(app, words)
        assert done.exit_code == 1
        assert "did not answer" in done.output
        assert "planted" not in done.output
