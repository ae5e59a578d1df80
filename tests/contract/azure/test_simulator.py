"""The simulator behaves like Resource Manager where clients depend on it, seen through the official SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from blocks.azure.connection import Connection
from blocks.clock import SystemClock
from deployments.sandbox.azure_kinds import KINDS
from deployments.sandbox.azure_signals import value_at, weekly
from tests.contract.azure.conftest import ARCHIVE, GROUP, HUB, MACHINE, SITE, SUBSCRIPTION, Azure

VM = {"api_version": "2023-09-01"}


@pytest.fixture
async def connection(azure: Azure) -> AsyncIterator[Connection]:
    azure.simulator.granted = ["*"]
    async with Connection(azure.block(), None, SystemClock()) as opened:
        yield opened


@pytest.fixture
def machines(connection: Connection) -> Any:
    from azure.mgmt.compute.aio import ComputeManagementClient

    return connection.client(ComputeManagementClient, SUBSCRIPTION).virtual_machines


@pytest.fixture
def accounts(connection: Connection) -> Any:
    from azure.mgmt.storage.aio import StorageManagementClient

    return connection.client(StorageManagementClient, SUBSCRIPTION, api_version="2023-01-01").storage_accounts


async def test_lists_come_page_by_page_at_both_scopes(azure: Azure, accounts: Any) -> None:
    for number in range(4):
        azure.simulator.store.seed(
            f"{GROUP}/Microsoft.Storage/storageAccounts/more{number}", "Microsoft.Storage/storageAccounts", "westeurope"
        )
    elsewhere = GROUP.replace("hearth-prod", "other") + "/Microsoft.Storage/storageAccounts/elsewhere"
    azure.simulator.store.seed(elsewhere, "Microsoft.Storage/storageAccounts", "westeurope")
    everywhere = [one.name async for one in accounts.list()]
    here = [one.name async for one in accounts.list_by_resource_group("HEARTH-PROD")]
    assert sorted(everywhere) == ["elsewhere", "hearthararchive", "more0", "more1", "more2", "more3"]
    assert sorted(here) == ["hearthararchive", "more0", "more1", "more2", "more3"]
    assert len([path for path in azure.paths() if path.lower().endswith("/storageaccounts")]) == 3 + 3


async def test_ids_come_back_in_another_casing(machines: Any) -> None:
    machine = await machines.get("hearth-prod", "HEARTH-DB-1", **VM)
    assert "/resourceGroups/HEARTH-PROD/" in machine.id


async def test_creating_takes_polls_and_a_second_writer_is_refused(azure: Azure, machines: Any) -> None:
    body = {"location": "westeurope", "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v3"}}}
    began = asyncio.get_running_loop().time()
    poller = await machines.begin_create_or_update("hearth-prod", "new-1", body, polling_interval=1, **VM)
    assert not poller.done()
    with pytest.raises(ResourceExistsError) as raised:
        await machines.begin_delete("hearth-prod", "new-1", **VM)
    assert raised.value.status_code == 409
    machine = await poller.result()
    assert asyncio.get_running_loop().time() - began >= 1
    assert machine.properties.provisioning_state == "Succeeded"
    assert len([path for path in azure.paths() if "/operations/" in path]) >= 2


async def test_deleting_is_over_when_polled_to_the_end(machines: Any) -> None:
    poller = await machines.begin_delete("hearth-prod", "hearth-db-1", polling_interval=1, **VM)
    assert (await machines.get("hearth-prod", "hearth-db-1", **VM)).name == "hearth-db-1"
    await poller.result()
    with pytest.raises(ResourceNotFoundError):
        await machines.get("hearth-prod", "hearth-db-1", **VM)


async def test_stopping_and_starting_a_machine(azure: Azure, machines: Any) -> None:
    for begin, power in ((machines.begin_deallocate, "deallocated"), (machines.begin_start, "running")):
        await (await begin("hearth-prod", "hearth-db-1", polling_interval=1, **VM)).result()
        view = await machines.instance_view("hearth-prod", "hearth-db-1", **VM)
        assert [status.code for status in view.statuses][1] == f"PowerState/{power}"


async def test_a_patch_merges(accounts: Any) -> None:
    changed = await accounts.update("hearth-prod", "hearthararchive", {"tags": {"owner": "desk"}})
    assert changed.tags == {"seeded": "catalogue", "owner": "desk"}
    assert changed.properties.status_of_primary == "available"


async def test_a_created_account_is_there_after_its_operation(accounts: Any) -> None:
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    account = await (await accounts.begin_create("hearth-prod", "fresh1", body, polling_interval=1)).result()
    assert account.name == "fresh1"


async def test_a_hub_is_created_updated_and_deleted(connection: Connection) -> None:
    from azure.mgmt.iothub.aio import IotHubClient

    hubs = connection.client(IotHubClient, SUBSCRIPTION, api_version="2023-06-30").iot_hub_resource
    body = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}}
    assert (
        await (await hubs.begin_create_or_update("hearth-prod", "hub-2", body, polling_interval=1)).result()
    ).name == "hub-2"
    assert (await (await hubs.begin_update("hearth-prod", "hub-2", {"tags": {"a": "b"}})).result()).tags["a"] == "b"
    await (await hubs.begin_delete("hearth-prod", "hub-2", polling_interval=1)).result()
    assert [hub.name async for hub in hubs.list_by_subscription()] == ["hearth-hub"]


async def test_autoscale_settings_are_a_plain_type(connection: Connection) -> None:
    from azure.mgmt.monitor.aio import MonitorManagementClient

    settings = connection.client(MonitorManagementClient, SUBSCRIPTION).autoscale_settings
    profile = {"name": "p", "capacity": {"minimum": "1", "maximum": "3", "default": "1"}, "rules": []}
    body = {"location": "westeurope", "profiles": [profile], "enabled": True, "target_resource_uri": SITE}
    await settings.create_or_update("hearth-prod", "scale", body)
    assert (await settings.get("hearth-prod", "scale")).enabled is True


async def test_an_unknown_route_is_answered_501_and_remembered(azure: Azure, connection: Connection) -> None:
    for path in (f"{SITE}/config/web", f"{GROUP}/Microsoft.Nothing/things/x", f"{SITE}/providers/Microsoft.Nothing/x"):
        with pytest.raises(HttpResponseError) as raised:
            await connection.get(path, "2023-01-01")
        assert raised.value.status_code in (404, 501)
    assert [line.rsplit("/", 2)[1] for line in azure.simulator.traffic.unknown] == ["config", "Microsoft.Nothing"]
    assert bool(azure.simulator.traffic.violations) == (azure.simulator.specification is not None)
    azure.simulator.traffic.forget()


async def test_a_request_without_a_token_is_refused_as_azure_refuses(azure: Azure) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"https://{azure.address}{SITE}?api-version=2023-01-01"
        for token, code in (("", "AuthenticationFailed"), ("made-up", "InvalidAuthenticationToken")):
            async with session.get(url, ssl=_trusting(azure), headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == 401
                assert "WWW-Authenticate" in answer.headers
                assert (await answer.json())["error"]["code"] == code


async def test_the_logins_discovery_names_its_token_endpoint(azure: Azure) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"https://{azure.address}/tenant-1/v2.0/.well-known/openid-configuration", ssl=_trusting(azure)
        ) as answer,
    ):
        assert (await answer.json())["token_endpoint"] == f"https://{azure.address}/tenant-1/oauth2/v2.0/token"


async def test_it_is_broken_and_mended_over_its_control_routes(azure: Azure) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_trusting(azure))) as session:

        async def post(what: str, **content: Any) -> tuple[int, dict[str, Any]]:
            async with session.post(f"https://{azure.address}/_sandbox/{what}", json=content) as answer:
                return answer.status, await answer.json()

        assert (await post("break", target="hearth-hub", how="kill"))[0] == 200
        resource = azure.simulator.store.find(HUB)
        assert "kill" in azure.simulator.faults.of(resource)
        assert (await post("mend", target="hearth-hub"))[0] == 200
        assert azure.simulator.faults.of(resource) == {}
        await post("break", target="hearth-hub", how="kill")
        await post("break", target="*", how="throttle")
        await post("mend", target="*")
        assert list(azure.simulator.faults.of(resource)) == ["kill"]
        status, said = await post("break", target="hearth-hbu", how="kill")
        assert (status, "hearth-hub" in said["error"]) == (400, True)
        status, said = await post("break", target="hearth-hub", how="melt")
        assert (status, "throttle" in said["error"]) == (400, True)
        async with session.get(f"https://{azure.address}/_sandbox/traffic") as answer:
            assert set(await answer.json()) == {"exchanges", "violations", "unknown"}


async def test_a_violation_of_the_specification_is_recorded(
    azure: Azure, connection: Connection, conformance: Any
) -> None:
    conformance("azure-rest")
    azure.simulator.store.find(SITE).body["properties"]["surprise"] = 1
    await connection.get(SITE, "2023-01-01")
    assert any("surprise" in one for one in azure.simulator.traffic.violations)
    azure.simulator.traffic.forget()


def test_the_weekly_rhythm_repeats_and_is_the_same_for_everyone() -> None:
    metric = KINDS["microsoft.devices/iothubs"].metrics[2]
    now = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    values = [value_at(HUB, metric, now + timedelta(hours=hour), {}) for hour in range(24)]
    assert values == [value_at(HUB.upper(), metric, now + timedelta(hours=hour), {}) for hour in range(24)]
    assert max(values) > 1.5 * min(values)  # type: ignore[type-var]
    assert weekly(now) == weekly(now - timedelta(days=7))


def test_every_type_of_the_catalogue_is_known() -> None:
    from blocks.catalogue.kinds import KINDS as CATALOGUE
    from deployments.sandbox.azure_kinds import CATALOGUE_KINDS

    assert {kind for kind in CATALOGUE if kind.startswith("azure.")} == set(CATALOGUE_KINDS)
    assert {MACHINE, ARCHIVE}  # both are seeded by the fixture


def _trusting(azure: Azure) -> Any:
    import ssl

    return ssl.create_default_context(cafile=azure.ca_file)
