"""The Azure simulator in this process, over TLS, and a prober that talks to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from blocks.azure.block import AzureReader
from blocks.azure.prober import open_prober
from blocks.catalogue.model import Platform, Service, Site
from blocks.clock import SystemClock
from blocks.ports.health import Probe, Reading
from blocks.ports.network import Routes
from deployments.sandbox.azure_app import AzureSimulator
from deployments.sandbox.azure_login import Login
from deployments.sandbox.azure_spec import Specification
from deployments.sandbox.azure_store import Store
from tests.conftest import conformance_dir

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/hearth-prod/providers"
SITE = f"{GROUP}/Microsoft.Web/sites/hearth-device-api"
MACHINE = f"{GROUP}/Microsoft.Compute/virtualMachines/hearth-db-1"
HUB = f"{GROUP}/Microsoft.Devices/IotHubs/hearth-hub"
ARCHIVE = f"{GROUP}/Microsoft.Storage/storageAccounts/hearthararchive"
RESOURCES = {
    SITE: "azure.app_service",
    MACHINE: "azure.virtual_machine",
    HUB: "azure.iot_hub",
    ARCHIVE: "azure.storage_account",
}
SECRET = "planted-secret-71c0"


class FakeClock:
    """A clock that is moved by sleeping; monotonic seconds start at zero."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration.total_seconds())


@dataclass
class Azure:
    """A served simulator and the block that leads to it."""

    simulator: AzureSimulator
    address: str
    ca_file: str

    def block(self, **changes: Any) -> AzureReader:
        fields: dict[str, Any] = {
            "tenant_id": self.simulator.login.tenant,
            "client_id": self.simulator.login.client,
            "client_secret": SECRET,
            "subscription_id": SUBSCRIPTION,
            "arm_endpoint": f"https://{self.address}",
            "authority_host": f"https://{self.address}",
            "ca_file": self.ca_file,
        }
        return AzureReader(**(fields | changes))

    def break_(self, target: str, how: str, **asked: Any) -> None:
        self.simulator.faults.apply(target, how, asked)

    async def probe(self, resource: str, check: Any, *, clock: Any = None, **changes: Any) -> Reading:
        async with open_prober(self.block(**changes), routes=Routes(), clock=clock or SystemClock()) as prober:
            return await prober.probe(probe_of(resource, check))

    def paths(self) -> list[str]:
        return [exchange["path"] for exchange in self.simulator.traffic.exchanges]


def probe_of(resource: str, check: Any) -> Probe:
    """A probe of one check on one Azure resource."""
    named = check.model_copy(update={"name": "it"})
    kind = next((kind for known, kind in RESOURCES.items() if known.lower() == resource.lower()), "azure.app_service")
    service = Service(name="service", kind=kind, site="azure-west", resource=resource, checks={"it": named})
    site = Site(
        name="azure-west", provider="azure", region="westeurope", role="primary", credentials="azure-hearth-reader"
    )
    platform = Platform(name="hearth", customer="hearth", sites={"azure-west": site}, services={"service": service})
    return Probe(platform, service, service.checks["it"])


@asynccontextmanager
async def served(application: web.Application, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """(address, ca_file) of an application over TLS on loopback."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}", str(ca_file)
    finally:
        await runner.cleanup()


async def ask(tmp_path: Path, replies: dict[str, tuple[int, Any]], resource: str, check: Any) -> Reading:
    """Serve given replies by path (lower case), with a login of one line, and probe."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.json_response({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
        status, body = replies.get(request.path.lower(), (404, {"error": {"code": "NotRecorded", "message": "-"}}))
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with served(app, tmp_path) as (address, ca_file):
        here = f"https://{address}"
        block = AzureReader(
            tenant_id="t",
            client_id="c",
            client_secret="s",
            subscription_id="s",
            arm_endpoint=here,
            authority_host=here,
            ca_file=ca_file,
        )
        async with open_prober(block, routes=Routes(), clock=SystemClock()) as prober:
            return await prober.probe(probe_of(resource, check))


@pytest.fixture(scope="session")
def specification() -> Specification | None:
    """Microsoft's published specifications, where they are; the tests that are about them skip themselves."""
    folder = conformance_dir() / "azure-rest"
    return Specification(folder) if folder.exists() else None


@pytest.fixture
async def azure(tmp_path: Path, specification: Specification | None) -> AsyncIterator[Azure]:
    """A healthy simulated Azure; whatever it said against the specification fails the test afterwards."""
    store = Store()
    for resource, kind in RESOURCES.items():
        from deployments.sandbox.azure_kinds import CATALOGUE_KINDS

        store.seed(resource, CATALOGUE_KINDS[kind], "westeurope")
    simulator = AzureSimulator(store, Login("tenant-1", "client-1", SECRET), specification)
    async with served(simulator.application(), tmp_path) as (address, ca_file):
        yield Azure(simulator, address, ca_file)
    assert (list(simulator.traffic.violations), list(simulator.traffic.unknown)) == ([], [])
