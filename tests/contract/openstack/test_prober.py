"""What each check on the private cloud measures, on a well cloud and on a broken one."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import timedelta

import pytest

from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.openstack.prober import compute_services_answer, open_prober, quota_answer, server_answer
from blocks.ports.health import FindingCode, MissingCode, State
from blocks.ports.network import Routes
from tests.contract.openstack.conftest import block_for, probe_of

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
ONE_OF_EACH = [("standby", "active"), ("cloud", "services"), ("cloud", "cores")]


def numbers(reading):
    return {m.name: m.value for m in reading.measurements}


class RecordingClock(SystemClock):
    """A clock that tells how long somebody wanted to sleep."""

    def __init__(self):
        self.slept = []

    async def sleep(self, duration):
        self.slept.append(duration)
        await asyncio.sleep(0)


# -- well ---------------------------------------------------------------------------------------


async def test_a_well_cloud(prober):
    server = await prober.probe(probe_of("standby", "active"))
    services = await prober.probe(probe_of("cloud", "services"))
    assert (numbers(server), server.finding, server.missing) == ({"available": 1.0}, None, None)
    assert (numbers(services), services.finding) == ({"up": 100.0, "down_count": 0.0}, None)
    assert server.elapsed_ms > 0


@pytest.mark.parametrize(
    ("quota", "used", "limit", "pct"),
    [("cores", 8, 64, 12.5), ("ram", 16384, 131072, 12.5), ("instances", 2, 32, 6.25)],
)
async def test_quotas(prober, quota, used, limit, pct):
    reading = await prober.probe(probe_of("cloud", quota))
    assert numbers(reading) == {"used": pct, "used_count": used, "limit_count": limit}


async def test_a_server_is_found_by_name_or_id_and_never_by_part_of_a_name(simulator, prober):
    server = simulator.cloud.servers[0]
    assert numbers(await prober.probe(probe_of("standby", "active", resource=server.id))) == {"available": 1.0}
    for wrong in ("db", "b-2", "db.2", "11111111-1111-4111-8111-111111111111"):
        reading = await prober.probe(probe_of("standby", "active", resource=wrong))
        assert reading.finding.code is FindingCode.RESOURCE_STATE
        assert f"server {wrong} does not exist" in reading.finding.text


async def test_every_page_is_read_so_that_a_second_server_of_that_name_is_seen(simulator, prober):
    """The simulator gives pages of one here."""
    from deployments.sandbox.openstack_cloud import Server

    simulator.cloud.servers.append(Server("db-2", "standby", "dc", number=2))
    simulator.cloud.servers.append(Server("db-2", "standby", "dc", number=3))
    with pytest.raises(Broken, match="3 servers are named db-2"):
        await prober.probe(probe_of("standby", "active"))
    assert [call["action"] for call in simulator.traffic] == ["os_compute_api:servers:detail"] * 3


async def test_an_application_credential_opens_the_same_door(simulator):
    block = block_for(
        simulator,
        username="",
        password=None,
        application_credential_id=simulator.application.application_credential,
        application_credential_secret=simulator.application.secret,
    )
    async with open_prober(block, routes=Routes(), clock=SystemClock()) as prober:
        assert numbers(await prober.probe(probe_of("standby", "active"))) == {"available": 1.0}


# -- broken services ----------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "word"), [("kill", "SHUTOFF"), ("error-state", "ERROR")])
async def test_a_server_that_does_not_run_is_critical_and_mends(simulator, prober, how, word):
    simulator.cloud.control("break", "standby", how)
    reading = await prober.probe(probe_of("standby", "active"))
    assert (reading.finding.state, reading.finding.text) == (State.CRITICAL, f"server db-2 is {word}")
    assert numbers(await prober.probe(probe_of("app", "active"))) == {"available": 1.0}
    simulator.cloud.control("mend", "standby", "")
    assert (await prober.probe(probe_of("standby", "active"))).finding is None


async def test_dead_compute_hosts_are_counted_and_named(simulator, prober):
    simulator.cloud.hosts[0].state = "down"
    simulator.cloud.hosts[1].status = "disabled"
    reading = await prober.probe(probe_of("cloud", "services"))
    assert numbers(reading) == {"up": 75.0, "down_count": 1.0}
    assert reading.finding.text == "compute services down: nova-compute on compute-1"


async def test_killing_the_private_cloud_takes_all_compute_hosts_down(simulator, prober):
    simulator.cloud.control("break", "cloud", "kill")
    assert numbers(await prober.probe(probe_of("cloud", "services"))) == {"up": 40.0, "down_count": 3.0}
    simulator.cloud.control("mend", "cloud", "")
    assert numbers(await prober.probe(probe_of("cloud", "services")))["up"] == 100.0


async def test_a_quota_nearly_used_up(simulator, prober):
    simulator.cloud.control("break", "cloud", "metric-spike")
    for quota in ("cores", "ram", "instances"):
        assert numbers(await prober.probe(probe_of("cloud", quota)))["used"] >= 97
    simulator.cloud.control("mend", "cloud", "")
    assert numbers(await prober.probe(probe_of("cloud", "cores")))["used"] == 12.5


# -- no evidence --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expect", "state", "missing"),
    [
        ("ACTIVE", None, None, None),
        ("MIGRATING", None, State.WARNING, None),
        ("SHUTOFF", None, State.CRITICAL, None),
        ("SHUTOFF", "SHUTOFF", None, None),
        ("ACTIVE", "SHUTOFF", State.CRITICAL, None),
        ("A_STATE_OF_NEXT_YEAR", None, State.CRITICAL, None),
        ("UNKNOWN", None, None, MissingCode.NO_DATA),
    ],
)
def test_states_of_a_server(status, expect, state, missing):
    answer = server_answer("db-2", status, probe_of("standby", "active", expect=expect).check)
    assert (answer.finding.state if answer.finding else None) is state
    assert (answer.missing.code if answer.missing else None) is missing
    assert bool(answer.measurements) is (missing is None)


@pytest.mark.parametrize("services", [[], [("nova-compute", "c1", "disabled", "up")]])
def test_a_cloud_that_names_no_enabled_service_has_given_no_evidence(services):
    answer = compute_services_answer(services)
    assert answer.missing.code is MissingCode.NO_DATA
    assert answer.measurements == ()


def test_a_service_in_no_known_state_is_down():
    assert compute_services_answer([("nova-compute", "c1", "enabled", "unknown")]).measurements[0].value == 0.0


@pytest.mark.parametrize(("limit", "used", "pct"), [(10, 5, 50.0), (10, 12, 120.0), (-1, 12, 0.0), (0, 0, None)])
def test_odd_quotas(limit, used, pct):
    answer = quota_answer("cores", limit, used)
    assert (answer.measurements[0].value if answer.measurements else None) == pct
    assert (answer.missing is not None) is (pct is None)


@pytest.mark.parametrize(("check", "words"), [("volumes", "cores, ram, instances"), ("state", "openstack.compute")])
async def test_mistakes_in_the_catalogue(prober, check, words):
    with pytest.raises(Broken, match=words) as caught:
        await prober.probe(probe_of("cloud", check))
    assert caught.value.code == MissingCode.PROBE_FAILED


# -- the API ------------------------------------------------------------------------------------


@pytest.mark.parametrize("warm", [False, True], ids=["at login", "with a token"])
@pytest.mark.parametrize(
    ("how", "error", "code"),
    [
        ("throttle", Retryable, MissingCode.THROTTLED),
        ("credentials", Refused, MissingCode.CREDENTIALS),
        ("region-down", Retryable, MissingCode.API_UNREACHABLE),
        ("error", Retryable, MissingCode.API_UNREACHABLE),
        ("garbage", Broken, MissingCode.UNEXPECTED_ANSWER),
    ],
)
async def test_a_broken_api_is_told_apart_from_a_broken_service(simulator, how, error, code, warm):
    async with open_prober(block_for(simulator), routes=Routes(), clock=RecordingClock()) as prober:
        if warm:
            for each in ONE_OF_EACH:
                await prober.probe(probe_of(*each))
        simulator.cloud.control("break", "dc", how)
        asked = [prober.probe(probe_of(*each)) for each in ONE_OF_EACH]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(outcome), outcome.code) for outcome in outcomes] == [(error, code)] * 3
    assert [outcome.where for outcome in outcomes] == [f"OpenStack dc-west, {'/'.join(each)}" for each in ONE_OF_EACH]
    assert all(outcome.next_step for outcome in outcomes)


async def test_a_throttled_check_waits_as_asked_and_tries_once_more(simulator):
    clock = RecordingClock()
    async with open_prober(block_for(simulator), routes=Routes(), clock=clock) as prober:
        await prober.probe(probe_of("standby", "active"))
        simulator.cloud.control("break", "dc", "throttle")
        with pytest.raises(Retryable) as caught:
            await prober.probe(probe_of("standby", "active"))
        assert (clock.slept, caught.value.retry_after) == ([timedelta(seconds=1)], timedelta(seconds=1))
        with pytest.raises(Retryable):
            await prober.probe(probe_of("standby", "active", timeout=timedelta(seconds=1)))
        assert len(clock.slept) == 1  # no room left for a wait of a second


async def test_throttling_that_ends_while_we_wait_costs_nothing(simulator):
    class MendingClock(SystemClock):
        async def sleep(self, duration):
            simulator.cloud.control("mend", "dc", "")

    async with open_prober(block_for(simulator), routes=Routes(), clock=MendingClock()) as prober:
        simulator.cloud.control("break", "dc", "throttle")
        assert numbers(await prober.probe(probe_of("standby", "active"))) == {"available": 1.0}


async def test_a_token_that_expires_on_the_way_is_renewed_by_itself(simulator, prober):
    simulator.cloud.servers[0].name = "other"
    await prober.probe(probe_of("app", "active"))
    before = set(simulator.cloud.tokens)
    simulator.cloud.control("break", "dc", "expired-token")
    assert numbers(await prober.probe(probe_of("app", "active"))) == {"available": 1.0}
    assert simulator.cloud.tokens.keys().isdisjoint(before)
    assert len(simulator.cloud.tokens) == 1


async def test_a_hung_api_costs_a_check_its_timeout(simulator, prober):
    simulator.cloud.control("break", "dc", "slow")
    begun = time.monotonic()
    probes = [prober.probe(probe_of("standby", "active", timeout=timedelta(seconds=1))) for _ in range(9)]
    outcomes = await asyncio.gather(*probes, return_exceptions=True)
    assert time.monotonic() - begun < 3
    assert {(type(outcome), outcome.code) for outcome in outcomes} == {(Retryable, MissingCode.API_UNREACHABLE)}
    assert "no answer within 1s" in str(outcomes[0])
    simulator.cloud.control("mend", "dc", "")


async def test_a_closed_port_is_an_unreachable_api(simulator):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        block = block_for(simulator, auth_url=f"https://127.0.0.1:{taken.getsockname()[1]}/v3")
        async with open_prober(block, routes=Routes(), clock=SystemClock()) as prober:
            with pytest.raises(Retryable, match="could not be reached") as caught:
                await prober.probe(probe_of("standby", "active"))
    assert caught.value.code == MissingCode.API_UNREACHABLE


async def test_wrong_passwords_are_refused_and_not_told(simulator):
    block = block_for(simulator, password="planted-secret-1234")
    async with open_prober(block, routes=Routes(), clock=SystemClock()) as prober:
        with pytest.raises(Refused, match="Keystone does not accept") as caught:
            await prober.probe(probe_of("standby", "active"))
    assert "planted" not in str(caught.value)
    assert "planted" not in repr(block)


async def test_an_unknown_authority_is_broken(simulator, tmp_path):
    from deployments.sandbox.authority import ensure_authority

    other = ensure_authority(tmp_path / "other").ca_file
    async with open_prober(block_for(simulator, ca_file=str(other)), routes=Routes(), clock=SystemClock()) as prober:
        with pytest.raises(Broken, match="certificate could not be verified"):
            await prober.probe(probe_of("standby", "active"))


async def test_the_routes_authority_is_trusted_when_the_block_names_none(simulator):
    routes = Routes(ca_file=str(simulator.ca_file))
    async with open_prober(block_for(simulator, ca_file=None), routes=routes, clock=SystemClock()) as prober:
        assert (await prober.probe(probe_of("standby", "active"))).measurements


async def test_a_region_that_the_catalogue_does_not_have_is_broken(simulator):
    async with open_prober(block_for(simulator, region="elsewhere"), routes=Routes(), clock=SystemClock()) as prober:
        with pytest.raises(Broken, match="has no compute API for us"):
            await prober.probe(probe_of("standby", "active"))
