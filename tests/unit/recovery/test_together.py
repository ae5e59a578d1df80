"""Who stands on the one card: whoever could go alone, fits, and is decided about by the same people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Refused
from blocks.ports.approvals import Policy
from blocks.ports.room import Room, RoomClaim
from blocks.ports.runs import RunState
from tasks.recovery.capacity import less_claimed, narrowest, pool_of, shortfall
from tasks.recovery.holding import wanted_of
from tasks.recovery.together import MOST_AT_ONCE, Found, common_rule, join, names_of
from tests.unit.recovery.scenes import CELLAR, HEARTH, NOW, ROOM, RUN
from tests.unit.recovery.test_priority import FIVE, want

RULE = Policy(approvers=("duty-operator", "shift-lead"))
POOL = FIVE[0].pool


def found(*wants, cores=20, **rules):
    room = replace(ROOM, cores_free=cores, instances_free=99)
    return [Found(want=each, room=room, policy=rules.get(each.platform, RULE)) for each in wants]


def going(plan) -> list[str]:
    return [part.platform for part in plan.parts]


def test_by_priority_and_whoever_cannot_is_named_with_why():
    plan = join(found(*FIVE), {"attic": "attic has no recovery plan"}, lead="archive", reason="dark")
    assert going(plan) == ["hearth", "shop", "ledger", "archive"]
    assert (plan.platform, plan.reason) == ("archive", "dark")
    assert plan.known_wrong == (
        "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 2 are free",
        "attic does not go: attic has no recovery plan",
    )


def test_of_several_looks_at_one_room_the_least_counts():
    garden, shop = found(FIVE[0], FIVE[3])
    ample, short = replace(ROOM, cores_free=99), replace(ROOM, cores_free=8)
    plan = join([replace(garden, room=ample), replace(shop, room=short)], {}, lead="shop", reason="")
    assert going(plan) == ["shop"]
    assert "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 0 are free" in plan.known_wrong


def test_whose_own_people_decide_alone_asks_alone_and_takes_no_room():
    own = Policy(approvers=("service-manager",))
    plan = join(found(*FIVE, cores=20, hearth=RULE, shop=own), {}, lead="hearth", reason="")
    assert going(plan) == ["hearth", "garden", "ledger", "archive"], "the room that shop would have taken is free"
    assert plan.known_wrong[0].startswith("shop does not go: of those who decide about hearth, shop only 0 decide")


def test_the_common_action_s_own_rule_counts_too():
    own = Policy(approvers=("shift-lead",), quorum=1)
    plan = join(found(*FIVE, cores=99), {}, lead="hearth", reason="", own_rule=own)
    assert common_rule(plan, dict.fromkeys(going(plan), RULE), own).approvers == ("shift-lead",)
    with pytest.raises(Refused, match="decide about all of them"):
        join(found(*FIVE), {}, lead="hearth", reason="", own_rule=Policy(approvers=("nobody-else",)))


def test_one_card_takes_so_many_and_names_the_rest():
    many = [want(f"p{number:02}", "c", 1, 1) for number in range(MOST_AT_ONCE + 2)]
    plan = join(found(*many, cores=99), {}, lead="p00", reason="")
    assert len(plan.parts) == MOST_AT_ONCE
    assert [sentence.split()[0] for sentence in plan.known_wrong] == ["p06", "p07"]


def test_nobody_goes_and_all_are_named():
    with pytest.raises(Refused) as refused:
        join(found(FIVE[0], cores=1), {"attic": "its plan cannot be made"}, lead="garden", reason="")
    assert "garden of storefront (priority 3) waits" in refused.value.what
    assert "attic does not go: its plan cannot be made" in refused.value.what
    with pytest.raises(Refused, match="no platform was named"):
        join([], {}, lead="", reason="")


@given(
    needs=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3), st.booleans(), st.sampled_from("ab")), max_size=14),
    free=st.integers(0, 25), kept=st.sets(st.sampled_from(["x", "y"])),
)  # fmt: skip
def test_everybody_is_on_the_card_or_named_and_no_pool_is_given_away_twice(needs, free, kept):
    wants = [
        replace(want(f"p{number}", "c", priority, cores, reserved), pool=pool)
        for number, (cores, priority, reserved, pool) in enumerate(needs)
    ]
    names = {each.platform for each in wants} | kept
    try:
        plan = join(found(*wants, cores=free), dict.fromkeys(kept, "it cannot"), lead="p0", reason="")
    except Refused as refused:
        missing = {name for name in names if f"{name} " not in refused.what}
    else:
        missing = names - named_in(plan, wants, free)
    assert not missing


def named_in(plan, wants, free) -> set[str]:
    """Whoever goes or is named; nobody both, and nothing given away twice."""
    named = {sentence.split()[0] for sentence in plan.known_wrong}
    assert not named & set(going(plan))
    for pool in "ab":
        given_away = sum(each.needs.cores for each in wants if each.pool == pool and each.platform in going(plan))
        assert given_away <= free
    return named | set(going(plan))


@pytest.mark.parametrize(
    ("platform", "others", "names"),
    [
        ("hearth", "shop, garden", ("hearth", "shop", "garden")),
        ("hearth", " shop;garden\n hearth,,shop ", ("hearth", "shop", "garden")),
        ("hearth", "", ("hearth",)),
    ],
)
def test_names_as_people_write_them(platform, others, names):
    assert names_of(platform, others) == names


# -- what others hold is not free ---------------------------------------------------------------


def claim(cores=4, ram_mib=1024, instances=1, **changes):
    room = Room(pool=POOL, cores=cores, ram_mib=ram_mib, instances=instances)
    values = {
        "run": RUN,
        "platform": "shop",
        "action": "failover",
        "state": RunState.RUNNING,
        "room": room,
        "claimed_at": NOW,
    }
    return RoomClaim(**(values | changes))  # fmt: skip


def test_what_is_held_is_taken_off_and_said():
    left = less_claimed(ROOM, [claim(), claim(platform="garden", state=RunState.FAILED)])
    assert (left.cores_free, left.ram_free_mib, left.instances_free) == (8, 65536 - 2048, 6)
    assert left.text == (
        "16 cores free; of that 4 cores, 1024 MiB, 1 instance are held for the failover of shop (running); "
        "of that 4 cores, 1024 MiB, 1 instance are held for the failover of garden (failed)"
    )


@given(st.lists(st.integers(0, 20), max_size=5), st.integers(-1, 30))
def test_no_limit_stays_none_and_nothing_is_ever_less_than_nothing(held, free):
    left = less_claimed(replace(ROOM, cores_free=free), [claim(cores=each) for each in held])
    assert left.cores_free == (-1 if free == -1 else max(0, free - sum(held)))


def test_of_looks_the_narrowest_and_a_limit_is_narrower_than_none():
    looks = (replace(ROOM, cores_free=-1, instances_free=3), replace(ROOM, cores_free=7, instances_free=5))
    assert (narrowest(looks).cores_free, narrowest(looks).instances_free) == (7, 3)
    assert narrowest(looks[::-1]).cores_free == 7


def test_a_pool_is_what_the_provider_counts_in_else_all_of_the_region():
    site = HEARTH.sites[CELLAR]
    assert pool_of(site, replace(ROOM, pool="project p in cellar")) == "project p in cellar"
    assert pool_of(site, ROOM) == f"openstack {site.region}"


def test_a_claim_is_judged_against_what_others_hold():
    needs = FIVE[0].needs
    wanted = wanted_of(needs, POOL, replace(ROOM, cores_free=6), since=NOW)
    assert wanted.judge(()) == "" == shortfall(needs, replace(ROOM, cores_free=6))
    assert wanted.judge([claim()]) == ("4 cores are needed and 2 are free (others hold room: the failover of shop)")
