"""A restart in a cloud of the sandbox restarts the real process behind it, and mends what a restart mends."""

from __future__ import annotations

import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.catalogue.kinds import open_restarter_path
from blocks.catalogue.loader import load_catalogue
from blocks.clock import SystemClock
from blocks.ports.changes import Change, Mark
from blocks.ports.network import Routes
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.breaking import break_service, breaks, mend_service
from deployments.sandbox.credentials import blocks_of
from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.names import connect_map
from deployments.sandbox.restarting import BEHIND, MENDED, restart_component
from deployments.sandbox.state import State

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect and the SDKs its blocks import warn about each other
]
ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = load_catalogue(ROOT / "deployments" / "catalogue")
PLATFORM = {name: platform for platform in CATALOGUE.platforms.values() for name in platform.services}
PAGE = {
    "device-api": "api.hearth.example",
    "web-fleet": "shop.storefront.example",
    "device-api-recovery": "api.dc-west.hearth.example",
}
PATIENCE_S = 40.0


@pytest.fixture(scope="module")
def clouds() -> Iterator[State]:
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    bring_up(home, only=("aws", "azure", "openstack", "sites"), tied=True)
    yield State.at(home)
    take_down(home)
    shutil.rmtree(home)


def change_of(state: State, service: str) -> tuple[Change, str]:
    """As a step opens it: the adapter by the service's kind, the blocks by the catalogue's names."""
    platform = PLATFORM[service]
    declared = platform.services[service]
    module, _, name = open_restarter_path(declared.kind).partition(":")
    saved = blocks_of(state)
    restarter = getattr(import_module(module), name)(
        saved[platform.sites[declared.site].credentials],
        lambda: saved[platform.operator_for(declared)],
        routes=Routes(),
        clock=SystemClock(),
    )
    item = restarter.read_targets(platform, declared)[0].item
    return restarter.restart(platform, declared, item), item


def restart(state: State, service: str) -> None:
    change, _ = change_of(state, service)
    change.check()
    mark = Mark(key=uuid4().hex * 2, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))
    change.act(mark)
    until = time.monotonic() + PATIENCE_S
    while not (seen := change.read_effect(mark)).reached:
        assert time.monotonic() < until, seen.text
        time.sleep(0.2)
    assert change.find_evidence(mark) is not None


def answers(state: State, service: str) -> str:
    """What the real service says at its own name, or why it says nothing."""
    address = connect_map(state)[f"{PAGE[service]}:443"]
    trusting = ssl.create_default_context(cafile=str(ensure_authority(state.home).ca_file))
    try:
        with urllib.request.urlopen(f"https://{address}/health", context=trusting, timeout=5) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except (OSError, urllib.error.URLError) as error:
        return f"nothing: {error}"


def process_of(state: State, component: str) -> int:
    return int(state.read_ready(component).get("pid") or 0)


def until_another(state: State, component: str, pid: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while not (state.is_ready(component) and process_of(state, component) != pid):
        assert time.monotonic() < until, f"{component} was not restarted"
        time.sleep(0.1)


def until_well(state: State, service: str) -> None:
    """The relay notices after a moment that the process behind it is there again."""
    until = time.monotonic() + PATIENCE_S
    while not (said := answers(state, service)).startswith("{"):
        assert time.monotonic() < until, said
        time.sleep(0.2)


@pytest.mark.parametrize("service", sorted(PAGE))
def test_a_restart_mends_a_killed_process(clouds, service):
    component = BEHIND[service]
    broken = "web-balancer" if service == "web-fleet" else service
    break_service(clouds, broken, "kill")
    assert answers(clouds, service).startswith("nothing")
    pid = process_of(clouds, component)
    restart(clouds, service)
    until_another(clouds, component, pid)
    until_well(clouds, service)
    until = time.monotonic() + PATIENCE_S
    while breaks(clouds):
        assert time.monotonic() < until, breaks(clouds)
        time.sleep(0.1)


def test_a_restart_replaces_the_process_of_a_well_service_too(clouds):
    pid = process_of(clouds, "device-api")
    restart(clouds, "device-api")
    until_another(clouds, "device-api", pid)
    until_well(clouds, "device-api")
    time.sleep(1)  # the simulator looks for what is left broken after a restart


@pytest.mark.parametrize("how", ["wrong-body", "expired-cert", "refuse"])
def test_a_restart_mends_what_it_mends_in_earnest_and_nothing_else(clouds, how):
    break_service(clouds, "device-api", how)
    restart_component(clouds, "device-api")
    left = {broken.how for broken in breaks(clouds)}
    try:
        assert left == (set() if how in MENDED else {how})
        if how in MENDED:
            until_well(clouds, "device-api")
        else:
            time.sleep(2)
            assert not answers(clouds, "device-api").startswith("{")
    finally:
        mend_service(clouds)
    until_well(clouds, "device-api")
