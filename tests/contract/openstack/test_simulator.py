"""The simulator keeps OpenStack's own rules: transitions, microversions, pages, unknown routes."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.openstack.conftest import block_for

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")


@pytest.fixture
async def operator(simulator):
    from blocks.openstack.block import close

    connection = block_for(simulator, username=simulator.operator.name, password=simulator.operator.secret).connect(
        "dc-west"
    )
    yield connection
    await asyncio.to_thread(close, connection)


async def test_the_sdk_starts_and_stops_a_server_and_impossible_actions_are_conflicts(simulator, operator):
    from openstack.exceptions import ConflictException

    server = simulator.cloud.servers[0]
    await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    assert server.status == "SHUTOFF"
    with pytest.raises(ConflictException):
        await asyncio.to_thread(lambda: operator.compute.stop_server(server.id))
    await asyncio.to_thread(lambda: operator.compute.start_server(server.id))
    assert server.status == "ACTIVE"
    with pytest.raises(ConflictException):
        await asyncio.to_thread(lambda: operator.compute.start_server(server.id))


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
