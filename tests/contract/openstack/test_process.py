"""The simulator as a process of its own, on the shipped catalogue."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from blocks.clock import SystemClock
from blocks.openstack.block import OpenStackReader
from blocks.openstack.prober import open_prober
from blocks.ports.health import Probe
from blocks.ports.network import Routes

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
ROOT = Path(__file__).parents[3]
ON_OPENSTACK = {"resource_state", "compute_services", "quota"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    home = tmp_path_factory.mktemp("shipped")
    ready = home / "ready" / "openstack.json"
    process = subprocess.Popen([sys.executable, "-m", "deployments.sandbox.openstack", "--state", str(home)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while not ready.exists():
            assert process.poll() is None, "the simulator ended before it was ready"
            assert time.monotonic() < deadline, "the simulator was not ready within two minutes"
            time.sleep(0.05)
        assert ready.stat().st_mode & 0o077 == 0
        yield json.loads(ready.read_text()), str(home / "tls" / "ca.pem")
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def ask(shipped, route, **body):
    ready, ca_file = shipped
    request = urllib.request.Request(
        f"https://{ready['address']}/_sandbox/{route}", data=json.dumps(body).encode() if body else None
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca_file), timeout=30) as answer:
        return json.load(answer)


async def test_every_shipped_check_is_well_and_each_service_can_be_killed_and_mended(shipped):
    from blocks.catalogue.loader import load_catalogue

    ready, ca_file = shipped
    catalogue = load_catalogue(ROOT / "deployments" / "catalogue")
    fields = ("auth_url", "application_credential_id", "application_credential_secret")
    block = OpenStackReader(ca_file=ca_file, **{name: ready[name] for name in fields})
    probes = [
        Probe(platform, service, check)
        for platform in catalogue.platforms.values()
        for service in platform.services.values()
        for check in service.checks.values()
        if service.kind.startswith("openstack.") and check.kind in ON_OPENSTACK
    ]
    assert {probe.service.kind for probe in probes} == {"openstack.server", "openstack.compute"}
    async with open_prober(block, routes=Routes(), clock=SystemClock()) as prober:

        async def troubled():
            readings = [await prober.probe(probe) for probe in probes]
            assert not [reading for reading in readings if reading.missing]
            return {reading.service for reading in readings if reading.finding}

        assert await troubled() == set()
        for service in {probe.service.name for probe in probes}:
            ask(shipped, "break", target=service, how="kill")
            assert await troubled() == {service}
            ask(shipped, "mend", target=service)
        assert await troubled() == set()
    calls = ask(shipped, "traffic")["calls"]
    assert not [call for call in calls if call["refused"]]


def test_a_mistake_at_the_controls_is_a_400(shipped):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(shipped, "break", target="nobody", how="kill")
    assert caught.value.code == 400
    caught.value.close()
