"""A move in peace: only between two sides that are well, made ready first, and without losing a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blocks.errors import Refused
from blocks.ports.recovery import MoveKind, MoveState
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, database, quiet, with_database


def plan(facts=None, platform=HEARTH, **named):
    return plan_move(MoveKind.SWITCHOVER, platform, facts or quiet(), **named)


def test_the_whole_plan_phase_by_phase():
    made = plan(reason="upgrade of the primary site")
    assert [(step.phase, step.item) for step in made.steps] == [
        ("prepare", "resize-service:device-api:dc-west"),
        ("prepare", "start-service:device-api:dc-west"),
        ("fence", "stop-worker:digest:azure-west"),
        ("fence", "drain-database:household:azure-west"),
        ("promote", "promote-database:household:dc-west"),
        ("promote", "stand-alone:household:dc-west"),
        ("verify-data", "verify-data:household:dc-west"),
        ("start", "open-database:household:dc-west"),
        ("shift", "shift-traffic:database-name:dc-west@100"),
        ("shift", "recycle-service:device-api:dc-west"),
        ("shift", "shift-traffic:api:dc-west@100"),
        ("verify-clients", "verify-clients:device-api/health:dc-west"),
        ("verify-clients", "verify-clients:household/login:dc-west"),
        ("verify-clients", "verify-clients:https://api.hearth.example/health:dc-west"),
        ("settle", "start-worker:digest:dc-west"),
        ("settle", "follow-database:household:azure-west"),
    ]
    assert (made.action, made.subject, made.candidate) == ("switchover", "azure-west → dc-west", CELLAR)
    assert made.roles == {CELLAR: "active", AZURE: "standby"}
    assert made.bounds == ()
    assert all(guard.holds for guard in made.guards)
    assert made.reason == "upgrade of the primary site"
    assert made.cost == "device-api runs as m1.large in dc-west"


def test_the_card_says_what_clients_do_without():
    wrong = plan(quiet(incidents=("archive: slow",))).known_wrong
    assert [sentence.partition(":")[0] for sentence in wrong] == [
        "message-ingestion has nothing in dc-west",
        "device-updates has nothing in dc-west",
        "archive has nothing in dc-west",
        "archive",
    ]


def test_zero_loss_waits_for_the_standby_again_once_it_follows():
    made = plan(platform=scenes.saved(scenes.promised()))
    assert [str(item) for item in items_of(made.steps, "settle")] == [
        "start-worker:digest:dc-west",
        "follow-database:household:azure-west",
        "protect-database:household:dc-west",
    ]


def test_while_a_move_is_under_way_another_is_told_to_wait_for_it():
    closed = with_database(quiet(moves=(scenes.a_move(state=MoveState.UNDER_WAY),)), AZURE, database(scenes.FENCED))
    with pytest.raises(
        Refused, match=r"a failover to dc-west is not over \(vigie runs show \w+\): see it through; a dead"
    ):
        plan(closed)


REFUSED = {
    "dead": (AZURE, database(scenes.STOPPED), "takes no writes", "vigie plan failover hearth"),
    "unreachable": (AZURE, database(scenes.UNREACHABLE), "takes no writes", "vigie plan failover hearth"),
    "never seen": (AZURE, None, "nobody could look at it", "vigie plan failover hearth"),
    "fenced": (AZURE, database(scenes.FENCED), "takes no writes", "vigie plan failover hearth"),
    "no standby": (CELLAR, database(scenes.STOPPED), "does not follow azure-west", "mend the replication"),
    "no look at the standby": (CELLAR, None, "does not follow azure-west", "mend the replication"),
    "two primaries": (CELLAR, database(scenes.PRIMARY), "does not follow azure-west", "mend the replication"),
    "another history": (CELLAR, database(scenes.STANDBY, timeline=2), "does not follow", "mend the replication"),
    "another database": (CELLAR, database(scenes.STANDBY, system_id="8"), "does not follow", "mend the replication"),
    "too far behind": (CELLAR, database(scenes.STANDBY, behind_s=301), "301 s behind, over the rpo of 5min", "caught up"),
    "no heartbeat": (CELLAR, database(scenes.STANDBY, heartbeat_at=None), "an unknown time behind", "caught up"),
}  # fmt: skip


@pytest.mark.parametrize(("site", "look", "what", "next_step"), REFUSED.values(), ids=REFUSED)
def test_a_side_that_is_not_well_is_refused_with_what_to_do_instead(site, look, what, next_step):
    with pytest.raises(Refused) as refused:
        plan(with_database(quiet(), site, look))
    assert what in refused.value.what
    assert next_step in refused.value.next_step


def test_as_far_behind_as_the_rpo_is_still_near():
    assert (
        plan(with_database(quiet(), CELLAR, database(scenes.STANDBY, behind_s=300)))
        .guards[0]
        .text.endswith("300 s behind")
    )


@pytest.mark.parametrize("service", ["device-api-recovery", "household-digest-recovery"])
def test_a_machine_that_does_not_answer_or_is_busy_is_refused(service):
    others = [name for name in scenes.EVERYTHING if name != service]
    with pytest.raises(Refused, match=f"{service} in dc-west is not ready .*its provider does not answer"):
        plan(quiet(compute=scenes.compute(*others)))
    busy = scenes.compute(*others) | scenes.compute(service, settled=False, text="it is being resized")
    with pytest.raises(Refused, match=f"{service} in dc-west is not ready .*it is being resized"):
        plan(quiet(compute=busy))


def test_a_machine_of_the_old_side_may_be_silent():
    assert plan(quiet(compute=scenes.compute("device-api-recovery", "household-digest-recovery")))


CANDIDATES = {
    "the active site": (AZURE, "azure-west is where hearth is active: it cannot take over from itself"),
    "no site of it": ("nowhere", "hearth has no site 'nowhere'"),
}


@pytest.mark.parametrize(("to", "what"), CANDIDATES.values(), ids=CANDIDATES)
@pytest.mark.parametrize("kind", [MoveKind.SWITCHOVER, MoveKind.FAILOVER])
def test_a_candidate_that_cannot_be(kind, to, what):
    with pytest.raises(Refused, match=what):
        plan_move(kind, HEARTH, quiet(), to=to)


def test_the_only_other_site_needs_no_name_and_of_several_one_is_named():
    third = HEARTH.sites[CELLAR].model_copy(update={"name": "dc-east"})
    platform = HEARTH.model_copy(update={"sites": HEARTH.sites | {"dc-east": third}})
    with pytest.raises(Refused, match="hearth could go to dc-east, dc-west, and none was named"):
        plan(platform=platform)
    assert plan(platform=platform, to=CELLAR).candidate == CELLAR


def test_without_a_plan_nothing_is_moved():
    with pytest.raises(Refused, match="hearth has no recovery plan"):
        plan(platform=HEARTH.model_copy(update={"recovery": None}))


def test_a_circle_is_named_and_refused():
    services = dict(HEARTH.services)
    services["device-api-recovery"] = services["device-api-recovery"].model_copy(
        update={"depends_on": ("household-digest",)}
    )
    services["household-digest-recovery"] = services["household-digest-recovery"].model_copy(
        update={"depends_on": ("device-api-recovery",)}
    )
    with pytest.raises(Refused, match="in a circle: device-api -> digest -> device-api"):
        plan(platform=HEARTH.model_copy(update={"services": services}))


SHORT = {
    "cores": ({"cores_free": 3}, "4 cores are needed and 3 are free"),
    "memory": ({"ram_free_mib": 8191}, "8192 MiB of memory are needed and 8191 are free"),
    "servers": ({"instances_free": 0}, "1 server is needed and 0 are free"),
}


@pytest.mark.parametrize(("changes", "what"), SHORT.values(), ids=SHORT)
@pytest.mark.parametrize(
    ("kind", "facts"),
    [(MoveKind.SWITCHOVER, quiet()), (MoveKind.FAILOVER, scenes.dark())],
    ids=["switchover", "failover"],
)
def test_a_site_without_room_is_refused_with_the_numbers(kind, facts, changes, what):
    tight = replace(facts, capacity={CELLAR: replace(scenes.ROOM, **changes)})
    with pytest.raises(Refused, match=f"dc-west cannot take hearth: {what}"):
        plan_move(kind, HEARTH, tight)


def test_just_enough_room_is_enough_and_no_limit_is_none():
    just = replace(scenes.ROOM, cores_free=4, ram_free_mib=8192, instances_free=1)
    assert plan(quiet(capacity={CELLAR: just}))
    assert plan(quiet(capacity={CELLAR: replace(scenes.ROOM, cores_free=-1, ram_free_mib=-1, instances_free=-1)}))


def test_a_site_that_nobody_can_ask_is_not_believed():
    with pytest.raises(Refused, match="nobody can say what dc-west can still take"):
        plan(quiet(capacity={}))


def test_a_switch_that_does_not_answer_fails_its_guard():
    made = plan(quiet(shares={"api": scenes.SHARES["api"]}))
    failing = [guard for guard in made.guards if not guard.holds]
    assert [guard.name for guard in failing] == ["traffic database-name"]
    assert "could not be moved" in failing[0].text


def test_added_steps_stand_before_and_after_their_phase_in_their_moves_only():
    steps = {
        "warm": {"kind": "call", "when": "after", "phase": "start", "text": "warm the cache", "url": "https://x.example/"},
        "told": {"kind": "ask", "when": "before", "phase": "start", "text": "is everybody told?"},
        "jobs": {"kind": "deployment", "when": "before", "phase": "fence", "text": "stop jobs", "deployment": "a/b", "moves": ["failover"]},
    }  # fmt: skip
    written = HEARTH.recovery.model_dump(mode="json") | {
        "steps": {name: step | {"name": name} for name, step in steps.items()}
    }
    platform = HEARTH.model_copy(update={"recovery": type(HEARTH.recovery).model_validate(written)})
    made = plan(platform=platform)
    assert [(step.item, step.text.partition(" [")[0]) for step in made.steps if step.phase == "start"] == [
        ("ask:told:dc-west", "ask a person: is everybody told?"),
        ("open-database:household:dc-west", "open household in dc-west to writes"),
        ("call:warm:dc-west", "warm the cache: GET https://x.example/ answers 200"),
    ]
    assert not [item for item in items_of(made.steps) if item.verb is Verb.RUN_DEPLOYMENT]
    forced = plan_move(MoveKind.FAILOVER, platform, scenes.dark())
    assert str(items_of(forced.steps, "fence")[0]) == "run-deployment:jobs:dc-west"
