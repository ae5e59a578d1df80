"""What starts waits for what it needs, and the slowest of each group decides how long it takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.circles import circles
from blocks.catalogue.recovery import Counterpart
from blocks.errors import Refused
from blocks.ports.approvals import PlanStep
from blocks.ports.recovery import MoveKind
from tasks.recovery.decide import plan_move
from tasks.recovery.order import groups_of
from tasks.recovery.timing import actual_rto, expected, predict, predict_rto
from tasks.recovery.waves import needs_in, waves
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, NOW, dark, with_plan

NAMES = ("one", "two", "three", "four", "five")


def chained(depends):
    """hearth with services that stand for themselves in dc-west and depend on each other as told."""
    services = dict(HEARTH.services)
    for name in NAMES:
        on = tuple(f"{other}-there" for other in depends.get(name, ()))
        services[f"{name}-there"] = HEARTH.services["device-api-recovery"].model_copy(
            update={"name": f"{name}-there", "depends_on": on}
        )
    parts = {name: Counterpart(name=name, sites={CELLAR: f"{name}-there"}, degraded="-") for name in NAMES}
    platform = with_plan(services=parts, second_workers={})
    return platform.model_copy(update={"services": services})


def test_hearth_starts_in_one_wave_in_each_site():
    assert waves(HEARTH, HEARTH.recovery, CELLAR) == (("device-api", "digest"),)
    assert waves(HEARTH, HEARTH.recovery, AZURE) == (("device-api", "digest"),)


def test_each_wave_needs_only_those_before_it():
    platform = chained({"two": ["one"], "three": ["one"], "four": ["two", "three"]})
    assert waves(platform, platform.recovery, CELLAR) == (("five", "one"), ("three", "two"), ("four",))


def test_a_need_through_a_service_of_no_plan_counts():
    platform = chained({})
    services = dict(platform.services)
    services["two-there"] = services["two-there"].model_copy(update={"depends_on": ("private-cloud",)})
    services["private-cloud"] = services["private-cloud"].model_copy(update={"depends_on": ("group:ones",)})
    platform = platform.model_copy(
        update={"services": services, "redundancy_groups": {"ones": ("one-there", "three-there")}}
    )
    assert needs_in(platform, platform.recovery, CELLAR)["two"] == ["one", "three"]


def test_a_circle_is_refused_by_name():
    platform = chained({"one": ["three"], "two": ["one"], "three": ["two"]})
    with pytest.raises(Refused, match="in a circle: one -> three -> two -> one"):
        waves(platform, platform.recovery, CELLAR)


@given(edges=st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))))
def test_whatever_is_needed_starts_in_an_earlier_wave(edges):
    depends = {name: [on for of, on in edges if of == name] for name in NAMES}
    platform = chained(depends)
    try:
        ordered = waves(platform, platform.recovery, CELLAR)
    except Refused:
        assert circles(depends, first=NAMES)
        return
    assert not circles(depends, first=NAMES)
    place = {name: number for number, wave in enumerate(ordered) for name in wave}
    assert sorted(place) == sorted(NAMES)
    assert all(place[on] < place[name] for name, needed in depends.items() for on in needed)


def a_step(phase, item, seconds=1.0):
    return PlanStep(phase=phase, item=item, text=item, expected_s=seconds)


def test_services_get_their_size_while_data_is_opened_and_start_by_wave_after_both():
    platform = chained({"two": ["one"]})
    steps = [
        a_step("start", f"{verb}-service:{name}:{CELLAR}") for name in ("two", "one") for verb in ("start", "resize")
    ]
    steps.append(a_step("start", f"open-database:household:{CELLAR}"))
    assert [{step.item.rpartition(":")[0] for step in group} for group in groups_of(platform, steps)] == [
        {"open-database:household", "resize-service:one", "resize-service:two"},
        {"start-service:one"},
        {"start-service:two"},
    ]


def test_who_arrives_is_recycled_before_clients_come_and_who_is_left_after_the_last_went():
    steps = [
        a_step("shift", item)
        for item in (
            f"recycle-service:device-api:{AZURE}",
            f"shift-traffic:api:{CELLAR}@100",
            f"recycle-service:device-api:{CELLAR}",
            f"shift-traffic:api:{CELLAR}@5",
            f"shift-traffic:database-name:{CELLAR}@100",
        )
    ]
    assert [[step.item for step in group] for group in groups_of(HEARTH, steps)] == [
        [f"shift-traffic:database-name:{CELLAR}@100"],
        [f"recycle-service:device-api:{CELLAR}"],
        [f"shift-traffic:api:{CELLAR}@5"],
        [f"shift-traffic:api:{CELLAR}@100"],
        [f"recycle-service:device-api:{AZURE}"],
    ]


# -- how long -----------------------------------------------------------------------------------


def test_the_median_of_the_last_five_runs_counts():
    key = ("promote", f"promote-database:household:{CELLAR}")
    took = [timedelta(seconds=each) for each in (3, 1, 2, 90, 4, 500, 500, 500)]
    assert expected(*key, {key: took}) == timedelta(seconds=3)
    assert expected(*key, {}) == timedelta(seconds=5)
    assert expected(*key, {key: []}) == timedelta(seconds=5)


def test_side_by_side_the_slowest_decides_and_what_settles_is_not_waited_for():
    steps = [
        a_step("fence", f"stop-worker:digest:{AZURE}", 20),
        a_step("fence", f"fence-database:household:{AZURE}", 3),
        a_step("promote", f"promote-database:household:{CELLAR}", 5),
        a_step("promote", f"stand-alone:household:{CELLAR}", 1),
        a_step("settle", f"follow-database:household:{AZURE}", 60),
    ]
    found = predict(HEARTH, steps, {("promote", steps[2].item): [timedelta(seconds=5)]})
    assert found.by_phase == {
        "fence": timedelta(seconds=20),
        "promote": timedelta(seconds=6),
        "settle": timedelta(seconds=60),
    }
    assert found.execution == timedelta(seconds=26)
    assert [step.expected_s for step in found.critical] == [20, 5, 1, 60]
    assert (found.measured_count, found.steps_count) == (1, 5)


def test_a_plan_expects_its_execution():
    made = plan_move(MoveKind.FAILOVER, HEARTH, dark())
    assert made.expected_s == predict(HEARTH, made.steps, {}).execution.total_seconds()


def test_detection_decision_and_execution_are_told_apart():
    found = predict_rto(HEARTH, timedelta(seconds=90), [timedelta(seconds=each) for each in (60, 30, 200)])
    assert (found.detection, found.decision, found.execution) == (
        timedelta(minutes=7),
        timedelta(minutes=1),
        timedelta(seconds=90),
    )
    assert found.holds
    assert found.text == "predicted RTO 9.5 min of 15 min: detection 7.0 min, decision 60 s, execution 90 s".replace(
        "15 min", "15.0 min"
    )
    assert predict_rto(HEARTH, timedelta(0), []).decision == timedelta(minutes=2)
    assert predict_rto(HEARTH, timedelta(minutes=6), []).holds
    assert not predict_rto(HEARTH, timedelta(minutes=6, seconds=1), []).holds
    with pytest.raises(ValueError, match="no recovery plan"):
        predict_rto(HEARTH.model_copy(update={"recovery": None}), timedelta(0), [])


def test_what_really_happened_has_the_same_parts():
    moments = [NOW + timedelta(minutes=each) for each in (0, 4, 6, 9)]
    found = actual_rto(*moments, timedelta(minutes=15))
    assert (found.detection, found.decision, found.execution) == tuple(timedelta(minutes=each) for each in (4, 2, 3))
    assert found.holds
    for missing in range(4):
        assert (
            actual_rto(*[None if number == missing else at for number, at in enumerate(moments)], timedelta(1)) is None
        )
