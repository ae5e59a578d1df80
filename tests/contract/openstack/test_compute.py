"""Servers are started, stopped, resized and evacuated once, proved by Nova's own list, and never confirmed by hope."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.openstack.block import CHANGES, OpenStackOperator, OpenStackReader
from blocks.openstack.compute import open_compute
from blocks.openstack.condition import Condition, Deed
from blocks.openstack.verbs import Ask, Evacuate, Next, Not, Resize, Start, Stop
from blocks.ports.changes import EvidenceKind, Mark
from blocks.ports.network import Routes
from deployments.sandbox.openstack_names import stable_id
from tests.contract.clouds import loop_of_its_own
from tests.contract.openstack.acting import carried_out, intend, reached, server
from tests.contract.openstack.conftest import make_catalogue

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
APP, STANDBY = server("app-1"), server("db-2")


@dataclass
class Lab:
    """The simulated cloud and an adapter that talks to it."""

    simulator: Any
    opened: list[str] = field(default_factory=list)

    def block(self, kind, user, **changes) -> Any:
        fields = {
            "auth_url": self.simulator.auth_url,
            "ca_file": str(self.simulator.ca_file),
            "application_credential_id": user.application_credential,
            "application_credential_secret": user.secret,
        }
        return kind(**(fields | changes))

    def compute(self, operator=None):
        def opened():
            self.opened.append("operator")
            return operator or self.block(OpenStackOperator, self.simulator.restarter)

        reader = self.block(OpenStackReader, self.simulator.application)
        return open_compute(reader, opened, routes=Routes(), clock=SystemClock())

    def seeing_no_hosts(self) -> Any:
        """A reader that is a plain member of the project."""
        user = self.simulator.operator
        password = {"username": user.name, "password": user.secret, "project_name": self.simulator.cloud.project}
        return OpenStackReader(auth_url=self.simulator.auth_url, ca_file=str(self.simulator.ca_file), **password)

    def break_(self, how, target="app-1"):
        self.simulator.cloud.control("break", {"app-1": "app", "db-2": "standby"}.get(target, target), how)

    def mend(self, target="app"):
        self.simulator.cloud.control("mend", target, "")

    def server(self, name="app-1"):
        return next(each for each in self.simulator.cloud.servers if each.name == name)

    def rest(self, status, name="app-1"):
        self.server(name).status = status

    def actions(self, name="app-1"):
        return [action.action for action in self.server(name).actions]

    def sent(self):
        return [call["action"] for call in self.simulator.traffic if call["who"] == "vigie-restarter"]


@pytest.fixture
def lab(tmp_path):
    from deployments.sandbox.openstack import OpenStackSimulator
    from deployments.sandbox.state import State

    with loop_of_its_own() as run:
        simulator = OpenStackSimulator(State.at(tmp_path), make_catalogue(), page_size=1)
        run(simulator.start())
        try:
            yield Lab(simulator)
        finally:
            run(simulator.stop())


def verbs(lab):
    """Each verb on a server that is ready for it."""
    lab.rest("SHUTOFF", "db-2")
    compute = lab.compute()
    return {"start": compute.start(STANDBY), "stop": compute.stop(APP), "resize": compute.resize(APP, "m1.large")}


# -- looks ----------------------------------------------------------------------------------------


def test_a_look_says_state_power_task_and_size_and_opens_no_operator(lab):
    lab.rest("SHUTOFF", "db-2")
    up, down = lab.compute().look(APP), lab.compute().look(STANDBY)
    assert (up.running, up.settled, up.size) == (True, True, "m1.medium")
    assert up.text == "server app-1 is ACTIVE, power state 1, size m1.medium"
    assert (down.running, down.settled) == (False, True)
    assert "SHUTOFF, power state 4" in down.text
    assert lab.opened == []


def test_a_look_at_something_that_goes_on_is_not_settled(lab):
    lab.break_("slow-effect")
    change = lab.compute().stop(APP)
    acting = threading.Thread(target=change.act, args=(intend(change),))
    acting.start()
    while not lab.server().task:
        time.sleep(0.05)
    found = lab.compute().look(APP)
    lab.mend()
    acting.join()
    assert (found.running, found.settled) == (False, False)
    assert "powering-off" in found.text


def test_a_server_that_does_not_exist_is_refused(lab):
    for asked in (lab.compute().look, lambda one: lab.compute().start(one).check()):
        with pytest.raises(Refused, match="app-9 does not exist") as refused:
            asked(server("app-9"))
        assert refused.value.next_step


def test_capacity_is_quota_and_says_that_it_is_no_more(lab):
    site = make_catalogue().platforms["home"].sites["dc"]
    found = lab.compute().capacity(site)
    assert (found.site, found.cores_free, found.ram_free_mib, found.instances_free, found.hosts_up) == (
        "dc",
        64 - 8,
        131_072 - 2 * 8192,
        30,
        3,
    )
    assert "3 of 3 enabled hosts are up; quota is not capacity" in found.text
    project = stable_id("project", lab.simulator.cloud.project).replace("-", "")
    assert found.pool == f"project {project} in {site.region}", "in that Nova counts"
    lab.simulator.cloud.limits["cores"] = -1
    lab.break_("host-down")
    found = lab.compute().capacity(site)
    assert (found.cores_free, found.hosts_up) == (-1, 2)
    assert "any number of cores" in found.text
    assert "2 of 3 enabled hosts are up" in found.text


def test_hosts_that_are_not_shown_are_not_taken_for_up(lab):
    site = make_catalogue().platforms["home"].sites["dc"]
    blind = lab.seeing_no_hosts()
    found = open_compute(blind, lambda: blind, routes=Routes(), clock=SystemClock()).capacity(site)
    assert found.hosts_up == 0
    assert "its hosts are not shown to us" in found.text


def test_a_cloud_of_several_regions_is_not_guessed_at(lab):
    lab.simulator.cloud.more_regions = ("dc-east",)
    with pytest.raises(Broken, match="regions dc-east, dc-west"):
        lab.compute().look(APP)
    named = lab.block(OpenStackReader, lab.simulator.application, region="dc-west")
    assert open_compute(named, lambda: named, routes=Routes(), clock=SystemClock()).look(APP).running


# -- each verb ------------------------------------------------------------------------------------


def test_a_server_is_stopped_and_started_with_evidence_each_time(lab):
    compute = lab.compute()
    _, stopped = carried_out(compute.stop(APP))
    assert not compute.look(APP).running
    _, started = carried_out(compute.start(APP))
    assert compute.look(APP).running
    assert (stopped.kind, started.kind) == (EvidenceKind.OPERATION, EvidenceKind.OPERATION)
    assert [stopped.reference, started.reference] == [action.request_id for action in lab.server().actions]
    assert lab.sent() == ["os_compute_api:servers:stop", "os_compute_api:servers:start"]
    assert compute.stop(APP).find_evidence(intend(compute.stop(APP))) is None, "the first stop is old"


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_a_resize_is_asked_for_waited_for_and_confirmed_in_one_change(lab, status):
    lab.rest(status)
    change = lab.compute().resize(APP, "m1.large")
    assert change.text == "resize server app-1 to m1.large"
    _, proof = carried_out(change)
    assert lab.actions() == ["resize", "confirmResize"]
    assert proof.reference == lab.server().actions[-1].request_id
    assert (lab.server().status, lab.server().flavor) == (status, "m1.large")
    assert lab.compute().look(APP).size == "m1.large"


def test_what_is_there_already_is_not_asked_for(lab):
    compute = lab.compute()
    lab.rest("SHUTOFF", "db-2")
    for change in (compute.start(APP), compute.stop(STANDBY), compute.resize(APP, "m1.medium")):
        mark = intend(change)
        assert change.act(mark) is None
        assert change.read_effect(mark).reached
        assert change.find_evidence(mark) is None
    assert lab.opened == []


def test_a_server_is_evacuated_only_when_its_host_is_down(lab):
    compute = lab.compute()
    change = compute.evacuate(APP)
    with pytest.raises(Refused, match="its host is UP: only a server on a host that is down"):
        change.check()
    lab.break_("host-down")
    _, proof = carried_out(change)
    assert lab.server().host == "compute-2"
    assert lab.actions() == ["evacuate"]
    assert proof.reference == lab.server().actions[-1].request_id


def test_a_host_that_is_not_shown_is_not_taken_for_down(lab):
    lab.break_("host-down")
    blind = lab.seeing_no_hosts()
    change = open_compute(blind, lambda: blind, routes=Routes(), clock=SystemClock()).evacuate(APP)
    with pytest.raises(Refused, match="not shown to us") as refused:
        change.check()
    assert "host_status" in refused.value.next_step


def test_a_stop_is_not_confirmed_by_the_record_of_a_host_that_is_silent(lab):
    compute = lab.compute()
    lab.rest("SHUTOFF")
    mark = intend(compute.stop(APP))
    assert compute.stop(APP).read_effect(mark).reached
    lab.break_("host-down")
    seen = compute.stop(APP).read_effect(mark)
    assert not seen.reached
    assert "its host is UNKNOWN" in seen.text
    with pytest.raises(Refused, match="nobody would do it or confirm it") as refused:
        compute.stop(APP).check()
    assert "accept by name" in refused.value.next_step


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["start", "stop", "resize"])
def test_before_the_act_there_is_neither_evidence_nor_effect(lab, name):
    change = verbs(lab)[name]
    mark = intend(change)
    assert change.find_evidence(mark) is None
    assert not change.read_effect(mark).reached
    assert lab.sent() == []


@pytest.mark.parametrize("name", ["start", "stop", "resize"])
def test_an_act_whose_answer_is_lost_is_found_and_not_repeated(lab, name):
    change = verbs(lab)[name]
    mark = intend(change)
    target = "db-2" if name == "start" else "app-1"
    lab.break_("drop-after", target)
    with pytest.raises(Retryable):
        change.act(mark)
    lab.mend("standby" if name == "start" else "app")
    if name == "resize":
        assert verbs(lab)["resize"].find_evidence(mark) is None, "asked for, and not confirmed"
        change.check()
        assert change.act(mark) is not None
    reached(change, mark)
    assert change.find_evidence(mark) is not None
    assert lab.actions(target) == (["resize", "confirmResize"] if name == "resize" else [name])


def test_a_resize_is_taken_up_in_each_state_that_a_crash_may_leave_it_in(lab):
    change = lab.compute().resize(APP, "m1.large")
    mark = intend(change)
    lab.break_("slow-effect")
    acting = threading.Thread(target=lambda: _quietly(change.act, mark))
    acting.start()
    while not lab.actions():
        time.sleep(0.05)
    assert lab.server().status == "RESIZE"
    again = lab.compute().resize(APP, "m1.large")
    again.check()
    assert again.find_evidence(mark) is None
    lab.mend()
    proof = again.act(mark)
    assert proof is not None
    reached(again, mark)
    acting.join()
    assert lab.actions() == ["resize", "confirmResize"]
    assert lab.compute().resize(APP, "m1.large").find_evidence(mark) == proof


def _quietly(act, mark):
    """The one that is overtaken may find the confirmation refused, as Nova does; it never does it twice."""
    try:
        act(mark)
    except (Refused, Retryable):
        return


def test_a_resize_that_is_not_ours_is_never_confirmed(lab):
    lab.server().status, lab.server().held, lab.server().flavor = "VERIFY_RESIZE", "ACTIVE", "m1.large"
    change = lab.compute().resize(APP, "m1.large")
    mark = intend(change)
    with pytest.raises(Refused, match=r"a resize to m1.large that is not this one waits"):
        change.act(mark)
    assert lab.opened == []


@pytest.mark.parametrize("name", ["start", "stop", "resize"])
def test_accepted_without_effect_fails_on_the_read_back(lab, name):
    change = verbs(lab)[name]
    mark = intend(change)
    lab.break_("no-effect", "db-2" if name == "start" else "app-1")
    hurried = replace(change, verb=replace(change.verb, asks_for=timedelta(seconds=1)))
    if name == "resize":
        with pytest.raises(Retryable, match="takes longer than"):
            hurried.act(mark)
    else:
        assert hurried.act(mark) is not None
    seen = change.read_effect(mark)
    assert not seen.reached
    assert {"start": "powering-on", "stop": "powering-off", "resize": "resize_migrating"}[name] in seen.text
    assert len(lab.sent()) == 1


@pytest.mark.parametrize("name", ["start", "resize"])
def test_no_host_has_room_and_after_some_is_freed_a_retry_acts_again(lab, name):
    change = verbs(lab)[name]
    mark = intend(change)
    target = "db-2" if name == "start" else "app-1"
    lab.break_("no-capacity", "cloud")
    with pytest.raises(Broken, match=r"then failed \(req-.*no host has room") as broken:
        change.act(mark)
    assert broken.value.code == "no_capacity"
    assert change.find_evidence(mark) is None
    assert f"Nova says that {name} failed" in change.read_effect(mark).text
    lab.mend("cloud")
    change.check()
    change.act(mark)
    assert reached(change, mark).reached
    assert lab.actions(target)[:2] == [name, name]


def test_an_evacuation_without_room_ends_in_error_and_may_be_done_again(lab):
    lab.break_("host-down")
    lab.break_("no-capacity", "cloud")
    change = lab.compute().evacuate(APP)
    mark = intend(change)
    with pytest.raises(Broken, match="ERROR"):
        change.act(mark)
    assert lab.server().fault.startswith("No valid host was found")
    lab.simulator.cloud.full.clear()
    assert change.act(mark) is not None
    assert reached(change, mark).reached


def test_too_little_quota_is_refused_in_novas_words_and_nothing_happens(lab):
    lab.simulator.cloud.limits["cores"] = 10
    change = lab.compute().resize(APP, "m1.large")
    mark = intend(change)
    with pytest.raises(Refused, match=r"Quota exceeded for cores: Requested 4, but already used 8 of 10") as refused:
        change.act(mark)
    assert refused.value.code == "quota"
    assert lab.actions() == []


def test_a_size_that_the_cloud_does_not_have_is_refused_with_those_there_are(lab):
    with pytest.raises(Refused, match=r"no size 'm1.huge'.*m1.large, m1.medium, m1.small"):
        lab.compute().resize(APP, "m1.huge").check()


@pytest.mark.parametrize(
    ("name", "status"), [("start", "ERROR"), ("start", "PAUSED"), ("stop", "PAUSED"), ("resize", "ERROR")]
)
def test_a_state_that_nova_would_not_take_it_from_is_refused_before_the_intent(lab, name, status):
    change = verbs(lab)[name]
    lab.rest(status, "db-2" if name == "start" else "app-1")
    with pytest.raises(Refused, match=f"is {status}") as refused:
        change.check()
    assert refused.value.code == "precondition"


@pytest.mark.parametrize("how", ["throttle", "error", "region-down"])
def test_a_cloud_that_does_not_answer_is_retryable_and_nothing_happens(lab, how):
    change = lab.compute().stop(APP)
    mark = intend(change)
    lab.break_(how)
    for asked in (change.check, change.read_baseline, lambda: change.find_evidence(mark), lambda: change.act(mark)):
        with pytest.raises(Retryable):
            asked()
    lab.mend()
    assert lab.actions() == []


def test_an_operator_that_may_not_is_refused_by_the_policys_name(lab):
    weak = lab.block(OpenStackOperator, lab.simulator.application)
    lab.rest("SHUTOFF", "db-2")
    compute = lab.compute(weak)
    named = {"servers:stop": compute.stop(APP), "servers:start": compute.start(STANDBY)}
    named["servers:resize"] = compute.resize(APP, "m1.large")
    for policy, change in named.items():
        with pytest.raises(Refused, match=rf"{policy}.*docs/permissions-openstack"):
            change.act(intend(change))
    assert lab.actions() == []


def test_an_intent_without_a_baseline_is_never_judged(lab):
    bare = Mark(
        key="0" * 64, run=intend(lab.compute().stop(APP)).run, intended_at=intend(lab.compute().stop(APP)).intended_at
    )
    change = lab.compute().stop(APP)
    for asked in (change.find_evidence, change.read_effect, change.act):
        with pytest.raises(Broken, match="baseline"):
            asked(bare)


def test_every_verb_together_uses_what_is_documented(lab):
    compute = lab.compute()
    for change in (compute.stop(APP), compute.resize(APP, "m1.large"), compute.start(APP)):
        carried_out(change)
    lab.break_("host-down")
    carried_out(compute.evacuate(APP))
    compute.capacity(make_catalogue().platforms["home"].sites["dc"])
    assert set(lab.sent()) | {"os_compute_api:servers:reboot"} == set(CHANGES)
    looked = {call["action"] for call in lab.simulator.traffic if call["who"] == "vigie-reader"}
    assert looked == {
        "flavors",
        "os_compute_api:limits",
        "os_compute_api:os-instance-actions:list",
        "os_compute_api:os-services:list",
        "os_compute_api:servers:detail",
    }


# -- the decisions alone --------------------------------------------------------------------------

STATUSES = ["ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "RESIZE", "VERIFY_RESIZE", "REBUILD", "UNKNOWN"]
DEEDS = st.lists(
    st.builds(
        Deed,
        st.sampled_from(["start", "stop", "resize", "confirmResize", "revertResize", "evacuate", "reboot"]),
        st.sampled_from(["req-1", "req-2", "req-3"]),
        st.booleans(),
        st.sampled_from(["2026-01-01", "2026-01-02"]),
    ),
    max_size=4,
)
CONDITIONS = st.builds(
    Condition,
    id=st.just("id"),
    name=st.just("app-1"),
    status=st.sampled_from(STATUSES),
    task=st.sampled_from(["", "powering-on", "resize_prep", "rebuilding"]),
    power=st.sampled_from([0, 1, 4]),
    size=st.sampled_from(["small", "large"]),
    host=st.sampled_from(["", "UP", "DOWN", "UNKNOWN", "MAINTENANCE"]),
    deeds=DEEDS,
)
VERBS = st.sampled_from([Start("app-1"), Stop("app-1"), Resize("app-1", "large"), Evacuate("app-1")])
KNOWN = st.sets(st.sampled_from(["req-1", "req-2", "req-3"]))


@given(VERBS, CONDITIONS, KNOWN)
def test_what_is_asked_for_is_neither_there_nor_under_way(verb, now, known):
    answer = verb.following(now, known)
    assert (answer is Next.DONE) == verb.reached(now, known)
    if isinstance(answer, Ask):
        assert not [deed for deed in now.since(known, answer.action) if not deed.failed]
        assert not now.task
        assert now.status in {"ACTIVE", "SHUTOFF", "ERROR", "VERIFY_RESIZE"}


@given(CONDITIONS, KNOWN)
def test_only_a_resize_of_our_own_is_confirmed_and_only_a_silent_host_is_left(now, known):
    confirming = Resize("app-1", "large").following(now, known)
    if isinstance(confirming, Ask) and confirming.action == "confirmResize":
        assert now.since(known, "resize")
        assert now.size == "large"
    if isinstance(Evacuate("app-1").following(now, known), Ask):
        assert now.host in {"DOWN", "UNKNOWN"}
    if Stop("app-1").reached(now, known):
        assert now.host not in {"DOWN", "UNKNOWN"}
        assert (now.status, now.power, now.task) == ("SHUTOFF", 4, "")


@given(VERBS, CONDITIONS)
def test_what_is_old_proves_nothing(verb, now):
    known = {deed.request for deed in now.deeds}
    assert verb.proof(now, known) is None
    if isinstance(verb, Evacuate):
        assert isinstance(verb.following(now, known), Ask | Not)
