"""Real PostgreSQL servers, well and ill: each illness its own reading, and our own refusal none of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from datetime import timedelta

import psycopg
import pytest
import trustme
from pydantic import SecretStr

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.health import FindingCode, Unit
from blocks.ports.network import Routes

REPLICATION = {"kind": "replication", "standby": "hearth_db2"}


def value(reading, name: str):
    return next(m for m in reading.measurements if m.name == name)


async def until(see, wanted, **check):
    """Look again until `wanted(reading)`, for at most ten seconds."""
    for _ in range(100):
        reading = await see(**check)
        if wanted(reading):
            return reading
        await asyncio.sleep(0.1)
    raise AssertionError(reading)


# -- database -----------------------------------------------------------------------------------


async def test_a_healthy_database(pair, see):
    reading = await see(kind="database")
    assert reading.finding is None
    assert [m.name for m in reading.measurements] == ["latency", "connections"]
    assert value(reading, "latency").unit is Unit.MILLISECONDS
    assert value(reading, "connections").unit is Unit.PERCENT
    held = [psycopg.connect(pair.primary.dsn("household")) for _ in range(4)]
    fuller = await see(kind="database")
    assert value(fuller, "connections").value == pytest.approx(value(reading, "connections").value + 20.0, abs=5.1)
    for connection in held:
        connection.close()


async def test_connections_need_no_special_right(see, reader):
    reading = await see(reader("humble"), kind="database")
    assert value(reading, "connections").value > 0


async def test_the_session_cannot_write(pair, see, reader):
    """Even a superuser's: what the probe sets is what a write would meet."""
    from blocks.clock import SystemClock
    from blocks.network.course import Course
    from blocks.network.names import Names
    from blocks.postgres.session import first_question, log_in

    course = Course(SystemClock(), SystemClock().monotonic(), timedelta(seconds=5))
    names = Names(pair.routes)
    connection = await log_in(reader("mighty"), names, "db1.test.example:5432", "household", course)
    await first_question(connection, course)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await connection.execute("INSERT INTO readings VALUES (1)")
    ((limit,),) = await (await connection.execute("SHOW statement_timeout")).fetchall()
    assert limit.endswith("s")
    await connection.close()
    await names.close()


async def test_a_refused_role_says_nothing_about_the_database(see, reader):
    for block in (reader(password=SecretStr("wrong-2718281828")), reader("nobody-here")):
        with pytest.raises(Refused, match="refused the reader's login") as caught:
            await see(block, kind="database")
        assert caught.value.code == "credentials"
        assert "wrong-2718281828" not in str(caught.value)
        assert "pg_hba.conf" in caught.value.next_step


async def test_a_database_that_is_gone_is_a_finding(see):
    reading = await see(kind="database", database="lost")
    assert reading.finding.code is FindingCode.LOGIN_FAILED
    assert 'let nobody in: "database "lost" does not exist"' in reading.finding.text


async def test_a_full_server_is_a_finding(pair, see, reader):
    held = []
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            held.append(psycopg.connect(pair.primary.dsn("household")))
    reading = await see(kind="database")
    for connection in held:
        connection.close()
    assert reading.finding.code is FindingCode.LOGIN_FAILED
    assert reading.finding.text == "db1.test.example:5432/household is full: it takes no more connections"
    narrow = await see(reader("narrow"), kind="database")
    assert narrow.finding.code is FindingCode.LOGIN_FAILED


async def test_nothing_listens(pair, see):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reading = await see(kind="database", routes=Routes({"db1.test.example:5432": f"127.0.0.1:{port}"}))
    assert reading.finding.code is FindingCode.CONNECTION_REFUSED


async def test_a_frozen_server_costs_its_timeout(pair, see):
    """SIGSTOP: the kernel still accepts, nobody answers."""
    os.kill(pair.primary.pid, signal.SIGSTOP)
    try:
        reading = await see(kind="database", timeout="1s")
    finally:
        os.kill(pair.primary.pid, signal.SIGCONT)
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert reading.finding.text == "db1.test.example:5432/household let nobody in within 1 s"


async def test_a_server_that_hangs_after_the_login_costs_its_timeout(see, reader, door):
    """Lets us in (AuthenticationOk, ReadyForQuery) and never answers the question."""

    async def hang(reader_, writer):
        await reader_.read(1024)
        writer.write(b"R" + (8).to_bytes(4, "big") + (0).to_bytes(4, "big"))
        writer.write(b"K" + (12).to_bytes(4, "big") + bytes(8))
        writer.write(b"Z" + (5).to_bytes(4, "big") + b"I")
        await asyncio.sleep(20)

    reading = await see(reader(), await door(hang), kind="database", timeout="1s")
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert reading.finding.text == "db1.test.example:5432/household let us in, but did not answer within 1 s"


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", FindingCode.NOT_HTTP),
        (b"\x00" * 64, FindingCode.NOT_HTTP),
        (b"", FindingCode.CONNECTION_LOST),
        (b"N", FindingCode.TLS_FAILED),
        (b"S" + b"garbage" * 20, FindingCode.TLS_FAILED),
    ],
)
async def test_what_is_no_postgresql(see, reader, door, talk, code):
    async def blurt(reader, writer):
        await reader.read(8)
        writer.write(talk)
        if talk:
            await asyncio.sleep(0.3)

    reading = await see(reader(sslmode="require"), await door(blurt), kind="database", timeout="2s")
    assert reading.finding.code is code, reading.finding


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("sorry, too many clients already", FindingCode.LOGIN_FAILED),
        ("désolé, trop de clients sont déjà connectés", FindingCode.LOGIN_FAILED),
        ("the database system is starting up", FindingCode.RESOURCE_STATE),
        ("le système de bases de données se lance", FindingCode.RESOURCE_STATE),
        ("the database system is shutting down", FindingCode.RESOURCE_STATE),
        ("the database system is in recovery mode", FindingCode.RESOURCE_STATE),
        ("the database system is not accepting connections", FindingCode.RESOURCE_STATE),
        ("etwas Unbekanntes ist passiert", FindingCode.LOGIN_FAILED),
        ('password authentication failed for user "vigie"', None),
        ("authentification par mot de passe échouée pour l'utilisateur « vigie »", None),
        ('no pg_hba.conf entry for host "10.0.0.1", user "vigie", database "d", no encryption', None),
    ],
)
async def test_what_servers_say_at_the_door(see, reader, door, words, code):
    """A server that speaks the protocol and turns us away in these words (messages of protocol 3.0)."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", "XX000"), (b"M", words)))
    message = fields + b"\0"

    async def turn_away(reader_, writer):
        await reader_.read(1024)
        writer.write(b"E" + (len(message) + 4).to_bytes(4, "big") + message)

    routes = await door(turn_away)
    if code is None:
        with pytest.raises(Refused) as caught:
            await see(reader(), routes, kind="database")
        assert caught.value.code == "credentials"
    else:
        assert (await see(reader(), routes, kind="database")).finding.code is code


async def test_tls_is_verified_against_the_real_name(see, reader, behind_tls, tmp_path):
    routes, ca_file = behind_tls
    strict = reader(sslmode="verify-full", ca_file=ca_file)
    assert (await see(strict, routes, kind="database")).finding is None
    wrong = await see(strict, routes, kind="database", address="db9.test.example:5432")
    assert wrong.finding.code is FindingCode.CERTIFICATE_WRONG_NAME
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    untrusted = await see(reader(sslmode="verify-full", ca_file=str(other)), routes, kind="database")
    assert untrusted.finding.code is FindingCode.CERTIFICATE_UNTRUSTED
    with pytest.raises(Broken, match="trusted authorities") as caught:
        await see(reader(sslmode="verify-full", ca_file=str(tmp_path / "absent.pem")), routes, kind="database")
    assert caught.value.code == "probe_failed"


async def test_tls_that_is_demanded_and_not_offered(see, reader):
    reading = await see(reader(sslmode="require"), kind="database")
    assert reading.finding.code is FindingCode.TLS_FAILED
    assert "does not offer TLS" in reading.finding.text


async def test_another_kind_of_check_is_our_mistake(see):
    with pytest.raises(Broken, match="not made by the PostgreSQL prober"):
        await see(kind="metric", metric="x", unit="%", value={"critical": "> 9 %"}, address=None, database=None)


# -- replication --------------------------------------------------------------------------------


async def test_a_following_standby(pair, see):
    pair.sql("INSERT INTO readings SELECT generate_series(1, 1000)")
    reading = await until(see, lambda r: r.measurements and value(r, "lag_bytes").value == 0, **REPLICATION)
    assert reading.finding is None
    assert [(m.name, m.unit) for m in reading.measurements] == [("lag", Unit.SECONDS), ("lag_bytes", Unit.BYTES)]
    assert 0 <= value(reading, "lag").value < 10


async def test_a_standby_that_replays_nothing_lags(pair, see):
    with psycopg.connect(pair.standby.dsn("household"), autocommit=True) as standby:
        standby.execute("SELECT pg_wal_replay_pause()")
        try:
            pair.sql("INSERT INTO readings SELECT generate_series(1, 20000)")
            reading = await until(
                see, lambda r: r.measurements and value(r, "lag_bytes").value > 500_000, **REPLICATION
            )
            assert value(reading, "lag").value >= 0
            first = value(await see(**REPLICATION), "lag").value
            await asyncio.sleep(1.2)
            assert value(await see(**REPLICATION), "lag").value > first
        finally:
            standby.execute("SELECT pg_wal_replay_resume()")
    await until(see, lambda r: value(r, "lag_bytes").value == 0, **REPLICATION)


async def test_a_standby_asked_about_itself(pair, see):
    own = {**REPLICATION, "address": "db2.test.example:5432"}
    reading = await until(see, lambda r: r.measurements, **own)
    assert {m.name for m in reading.measurements} == {"lag", "lag_bytes"}
    other = await see(kind="replication", standby="hearth_db3", address="db2.test.example:5432")
    assert other.finding.code is FindingCode.NOT_REPLICATING
    assert "which is itself a standby now" in other.finding.text


async def test_asked_about_any_standby_it_measures_the_one_that_follows(pair, see):
    whoever = {"kind": "replication", "standby": ""}
    reading = await until(see, lambda r: r.measurements, **whoever)
    assert {m.name for m in reading.measurements} == {"lag", "lag_bytes"}
    nobody = await see(**whoever, address="db2.test.example:5432")
    assert nobody.finding.code is FindingCode.NOT_REPLICATING
    assert nobody.finding.text.startswith("the standby is not connected to db2.test.example:5432")


async def test_a_role_without_the_right_measures_nothing(see, reader):
    for address in ("db1.test.example:5432", "db2.test.example:5432"):
        try:
            reading = await see(reader("humble"), **{**REPLICATION, "address": address})
        except Refused as error:
            refused = error
        else:
            raise AssertionError(f"without pg_monitor {address} must not be judged: {reading}")
        assert refused.code == "credentials"
        assert "pg_monitor" in refused.next_step


async def test_a_standby_that_is_gone_or_was_never_there(pair, see):
    reading = await see(kind="replication", standby="hearth_db7")
    assert reading.finding.code is FindingCode.NOT_REPLICATING
    assert reading.finding.text == "standby hearth_db7 is not connected to db1.test.example:5432"
    pair.standby.stop()
    try:
        await until(see, lambda r: r.finding and r.finding.code is FindingCode.NOT_REPLICATING, **REPLICATION)
    finally:
        pair.standby.start()
        pair.lead()
    await until(see, lambda r: r.finding is None, **REPLICATION)


async def test_a_standby_that_lost_its_primary(pair, see):
    own = {**REPLICATION, "address": "db2.test.example:5432"}
    pair.primary.stop()
    try:
        reading = await until(see, lambda r: r.finding, **own)
        assert reading.finding.code is FindingCode.NOT_REPLICATING
        assert "has lost its primary" in reading.finding.text
    finally:
        pair.primary.start()
        pair.lead()
    await until(see, lambda r: r.finding is None, **own)


# -- examining the role ---------------------------------------------------------------------------


async def test_examine_says_what_a_role_may_do(pair, reader):
    async def allowed(user):
        found = await reader(user).examine("db1.test.example:5432", "household", pair.routes)
        return {c.action: (c.allowed, c.detail) for c in found}

    good = await allowed("vigie")
    assert good["log in to db1.test.example:5432/household"] == (True, "at most 10 at once")
    assert good["read pg_stat_replication"][0] is True
    assert good["write to tables"] == (False, "")
    assert good["administer the server"] == (False, "")
    assert (await allowed("humble"))["read pg_stat_replication"] == (False, "GRANT pg_monitor")
    assert (await allowed("writer"))["write to tables"][0] is True
    mighty = await allowed("mighty")
    assert mighty["write to tables"][0] is True
    assert mighty["administer the server"] == (True, "it is a superuser: use a role of its own")


async def test_examine_without_a_place_knows_nothing(reader):
    (only,) = await reader().examine()
    assert only.allowed is None


async def test_examine_of_a_refused_or_unreachable_role(pair, reader):
    with pytest.raises(Refused):
        await reader(password=SecretStr("wrong")).examine("db1.test.example:5432", "household", pair.routes)
    with pytest.raises(Retryable):
        await reader().examine("db1.test.example:5432", "lost", pair.routes)


async def test_the_password_is_in_no_repr(reader):
    assert "not-for-anyone" not in repr(reader())
    assert "not-for-anyone" not in str(reader().model_dump())
