"""What a drill would do, when it may begin, what it showed, and for which steps its times stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Broken, Refused
from blocks.ports.changes import Mark
from blocks.ports.drills import Drill, DrillVerdict
from blocks.ports.recovery import CopyLook, MoveKind
from blocks.ports.runs import Step
from tasks.drills.decide import (
    durations_by_phase,
    is_game_day,
    lacks_room,
    plan_drill,
    rehearsed,
    verdict_of,
)
from tasks.drills.items import DrillItem, DrillVerb, parse_drill_item, to_look_at
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.supposing import suppose_gone
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    HEARTH,
    NOW,
    PRIMARY,
    ROOM,
    STANDBY,
    UNREACHABLE,
    database,
    elsewhere,
    quiet,
    with_database,
    with_plan,
)

FREE = CopyLook(refused="", there="", state="", until="", counted_rows=0)
COPIES = {("household", CELLAR): FREE}
S = timedelta(seconds=1)


def drilled(facts=None, copies=None, platform=HEARTH, **more):
    return plan_drill(platform, facts or quiet(), COPIES if copies is None else copies, **more)


def failing(plan) -> list[str]:
    return [guard.text for guard in plan.guards if not guard.holds]


def test_a_quiet_day_is_a_day_to_drill():
    plan = drilled(reason="autumn")
    assert failing(plan) == []
    assert (plan.action, plan.subject, plan.cost, plan.candidate) == ("recovery-drill", CELLAR, "none", "")
    assert [step.item for step in plan.steps if step.phase != "check"] == [
        "copy-database:household:dc-west",
        "promote-copy:household:dc-west",
        "verify-copy:household:dc-west",
        "open-copy:household:dc-west",
        "halt-copy:household:dc-west",
        "discard-copy:household:dc-west",
    ]


def test_it_looks_at_every_step_of_tonight_s_failover_that_it_does_not_rehearse():
    tonight = plan_move(MoveKind.FAILOVER, HEARTH, suppose_gone(HEARTH, quiet()))
    looked = {parse_drill_item(step.item).looked_at for step in drilled().steps if step.phase == "check"}
    wanted = {parse_item(step.item) for step in tonight.steps}
    missing = {item for item in wanted - looked if item.site == CELLAR}
    assert {item.verb for item in missing} == {
        Verb.PROMOTE_DATABASE, Verb.STAND_ALONE, Verb.VERIFY_DATA, Verb.OPEN_DATABASE, Verb.VERIFY_CLIENTS,
    }  # fmt: skip
    fences = {item for item in looked if item.site == AZURE}
    assert {item.verb for item in fences} == {
        Verb.FENCE_DATABASE, Verb.STOP_SERVICE, Verb.STOP_WORKER, Verb.REVOKE_CREDENTIAL,
    }  # fmt: skip


def test_no_item_of_a_drill_can_be_read_as_one_of_a_move():
    for step in drilled(game_day=True).steps:
        with pytest.raises(Broken, match="expected an item such as"):
            parse_item(step.item)


@pytest.mark.parametrize(
    "item", ["promote-database:household:dc-west", "", "promote-copy:household", "promote-copy::x"]
)
def test_and_no_item_of_a_move_as_one_of_a_drill(item):
    with pytest.raises(Broken, match="expected an item of a drill"):
        parse_drill_item(item)


@given(st.sampled_from(list(DrillVerb)), st.from_regex(r"[a-z][a-z:-]{0,20}[a-z]", fullmatch=True), st.sampled_from([AZURE, CELLAR]))  # fmt: skip
def test_an_item_is_read_as_it_was_written(verb, thing, site):
    item = DrillItem(verb, thing, site)
    assert parse_drill_item(str(item)) == item


def test_a_look_means_the_very_step_of_the_move():
    for text in ("shift-traffic:api:dc-west@100", "start-service:device-api:dc-west", "stop-worker:digest:azure-west"):
        assert str(to_look_at(parse_item(text)).looked_at) == text
    with pytest.raises(Broken, match="looks at no step"):
        _ = DrillItem(DrillVerb.PROMOTE, "household", CELLAR).looked_at


@pytest.mark.parametrize(
    ("said", "facts", "copies"),
    [
        ("takes no writes, no time to drill", with_database(quiet(), AZURE, database(UNREACHABLE)), None),
        ("takes no writes, no time to drill", with_database(quiet(), AZURE, None), None),
        ("is no standby that could be copied", with_database(quiet(), CELLAR, database(PRIMARY)), None),
        ("nobody could look at it", with_database(quiet(), CELLAR, None), None),
        ("its database host does not answer", None, {}),
        ("its database host does not answer", None, {("household", AZURE): FREE}),
        ("cannot be copied: no copy_dir", None, {("household", CELLAR): CopyLook(refused="no copy_dir", there="", state="", until="", counted_rows=0)}),
        ("has a copy already, vigie-drill-1 until later", None, {("household", CELLAR): CopyLook(refused="", there="vigie-drill-1", state="running", until="later", counted_rows=0)}),
    ],
)  # fmt: skip
def test_when_it_may_not_begin_and_why(said, facts, copies):
    (why,) = failing(drilled(facts, copies))
    assert said in why


def test_a_drill_from_a_backup_needs_one_and_is_another_plan():
    bare = {("household", CELLAR): replace(FREE, no_backup="no base backup")}
    assert failing(drilled(copies=bare)) == []
    (why,) = failing(drilled(copies=bare, from_backup=True))
    assert why == "household in dc-west cannot be copied: no base backup"
    restored = drilled(from_backup=True)
    assert failing(restored) == []
    assert [step.item for step in restored.steps if step.phase == "prepare"] == ["restore-backup:household:dc-west"]
    assert restored.digest != drilled().digest


def test_after_a_move_it_rehearses_the_way_back_from_the_other_site():
    facts = with_database(elsewhere(), AZURE, database(STANDBY, timeline=4))
    plan = drilled(facts, {("household", AZURE): FREE})
    assert (plan.subject, failing(plan)) == (AZURE, [])
    assert "promote-copy:household:azure-west" in [step.item for step in plan.steps]


@pytest.mark.parametrize("to", [AZURE, "paris"])
def test_it_goes_to_another_site_than_the_active_one(to):
    with pytest.raises(Refused, match=f"could be drilled in dc-west, and {to} was named"):
        drilled(to=to)


def test_a_platform_without_a_plan_is_not_drilled():
    with pytest.raises(Refused, match="has no recovery plan"):
        drilled(platform=HEARTH.model_copy(update={"recovery": None}))


def test_a_game_day_is_another_approval_than_a_drill():
    plain, game = drilled(), drilled(game_day=True)
    assert (is_game_day(plain), is_game_day(game)) == (False, True)
    assert plain.digest != game.digest
    assert {step.item for step in plain.steps} == {step.item for step in game.steps}


def test_what_was_measured_moves_no_digest():
    durations = {("prepare", "copy-database:household:dc-west"): [40 * S, 50 * S, 600 * S]}
    slow = drilled(quiet(durations=durations, incidents=("a: b",)))
    assert slow.digest == drilled().digest
    assert next(step for step in slow.steps if step.phase == "prepare").expected_s == 50.0
    assert slow.expected_s == drilled().expected_s - 120 + 50


@pytest.mark.parametrize(
    ("faults", "leftovers", "stopped", "verdict"),
    [
        ([], [], False, DrillVerdict.PASSED),
        ([], [], True, DrillVerdict.STOPPED),
        (["no quota"], [], False, DrillVerdict.FAILED),
        ([], ["copy"], False, DrillVerdict.FAILED),
        ([], ["copy"], True, DrillVerdict.FAILED),
    ],
)
def test_when_it_passes(faults, leftovers, stopped, verdict):
    assert verdict_of(faults, leftovers, stopped=stopped) is verdict


def test_room_is_looked_at():
    assert lacks_room(HEARTH, CELLAR, quiet()) == ""
    assert lacks_room(HEARTH, CELLAR, quiet(capacity={})) == "nobody can say what dc-west can still take"
    small = {CELLAR: ROOM.__class__(site=CELLAR, cores_free=1, ram_free_mib=-1, instances_free=8, hosts_up=2, text="")}
    assert lacks_room(HEARTH, CELLAR, quiet(capacity=small)).endswith("4 cores are needed and 1 is free")
    assert lacks_room(with_plan(capacity={}), CELLAR, quiet(capacity={})) == ""


# -- what it teaches ---------------------------------------------------------------------------


def step(phase, item, began, ended, **more):
    mark = Mark(key="k" * 64, run=UUID(int=1), intended_at=NOW + began * S)
    done = None if ended is None else NOW + ended * S
    return Step(key=item, run=UUID(int=1), phase=phase, item=item, text="", token=1, mark=mark, done_at=done, **more)


def test_a_phase_took_from_its_first_intent_to_its_last_outcome():
    steps = [step("promote", "a", 1, 4), step("promote", "b", 2, 9), step("settle", "c", 10, 11)]
    found = durations_by_phase(steps, {"verify-data": 3 * S})
    assert found == {"promote": 8 * S, "settle": 1 * S, "verify-data": 3 * S}


@pytest.mark.parametrize("odd", [{"entered_count": 2}, {"by_hand": "somebody"}, {"ended": None}])
def test_what_was_interrupted_was_not_measured(odd):
    given = {"ended": 9} | odd
    ended = given.pop("ended")
    assert durations_by_phase([step("promote", "a", 1, 4), step("promote", "b", 2, ended, **given)], {}) == {}


def a_drill(verdict=DrillVerdict.PASSED, at=NOW, **durations):
    took = {phase.replace("_", "-"): each for phase, each in durations.items()}
    return Drill(run=UUID(int=1), platform="hearth", at=at, verdict=verdict, text="", durations=took)


def test_its_times_stand_for_the_promotion_and_the_suites_and_for_nothing_else():
    own = {(p, f"{v}:household:{CELLAR}"): [4 * S] for p, v in (("prepare", "copy-database"), ("promote", "promote-copy"), ("settle", "halt-copy"))}  # fmt: skip
    found = rehearsed(own, [a_drill(verify_data=7 * S), a_drill(), a_drill(verify_data=9 * S)], HEARTH)
    assert found == {
        ("promote", f"promote-database:household:{CELLAR}"): [4 * S],
        ("verify-data", f"verify-data:household:{CELLAR}"): [7 * S, 9 * S],
        ("verify-data", f"verify-data:household:{AZURE}"): [7 * S, 9 * S],
    }


def test_a_prediction_says_what_only_a_drill_has_shown_and_a_real_move_wins():
    item = f"promote-database:household:{CELLAR}"
    facts = suppose_gone(HEARTH, quiet(rehearsed={("promote", item): [11 * S]}))
    real = suppose_gone(HEARTH, quiet(rehearsed={("promote", item): [11 * S]}, durations={("promote", item): [3 * S]}))
    seen = [next(s for s in plan_move(MoveKind.FAILOVER, HEARTH, each).steps if s.item == item) for each in (facts, real)]  # fmt: skip
    assert [(s.expected_s, s.expected_from) for s in seen] == [(11.0, "drill"), (3.0, "moves")]
    others = [s for s in plan_move(MoveKind.FAILOVER, HEARTH, facts).steps if s.item != item]
    assert {s.expected_from for s in others} == {""}
