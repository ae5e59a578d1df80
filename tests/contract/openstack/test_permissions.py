"""The documented roles and policies are exactly those the adapter uses, and the block says what it may."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blocks.clock import SystemClock
from blocks.errors import Refused
from blocks.openstack.block import NOT_FOR_READERS, OpenStackReader
from blocks.openstack.prober import open_prober
from blocks.ports.network import Routes
from tests.contract.openstack.conftest import block_for, probe_of

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
DOCUMENT = Path(__file__).parents[3] / "docs" / "permissions-openstack.md"
READS = {
    "os_compute_api:servers:detail",
    "os_compute_api:servers:show",
    "os_compute_api:os-services:list",
    "os_compute_api:limits",
}
ELSEWHERE = {  # tests/contract/test_restart_permissions.py, test_compute.py
    "os_compute_api:os-instance-actions:list",
    "os_compute_api:servers:show:host_status",
}


async def test_the_documented_policies_are_exactly_those_used(simulator, prober):
    for each in (("standby", "active"), ("cloud", "services"), ("cloud", "cores")):
        await prober.probe(probe_of(*each))
    await prober.probe(probe_of("standby", "active", resource=simulator.cloud.servers[0].id))
    await block_for(simulator).examine()
    called = {call["action"] for call in simulator.traffic}
    readers = DOCUMENT.read_text().partition("## The operator")[0]
    documented = set(re.findall(r"^\| `(os_compute_api:[^`]+)`", readers, re.MULTILINE))
    assert (called, documented) == (READS, READS | ELSEWHERE)
    assert not [call for call in simulator.traffic if call["refused"]]


async def test_examine_says_who_and_what(simulator):
    capabilities = {each.action: each for each in await block_for(simulator).examine()}
    assert capabilities["identity:authenticate"].allowed is True
    assert (
        "vigie-reader in project hearth with roles reader, vigie-observer"
        in capabilities["identity:authenticate"].detail
    )
    assert {capabilities[action].allowed for action in READS - {"os_compute_api:servers:show"}} == {True}
    assert {capabilities[action].allowed for action in NOT_FOR_READERS} == {None}
    assert "do not allow it to these roles" in capabilities[NOT_FOR_READERS[0]].detail
    assert {call["action"] for call in simulator.traffic} <= READS


async def test_examine_names_what_is_lacking_and_what_is_too_much(simulator):
    operator = block_for(simulator, username=simulator.operator.name, password=simulator.operator.secret)
    capabilities = {each.action: each for each in await operator.examine()}
    assert capabilities["os_compute_api:os-services:list"].allowed is False
    assert "os_compute_api:os-services:list" in capabilities["os_compute_api:os-services:list"].detail
    assert "role member: a reader should not have it" in capabilities[NOT_FOR_READERS[0]].detail


async def test_a_policy_that_is_taken_away_is_named_in_the_refusal(simulator):
    operator = block_for(simulator, username=simulator.operator.name, password=simulator.operator.secret)
    async with open_prober(operator, routes=Routes(), clock=SystemClock()) as prober:
        with pytest.raises(Refused, match=r"os_compute_api:os-services:list.*docs/permissions-openstack.md"):
            await prober.probe(probe_of("cloud", "services"))


@pytest.mark.parametrize(
    ("changes", "allowed"), [({"password": "wrong"}, False), ({"auth_url": "https://127.0.0.1:9/v3"}, None)]
)
async def test_examine_with_a_wrong_password_or_no_answer(simulator, changes, allowed):
    capabilities = await block_for(simulator, **changes).examine()
    assert [(each.action, each.allowed) for each in capabilities] == [("identity:authenticate", allowed)]
    assert "wrong" not in capabilities[0].detail


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": "u", "password": "p"},
        {"application_credential_id": "a"},
        {"username": "u", "project_name": "p"},
    ],
)
def test_half_filled_blocks_are_refused(given):
    with pytest.raises(ValueError, match="application_credential_id and application_credential_secret"):
        OpenStackReader(auth_url="https://identity.example/v3", **given)


def test_every_field_is_explained_to_who_fills_it_in():
    assert all(field.description for name, field in OpenStackReader.model_fields.items() if not name.startswith("_"))
    assert OpenStackReader.get_block_type_slug() == "vigie-openstack-reader"
