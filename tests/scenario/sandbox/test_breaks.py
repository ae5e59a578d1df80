"""Each break of the sites is seen by a plain client, and its mending too."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress

import aiohttp
import psycopg
import pytest

from blocks.errors import Refused
from deployments.sandbox.breaking import break_service, breaks, mend_service
from deployments.sandbox.faults import FAULTS
from tests.scenario.sandbox.conftest import eventually

pytestmark = pytest.mark.scenario

_API = "api.hearth.example"
_WEB = {
    "device-api": (_API, "/health"),
    "device-updates": ("updates.hearth.example", "/manifest.json"),
    "device-api-recovery": ("api.dc-west.hearth.example", "/health"),
    "web-balancer": ("shop.storefront.example", "/health"),
}
_REPLICATION = "SELECT state FROM pg_stat_replication WHERE application_name = 'hearth_db2'"


async def _fails(client, host, path, kind):
    with pytest.raises(kind):
        await client.get(host, path, timeout_s=2)


async def _works(client, host, path):
    """Whether it answers well, at once or within seconds: a site that starts, or lost its database, needs them."""
    deadline = time.monotonic() + 10
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            status, body = await client.get(host, path)
            if status == 200 and isinstance(body, dict):
                return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("service", _WEB)
@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("kill", aiohttp.ClientConnectorError),
        ("refuse", aiohttp.ClientConnectorError),
        ("partition", TimeoutError),
        ("expired-cert", aiohttp.ClientConnectorCertificateError),
    ],
)
async def test_a_broken_site_is_seen_and_mended(whole, service, how, seen):
    host, path = _WEB[service]
    assert await _works(whole, host, path)
    break_service(whole.state, service, how)
    await asyncio.sleep(0.3)
    await _fails(whole, host, path, seen)
    mend_service(whole.state, service)
    await asyncio.sleep(0.3)
    assert await _works(whole, host, path)


@pytest.mark.parametrize("service", _WEB)
async def test_a_wrong_body_is_a_good_answer_with_the_wrong_words(whole, service):
    host, path = _WEB[service]
    break_service(whole.state, service, "wrong-body")
    status, body = await whole.get(host, path)
    assert (status, type(body)) == (200, str)
    mend_service(whole.state, service)
    assert await _works(whole, host, path)


async def test_slow_is_slower_than_the_catalogue_allows_and_still_answers(whole):
    break_service(whole.state, "device-api", "slow")
    began = time.monotonic()
    assert await _works(whole, _API, "/health")
    assert 2.0 < time.monotonic() - began < 5.0
    mend_service(whole.state, "device-api")
    began = time.monotonic()
    assert await _works(whole, _API, "/health")
    assert time.monotonic() - began < 1.0


async def test_the_expired_certificate_is_the_only_thing_wrong_with_it(whole):
    break_service(whole.state, "device-api", "expired-cert")
    with pytest.raises(aiohttp.ClientConnectorCertificateError) as seen:
        await whole.get(_API, "/health")
    error = seen.value.certificate_error
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "expired" in error.verify_message


async def test_a_household_written_through_the_api_is_in_both_databases(whole):
    status, _ = await whole.get(_API, "/devices/device-7/state", json={"heating": "frost"})
    assert status == 200
    statement = "SELECT state ->> 'heating' FROM devices WHERE id = 'device-7'"
    assert whole.query("db1.hearth.example:5432", statement) == [("frost",)]
    assert await eventually(lambda: whole.query("db2.dc-west.hearth.example:5432", statement) == [("frost",)])
    assert (await whole.get("api.dc-west.hearth.example", "/devices/device-7/state"))[1] == {"heating": "frost"}


async def test_an_unknown_device_is_not_found(whole):
    assert (await whole.get(_API, "/devices/nobody/state"))[0] == 404
    assert (await whole.get(_API, "/devices/nobody/state", json={}))[0] == 404


@pytest.mark.parametrize("how", ["kill", "refuse", "partition"])
async def test_a_broken_database_fails_its_clients_and_the_api_says_so(whole, how):
    break_service(whole.state, "household-data", how)
    await asyncio.sleep(0.3)
    with pytest.raises(psycopg.OperationalError):
        whole.query("db1.hearth.example:5432", "SELECT 1", connect_timeout_s=2)
    status, body = await whole.get(_API, "/health")
    assert (status, body["status"]) == (503, "failing")
    assert "database" in body["database"]
    mend_service(whole.state, "household-data")
    await asyncio.sleep(0.3)
    assert whole.query("db1.hearth.example:5432", "SELECT 1") == [(1,)]
    assert (await whole.get(_API, "/health"))[0] == 200


async def test_a_slow_database_answers_late(whole):
    break_service(whole.state, "household-data", "slow")
    began = time.monotonic()
    whole.query("db1.hearth.example:5432", "SELECT 1", connect_timeout_s=8)
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize("how", ["replication-stop", "kill"])
async def test_a_stopped_replication_is_seen_on_the_primary_and_streams_again(whole, how):
    primary = "db1.hearth.example:5432"
    assert await eventually(lambda: whole.query(primary, _REPLICATION) == [("streaming",)])
    break_service(whole.state, "household-data-standby", how)
    assert await eventually(lambda: whole.query(primary, _REPLICATION) == [])
    assert whole.query(primary, "SELECT 1") == [(1,)]
    mend_service(whole.state, "household-data-standby")
    assert await eventually(lambda: whole.query(primary, _REPLICATION) == [("streaming",)])


async def test_no_write_is_lost_when_the_primary_is_killed(whole):
    await whole.get(_API, "/devices/device-9/state", json={"heating": "kept"})
    break_service(whole.state, "household-data", "kill")
    mend_service(whole.state, "household-data")
    await asyncio.sleep(0.3)
    assert (await whole.get(_API, "/devices/device-9/state"))[1] == {"heating": "kept"}


async def test_a_killed_name_server_comes_back_at_the_same_address(whole):
    import dns.asyncquery
    import dns.exception
    import dns.message

    query = dns.message.make_query(_API, "A")
    host, _, port = whole.state.address("nameserver").rpartition(":")
    break_service(whole.state, "name-service", "kill")
    with pytest.raises((dns.exception.Timeout, OSError)):
        await dns.asyncquery.udp(query, host, 1, int(port))
    mend_service(whole.state, "name-service")
    assert whole.state.address("nameserver") == f"{host}:{port}"
    assert (await dns.asyncquery.udp(query, host, 2, int(port))).answer


async def test_twice_broken_is_broken_and_twice_mended_is_whole(whole):
    for _ in range(2):
        break_service(whole.state, "hearth/device-api", "kill")
    assert [(each.service, each.how) for each in breaks(whole.state)] == [("device-api", "kill")]
    assert len(mend_service(whole.state, "device-api")) == 1
    assert mend_service(whole.state, "device-api") == []
    await asyncio.sleep(0.3)
    assert await _works(whole, _API, "/health")


async def test_mending_everything_mends_what_was_broken_together(whole):
    for service, how in (("device-api", "expired-cert"), ("device-api", "kill"), ("web-balancer", "refuse")):
        break_service(whole.state, service, how)
    assert len(mend_service(whole.state)) == 3
    assert breaks(whole.state) == ()
    await asyncio.sleep(0.3)
    for service in ("device-api", "web-balancer"):
        assert await _works(whole, *_WEB[service])


async def test_mending_one_database_fault_leaves_the_replication_stopped(whole):
    break_service(whole.state, "household-data", "replication-stop")
    break_service(whole.state, "device-api", "slow")
    mend_service(whole.state, "device-api")
    assert whole.query("db1.hearth.example:5432", _REPLICATION) == []
    assert [each.how for each in breaks(whole.state)] == ["replication-stop"]


def test_what_cannot_be_is_refused_and_leaves_no_record(whole):
    with pytest.raises(Refused, match="choose among"):
        break_service(whole.state, "device-updates", "throttle")
    with pytest.raises(Refused, match="has no service"):
        mend_service(whole.state, "nobody")
    assert breaks(whole.state) == ()


def test_the_tests_above_cover_every_way_to_break_a_site():
    for service in _WEB:
        assert set(FAULTS[service]) >= {"kill", "slow", "refuse", "partition", "expired-cert", "wrong-body"}
