"""A plan's own steps: what is approved of them, in which order they go, and what speaks against a move with one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import AddedStep, PlanStepKind
from blocks.errors import Broken
from blocks.ports.approvals import PlanStep
from blocks.ports.orchestration import Startable
from blocks.ports.recovery import MoveKind
from tasks.drills.decide import plan_drill
from tasks.drills.items import parse_drill_item
from tasks.recovery.added import ADDED, added_for, added_of, why_not_run
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.order import groups_of
from tests.unit.drills.test_decide import COPIES
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, dark, elsewhere, quiet, saved, with_plan


def added(name: str, kind: str, **changes) -> AddedStep:
    own = {
        "call": {"url": "https://partner.example/told?token=no", "method": "PUT"},
        "deployment": {"deployment": "caches/warm", "parameters": {"site": "{to_site}", "left": "{from_site}", "n": 3}},
        "ask": {},
    }[kind]
    base = {"name": name, "kind": kind, "when": "after", "phase": "shift", "text": f"do {name}"}
    return AddedStep.model_validate(base | own | changes)


def with_steps(*steps: AddedStep):
    return with_plan(steps={step.name: step for step in steps})


TOLD, WARM, DOOR = (
    added("told", "call"),
    added("warm", "deployment"),
    added("door", "ask", when="before", phase="fence"),
)
ALL = with_steps(TOLD, WARM, DOOR)
FINE = {"warm": ""}


def failover(platform=ALL, **changes):
    return plan_move(MoveKind.FAILOVER, platform, dark(**({"added": FINE} | changes)))


def texts(plan) -> list[str]:
    return [step.text for step in plan.steps if parse_item(step.item).verb in ADDED]


# -- what is approved --------------------------------------------------------------------------------


def test_what_each_does_stands_in_the_plan_with_what_only_the_move_knows():
    told, warm, door = (
        next(text for text in texts(failover()) if f"do {name}" in text) for name in ("told", "warm", "door")
    )
    assert door == "ask a person: do door"
    assert told.startswith("do told: PUT https://partner.example/told answers 200 [")
    assert warm.startswith(f'do warm: run caches/warm with left="{AZURE}", n=3, site="{CELLAR}" [')
    home = plan_move(MoveKind.FAILBACK, ALL, elsewhere(added=FINE))
    assert any(f'left="{CELLAR}", n=3, site="{AZURE}"' in text for text in texts(home))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://partner.example/told?token=yes"},
        {"method": "DELETE"},
        {"headers": {"X-Site": "west"}},
        {"body": "x"},
        {"credentials": "partner-token"},
        {"expect_status": (204,)},
        {"expect_body": "ok"},
        {"expect_json": {"$.a": 1}},
        {"idempotency_header": "Idempotency-Key"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_nothing_that_a_call_does_can_change_on_an_earlier_yes(changes):
    before = failover(with_steps(TOLD))
    after = failover(with_steps(TOLD.model_copy(update=changes)), added={"told": ""})
    assert before.digest != after.digest
    assert texts(before) != texts(after)


@pytest.mark.parametrize("changes", [{"deployment": "caches/heat"}, {"parameters": {"site": "x"}}])
def test_nothing_that_a_deployment_is_given_can_change_on_an_earlier_yes(changes):
    changed = with_steps(WARM.model_copy(update=changes))
    assert failover(with_steps(WARM)).digest != failover(changed).digest


def test_how_long_one_waits_is_no_part_of_what_is_approved():
    patient = with_steps(TOLD.model_copy(update={"within": timedelta(hours=1), "timeout": timedelta(seconds=3)}))
    assert failover(with_steps(TOLD)).digest == failover(patient).digest


def test_what_was_saved_and_read_again_is_the_same_plan():
    assert failover(saved(ALL)).digest == failover().digest


def test_a_step_is_taken_in_its_moves_only():
    platform = with_steps(TOLD.model_copy(update={"moves": ("failback",)}))
    assert texts(failover(platform)) == []
    assert texts(plan_move(MoveKind.SWITCHOVER, platform, quiet())) == []
    assert len(texts(plan_move(MoveKind.FAILBACK, platform, elsewhere()))) == 1


def test_a_step_that_the_catalogue_no_longer_has_is_told():
    for item in (Item(Verb.CALL, "gone", CELLAR), Item(Verb.ASK, "told", CELLAR)):
        with pytest.raises(Broken, match="has no step"):
            added_of(ALL, item, "failover", AZURE)
    assert [each.item for each in added_for(ALL, "failover", AZURE, CELLAR)] == [
        Item(Verb.CALL, "told", CELLAR), Item(Verb.RUN_DEPLOYMENT, "warm", CELLAR), Item(Verb.ASK, "door", CELLAR),
    ]  # fmt: skip


# -- in which order ----------------------------------------------------------------------------------


@given(
    placed=st.dictionaries(
        st.sampled_from("abcdefgh"), st.tuples(st.sampled_from(["before", "after"]), st.integers(0, 2)), max_size=8
    ),
    shuffled=st.randoms(use_true_random=False),
)
def test_they_go_one_after_the_other_around_all_else_of_their_phase(placed, shuffled):
    steps = [added(name, "ask", when=when, order=order) for name, (when, order) in placed.items()]
    shuffled.shuffle(steps)
    platform = with_steps(*steps)
    plan = failover(saved(platform))
    groups = groups_of(platform, [step for step in plan.steps if step.phase == "shift"])
    names = [[parse_item(step.item) for step in group] for group in groups]
    own = [[item.thing for item in group] for group in names if group[0].verb in ADDED]
    assert all(len(group) == 1 for group in own)
    wanted = sorted(placed, key=lambda name: (placed[name][0] == "after", placed[name][1], name))
    assert [name for (name,) in own] == wanted
    first = sum(when == "before" for when, _ in placed.values())
    middle = names[first : len(names) - (len(placed) - first)]
    assert middle
    assert not any(item.verb in ADDED for group in middle for item in group)


def test_a_step_of_an_unknown_name_comes_last_and_breaks_nothing():
    steps = [
        PlanStep(phase="shift", item=f"{verb}:x:{CELLAR}{share}", text="x")
        for verb, share in (("ask", ""), ("shift-traffic", "@100"))
    ]
    assert [group[0].item for group in groups_of(HEARTH, steps)][-1].startswith("ask:")


# -- what speaks against it --------------------------------------------------------------------------


def startable(*tags, flow="caches", properties=("site", "left", "n"), required=("site",)) -> Startable:
    from uuid import UUID

    schema = {"properties": {name: {"type": "string"} for name in properties}, "required": list(required)}
    return Startable(id=UUID(int=1), name=f"{flow}/warm", flow=flow, description="", tags=tags, schema=schema)


@pytest.mark.parametrize(
    ("found", "given", "why"),
    [
        (startable(), {"site": "x"}, ""),
        (startable(required=()), {}, ""),
        (None, {}, "Prefect has no deployment caches/warm"),
        (startable("runbook"), {"site": "x"}, "asks for an approval of its own"),
        (startable(flow="failover"), {"site": "x"}, "asks for an approval of its own"),
        (startable(flow="steer-run"), {"site": "x"}, "asks for an approval of its own"),
        (startable(), {"site": "x", "sight": 1}, "caches/warm has no parameter sight"),
        (startable(), {}, "caches/warm cannot be started without site"),
    ],
)
def test_which_deployments_may_be_a_step(found, given, why):
    said = why_not_run("caches/warm", found, given, {"failover", "service-restart"})
    assert (why in said) if why else said == ""


@pytest.mark.parametrize(
    ("seen", "holds", "text"),
    [
        ({"warm": ""}, True, "can be done"),
        ({"warm": "Prefect has no deployment caches/warm"}, False, "Prefect has no deployment caches/warm"),
        ({}, False, "nobody could look whether it can be done"),
    ],
)
def test_a_move_does_not_begin_that_would_stop_at_its_own_step(seen, holds, text):
    guards = {guard.name: guard for guard in failover(added=seen).guards}
    assert (guards["step warm"].holds, guards["step warm"].text) == (holds, text)
    assert not {"step told", "step door"} & guards.keys(), "nothing can be looked at there"


def test_a_call_with_a_secret_is_looked_at_too():
    platform = with_steps(TOLD.model_copy(update={"credentials": "partner-token"}))
    assert [guard.holds for guard in failover(platform, added={}).guards if guard.name == "step told"] == [False]


# -- in a drill --------------------------------------------------------------------------------------


def test_a_drill_looks_at_each_and_carries_out_none():
    plan = plan_drill(ALL, quiet(), COPIES)
    looked = {str(parse_drill_item(s.item).looked_at): s.text for s in plan.steps if s.item.startswith("look-at:")}
    for name, verb in (("told", "call"), ("warm", "run-deployment"), ("door", "ask")):
        assert looked[f"{verb}:{name}:{CELLAR}"].startswith("look whether one could do this: ")
    assert not [step.item for step in plan.steps if step.item.startswith(("call:", "run-deployment:", "ask:"))]
    back_only = with_steps(TOLD.model_copy(update={"moves": ("failback",)}))
    assert not [step for step in plan_drill(back_only, quiet(), COPIES).steps if "told" in step.item]


def test_every_kind_has_its_verb():
    assert {each.step.kind for each in added_for(ALL, "failover", AZURE, CELLAR)} == set(PlanStepKind)
