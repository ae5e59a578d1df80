"""What only Azure has: plans that several apps share, ETags, quota and room, profiles that are not what a plan says."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import aiohttp
import pytest

from blocks.azure.connection import Connection
from blocks.azure.resource import AzureResource
from blocks.azure.traffic import profiles
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import EvidenceKind
from deployments.sandbox.azure_resources import Address
from tests.contract.azure.conftest import GROUP, HUB, SUBSCRIPTION
from tests.contract.computing import COMPUTING
from tests.contract.switching import HERE, SWITCHING, THERE
from tests.contract.test_compute_port import effect_of, evidence_of, intend

PLAN = f"{GROUP}/Microsoft.Web/serverfarms/hearth-prod-plan"
PROFILE = f"{GROUP}/Microsoft.Network/trafficManagerProfiles/hearth-api"


@pytest.fixture
def app(tmp_path):
    with COMPUTING["azure.app_service"](tmp_path) as cloud:
        yield cloud


@pytest.fixture
def machine(tmp_path):
    with COMPUTING["azure.virtual_machine"](tmp_path) as cloud:
        yield cloud


@pytest.fixture
def profile(tmp_path):
    with SWITCHING["azure.traffic_manager"](tmp_path) as switching:
        yield switching


def stored(cloud, address: str) -> Any:
    return cloud.simulator.store.find(address)


# -- apps and their plan ----------------------------------------------------------------------------


def test_a_size_without_a_number_keeps_the_instances_and_another_name_finds_its_tier(app):
    resize = app.compute().resize(app.service, "P2v3")
    mark = intend(resize)
    resize.act(mark)
    _until(lambda: resize.read_effect(mark).reached)
    assert stored(app, PLAN).body["sku"] == {"name": "P2v3", "tier": "PremiumV3", "capacity": 2}
    assert stored(app, PLAN).body["tags"] == {"seeded": "catalogue"}, "written whole, and nothing was lost"
    assert app.compute().look(app.other).size == "P2v3:2", "the other app is on that plan too"


def test_a_plan_that_somebody_else_resized_is_left_alone(app):
    change = app.change("resize")
    mark = intend(change)
    stored(app, PLAN).body["sku"]["capacity"] = 7
    with pytest.raises(Refused, match=r"it was P1v3:2, and plan hearth-prod-plan is P1v3:7") as refused:
        change.act(mark)
    assert refused.value.code == "changed"
    assert app.sent("resize") == 0


def test_a_plan_that_has_the_size_already_is_not_written(app):
    change = app.compute().resize(app.service, "P1v3:2")
    mark = intend(change)
    assert change.act(mark) is None
    assert change.find_evidence(mark) is None, "nobody did anything"
    assert change.read_effect(mark).reached
    assert app.sent("resize") == 0


def test_instances_that_are_not_there_yet_are_no_size(app):
    stored(app, PLAN).body["properties"]["numberOfWorkers"] = 1
    look = app.compute().look(app.service)
    assert not look.settled
    assert "1 of 2 instances there" in look.text


@pytest.mark.parametrize("deed", ["resize"])
def test_a_plan_that_azure_cannot_scale_is_told_at_once(app, deed):
    change = app.change(deed)
    mark = intend(change)
    app.break_("no-room")
    change.act(mark)
    assert "Failed" in _broken(lambda: change.read_effect(mark))


def test_the_log_proves_a_stop_that_changed_nothing_to_see(app):
    app.simulator.log.late = app.simulator.log.late * 0
    change = app.change("stop")
    mark = intend(change)
    app.break_("no-effect")
    change.act(mark)
    assert evidence_of(app, "stop", mark).kind is EvidenceKind.CLIENT_TOKEN
    assert not change.read_effect(mark).reached


# -- machines ---------------------------------------------------------------------------------------


def test_a_machine_that_somebody_changed_is_held_by_azure_itself(machine):
    change = machine.change("resize")
    mark = intend(change)
    stored(machine, machine.service.resource).body["etag"] = "somebody-elses"
    with pytest.raises(Refused, match="somebody changed it meanwhile") as refused:
        change.act(mark)
    assert refused.value.code == "changed"
    assert machine.acted_count() == 0


def test_a_size_that_is_not_offered_is_refused_before_anything_is_written(machine):
    change = machine.compute().resize(machine.service, "Standard_M128")
    with pytest.raises(Refused, match="none of the 3 sizes") as refused:
        change.check()
    assert refused.value.code == "no_room"


@pytest.mark.parametrize("deed", ["start", "resize"])
def test_what_the_quota_does_not_allow_is_refused_with_its_numbers(machine, deed):
    machine.prepare(deed)
    change = machine.change(deed)
    mark = intend(change)
    machine.simulator.store.core_limit = 3
    with pytest.raises(Refused, match=r"no room.*Current Limit: 3") as refused:
        change.act(mark)
    assert refused.value.code == "no_room"
    assert machine.acted_count() == 0


@pytest.mark.parametrize("deed", ["start", "resize"])
def test_what_azure_has_no_room_for_is_told_at_once_as_azure_names_it(machine, deed):
    machine.prepare(deed)
    change = machine.change(deed)
    mark = intend(change)
    machine.break_("no-room")
    change.act(mark)
    assert "failed/AllocationFailed" in _broken(lambda: change.read_effect(mark))
    machine.mend()
    again = machine.change(deed)  # what failed before is no failure of the next try
    mark = intend(again)
    again.act(mark)
    assert effect_of(machine, deed, mark).reached


def test_a_machine_that_only_shut_down_inside_is_not_fenced(machine):
    stored(machine, machine.service.resource).power = "stopped"
    stop = machine.change("stop")
    mark = intend(stop)
    assert not stop.read_effect(mark).reached
    stop.act(mark)
    assert effect_of(machine, "stop", mark).text.startswith("hearth-main is PowerState/deallocated")


def test_capacity_counts_what_is_allocated_and_never_promises_room(machine):
    assert machine.compute().capacity(machine.site).cores_free == 96
    machine.prepare("start")
    look = machine.compute().capacity(machine.site)
    assert (look.cores_free, look.instances_free, look.ram_free_mib, look.hosts_up) == (98, 24_998, -1, 0)
    assert "2 of 100 cores of westeurope are used" in look.text
    assert "quota is not capacity" in look.text
    machine.simulator.store.core_limit = -1
    assert "Azure names no limit of cores" in machine.compute().capacity(machine.site).text
    assert machine.compute().capacity(machine.site).cores_free == -1


def test_what_is_no_size_or_cannot_be_moved_is_refused_before_anybody_is_asked(machine, app):
    for cloud, sizes in ((app, ("Standard_D4s_v3", "P1v3:0", "big")), (machine, ("P1v3", "m1.small"))):
        for size in sizes:
            with pytest.raises(Refused, match="is no size of a"):
                cloud.compute().resize(cloud.service, size)
    hub = app.service.model_copy(update={"resource": HUB})
    for asked in (app.compute().look, app.compute().start, app.compute().stop):
        with pytest.raises(Refused, match=r"not started, stopped or resized.*degraded"):
            asked(hub)


# -- what the simulator tells the sandbox -------------------------------------------------------------


def test_who_stands_behind_is_told_in_time_though_nobody_asks(machine):
    told: list[tuple[str, str]] = []
    for event in ("started", "stopped", "restarted"):
        machine.simulator.happened[event] = lambda address, event=event: told.append((event, address))
    change = machine.change("stop")
    mark = intend(change)
    change.act(mark)
    _until(lambda: told == [("stopped", machine.service.resource)])
    machine.break_("no-effect")
    start = machine.change("start")
    start.act(intend(start))
    time.sleep(2)
    assert told == [("stopped", machine.service.resource)], "what has no effect is told to nobody"


# -- Traffic Manager ----------------------------------------------------------------------------------


def test_the_sandbox_hears_of_new_shares_and_answers_them(profile):
    told: list[str] = []
    profile.simulator.happened["shifted"] = told.append
    change = profile.change(5)
    change.act(intend(change))
    assert told == [PROFILE]
    trusting = ssl.create_default_context(cafile=profile.reader.ca_file)

    async def ask() -> Any:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
            session.get(f"{profile.reader.arm_endpoint}/_sandbox/traffic-shares") as answer,
        ):
            return await answer.json()

    assert asyncio.run(ask()) == {"hearth-api": {"azure-west": 95.0, "dc-west": 5.0}}


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        ("trafficRoutingMethod", "Priority", "it routes by Priority, not by weight"),
        ("profileStatus", "Disabled", "it is disabled, and answers nobody"),
        ("endpoints", [], "no endpoint azure-west; no endpoint dc-west"),
    ],
)
def test_a_profile_that_is_not_what_the_plan_says_is_not_understood_and_not_touched(profile, what, value, said):
    change = profile.change()
    mark = intend(change)
    stored(profile, PROFILE).body["properties"][what] = value
    for asked in (profile.traffic().read_shares, change.check, lambda: change.act(mark)):
        with pytest.raises(Broken, match=said):
            asked()
    assert profile.sent_count() == 0


def test_what_azures_own_probes_find_is_nobodys_change(profile):
    change = profile.change()
    mark = intend(change)
    properties = stored(profile, PROFILE).body["properties"]
    properties["endpoints"][0]["properties"]["endpointMonitorStatus"] = "Degraded"
    properties["monitorConfig"]["profileMonitorStatus"] = "Degraded"
    change.act(mark)
    assert change.read_effect(mark).reached


def test_a_shift_leaves_everything_else_of_the_profile_as_it_is(profile):
    properties = stored(profile, PROFILE).body["properties"]
    properties["monitorConfig"] |= {"intervalInSeconds": 10, "timeoutInSeconds": 5, "toleratedNumberOfFailures": 1}
    properties["endpoints"][1]["properties"]["alwaysServe"] = "Enabled"
    change = profile.change(25)
    change.act(intend(change))
    after = stored(profile, PROFILE).body["properties"]
    assert after["monitorConfig"] == properties["monitorConfig"]
    assert [each["properties"]["weight"] for each in after["endpoints"]] == [75, 25]
    assert after["endpoints"][1]["properties"]["alwaysServe"] == "Enabled"
    assert after["endpoints"][1]["properties"]["target"] == "api.dc-west.hearth.example"


def test_endpoints_are_read_and_written_one_by_one_as_in_the_real_one(profile):
    profile.simulator.granted_to["acting"] = ["*"]
    resource = AzureResource.parse(PROFILE, "traffic")

    async def write() -> tuple[Any, Any, int]:
        async with Connection(profile.operator, None, SystemClock()) as azure:
            profiles(azure, resource)
            client = next(iter(azure._clients.values())).endpoints
            named = ("hearth-prod", "hearth-api", "ExternalEndpoints")
            before = await client.get(*named, "dc-west")
            await client.update(*named, "dc-west", {"properties": {"endpointStatus": "Enabled", "weight": 300}})
            target = {"target": "x.example", "weight": 100, "endpointStatus": "Enabled"}
            await client.create_or_update(*named, "third", {"properties": target})
            wrong = await _status(client.update(*named, "third", {"properties": {"weight": 1001}}))
            assert await _status(client.get(*named, "fourth")) == 404
            return before, await client.get(*named, "dc-west"), wrong

    before, after, wrong = asyncio.run(write())
    assert (before.properties.endpoint_status, after.properties.weight, wrong) == ("Disabled", 300, 400)
    assert profile.simulator.shares() == {"hearth-api": {"azure-west": 20.0, "dc-west": 60.0, "third": 20.0}}
    with pytest.raises(Broken, match="endpoint third is enabled too"):
        profile.traffic().read_shares()


async def _status(call: Any) -> int:
    from azure.core.exceptions import HttpResponseError

    try:
        await call
    except HttpResponseError as error:
        return error.status_code or 0
    return 200


def test_an_address_that_is_none_is_refused_before_anybody_is_asked(profile):
    profile.switch = profile.switch.model_copy(update={"resource": "hearth-api"})
    with pytest.raises(Broken, match="not the address"):
        profile.traffic()
    assert {HERE, THERE} == set(profile.switch.endpoints)


# -- lists of quotas and what the store says ------------------------------------------------------------


def test_an_operation_that_nobody_asks_about_ends_by_itself(machine):
    store = machine.simulator.store
    address = Address.parse(machine.service.resource)
    assert address is not None
    store.patch(address, {"tags": {"owner": "desk"}})
    _until(lambda: store.find(address).body["tags"].get("owner") == "desk")
    assert store.used(SUBSCRIPTION, "northeurope")["cores"] == (0, 100)


def _broken(read: Any) -> str:
    """What is said in the end; a look that finds nothing wrong yet is repeated."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            assert not read().reached
        except Broken as error:
            return str(error)
        except Retryable:
            pass
        time.sleep(0.2)
    raise AssertionError("nobody said that it failed")


def _until(true: Any) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)
