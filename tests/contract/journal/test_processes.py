"""Many real processes at once, and real processes and servers killed -9: nothing lost, nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from blocks.errors import Retryable
from blocks.journal.adapter import PostgresJournal
from blocks.journal.schema import newest_version, upgrade
from blocks.ports.incidents import EventKind
from blocks.ports.notifications import Channel, Sent
from tests.contract.journal.words import ALL, MINUTE, assess, latency, opened
from tests.postgres_fixture import new_database, private_server

ROOT = Path(__file__).resolve().parents[3]
SWEEPER = Path(__file__).with_name("sweeper.py")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a sweeper; whatever is left is killed at the end, by its own pid."""
    with ExitStack() as stack:

        def begin(dsn: str, *arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, str(SWEEPER), *arguments],
                cwd=ROOT,
                env=os.environ | {"VIGIE_JOURNAL_DSN": dsn, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, process)
            return process

        yield begin


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_twenty_processes_find_the_same_fault_at_once_and_open_it_once(journal, journal_dsn, start):
    assert start(journal_dsn, "open_same", "20", "3").wait(120) == 0
    assert len(journal.latest_sweeps("hearth", limit_count=100)) == 60
    assert sorted(each.root for each in journal.open_incidents("hearth")) == ["device-api", "hub"]
    for incident in journal.open_incidents("hearth"):
        events = journal.incident(incident.id)[1]
        assert events[0].kind is EventKind.OPENED
        assert {event.kind for event in events[1:]} <= {EventKind.CHANGED}
        assert len(events) == incident.version
    assert journal.verify_chain("hearth") == sum(each.version for each in journal.open_incidents("hearth"))
    rung = _told(journal)
    assert sum(1 for channel, _ in rung if channel is Channel.PAGER) >= 1
    assert len([1 for channel, kind in rung if channel is Channel.PAGER and kind is EventKind.OPENED]) == 1


def _told(journal: PostgresJournal) -> list[tuple[Channel, EventKind]]:
    told = []
    while batch := journal.claim_deliveries("hearth", limit_count=50, lease=MINUTE):
        for each in batch:
            assert each.event is not None
            told.append((each.channel, each.event.kind))
            journal.mark_sent(each.id, Sent("r"))
    return told


@pytest.mark.parametrize("word", ["start", "readings", "assess", "tell", "sent", "finish"])
def test_a_sweep_killed_between_steps_is_finished_by_its_retry(journal, journal_dsn, start, word):
    sweep = str(uuid4())
    process = start(journal_dsn, "whole_sweep", sweep)
    assert _line(process) == "ready"
    _go(process)
    while (said := _line(process)) != word:
        assert said, f"the sweep ended before {word}"
    process.kill()
    process.wait()
    time.sleep(0.3)  # the lease of what it had claimed lapses

    again = start(journal_dsn, "whole_sweep", sweep)
    _go(again)
    assert again.wait(60) == 0
    assert journal.reading_storage()[0] == 300
    (incident,) = journal.open_incidents("hearth")
    assert [event.kind for event in journal.incident(incident.id)[1]] == [EventKind.OPENED]
    assert journal.verify_chain("hearth") == 1
    assert journal.undelivered_count() == 0
    with psycopg.connect(journal_dsn) as connection:
        sent = connection.execute("SELECT channel, count(*) FROM delivery GROUP BY 1 ORDER BY 1").fetchall()
    assert sent == [("pager", 1), ("slack_message", 1)]
    assert journal.latest_sweeps("hearth")[0].finished_at is not None


def test_a_killed_sweep_gives_its_lock_back(journal, journal_dsn, start):
    process = start(journal_dsn, "hold_lock", "hearth")
    assert _line(process) == "held True"
    with journal.sweep_lock("hearth") as held:
        assert not held
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with journal.sweep_lock("hearth") as held:
            if held:
                return
        time.sleep(0.05)
    pytest.fail("the lock of a killed sweep was never given back")


def test_a_database_killed_in_mid_transaction_loses_nothing_it_confirmed(tmp_path, start):
    server = private_server(tmp_path, "killed").start()
    try:
        dsn = server.ensure_database("journal")
        upgrade(dsn)
        process = start(dsn, "many_sweeps", "100000")
        confirmed = [_confirmed(_line(process)) for _ in range(6)]
        server.kill()
        while (said := _line(process)) and said != "lost":
            confirmed.append(_confirmed(said))
        assert said == "lost", "a database that died is Retryable"
        with PostgresJournal(dsn) as journal, pytest.raises(Retryable, match="did not answer"):
            journal.now()
        server.start()
        with PostgresJournal(server.dsn("journal", user="journal")) as journal:
            known = {each.id: each for each in journal.latest_sweeps("hearth", limit_count=1000)}
            assert set(confirmed) <= set(known), "a confirmed sweep was lost"
            events = journal.verify_chain("hearth")
            assert events >= 20 * len(confirmed)
            assert events % 20 == 0, "half an assessment was kept"
            assert journal.reading_storage()[0] % 200 == 0, "half the readings of a sweep were kept"
            for sweep in confirmed:
                journal.finish_sweep(sweep)
    finally:
        server.remove()


def _confirmed(said: str) -> UUID:
    word, _, sweep = said.partition(" ")
    assert word == "assessed", said
    return UUID(sweep)


def test_the_same_adapter_goes_on_after_the_database_came_back(tmp_path):
    server = private_server(tmp_path, "restarted").start()
    try:
        dsn = server.ensure_database("journal")
        upgrade(dsn)
        with PostgresJournal(dsn) as journal:
            sweep = uuid4()
            journal.start_sweep(sweep, "hearth", "digest")
            journal.record_readings(sweep, "hearth", [latency()])
            server.kill()
            with pytest.raises(Retryable):
                assess(journal, opened(), sweep=sweep)
            server.start()
            assert len(assess(journal, opened(), sweep=sweep)) == 1
            assert len(assess(journal, opened(), sweep=sweep)) == 1
            assert journal.finish_sweep(sweep).check_count == 1
    finally:
        server.remove()


def test_several_processes_upgrade_at_once(postgres_server, start):
    dsn = new_database(postgres_server)
    program = "import sys; from blocks.journal.schema import upgrade; print(upgrade(sys.argv[1]))"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, dsn], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in processes] == [newest_version()] * 4
    assert upgrade(dsn) == newest_version()
    with PostgresJournal(dsn) as journal:
        (incident,) = assess(journal, opened())
        assert upgrade(dsn) == newest_version()
        assert journal.acknowledge(incident.id, "night desk", ALL).version == 2


def test_a_forked_child_leaves_its_parents_connections_alone(journal):
    journal.now()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            journal.now()
            journal.close()
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    before = time.monotonic()
    assert journal.now() is not None
    assert time.monotonic() - before < timedelta(seconds=5).total_seconds()
