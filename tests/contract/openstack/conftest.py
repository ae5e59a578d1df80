"""One simulator a test (it starts in milliseconds), seeded from a catalogue of its own."""

from __future__ import annotations

import pytest

from blocks.catalogue.model import Catalogue
from blocks.clock import SystemClock
from blocks.openstack.block import OpenStackReader
from blocks.openstack.prober import open_prober
from blocks.ports.health import Probe
from blocks.ports.network import Routes

SERVICES = {
    "standby": {"kind": "openstack.server", "resource": "db-2", "checks": {"active": {"kind": "resource_state"}}},
    "app": {"kind": "openstack.server", "resource": "app-1", "checks": {"active": {"kind": "resource_state"}}},
    "cloud": {
        "kind": "openstack.compute",
        "checks": {
            "services": {"kind": "compute_services"},
            "cores": {"kind": "quota", "quota": "cores"},
            "ram": {"kind": "quota", "quota": "ram"},
            "instances": {"kind": "quota", "quota": "instances"},
            "state": {"kind": "resource_state"},
            "volumes": {"kind": "quota", "quota": "volumes"},
        },
    },
}


def make_catalogue(services=SERVICES) -> Catalogue:
    named = {
        name: {
            **service,
            "name": name,
            "site": "dc",
            "checks": {c: {**v, "name": c} for c, v in service["checks"].items()},
        }
        for name, service in services.items()
    }
    site = {"name": "dc", "provider": "openstack", "region": "dc-west", "role": "recovery", "credentials": "reader"}
    platform = {"name": "home", "customer": "home", "sites": {"dc": site}, "services": named}
    return Catalogue.model_validate({"platforms": {"home": platform}})


def probe_of(service: str, check: str, *, resource=None, **changes) -> Probe:
    platform = make_catalogue().platforms["home"]
    found = platform.services[service]
    made = found.checks[check].model_copy(update=changes)
    return Probe(platform, found.model_copy(update={"resource": resource} if resource else {}), made)


@pytest.fixture
async def simulator(tmp_path):
    from deployments.sandbox.openstack import OpenStackSimulator
    from deployments.sandbox.state import State

    simulator = OpenStackSimulator(State.at(tmp_path), make_catalogue(), page_size=1)
    await simulator.start()
    yield simulator
    await simulator.stop()


def block_for(simulator, **changes) -> OpenStackReader:
    given = {
        "auth_url": simulator.auth_url,
        "project_name": simulator.cloud.project,
        "username": simulator.reader.name,
        "password": simulator.reader.secret,
        "ca_file": str(simulator.ca_file),
    }
    return OpenStackReader(**{**given, **changes})


@pytest.fixture
async def prober(simulator):
    async with open_prober(block_for(simulator), routes=Routes(), clock=SystemClock()) as opened:
        yield opened
