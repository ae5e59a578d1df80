"""A whole site goes dark or out of reach; clients, replication and vigie's own lines each see what they should."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil
import psycopg
import pytest
from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.breaking import break_service, breaks, mend_service
from deployments.sandbox.client_log import between, longest_pause, lost_ids, read_writes
from deployments.sandbox.edge import TTL_S
from deployments.sandbox.household import present_ids, reader_dsn
from deployments.sandbox.lifecycle import bring_up, look, order, take_down
from deployments.sandbox.names import connect_map, outside_map
from deployments.sandbox.restarting import restart_component, start_component
from deployments.sandbox.state import State
from tests.scenario.sandbox.conftest import Client, eventually, remove_databases

pytestmark = pytest.mark.scenario

_API, _DB1, _DB2 = "api.hearth.example", "db1.hearth.example:5432", "db2.dc-west.hearth.example:5432"
_PRIMARY = ("household-primary", "device-api", "device-updates", "household-digest")
_REST = "household-digest-recovery"
_SECOND = timedelta(seconds=1)


class Network:
    """The sites with clients, and a traffic service of the test's own in the place of Azure's."""

    def __init__(self, state: State) -> None:
        self.state, self.client, self.shares = state, Client(state), {"azure-west": 100.0}

    @property
    def writes(self) -> list:
        return read_writes(self.state.home / "clients")

    def phase(self, component: str) -> str:
        return next(each.phase for each in look(self.state.home).components if each.name == component)

    def answers(self, host: str, *, known: dict[str, str]) -> str:
        """The site that answers at a name, by one of the two lines; or the kind of failure."""
        return asyncio.run(self._answers(known[f"{host}:443"], host))

    async def _answers(self, address: str, host: str) -> str:
        context = ssl.create_default_context(cafile=str(ensure_authority(self.state.home).ca_file))
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=context)) as session:
            try:
                async with session.get(f"https://{address}/health", server_hostname=host) as answer:
                    return answer.headers["X-Site"] if answer.status == 200 else f"HTTP {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                return type(error).__name__

    def until(self, said, *, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not said():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    home.chmod(0o755)
    bring_up(home, only=("sites", "clients", "azure", "openstack"), tied=True)
    network = Network(State.at(home))
    network.until(lambda: len(network.writes) > 20)
    yield network
    take_down(home)
    remove_databases(home)
    shutil.rmtree(home)


@pytest.fixture(autouse=True)
def mended(network: Network) -> Iterator[None]:
    yield
    mend_service(network.state)
    network.until(lambda: look(network.state.home).healthy)
    network.until(lambda: network.answers(_API, known=outside_map(network.state)) == "azure-west")


def test_rows_that_clients_were_told_of_are_there_and_in_both_sites(network):
    begin = datetime.now(UTC)
    time.sleep(4)
    written = between(network.writes, begin, datetime.now(UTC))
    assert len(written) > 15
    assert {write.site for write in written} == {"azure-west"}
    assert len({write.id for write in written}) == len(written)
    for name in (_DB1, _DB2):
        dsn = reader_dsn(network.state, name)
        network.until(lambda dsn=dsn: lost_ids(written, present_ids(dsn, [each.id for each in written])) == [])


def test_a_row_is_kept_once_however_often_it_is_sent(network):
    row = {"id": str(uuid4()), "number": 1}
    answers = [asyncio.run(network.client.get_row(_API, row)) for _ in range(2)]
    assert [(status, body["new"], body["site"]) for status, body in answers] == [
        (201, True, "azure-west"),
        (200, False, "azure-west"),
    ]
    assert asyncio.run(network.client.get_row(_API, {"id": "no", "number": 1}))[0] == 400


def test_the_recovery_site_takes_no_row_while_its_database_is_a_standby(network):
    row = {"id": str(uuid4()), "number": 1}
    status, body = asyncio.run(network.client.get_row("api.dc-west.hearth.example", row))
    assert (status, "standby" in body["error"]) == (503, True)


def test_a_dark_site_ends_at_once_and_comes_back_whole(network):
    pids = [int(network.state.read_ready(name)["pid"]) for name in _PRIMARY]
    server = int(network.state.read_ready("household-primary")["server_pid"])
    begin = datetime.now(UTC)
    break_service(network.state, "azure-west", "kill")
    dark_after = datetime.now(UTC)
    assert not any(psutil.pid_exists(pid) for pid in (*pids, server))
    assert {network.phase(name) for name in _PRIMARY} == {"ended"}
    time.sleep(3)
    for known in (connect_map(network.state), outside_map(network.state)):
        assert network.answers(_API, known=known) == "ClientConnectorError"
    assert network.answers("api.dc-west.hearth.example", known=connect_map(network.state)) == "dc-west"
    assert between(network.writes, dark_after, datetime.now(UTC)) == []
    assert network.phase(_REST) == "resting"
    mend_service(network.state, "azure-west")
    network.until(lambda: network.writes[-1].at > dark_after)
    assert {network.phase(name) for name in _PRIMARY} == {"ready"}
    assert network.phase(_REST) == "resting"
    assert longest_pause(network.writes, begin, datetime.now(UTC)).length > 3 * _SECOND
    told = between(network.writes, begin - 5 * _SECOND, datetime.now(UTC))
    assert lost_ids(told, present_ids(reader_dsn(network.state, _DB1), [each.id for each in told])) == []


def test_nothing_starts_in_a_dark_site_and_a_restart_does_not_mend_it(network):
    break_service(network.state, "azure-west", "kill")
    start_component(network.state, "device-api")
    restart_component(network.state, "device-api")
    assert network.phase("device-api") == "ended"
    assert [(each.service, each.how) for each in breaks(network.state)] == [("azure-west", "kill")]


def test_mending_a_service_brings_no_power_to_its_dark_site(network):
    break_service(network.state, "device-api", "kill")
    break_service(network.state, "azure-west", "kill")
    mend_service(network.state, "device-api")
    assert network.phase("device-api") == "ended"
    mend_service(network.state, "azure-west")
    assert network.phase("device-api") == "ready"


def test_a_site_that_is_cut_off_serves_its_clients_and_nobody_of_ours_sees_it(network):
    begin = datetime.now(UTC)
    break_service(network.state, "azure-west", "partition")
    time.sleep(1)
    assert network.answers(_API, known=connect_map(network.state)) == "TimeoutError"
    assert network.answers(_API, known=outside_map(network.state)) == "azure-west"
    with pytest.raises(psycopg.OperationalError):
        network.client.query(_DB1, "SELECT 1", connect_timeout_s=2)
    assert network.client.query(_DB2, "SELECT pg_is_in_recovery()") == [(True,)]
    time.sleep(2)
    assert longest_pause(network.writes, begin, datetime.now(UTC)).length < 1.5 * _SECOND
    newest = [write.id for write in network.writes[-5:]]
    assert present_ids(reader_dsn(network.state, _DB1), newest) == set(newest)
    assert present_ids(reader_dsn(network.state, _DB2), newest) == set()
    mend_service(network.state, "azure-west")
    assert network.answers(_API, known=connect_map(network.state)) == "azure-west"
    network.until(lambda: present_ids(reader_dsn(network.state, _DB2), newest) == set(newest), within_s=40)


def test_a_component_rests_and_is_started_and_rests_again(network):
    dsn = reader_dsn(network.state, _DB1)
    order(network.state, "rest", "household-digest")
    assert network.phase("household-digest") == "resting"
    assert look(network.state.home).healthy
    before = _digests(dsn)
    time.sleep(3)
    assert _digests(dsn) == before
    order(network.state, "start", "household-digest")
    network.until(lambda: _digests(dsn) > before)


async def test_clients_go_where_the_traffic_service_says_within_its_time_to_live(network):
    azure = network.state.read_ready("azure")
    runner = await _traffic_service(network)
    try:
        network.shares = {"dc-west": 100.0}
        await asyncio.sleep(TTL_S + 1.0)
        assert await network._answers(outside_map(network.state)[f"{_API}:443"], _API) == "dc-west"
        assert await network._answers(connect_map(network.state)[f"{_API}:443"], _API) == "dc-west"
        break_service(network.state, "azure-west", "kill")
        await asyncio.sleep(0.5)
        assert await network._answers(outside_map(network.state)[f"{_API}:443"], _API) == "dc-west"
        network.shares = {"azure-west": 50.0, "dc-west": 50.0}
        await asyncio.sleep(TTL_S + 1.0)
        seen = {await network._answers(outside_map(network.state)[f"{_API}:443"], _API) for _ in range(12)}
        assert seen == {"dc-west", "ClientConnectorError"} or seen == {"dc-west", "ClientOSError"}
    finally:
        await runner.cleanup()
        _announce(network.state, azure)
        assert await eventually(lambda: True)


def _digests(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("SELECT count(*) FROM digests").fetchone() or (0,)
    return int(count)


async def _traffic_service(network: Network) -> web.AppRunner:
    async def shares(_request: web.Request) -> web.Response:
        return web.json_response({"hearth-api": network.shares})

    app = web.Application()
    app.router.add_get("/_sandbox/traffic-shares", shares)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ensure_authority(network.state.home).issue("127.0.0.1"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    network.state.write_ready("azure", address, **{"stands_in_for": network.state.address("azure")})
    return runner


def _announce(state: State, said: dict) -> None:
    from deployments.sandbox.state import write_json

    write_json(state.ready / "azure.json", said)
    assert os.path.exists(state.ready / "azure.json")
