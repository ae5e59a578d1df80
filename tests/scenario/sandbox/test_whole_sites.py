"""A whole site goes dark or out of reach; clients, replication and vigie's own lines each see what they should."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import psutil
import psycopg
import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.clock import SystemClock
from blocks.ports.changes import Change, Mark
from blocks.ports.network import Routes
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.breaking import break_service, breaks, mend_service
from deployments.sandbox.client_log import between, longest_pause, lost_ids, read_writes
from deployments.sandbox.credentials import blocks_of
from deployments.sandbox.edge import TTL_S
from deployments.sandbox.household import present_ids, reader_dsn
from deployments.sandbox.kept import Kept
from deployments.sandbox.lifecycle import bring_up, look, order, take_down
from deployments.sandbox.names import connect_map, outside_map
from deployments.sandbox.restarting import restart_component, start_component
from deployments.sandbox.state import State
from tests.sandbox_fixture import in_turn
from tests.scenario.sandbox.conftest import Client, remove_databases

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect and the SDKs its blocks import warn about each other
]
HEARTH = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue").platforms["hearth"]

_API, _DB1, _DB2 = "api.hearth.example", "db1.hearth.example:5432", "db2.dc-west.hearth.example:5432"
_PRIMARY = ("household-primary", "device-api", "device-updates", "household-digest")
_REST = "household-digest-recovery"
_SECOND = timedelta(seconds=1)
_LEADS_TO = {"stop": "resting", "start": "ready"}


class Network:
    """The sites with their clients and both clouds."""

    def __init__(self, state: State) -> None:
        self.state, self.client = state, Client(state)

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
    with in_turn():
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
    network.until(lambda: len(between(network.writes, begin, datetime.now(UTC))) > 9)
    written = between(network.writes, begin, datetime.now(UTC))
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


def test_the_recovery_site_writes_to_the_primary_and_takes_no_row_when_it_is_cut_off_from_it(network):
    row = {"id": str(uuid4()), "number": 1}
    assert asyncio.run(network.client.get_row("api.dc-west.hearth.example", row))[0] == 201
    assert present_ids(reader_dsn(network.state, _DB1), [UUID(row["id"])]) == {UUID(row["id"])}
    break_service(network.state, "azure-west", "partition")
    another = {"id": str(uuid4()), "number": 2}
    status, body = asyncio.run(network.client.get_row("api.dc-west.hearth.example", another))
    assert (status, body["error"]) == (503, "no database takes writes")
    assert network.answers("api.dc-west.hearth.example", known=connect_map(network.state)) == "dc-west"


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


def test_clients_go_where_traffic_management_says_within_its_time_to_live(network):
    _shift(network, {"azure-west": 0, "dc-west": 100})
    time.sleep(TTL_S + 0.5)
    assert network.answers(_API, known=outside_map(network.state)) == "dc-west"
    assert network.answers(_API, known=connect_map(network.state)) == "dc-west"
    break_service(network.state, "azure-west", "kill")
    time.sleep(0.5)
    assert network.answers(_API, known=outside_map(network.state)) == "dc-west"
    _shift(network, {"azure-west": 50, "dc-west": 50})  # global: it answers while the region does not
    time.sleep(TTL_S + 0.5)
    seen = [network.answers(_API, known=outside_map(network.state)) for _ in range(20)]
    assert 3 < seen.count("dc-west") < 17
    assert set(seen) - {"dc-west"} <= {"ClientConnectorError", "ClientOSError"}
    order(network.state, "kill", "azure")
    time.sleep(TTL_S + 0.5)
    seen = [network.answers(_API, known=outside_map(network.state)) for _ in range(20)]
    assert 3 < seen.count("dc-west") < 17, "the last answer did not hold"
    order(network.state, "start", "azure")
    mend_service(network.state, "azure-west")
    time.sleep(TTL_S + 0.5)
    seen = [network.answers(_API, known=outside_map(network.state)) for _ in range(20)]
    assert 3 < seen.count("dc-west") < 17, "a traffic manager that was down forgot its shares"
    _shift(network, {"azure-west": 100, "dc-west": 0})


def test_what_a_cloud_stops_and_starts_really_stops_and_starts(network):
    for service, component in (
        ("device-api", "device-api"),
        ("household-digest-recovery", "household-digest-recovery"),
    ):
        first, then = ("start", "stop") if network.phase(component) == "resting" else ("stop", "start")
        for verb in (first, then):
            _change(network, service, verb)
            network.until(lambda component=component, verb=verb: network.phase(component) == _LEADS_TO[verb])
    assert look(network.state.home).healthy


def test_what_clouds_left_stays_so_over_down_and_up():
    """Off, on, sized, weighted: the platform is where it was, and what stands behind its machines rests or runs."""
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    home.chmod(0o755)
    parts = ("sites", "clients", "azure", "openstack")
    try:
        with in_turn():
            bring_up(home, only=parts, tied=True)
            network = Network(State.at(home))
            away = {"household-data-vm": "stop", _REST: "start", "device-api": "stop"}
            for service, verb in away.items():
                _change(network, service, verb)
            _shift(network, {"azure-west": 0, "dc-west": 100})
            components = {"household-data-vm": "household-primary"}
            for service, verb in away.items():
                name = components.get(service, service)
                network.until(lambda name=name, verb=verb: network.phase(name) == _LEADS_TO[verb])
            before, address = _clouds(home), network.state.address("household-primary")
            assert take_down(home)
            bring_up(home, only=parts, tied=True)
        assert _clouds(home) == before
        assert {service: network.phase(components.get(service, service)) for service in away} == {
            service: _LEADS_TO[verb] for service, verb in away.items()
        }
        network.until(lambda: network.answers(_API, known=outside_map(network.state)) == "dc-west")
        _change(network, "household-data-vm", "start")
        network.until(lambda: network.phase("household-primary") == "ready")
        assert network.state.address("household-primary") == address, "saved blocks would lead nowhere"
    finally:
        take_down(home)
        remove_databases(home)
        shutil.rmtree(home)


def _clouds(home: Path) -> list[dict]:
    """What both clouds say of everything, without moments."""
    azure = Kept(home / "azure" / "resources.json").read()["resources"]
    servers = Kept(home / "openstack" / "servers.json").read()
    resources = {key: (one["body"], one["power"], one["life"]["stopped"]) for key, one in azure.items()}
    return [resources, {key: (one["flavor"], one["status"], one["host"]) for key, one in servers.items()}]


def _shift(network: Network, shares: dict[str, int]) -> None:
    from blocks.azure.traffic import open_traffic

    saved, switch = blocks_of(network.state), HEARTH.recovery.traffic["api"]
    reader, operator = saved["azure-hearth-reader"], saved["azure-hearth-operator"]
    _carry_out(open_traffic(switch, reader, lambda: operator, routes=Routes(), clock=SystemClock()).shift(shares))


def _change(network: Network, name: str, verb: str) -> None:
    service = HEARTH.services[name]
    provider = HEARTH.sites[service.site].provider
    module = import_module(f"blocks.{provider}.compute")
    saved = blocks_of(network.state)
    reader, operator = (saved[f"{provider}-hearth-{who}"] for who in ("reader", "operator"))
    compute = module.open_compute(reader, lambda: operator, routes=Routes(), clock=SystemClock())
    _carry_out(getattr(compute, verb)(service))


def _carry_out(change: Change) -> None:
    change.check()
    mark = Mark(key=uuid4().hex * 2, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))
    change.act(mark)
    until = time.monotonic() + 60
    while not (seen := change.read_effect(mark)).reached:
        assert time.monotonic() < until, seen.text
        time.sleep(0.3)


def _digests(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("SELECT count(*) FROM digests").fetchone() or (0,)
    return int(count)
