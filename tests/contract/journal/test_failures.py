"""When the journal does not answer: an error of the right kind, in time, without the password."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import psycopg
import pytest

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.journal import connections
from blocks.journal.adapter import PostgresJournal
from blocks.journal.schema import upgrade
from blocks.ports.health import MissingCode
from deployments.sandbox.postgres import PostgresServer
from tests.contract.journal.words import assess, begin, latency, opened
from tests.postgres_fixture import new_database, private_server

PASSWORD = "planted-s3cret%2Fword"
PLAIN = "planted-s3cret/word"


def _with_password(dsn: str, password: str) -> str:
    parts = urlsplit(dsn)
    return dsn.replace(f":{parts.password}@", f":{password}@")


def _whole_chain(error: BaseException) -> str:
    said = []
    while error:
        said += [str(error), repr(error)]
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return " ".join(said)


def test_nobody_listening_is_retryable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(Retryable, match=f"did not answer.*127.0.0.1:{port}/journal.*Next:") as caught:
        PostgresJournal(f"postgresql://vigie:{PASSWORD}@127.0.0.1:{port}/journal").now()
    assert caught.value.code == MissingCode.API_UNREACHABLE
    assert "planted" not in _whole_chain(caught.value)


def test_a_wrong_password_is_refused_and_not_shown(journal_dsn):
    journal = PostgresJournal(_with_password(journal_dsn, PASSWORD))
    with pytest.raises(Refused, match=r"refused us.*Next: check the user") as caught:
        journal.now()
    assert caught.value.code == MissingCode.CREDENTIALS
    for words in (_whole_chain(caught.value), repr(journal), str(journal)):
        assert "planted" not in words


def test_an_absent_database_is_broken(postgres_server):
    dsn = postgres_server.dsn("nothing_here")
    with pytest.raises(Broken, match=r"database is not there.*vigie journal upgrade"):
        PostgresJournal(dsn).now()


def test_an_absent_schema_is_broken_and_says_what_to_run(postgres_server):
    said = r"schema is not the one needed.*vigie journal upgrade"
    with PostgresJournal(new_database(postgres_server)) as journal, pytest.raises(Broken, match=said):
        journal.load_statuses("hearth")


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgres//vigie:{PASSWORD}@127.0.0.1/journal",
        f"host=127.0.0.1 password {PLAIN}",
        f"postgresql://vigie:{PASSWORD}@127.0.0.1:port/journal?{PASSWORD}",
    ],
)
def test_an_address_that_cannot_be_read_is_broken_and_not_shown(dsn):
    for call in (lambda: PostgresJournal(dsn).now(), lambda: upgrade(dsn)):
        with pytest.raises(VigieError) as caught:
            call()
        assert isinstance(caught.value, Broken)
        assert "planted" not in _whole_chain(caught.value)


def test_the_password_is_in_no_attribute_that_is_shown(journal_dsn):
    password = urlsplit(journal_dsn).password
    assert password
    with PostgresJournal(journal_dsn) as journal:
        journal.now()
        assert password not in repr(journal)
        assert password not in repr(vars(journal))
        assert password not in repr(journal._connections)


def test_a_lost_right_is_refused(postgres_server, journal_dsn):
    database = journal_dsn.rpartition("/")[2]
    with psycopg.connect(postgres_server.dsn(database), autocommit=True) as connection:
        connection.execute("ALTER TABLE sweep OWNER TO postgres")
    with PostgresJournal(journal_dsn) as journal, pytest.raises(Refused, match="refused us: permission denied"):
        begin(journal)


def test_a_journal_that_only_reads_is_broken(postgres_server, journal_dsn):
    database = journal_dsn.rpartition("/")[2]
    with psycopg.connect(postgres_server.dsn(database), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')  # type: ignore[arg-type]
    with PostgresJournal(journal_dsn) as journal, pytest.raises(Broken, match="only reads"):
        begin(journal)


def test_a_frozen_server_holds_nobody_longer_than_promised(tmp_path):
    server = private_server(tmp_path, "frozen").start()
    try:
        dsn = server.ensure_database("journal")
        upgrade(dsn)
        with PostgresJournal(dsn, answer_within_s=1.5) as journal:
            sweep = begin(journal)
            with psycopg.connect(dsn) as holder:  # a lock that is held, then a server that says nothing any more
                holder.execute("SELECT 1 FROM platform FOR UPDATE")
                outcome: list[object] = []
                caller = threading.Thread(target=lambda: outcome.append(_outcome(journal, sweep)))
                begun = time.monotonic()
                caller.start()
                time.sleep(0.3)
                os.killpg(os.getpgid(server.pid), signal.SIGSTOP)
                caller.join(15)
                took = time.monotonic() - begun
                os.killpg(os.getpgid(server.pid), signal.SIGCONT)
            assert not caller.is_alive(), "a frozen server held us for more than 15 s"
            assert isinstance(outcome[0], Retryable)
            assert took < 12
            assert len(assess(journal, opened(), sweep=sweep)) == 1, "and afterwards it goes on"
    finally:
        server.remove()


def _outcome(journal: PostgresJournal, sweep: object) -> object:
    try:
        return assess(journal, opened(), sweep=sweep)  # type: ignore[arg-type]
    except VigieError as error:
        return error


def _backends(server: PostgresServer, dsn: str) -> list[int]:
    with psycopg.connect(server.dsn("postgres")) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", (dsn.rpartition("/")[2],))
        return [pid for (pid,) in rows]


def test_a_cut_connection_is_replaced(postgres_server, journal, journal_dsn):
    sweep = begin(journal)
    kept = _backends(postgres_server, journal_dsn)
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        gone = [connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() for pid in kept]
    assert gone == [(True,)] * len(kept) != []
    assert journal.record_readings(sweep, "hearth", [latency()]) == 1


def test_a_connection_that_says_nothing_any_more_is_replaced(postgres_server, journal, journal_dsn, monkeypatch):
    monkeypatch.setattr(connections, "_BEGINS_WITHIN_S", 0.5)
    sweep = begin(journal)
    kept = _backends(postgres_server, journal_dsn)
    assert kept
    try:
        for pid in kept:
            os.kill(pid, signal.SIGSTOP)
        assert journal.record_readings(sweep, "hearth", [latency()]) == 1
    finally:
        for pid in kept:
            os.kill(pid, signal.SIGCONT)


def test_a_sweep_ends_although_the_session_of_its_lock_says_nothing_any_more(
    postgres_server, journal, journal_dsn, monkeypatch
):
    monkeypatch.setattr(connections, "_BEGINS_WITHIN_S", 0.5)
    before = set(_backends(postgres_server, journal_dsn))
    lock = journal.sweep_lock("hearth")
    assert lock.__enter__()
    (pid,) = set(_backends(postgres_server, journal_dsn)) - before
    os.kill(pid, signal.SIGSTOP)
    try:
        leaving = threading.Thread(target=lock.__exit__, args=(None, None, None), daemon=True)
        leaving.start()
        leaving.join(15)
        assert not leaving.is_alive()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_every_wait_in_the_server_is_bounded(journal):
    with journal._connections.transaction() as connection:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        rows = [connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names]
    assert rows == [("20s",), ("10s",), ("1min",), ("UTC",)]
