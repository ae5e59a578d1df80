"""What only one provider has: logs that are late, instances that wait for each other, servers that are down."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.azure.block import READER
from blocks.azure.running import Running
from blocks.errors import Broken, Refused
from blocks.ports.changes import EvidenceKind, Mark
from deployments.sandbox.azure_lives import TAKES_S
from tests.contract.clouds import CLOUDS
from tests.contract.test_restart_port import change_of, effect_of, evidence_of, intend

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
PROCESSES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["09:00", "09:01", "09:02"]), max_size=3)


@pytest.fixture
def app(tmp_path):
    with CLOUDS["azure.app_service"](tmp_path) as cloud:
        yield cloud


@pytest.fixture
def fleet(emulator):
    with CLOUDS["aws.autoscaling_group"](emulator) as cloud:
        yield cloud


@pytest.fixture
def server(tmp_path):
    with CLOUDS["openstack.server"](tmp_path) as cloud:
        yield cloud


# -- Azure ----------------------------------------------------------------------------------------


@given(PROCESSES, PROCESSES)
def test_something_runs_anew_only_when_nothing_of_before_is_left(before, now):
    anew = Running(now, ready=True, text="").anew(before)
    assert anew == (bool(before) and bool(now) and all(before.get(name) != moment for name, moment in now.items()))
    assert not Running(before, ready=True, text="").anew(before)
    assert not Running({}, ready=True, text="").anew(before)


def test_an_app_that_shows_no_processes_is_proved_by_the_log_and_by_nobody_elses_request(app):
    app.simulator.log.late = timedelta(seconds=3)
    for resource in app.simulator.store._resources.values():
        resource.life.shows_processes = False
    change = change_of(app)
    mark, somebody_elses = intend(change), intend(change)
    assert mark.baseline == {"seen": "0"}
    change.act(mark)
    assert change.find_evidence(mark) is None, "the log is late"
    found = evidence_of(app, app.items()[0], mark)
    assert found.kind is EvidenceKind.CLIENT_TOKEN
    assert effect_of(app, app.items()[0], mark)[-1].reached
    assert change.find_evidence(somebody_elses) is None
    assert not change.read_effect(somebody_elses).reached


def test_a_reader_that_may_not_see_processes_finds_its_evidence_in_the_log(app):
    app.simulator.granted = [action for action in READER.needed if "processes" not in action]
    change = change_of(app)
    mark = intend(change)
    assert mark.baseline == {"seen": "0"}
    change.act(mark)
    assert evidence_of(app, app.items()[0], mark).kind is EvidenceKind.CLIENT_TOKEN
    assert effect_of(app, app.items()[0], mark)[-1].reached


def test_the_sandbox_says_that_an_app_runs_again_when_what_stands_for_it_does(app):
    over = threading.Event()
    app.simulator.happened["restarted"] = lambda _address: over.is_set
    change = change_of(app)
    mark = intend(change)
    change.act(mark)
    time.sleep(TAKES_S[""] + 0.5)
    assert not change.read_effect(mark).reached, "a slow machine is still starting its process"
    over.set()
    assert effect_of(app, app.items()[0], mark)[-1].reached


def test_the_log_knows_a_request_that_changed_nothing_yet_and_the_goal_is_not_reached(app):
    change = change_of(app)
    mark = intend(change)
    app.break_("no-effect")
    change.act(mark)
    assert evidence_of(app, app.items()[0], mark).kind is EvidenceKind.CLIENT_TOKEN
    assert "what ran before still runs" in change.read_effect(mark).text


def test_a_request_that_failed_is_no_evidence(app):
    change = change_of(app)
    mark = intend(change)
    app.break_("no-effect")
    change.act(mark)
    evidence_of(app, app.items()[0], mark)
    app.simulator.log.late = timedelta(seconds=-1)
    app.simulator.log.events[-1]["status"]["value"] = "Failed"
    assert change.find_evidence(mark) is None
    change.act(mark)
    assert change.find_evidence(mark).reference == app.simulator.log.events[-1]["correlationId"]


def test_processes_prove_a_restart_whatever_our_clock_says(app):
    change = change_of(app)
    mark = intend(change)
    app.simulator.log.late = timedelta(days=1)
    wrong = Mark(key=mark.key, run=mark.run, intended_at=datetime(2031, 1, 1, tzinfo=UTC), baseline=mark.baseline)
    change.act(wrong)
    assert effect_of(app, app.items()[0], wrong)[-1].reached
    assert change.find_evidence(wrong).kind is EvidenceKind.STARTED_AFTER


def test_a_stopped_app_and_a_type_that_is_not_restarted_are_refused(app):
    hub = app.service.resource.replace("Microsoft.Web/sites", "Microsoft.Devices/IotHubs")
    odd = app.service.model_copy(update={"resource": hub})
    with pytest.raises(Refused, match="not restarted by vigie"):
        app.restarter().read_targets(app.platform, odd)
    with pytest.raises(Broken, match="not the address"):
        app.restarter().restart(app.platform, app.service, "hearth-main")


# -- AWS ------------------------------------------------------------------------------------------


def test_never_two_at_once(fleet):
    first, second, _ = fleet.items()
    mark = intend(change_of(fleet, first))
    fleet.break_("slow-effect")
    change_of(fleet, first).act(mark)
    with pytest.raises(Refused, match="1 of the 2 other instances"):
        change_of(fleet, second).check()
    fleet.mend()
    effect_of(fleet, first, mark)
    change_of(fleet, second).check()


def test_an_instance_that_is_gone_is_not_restarted_again(fleet):
    first = fleet.items()[0]
    mark = intend(change_of(fleet, first))
    change_of(fleet, first).act(mark)
    effect_of(fleet, first, mark)
    assert first not in fleet.items()
    with pytest.raises(Refused, match="is not one that"):
        change_of(fleet, first).check()
    with pytest.raises(Broken, match="No managed instance"):
        change_of(fleet, first).act(mark)
    found = change_of(fleet, first).find_evidence(mark)
    assert found.kind is EvidenceKind.GONE
    assert "Terminating EC2 instance" in found.text


def test_a_whole_fleet_is_restarted_one_by_one_and_serves_with_all_but_one(fleet):
    before = fleet.items()
    for item in before:
        change = change_of(fleet, item)
        mark = intend(change)
        fleet.break_("slow-effect")
        change.act(mark)
        assert "2 of 3" in change.read_effect(mark).text
        fleet.mend()
        effect_of(fleet, item, mark)
    assert not set(before) & set(fleet.items())
    assert len(fleet.items()) == 3


def test_an_instance_that_was_detached_is_no_evidence(fleet):
    before = fleet.items()
    mark = intend(change_of(fleet, before[0]))
    change_of(fleet, before[0]).act(mark)
    effect_of(fleet, before[0], mark)
    (new,) = set(fleet.items()) - set(before)  # an activity names it: the one that launched it
    mark = intend(change_of(fleet, new))
    fleet.as_admin("autoscaling").detach_instances(
        InstanceIds=[new], AutoScalingGroupName="shop-web", ShouldDecrementDesiredCapacity=False
    )
    assert new not in fleet.items()
    assert change_of(fleet, new).find_evidence(mark) is None
    assert not change_of(fleet, new).read_effect(mark).reached


def test_a_group_that_would_launch_nothing_is_refused(fleet):
    client = fleet.as_admin("autoscaling")
    client.suspend_processes(AutoScalingGroupName="shop-web", ScalingProcesses=["Launch", "AlarmNotification"])
    try:
        with pytest.raises(Refused, match="Launch is suspended"):
            change_of(fleet).check()
    finally:
        client.resume_processes(AutoScalingGroupName="shop-web")


def test_an_instance_that_the_balancer_does_not_send_to_does_not_serve(fleet):
    first, second, _ = fleet.items()
    balancing = fleet.as_admin("elbv2")
    arn = balancing.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    balancing.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": second}])
    try:
        with pytest.raises(Refused, match="1 of the 2 other instances"):
            change_of(fleet, first).check()
        change_of(fleet, second).check()
    finally:
        balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": second}])


def test_what_the_emulator_says_of_a_replacement_has_the_shape_of_the_vendors_model(fleet):
    """moto lacks these answers; ours are parsed by botocore and checked against its service model."""
    from botocore.validate import validate_parameters

    client = fleet.as_admin("autoscaling")
    for operation, asked in (
        (
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": fleet.items()[0], "ShouldDecrementDesiredCapacity": False},
        ),
        ("DescribeScalingActivities", {"AutoScalingGroupName": "shop-web"}),
    ):
        model = client.meta.service_model.operation_model(operation)
        answer = client._make_api_call(operation, asked)
        answer.pop("ResponseMetadata")
        assert answer
        report = validate_parameters(answer, model.output_shape)
        assert report is None
    pages = client.get_paginator("describe_scaling_activities").paginate(PaginationConfig={"PageSize": 1})
    numbers = [activity["ActivityId"] for page in pages for activity in page["Activities"]]
    assert len(numbers) == len(set(numbers)) > 0


def test_a_group_that_does_not_exist_is_refused(fleet):
    odd = fleet.service.model_copy(update={"resource": "shop-web-2"})
    with pytest.raises(Refused, match="shop-web-2 does not exist"):
        fleet.restarter().read_targets(fleet.platform, odd)


# -- OpenStack ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "how"), [("ACTIVE", "SOFT"), ("SHUTOFF", "HARD"), ("ERROR", "HARD")])
def test_a_server_that_is_down_is_rebooted_hard_and_one_that_runs_softly(server, state, how):
    target = next(each for each in server.simulator.cloud.servers if each.name == "app-1")
    target.status = state
    change = change_of(server)
    mark = intend(change)
    given = change.act(mark)
    assert target.task == {"SOFT": "rebooting", "HARD": "rebooting_hard"}[how]
    assert given.reference == target.actions[-1].request_id
    assert change.find_evidence(mark).reference == given.reference
    assert effect_of(server, change.item, mark)[-1].reached


def test_a_second_reboot_while_one_goes_on_is_refused_by_nova(server):
    change = change_of(server)
    mark = intend(change)
    server.break_("slow-effect")
    change.act(mark)
    with pytest.raises(Refused, match="rebooting"):
        change.act(mark)
    assert server.acted_count() == 1


def test_a_server_that_does_not_exist_is_refused(server):
    odd = server.service.model_copy(update={"resource": "app-9"})
    with pytest.raises(Refused, match="app-9 does not exist"):
        server.restarter().read_targets(server.platform, odd)


# -- the operator ---------------------------------------------------------------------------------


def test_a_site_without_an_operator_refuses_and_says_what_to_add(server):
    platform = server.platform
    assert platform.operator_for(platform.services["app"]) == "operator"
    without = platform.model_copy(
        update={"sites": {"here": platform.sites["here"].model_copy(update={"operator": None})}}
    )
    with pytest.raises(Refused, match=r"add `operator: <its name>` to site here"):
        without.operator_for(without.services["app"])


def test_keys_make_request_ids_that_are_the_same_at_each_try():
    from blocks.azure.activity import request_id

    marks = [Mark(key="ab" * 32, run=uuid4(), intended_at=datetime.now(UTC)) for _ in range(2)]
    assert len({request_id(mark) for mark in marks}) == 1
    assert request_id(marks[0]) == "abababab-abab-abab-abab-abababababab"
