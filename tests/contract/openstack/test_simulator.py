"""The simulator keeps OpenStack's own rules: transitions, microversions, pages, unknown routes."""

from __future__ import annotations

import asyncio

import pytest

from deployments.sandbox.openstack_cloud import cloud_from
from deployments.sandbox.openstack_lives import AT_REST
from tests.contract.openstack.conftest import block_for, make_catalogue

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")


@pytest.fixture
async def operator(simulator):
    from blocks.openstack.block import close

    connection = block_for(simulator, username=simulator.operator.name, password=simulator.operator.secret).connect(
        "dc-west"
    )
    yield connection
    await asyncio.to_thread(close, connection)


async def reaches(server, status):
    """Accepted is not done: it takes its time."""
    async with asyncio.timeout(10):
        while server.status != status or server.busy:  # noqa: ASYNC110  nobody tells a test
            await asyncio.sleep(0.05)


async def test_the_sdk_starts_and_stops_a_server_and_impossible_actions_are_conflicts(simulator, operator):
    from openstack.exceptions import ConflictException

    server = simulator.cloud.servers[0]
    await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    assert server.task == "powering-off"
    with pytest.raises(ConflictException, match="powering-off"):
        await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    await reaches(server, "SHUTOFF")
    with pytest.raises(ConflictException, match="vm_state shutoff"):
        await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    await asyncio.to_thread(lambda: operator.compute.start_server(server.id))
    await reaches(server, "ACTIVE")
    with pytest.raises(ConflictException):
        await asyncio.to_thread(lambda: operator.compute.start_server(server.id))
    assert [action.action for action in server.actions] == ["stop", "start"]


async def test_who_stands_behind_a_server_is_told_when_it_really_stops_and_starts(simulator, operator):
    from deployments.sandbox.openstack_cloud import Told

    heard, server = list[str](), simulator.cloud.servers[1]
    simulator.cloud.told = Told(*(lambda service, what=what: heard.append(f"{what} {service}") for what in "rst"))
    await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    assert heard == []
    await reaches(server, "SHUTOFF")
    assert heard == ["s app"]
    await asyncio.to_thread(lambda: operator.compute.start_server(server.id))
    await reaches(server, "ACTIVE")
    assert heard == ["s app", "t app"]
    simulator.cloud.control("break", "cloud", "no-capacity")
    await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    await reaches(server, "SHUTOFF")
    await asyncio.to_thread(lambda: operator.compute.start_server(server.id))
    await reaches(server, "SHUTOFF")
    assert heard == ["s app", "t app", "s app"], "what failed to start is told to nobody"


def test_servers_rest_as_the_table_says_and_mending_leaves_them_so():
    resting = {"worker": {"kind": "openstack.server", "resource": "hearth-worker-1", "checks": {}}}
    cloud = cloud_from(make_catalogue(resting), [])
    (server,) = cloud.servers
    assert (server.flavor, server.status) == AT_REST["hearth-worker-1"] == ("m1.small", "SHUTOFF")
    cloud.control("break", "worker", "error-state")
    assert server.status == "ERROR"
    cloud.control("mend", "worker", "")
    assert server.status == "SHUTOFF"


async def test_a_reader_may_not_stop_a_server(simulator):
    from openstack.exceptions import ForbiddenException

    from blocks.openstack.block import close

    reader = block_for(simulator).connect("dc-west")
    with pytest.raises(ForbiddenException, match="servers:stop"):
        await asyncio.to_thread(lambda: reader.compute.stop_server(simulator.cloud.servers[0].id))
    assert simulator.cloud.servers[0].status == "ACTIVE"
    await asyncio.to_thread(close, reader)


async def test_microversions_shape_the_answer_and_unknown_ones_are_refused(simulator, operator):
    def get(path, version):
        return operator.compute.get(path, microversion=version)

    server = simulator.cloud.servers[0].id
    old = await asyncio.to_thread(get, f"/servers/{server}", "2.1")
    new = await asyncio.to_thread(get, f"/servers/{server}", "2.96")
    beyond = await asyncio.to_thread(get, f"/servers/{server}", "2.200")
    assert "vcpus" not in old.json()["server"]["flavor"]
    assert new.json()["server"]["flavor"]["vcpus"] == 4
    assert new.headers["OpenStack-API-Version"] == "compute 2.96"
    assert beyond.status_code == 406


async def test_pages_have_markers_and_a_wrong_marker_is_refused(simulator, operator):
    first = (await asyncio.to_thread(lambda: operator.compute.get("/servers"))).json()
    assert len(first["servers"]) == 1
    assert first["servers_links"][0]["rel"] == "next"
    names = await asyncio.to_thread(lambda: [server.name for server in operator.compute.servers()])
    assert names == ["db-2", "app-1"]
    assert (await asyncio.to_thread(lambda: operator.compute.get("/servers?marker=none"))).status_code == 400


async def test_an_unknown_route_is_501_and_recorded(simulator, operator):
    answer = await asyncio.to_thread(lambda: operator.compute.get("/os-hypervisors/statistics"))
    assert answer.status_code == 501
    assert any(call["refused"] == "501" for call in simulator.traffic)


@pytest.mark.parametrize(
    ("target", "how"), [("nobody", "kill"), ("dc", "kill"), ("standby", "metric-spike"), ("standby", "melt")]
)
async def test_breaking_what_cannot_be_broken_says_what_can(simulator, target, how):
    with pytest.raises(ValueError, match=r"there are: |possible"):
        simulator.cloud.control("break", target, how)
