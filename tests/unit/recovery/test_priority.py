"""Five platforms of three customers into one private cloud: who goes, who waits, and one question about it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import Capacity
from blocks.ports.recovery import MoveKind
from tasks.recovery.decide import plan_move
from tasks.recovery.priority import Want, one_question, part_of, share_out, share_out_all
from tests.unit.recovery.scenes import CELLAR, HEARTH, ROOM, dark

PLAN = plan_move(MoveKind.FAILOVER, HEARTH, dark(), reason="azure-west is gone")


def want(platform, customer, priority, cores, reserved=False):
    needs = Capacity(
        cores=cores, ram_mib=1024, instances=1, reserved=reserved, risk_accepted_by="" if reserved else "x"
    )
    return Want(
        platform=platform, customer=customer, priority=priority, needs=needs, plan=replace(PLAN, platform=platform),
        pool="project p in dc-west",
    )  # fmt: skip


FIVE = (
    want("garden", "storefront", 3, 4),
    want("hearth", "hearth", 1, 4),
    want("archive", "acme", 5, 1),
    want("shop", "storefront", 1, 8),
    want("ledger", "acme", 4, 6, reserved=True),
)


def test_by_priority_until_it_is_full_and_what_is_reserved_is_set_aside():
    ledger = share_out(FIVE, replace(ROOM, cores_free=20))
    assert [(entry.want.platform, entry.fits) for entry in ledger] == [
        ("hearth", True),
        ("shop", True),
        ("garden", False),
        ("ledger", True),
        ("archive", True),
    ]
    assert [entry.text for entry in ledger][2:] == [
        "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 2 are free",
        "ledger of acme (priority 4) goes to dc-west, on what is reserved for it",
        "archive of acme (priority 5) goes to dc-west",
    ]


def test_a_reservation_beyond_what_is_there_is_none():
    (entry,) = share_out([want("ledger", "acme", 1, 6, reserved=True)], replace(ROOM, cores_free=5))
    assert not entry.fits


@given(
    cores=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.booleans()), max_size=8), free=st.integers(0, 30)
)
def test_never_more_is_given_than_there_is_and_nobody_waits_who_still_fits(cores, free):
    wants = [want(f"p{number}", "c", priority, need, kept) for number, (need, priority, kept) in enumerate(cores)]
    ledger = share_out(wants, replace(ROOM, cores_free=free))
    given_away = sum(entry.want.needs.cores for entry in ledger if entry.fits)
    assert given_away <= free
    assert all(entry.fits or entry.want.needs.cores > free - given_away for entry in ledger)
    assert [entry.want.priority for entry in ledger] == sorted(entry.want.priority for entry in ledger)
    assert len(ledger) == len(wants)


def test_without_a_limit_everybody_goes():
    endless = replace(ROOM, cores_free=-1, ram_free_mib=-1, instances_free=-1)
    assert all(entry.fits for entry in share_out(FIVE, endless))


def test_one_question_has_every_platform_s_steps_fences_and_bounds_under_its_name():
    plan = one_question(share_out(FIVE, replace(ROOM, cores_free=20)))
    assert plan.subject == "hearth, shop, ledger, archive"
    assert (plan.platform, plan.action, plan.candidate, plan.reason) == (
        "hearth",
        "joint-failover",
        CELLAR,
        "azure-west is gone",
    )
    assert [step.text for step in plan.steps][:2] == [
        "begin the failover of hearth to dc-west",
        "begin the failover of shop to dc-west",
    ]
    assert [part.platform for part in plan.parts] == ["hearth", "shop", "ledger", "archive"]
    assert part_of(plan, "shop") == replace(PLAN, platform="shop")
    assert part_of(plan, "garden") is None
    assert "ledger/fence-database:household:azure-west" in plan.coverage
    assert plan.roles["shop/dc-west"] == "active"
    assert [bound.name for bound in plan.bounds][:1] == ["hearth: rows of household that may be lost"]
    assert plan.known_wrong[0].startswith("garden of storefront (priority 3) waits")
    assert plan.expected_s == PLAN.expected_s
    assert len({guard.name for guard in plan.guards}) == len(plan.guards)


def test_another_who_goes_is_another_question():
    some, all_of_them = (one_question(share_out(FIVE, replace(ROOM, cores_free=free))) for free in (20, 60))
    assert some.digest != all_of_them.digest
    assert one_question(share_out(FIVE[::-1], replace(ROOM, cores_free=20))).digest == some.digest


def test_one_digest_covers_every_part_whole():
    plan = one_question(share_out(FIVE, replace(ROOM, cores_free=20)))
    for changed in (
        {"steps": PLAN.steps[:-1]},
        {"coverage": {}},
        {"candidate": "elsewhere"},
        {"commit_within_s": 1.0},
        {"rolls_back": not PLAN.rolls_back},
    ):
        other = replace(plan.parts[1], **changed)
        assert replace(plan, parts=(plan.parts[0], other, *plan.parts[2:])).digest != plan.digest, changed
    measured = replace(plan.parts[1], bounds=tuple(replace(bound, measured=0.5) for bound in plan.parts[1].bounds))
    assert replace(plan, parts=(plan.parts[0], measured, *plan.parts[2:])).digest == plan.digest
    assert json.loads(json.dumps(asdict(plan)))["parts"][1]["platform"] == "shop"


def test_each_pool_has_its_own_ledger_and_one_order():
    elsewhere = replace(want("garden", "storefront", 1, 9), pool="project q in dc-west")
    ledger = share_out_all(
        [*FIVE[1:3], elsewhere],
        {"project p in dc-west": replace(ROOM, cores_free=4), "project q in dc-west": replace(ROOM, cores_free=9)},
    )
    assert [(entry.want.platform, entry.fits) for entry in ledger] == [
        ("hearth", True),
        ("garden", True),
        ("archive", False),
    ]


def test_nobody_fits_and_nobody_is_asked():
    with pytest.raises(ValueError, match="nobody fits"):
        one_question(share_out(FIVE, replace(ROOM, cores_free=0)))
