"""What vigie does to servers, done to a real Nova: the same acts, the same evidence, the documented rights.

The control plane takes minutes to start; without its environment and RabbitMQ these tests are counted as not run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue.model import Platform, Service, Site
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused
from blocks.openstack.block import OpenStackOperator, OpenStackReader, close
from blocks.openstack.compute import open_compute
from blocks.openstack.restart import open_restarter
from blocks.ports.network import Routes
from tests.conftest import needs_program
from tests.contract.openstack.acting import carried_out, intend, reached, server
from tests.openstack_real.cloud import RealCloud, real_cloud
from tests.openstack_real.settings import HOSTS, REGION

pytestmark = pytest.mark.filterwarnings("ignore")  # OpenStack's clients warn about each other
APP, WORKER = server("hearth-app-1"), server("hearth-worker-1")
_LATEST_S = 240.0  # other tests run beside it
ROOT = Path(__file__).parents[2]
SITE = Site(name="dc", provider="openstack", region=REGION, role="recovery", credentials="reader", operator="operator")


@dataclass
class Lab:
    """The real cloud as vigie's blocks open it, with application credentials that hold the documented roles."""

    cloud: RealCloud
    opened: list[str] = field(default_factory=list)

    def block(self, kind: Any, user: str) -> Any:
        return kind(auth_url=self.cloud.places.auth_url, **self.cloud.credentials[user])

    def operator(self) -> OpenStackOperator:
        self.opened.append("operator")
        return self.block(OpenStackOperator, "vigie-operator")

    @property
    def reader(self) -> OpenStackReader:
        return self.block(OpenStackReader, "vigie-reader")

    def compute(self):
        return open_compute(self.reader, self.operator, routes=Routes(), clock=SystemClock())

    def asked_of(self, name: str) -> list[str]:
        """What Nova lists for a server, oldest first."""
        with self.cloud.as_(self.cloud.admin()) as admin:
            found = next(iter(admin.compute.servers(all_projects=True, name=name)))
            listed = sorted(admin.compute.server_actions(found.id), key=lambda action: action.start_time)
            return [action.action for action in listed]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    needs_program(".venv-openstack/bin/nova-conductor")
    needs_program("rabbitmq-server")
    needs_program("epmd")
    folder = tmp_path_factory.mktemp("openstack")
    with real_cloud(folder, ROOT / ".venv-openstack") as cloud:
        for name in (APP.name, WORKER.name):
            cloud.create_server(name)
        yield Lab(cloud)


def test_a_server_is_seen_stopped_and_started(lab):
    compute = lab.compute()
    before = compute.look(APP)
    assert (before.running, before.settled, before.size) == (True, True, "m1.small")
    _, stopped = carried_out(compute.stop(APP), within_s=_LATEST_S)
    assert "SHUTOFF, power state 4" in compute.look(APP).text
    _, started = carried_out(compute.start(APP), within_s=_LATEST_S)
    assert compute.look(APP).running
    assert stopped.reference.startswith("req-")
    assert stopped.reference != started.reference
    assert lab.asked_of(APP.name) == ["create", "stop", "start"]


def test_what_is_there_already_is_not_asked_for(lab):
    change, before = lab.compute().start(APP), lab.asked_of(APP.name)
    mark = intend(change)
    assert change.act(mark) is None
    assert change.read_effect(mark).reached
    assert lab.asked_of(APP.name) == before


@pytest.mark.parametrize(("stopped", "size"), [(False, "m1.large"), (True, "m1.small")])
def test_a_resize_is_asked_for_and_confirmed_whether_it_runs_or_not(lab, stopped, size):
    compute = lab.compute()
    if stopped:
        carried_out(compute.stop(APP), within_s=_LATEST_S)
    change = compute.resize(APP, size)
    with pytest.raises(Refused, match=r"no size 'm1.tiny'.*m1\.huge, m1\.large, m1\.small"):
        compute.resize(APP, "m1.tiny").check()
    _, proof = carried_out(change, within_s=_LATEST_S)
    after = compute.look(APP)
    assert (after.running, after.settled, after.size) == (not stopped, True, size)
    assert lab.asked_of(APP.name)[-2:] == ["resize", "confirmResize"]
    assert proof.text.startswith("Nova lists confirmResize")
    if stopped:
        carried_out(compute.start(APP), within_s=_LATEST_S)


def test_a_resize_that_was_interrupted_after_it_was_asked_for_is_confirmed_by_the_next_try(lab):
    compute = lab.compute()
    mark = intend(compute.resize(WORKER, "m1.large"))
    with lab.cloud.as_(lab.operator().connect(REGION)) as other:
        found = next(server for server in _servers(lab) if server.name == WORKER.name)
        sizes = {flavor.name: flavor.id for flavor in other.compute.flavors()}
        other.compute.post(f"/servers/{found.id}/action", json={"resize": {"flavorRef": sizes["m1.large"]}})
    again = lab.compute().resize(WORKER, "m1.large")
    assert again.find_evidence(mark) is None
    again.check()
    proof = again.act(mark)
    assert proof is not None
    reached(again, mark)
    assert lab.asked_of(WORKER.name) == ["create", "resize", "confirmResize"]


def test_capacity_is_what_the_quota_leaves_and_says_that_it_is_no_more(lab):
    found = lab.compute().capacity(SITE)
    assert (found.cores_free, found.ram_free_mib, found.instances_free) == (20 - 3, 51_200 - 2560, 8)
    assert found.hosts_up == len(HOSTS)
    assert "2 of 2 enabled hosts are up; quota is not capacity" in found.text


def test_too_little_quota_is_refused_in_novas_own_words(lab):
    with lab.cloud.as_(lab.cloud.admin()) as admin:
        project = admin.identity.find_project("hearth")
        admin.compute.update_quota_set(project, ram=3000)
        try:
            change = lab.compute().resize(APP, "m1.large")
            with pytest.raises(Refused, match="Quota exceeded for ram: Requested 1536, but already used 2560") as told:
                change.act(intend(change))
        finally:
            admin.compute.update_quota_set(project, ram=51_200)
    assert told.value.code == "quota"


def test_a_size_that_fits_on_no_host_fails_at_once_and_leaves_the_server_as_it_was(lab):
    change = lab.compute().resize(APP, "m1.huge")
    mark = intend(change)
    with pytest.raises(Broken, match="no host has room") as told:
        change.act(mark)
    assert told.value.code == "no_capacity"
    assert change.find_evidence(mark) is None
    assert "Nova says that resize failed" in change.read_effect(mark).text
    assert lab.compute().look(APP).running


def test_a_restart_is_proved_by_novas_list(lab):
    platform = Platform(name="home", customer="home", sites={"dc": SITE}, services={APP.name: APP})
    restarter = open_restarter(lab.reader, lab.operator, routes=Routes(), clock=SystemClock())
    (target,) = restarter.read_targets(platform, APP)
    carried_out(restarter.restart(platform, APP, target.item), within_s=_LATEST_S)
    assert lab.asked_of(APP.name)[-1] == "reboot"


def test_the_documented_roles_do_this_and_no_more(lab):
    from openstack.exceptions import ForbiddenException

    found = _servers(lab)[0].id
    for block, policy in ((lab.operator(), "servers:delete"), (lab.reader, "servers:stop")):
        connection: Any = block.connect(REGION)
        act = connection.compute.delete_server if policy.endswith("delete") else connection.compute.stop_server
        with pytest.raises(ForbiddenException, match=policy):
            act(found)
        close(connection)


def test_a_server_is_evacuated_when_its_host_is_dead_and_not_before(lab):
    compute, host = lab.compute(), lab.cloud.host_of(APP.name)
    change = compute.evacuate(APP)
    with pytest.raises(Refused, match="its host is UP"):
        change.check()
    lab.cloud.kill_host(host)
    _await_silence(lab, APP)
    with pytest.raises(Refused, match="nobody would do it or confirm it"):
        compute.stop(APP).check()
    found = compute.capacity(SITE)
    assert found.hosts_up == len(HOSTS) - 1
    carried_out(change, within_s=_LATEST_S)
    assert lab.cloud.host_of(APP.name) in set(HOSTS) - {host}
    assert compute.look(APP).running
    assert lab.asked_of(APP.name)[-1] == "evacuate"


def _servers(lab: Lab) -> list[Any]:
    connection: Any = lab.reader.connect(REGION)
    try:
        return list(connection.compute.servers())
    finally:
        close(connection)


def _await_silence(lab: Lab, service: Service) -> None:
    """Nova notices within `service_down_time`."""
    until = time.monotonic() + 120
    while "its host is UNKNOWN" not in lab.compute().look(service).text:
        assert time.monotonic() < until, lab.compute().look(service).text
        time.sleep(1)
