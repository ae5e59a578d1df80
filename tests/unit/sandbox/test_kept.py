"""The sandbox's clouds are as they were left, through a file: states, sizes, weights, power, and what was going on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.catalogue.loader import load_catalogue
from deployments.sandbox import azure_kept, openstack_kept
from deployments.sandbox.azure_lives import ActivityLog
from deployments.sandbox.azure_resources import Address
from deployments.sandbox.azure_seed import seeded_store
from deployments.sandbox.azure_traffic import shares, with_endpoint
from deployments.sandbox.household import UnavailableError, household_dsn
from deployments.sandbox.kept import LAYOUT, Kept
from deployments.sandbox.openstack_cloud import User, cloud_from
from deployments.sandbox.parts import ALL_PARTS, chosen_parts
from deployments.sandbox.resting import Resting
from deployments.sandbox.state import State

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")
SOMEBODY = User("somebody", "secret", ())


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "azure" / "resources.json")


def again(kept, store, log=None):
    """The same Azure after its process ended and began."""
    kept.write(azure_kept.described(store, log or ActivityLog()))
    store, log = seeded_store(CATALOGUE), ActivityLog()
    azure_kept.restore(store, log, kept.read())
    return store, log


def address(store, name):
    return Address.parse(store.find(store.names()[name]).body["id"])


def find(store, name):
    return store.find(store.names()[name])


def over(store):
    """Time passes until nothing goes on."""
    for resource in store.resources.values():
        if resource.operation is not None:
            resource.operation.takes_s, resource.operation.needed_polls = 0.0, 0
    store.settle()


# -- Azure --------------------------------------------------------------------------------------


def test_an_azure_that_was_moved_away_from_is_so_when_it_comes_back(kept):
    store = seeded_store(CATALOGUE)
    store.turn(address(store, "hearth-device-api"), "Stopped", "")
    store.power(address(store, "hearth-db-1"), "deallocated")
    over(store)
    store.patch(address(store, "hearth-db-1"), {"properties": {"hardwareProfile": {"vmSize": "Standard_D8s_v3"}}})
    plan = next(name for name in store.names() if name.endswith("-plan"))
    store.put(address(store, plan), {"sku": {"name": "P1v3", "capacity": 4}})
    over(store)
    (profile,) = store.all_of("microsoft.network/trafficmanagerprofiles")
    home = profile.body["properties"]["endpoints"][0]["name"]
    changed, _ = with_endpoint(
        profile, f"ExternalEndpoints/{home}", {"properties": {"endpointStatus": "Disabled", "weight": 7}}, whole=False
    )
    store.patch(Address.parse(profile.body["id"]), {"properties": changed["properties"]})

    found, _ = again(kept, store)
    assert found is not store
    assert {key: one.body for key, one in found.resources.items()} == {
        key: one.body for key, one in store.resources.items()
    }
    assert find(found, "hearth-device-api").body["properties"]["state"] == "Stopped"
    assert not find(found, "hearth-device-api").life.up
    assert find(found, "hearth-db-1").power == "deallocated"
    assert find(found, plan).body["sku"]["capacity"] == 4
    assert shares(found.find(profile.body["id"]).body) == shares(profile.body)
    assert found.find(profile.body["id"]).body["properties"]["endpoints"][0]["properties"]["weight"] == 7


def test_what_was_going_on_takes_its_time_again_and_can_still_be_asked_about(kept):
    store, told = seeded_store(CATALOGUE), []
    operation = store.power(address(store, "hearth-db-1"), "deallocated")
    found, _ = again(kept, store)
    found.tell = lambda event, about: told.append((event, about))
    assert find(found, "hearth-db-1").power == "deallocating"
    assert not found.poll(operation.id).done
    over(found)
    assert find(found, "hearth-db-1").power == "deallocated"
    assert told == [("stopped", find(found, "hearth-db-1").body["id"])]
    assert found.poll(operation.id).done
    later, _ = again(kept, found)
    assert later.poll(operation.id).done, "one that is over stays so"


def test_who_asked_for_what_is_still_in_the_log(kept):
    store, log = seeded_store(CATALOGUE), ActivityLog()
    number = log.write(find(store, "hearth-db-1").body["id"], "restart", "vigie", "token", "POST")
    _, found = again(kept, store, log)
    assert {each["correlationId"] for each in found.events} == {number}


def test_a_process_that_runs_since_yesterday_did_not_begin_with_the_sandbox(kept):
    store = seeded_store(CATALOGUE)
    began = find(store, "hearth-device-api").life.began
    found, _ = again(kept, store)
    assert find(found, "hearth-device-api").life.began == began


def test_what_the_catalogue_says_otherwise_begins_anew_and_what_it_dropped_is_gone(kept):
    store = seeded_store(CATALOGUE)
    for name in ("hearth-device-api", "hearth-db-1"):
        find(store, name).body["tags"] = {"left": "so"}
    made = f"{find(store, 'hearth-db-1').body['id']}-made"
    store.put(Address.parse(made), {"location": "westeurope"})
    over(store)
    store.seed(made.replace("-made", "-dropped"), "Microsoft.Compute/virtualMachines", "westeurope").seed = "former"
    find(store, "hearth-db-1").seed = "of a former catalogue"
    found, _ = again(kept, store)
    assert find(found, "hearth-device-api").body["tags"] == {"left": "so"}
    assert find(found, "hearth-db-1").body["tags"] == {"seeded": "catalogue"}
    assert found.find(made).body["location"] == "westeurope"
    assert not any(key.endswith("-dropped") for key in found.resources)


# -- the private cloud --------------------------------------------------------------------------


def cloud(kept=None):
    found = cloud_from(CATALOGUE, [SOMEBODY])
    openstack_kept.mark_seeds(found)
    if kept is not None:
        openstack_kept.restore(found, kept.read())
    return found


def left_so(kept, found):
    kept.write(openstack_kept.described(found))
    return cloud(kept)


def server(found, name):
    return next(each for each in found.servers if each.name == name)


def soon(found):
    for each in found.servers:
        each.done_at = 0.0
    found.settle()


def test_servers_are_as_they_were_left_with_novas_list(kept):
    found = cloud()
    worker, app = server(found, "hearth-worker-1"), server(found, "hearth-app-1")
    found.begin(worker, "os-start", SOMEBODY, "req-1")
    found.begin(app, "resize", SOMEBODY, "req-2", flavor="m1.large")
    soon(found)
    found.begin(app, "confirmResize", SOMEBODY, "req-3")
    soon(found)
    later = left_so(kept, found)
    assert (server(later, "hearth-worker-1").status, server(later, "hearth-app-1").flavor) == ("ACTIVE", "m1.large")
    assert server(later, "hearth-app-1").actions == app.actions
    assert openstack_kept.described(later) == openstack_kept.described(found)


def test_a_server_on_its_way_arrives_and_tells_whoever_stands_behind_it(kept):
    found, heard = cloud(), []
    found.begin(server(found, "hearth-worker-1"), "os-start", SOMEBODY, "req-1")
    later = left_so(kept, found)
    later.told = type(later.told)(started=heard.append)
    worker = server(later, "hearth-worker-1")
    assert (worker.task, worker.status) == ("powering-on", "SHUTOFF")
    later.settle()
    assert worker.task == "powering-on", "it takes its time again"
    soon(later)
    assert (worker.task, worker.status, heard) == (None, "ACTIVE", [worker.service])


def test_what_was_broken_is_whole_and_what_would_begin_otherwise_does(kept):
    found = cloud()
    found.control("break", server(found, "hearth-app-1").service, "error-state")
    found.begin(server(found, "hearth-worker-1"), "os-start", SOMEBODY, "req-1")
    soon(found)
    server(found, "hearth-worker-1").seed = "of a former catalogue"
    later = left_so(kept, found)
    assert server(later, "hearth-app-1").status == "ACTIVE"
    assert (server(later, "hearth-worker-1").status, server(later, "hearth-worker-1").actions) == ("SHUTOFF", [])


# -- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [json.dumps({"layout": LAYOUT + 1, "content": {"a": 1}}), "{half", "[]", json.dumps({"content": {}}), "null"],
)
def test_what_nobody_understands_is_forgotten_aloud(tmp_path, caplog, text):
    (tmp_path / "of.json").write_text(text)
    assert Kept(tmp_path / "of.json").read() == {}
    assert "is forgotten, all begins anew" in caplog.text


def test_a_file_is_written_when_something_is_different_and_readable_by_its_owner_only(tmp_path):
    kept = Kept(tmp_path / "of.json")
    kept.write({"a": 1})
    (tmp_path / "of.json").unlink()
    kept.write({"a": 1})
    assert not (tmp_path / "of.json").exists()
    kept.write({"a": 2})
    assert Kept(tmp_path / "of.json").read() == {"a": 2}
    assert (tmp_path / "of.json").stat().st_mode & 0o077 == 0


# -- what stands behind -------------------------------------------------------------------------


def test_a_machine_that_was_switched_off_stays_off_and_one_that_was_switched_on_stays_on(tmp_path):
    state = State.at(tmp_path)
    resting = Resting(state)
    resting.note("household-primary", rests=True)
    resting.note("household-digest-recovery", rests=False)
    found = {part.name: part for part in chosen_parts((), Resting(state).of)}
    assert {name for name, part in found.items() if part.rests} == {"household-primary"}
    needed = found["registration"].command[-1].split(",")
    assert "household-primary" not in needed
    assert "household-digest-recovery" in needed
    assert {part.name for part in ALL_PARTS if part.rests} == {"household-digest-recovery"}


def test_a_service_that_begins_before_the_network_says_that_it_cannot_write(tmp_path):
    """The database rests, so that its roles are known from the sandbox's last life before anything else is there."""
    state = State.at(tmp_path)
    state.write_ready("household-primary", "127.0.0.1:1", app_dsn="postgresql://app:word@127.0.0.1:1/household")
    state.note_end("household-primary")
    with pytest.raises(UnavailableError, match="the network is not there yet"):
        household_dsn(state, "db1.hearth.example:5432")
