"""How a service is, and what explains it: worst check, real states of dependencies, deepest cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import Platform
from blocks.ports.health import CheckKey, CheckStatus, Mode, State
from tasks.health.decide import assess_services
from tasks.health.graph import find_roots

patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
DOWN = {CRITICAL, UNKNOWN}


def platform(depends, groups=None, checks=("a",)):
    """Services by name -> what they depend on."""
    check = {name: {"kind": "tcp", "name": name, "address": "host:1"} for name in checks}
    return Platform(
        name="hearth", customer="hearth",
        sites={"west": {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "reader"}},
        redundancy_groups=groups or {},
        services={
            name: {"name": name, "kind": "web", "site": "west", "depends_on": tuple(on), "checks": check}
            for name, on in depends.items()
        },
    )  # fmt: skip


def status(state, mode=Mode.HARD, **more):
    return CheckStatus(state=state, mode=mode, since=AT, checked_at=AT, sentence=f"it is {state.value}", **more)


def assess(depends, states, groups=None, maintenance=None):
    """States by service: a state (hard), or (state, mode)."""
    found = {CheckKey(name, "a"): status(*(v if isinstance(v, tuple) else (v,))) for name, v in states.items()}
    return {a.service: a for a in assess_services(platform(depends, groups), found, maintenance or {})}


# -- one service ------------------------------------------------------------------------------

SOFT = Mode.SOFT
HARD = Mode.HARD


@pytest.mark.parametrize(
    ("checks", "state", "mode"),
    [
        ([(OK, HARD), (OK, HARD)], OK, HARD),
        ([(OK, HARD), (WARNING, HARD)], WARNING, HARD),
        ([(WARNING, HARD), (UNKNOWN, HARD)], UNKNOWN, HARD),
        ([(UNKNOWN, HARD), (CRITICAL, HARD)], CRITICAL, HARD),
        ([(WARNING, HARD), (CRITICAL, SOFT)], CRITICAL, SOFT),
        ([(CRITICAL, SOFT), (CRITICAL, HARD)], CRITICAL, HARD),
        ([(OK, HARD), (UNKNOWN, SOFT)], UNKNOWN, SOFT),
        ([(OK, HARD), None], UNKNOWN, SOFT),
        ([None, None], UNKNOWN, SOFT),
        ([(CRITICAL, HARD), None], CRITICAL, HARD),
    ],
)
def test_a_service_is_as_bad_as_its_worst_check(checks, state, mode):
    statuses = {CheckKey("api", name): status(*c) for name, c in zip("ab", checks, strict=True) if c}
    (found,) = assess_services(platform({"api": []}, checks=("a", "b")), statuses, {})
    assert (found.state, found.mode) == (state, mode)


def test_nothing_checked_is_never_ok():
    (found,) = assess_services(platform({"api": []}, checks=()), {}, {})
    assert (found.state, found.sentence, found.root_causes) == (UNKNOWN, "nothing checks this service", ("api",))
    assert not found.flapping
    unchecked = platform({"api": ["db"], "db": []}).model_copy(deep=True)
    unchecked.services["db"].checks.clear()
    api, _ = assess_services(unchecked, {CheckKey("api", "a"): status(CRITICAL)}, {})
    assert api.root_causes == ("api",), "what nobody measures explains nothing"


def test_a_status_without_a_reading_is_no_evidence():
    """The default status says ok; without a first reading it must not be believed."""
    never = CheckStatus(state=OK, fresh=False)
    (found,) = assess_services(platform({"api": []}), {CheckKey("api", "a"): never}, {})
    assert (found.state, found.sentence) == (UNKNOWN, "a: not measured yet")


def test_since_when_and_why():
    statuses = {
        CheckKey("api", "a"): CheckStatus(state=CRITICAL, since=AT, sentence="refused"),
        CheckKey("api", "b"): CheckStatus(state=CRITICAL, since=AT - timedelta(hours=1), sentence="late"),
        CheckKey("api", "c"): CheckStatus(state=WARNING, since=AT - timedelta(hours=9), sentence="old"),
        CheckKey("api", "d"): CheckStatus(state=WARNING, since=AT, sentence="slow"),
    }
    (found,) = assess_services(platform({"api": []}, checks="abcd"), statuses, {})
    assert found.since == AT - timedelta(hours=1)
    assert found.sentence == "a: refused; b: late; c: old; and 1 more"
    well = {
        key: CheckStatus(since=AT, hard_since=AT - timedelta(hours=n + 2), sentence="fine")
        for n, key in enumerate(statuses)
    }
    (found,) = assess_services(platform({"api": []}, checks="abcd"), well, {})
    assert (found.since, found.sentence) == (AT - timedelta(hours=2), "all 4 checks ok"), "a blip since then is none"


REFUSED = {"code": "connection_refused", "where": "api.hearth.example"}


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ([(OK, "latency 3 ms", {})], "a: latency 3 ms"),
        ([(OK, "", {})], "a: ok"),
        ([(OK, "fine", {}), (OK, "fine", {})], "all 2 checks ok"),
        ([(OK, "fine", {}), (CRITICAL, "refused", {})], "b: refused"),
        ([(WARNING, "slow", {}), (CRITICAL, "refused", {}), (OK, "fine", {})], "b: refused; a: slow"),
        ([(CRITICAL, "", {})], "a: critical"),
        # the same of the same host is said once, whatever each check asked of it
        ([(CRITICAL, "https://api.hearth.example/health refused", REFUSED)],
         "a: https://api.hearth.example/health refused"),
        ([(CRITICAL, f"https://api.hearth.example/{path} refused", REFUSED) for path in ("health", "state")],
         "a, b: api.hearth.example refused"),
        ([(CRITICAL, f"db1.hearth.example:{port} refused", {}) for port in (5432, 5433)],
         "a, b: db1.hearth.example refused"),
        ([(CRITICAL, "refused", REFUSED)] * 4, "a, b, c, d: refused"),
        ([(CRITICAL, "refused", REFUSED)] * 5, "a, b, c, d and 1 more: refused"),
        ([(CRITICAL, "refused", REFUSED), (UNKNOWN, "refused", REFUSED)], "a: refused; b: refused"),
        ([(UNKNOWN, f"Azure answered 429 to {call}", {"code": "throttled"}) for call in ("metrics", "health")],
         "a, b: Azure answered 429 to metrics"),
        # where no host is named, nobody knows whether it is the same one
        ([(CRITICAL, f"the {which} refused", {"code": "connection_refused"}) for which in ("first", "second")],
         "a: the first refused; b: the second refused"),
    ],
)  # fmt: skip
def test_why_is_said_once_and_worst_first(checks, sentence):
    names = "abcde"[: len(checks)]
    statuses = {
        CheckKey("api", name): CheckStatus(state=state, sentence=said, numbers=numbers)
        for name, (state, said, numbers) in zip(names, checks, strict=True)
    }
    (found,) = assess_services(platform({"api": []}, checks=names), statuses, {})
    assert found.sentence == sentence


def test_the_numbers_of_each_reason_have_keys_of_their_own():
    statuses = {
        CheckKey("api", "a"): CheckStatus(state=WARNING, sentence="slow", numbers={"value": 3.0}),
        CheckKey("api", "b"): CheckStatus(state=CRITICAL, sentence="refused", numbers=REFUSED),
    }
    (found,) = assess_services(platform({"api": []}, checks="ab"), statuses, {})
    assert found.numbers == {"checks": "b", **REFUSED, "checks.2": "a", "value.2": 3.0}


def test_flapping_and_maintenance_are_passed_on():
    statuses = {CheckKey("api", "a"): status(CRITICAL, flapping=True)}
    (found,) = assess_services(platform({"api": []}), statuses, {"api": "sunday-patches"})
    assert found.flapping
    assert (found.muted, found.state) == ("sunday-patches", CRITICAL), "muted, and checked all the same"


# -- dependencies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "roots", "reachable"),
    [
        (CRITICAL, ("db",), False),
        (UNKNOWN, ("db",), False),
        (WARNING, ("api",), True),
        (OK, ("api",), True),
        ((CRITICAL, SOFT), ("api",), True),
        ((UNKNOWN, SOFT), ("api",), True),
    ],
)
def test_only_a_hard_failure_explains(parent, roots, reachable):
    found = assess({"api": ["db"], "db": []}, {"api": CRITICAL, "db": parent})["api"]
    assert (found.root_causes, found.reachable) == (roots, reachable)


def test_a_service_measured_ok_is_never_hidden():
    found = assess({"api": ["db"], "db": []}, {"api": OK, "db": CRITICAL})["api"]
    assert (found.state, found.root_causes, found.reachable) == (OK, (), False)


def test_the_deepest_failure_is_the_cause():
    chain = {"page": ["api"], "api": ["db"], "db": ["disk"], "disk": []}
    found = assess(chain, dict.fromkeys(chain, CRITICAL))
    assert {name: a.root_causes for name, a in found.items()} == dict.fromkeys(chain, ("disk",))


def test_what_is_measured_ok_breaks_the_chain():
    chain = {"page": ["api"], "api": ["db"], "db": []}
    found = assess(chain, {"page": CRITICAL, "api": OK, "db": CRITICAL})
    assert found["page"].root_causes == ("page",)
    assert found["page"].reachable


def test_several_causes_are_all_named():
    found = assess({"api": ["queue", "db"], "db": [], "queue": []}, {"api": WARNING, "db": CRITICAL, "queue": UNKNOWN})
    assert found["api"].root_causes == ("db", "queue")


def test_a_soft_critical_does_not_unconfirm_a_hard_unknown():
    """While a second check of the database is rechecked, the database stays the cause."""
    depends = platform({"api": ["db"], "db": []}, checks=("a", "b"))
    statuses = {
        CheckKey("db", "a"): status(UNKNOWN),
        CheckKey("db", "b"): status(CRITICAL, SOFT),
        CheckKey("api", "a"): status(CRITICAL),
        CheckKey("api", "b"): status(OK),
    }
    api, db = assess_services(depends, statuses, {})
    assert api.root_causes == ("db",)
    assert db.root_causes == ("db",)


@pytest.mark.parametrize(
    ("one", "two", "roots"),
    [
        (CRITICAL, CRITICAL, ("one", "two")),
        (CRITICAL, UNKNOWN, ("one", "two")),
        (CRITICAL, OK, ("api",)),
        (CRITICAL, WARNING, ("api",)),
        (CRITICAL, (CRITICAL, SOFT), ("api",)),
    ],
)
def test_a_group_is_down_only_when_all_its_members_are(one, two, roots):
    depends = {"api": ["group:nodes"], "one": [], "two": []}
    found = assess(depends, {"api": CRITICAL, "one": one, "two": two}, {"nodes": ("one", "two")})["api"]
    assert (found.root_causes, found.reachable) == (roots, roots == ("api",))


def test_an_unknown_or_empty_group_explains_nothing():
    found = assess({"api": ["group:gone", "group:empty", "gone"]}, {"api": CRITICAL}, {"empty": ()})["api"]
    assert found.root_causes == ("api",)


def test_a_group_whose_members_share_a_cause_points_to_it():
    depends = {"api": ["group:nodes"], "one": ["host"], "two": ["host"], "host": []}
    found = assess(depends, dict.fromkeys(depends, CRITICAL), {"nodes": ("one", "two")})
    assert found["api"].root_causes == ("host",)


# -- circles, which the catalogue refuses -----------------------------------------------------


def test_a_circle_ends_and_has_one_cause():
    circle = {"b": ["c"], "c": ["d"], "d": ["b"], "above": ["d"]}
    found = assess(circle, dict.fromkeys(circle, CRITICAL))
    assert {a.root_causes for a in found.values()} == {("b",)}


def test_a_circle_with_a_way_out_points_there():
    circle = {"b": ["c"], "c": ["b", "disk"], "disk": []}
    found = assess(circle, dict.fromkeys(circle, CRITICAL))
    assert {a.root_causes for a in found.values()} == {("disk",)}


def test_a_service_that_depends_on_itself():
    for depends, groups in (({"api": ["api"]}, {}), ({"api": ["group:all"]}, {"all": ("api",)})):
        found = assess(depends, {"api": CRITICAL}, groups)["api"]
        assert (found.root_causes, found.reachable) == (("api",), True)


def test_everything_depending_on_everything_ends():
    names = [f"s{n}" for n in range(120)]
    roots = find_roots(dict.fromkeys(names, names))
    assert roots == dict.fromkeys(names, ("s0",))


# -- properties over any platform -------------------------------------------------------------

NAMES = [f"s{n}" for n in range(8)]
verdicts = st.tuples(st.sampled_from(list(State)), st.sampled_from(list(Mode))).map(
    lambda v: (OK, HARD) if v[0] is OK else v
)


@st.composite
def scenes(draw, *, circles=False):
    """(depends, groups, states); without circles, services depend on later ones only."""
    members = draw(st.sets(st.sampled_from(NAMES[5:]), min_size=1))
    groups = {"nodes": tuple(sorted(members))}
    depends = {}
    for number, name in enumerate(NAMES):
        below = NAMES if circles else NAMES[number + 1 :]
        chosen = draw(st.sets(st.sampled_from(below), max_size=3)) if below else set()
        grouped = ["group:nodes"] if number < 5 and draw(st.booleans()) else []
        depends[name] = sorted(chosen) + grouped
    return depends, groups, {name: draw(verdicts) for name in NAMES}


def failed_below(depends, groups, states, name):
    def is_down(other):
        return states[other][0] in DOWN and states[other][1] is HARD

    found = set()
    for dependency in depends[name]:
        group = dependency.removeprefix("group:")
        if group != dependency:
            found |= set(groups[group]) if all(is_down(m) for m in groups[group]) else set()
        elif is_down(dependency):
            found.add(dependency)
    return found


@patient
@given(scenes())
def test_every_problem_has_a_cause_that_is_a_problem_without_one(scene):
    depends, groups, states = scene
    found = assess(depends, states, groups)
    for assessment in found.values():
        if not assessment.state.is_problem:
            assert assessment.root_causes == ()
            continue
        assert assessment.root_causes
        for root in assessment.root_causes:
            assert found[root].state.is_problem
            assert not failed_below(depends, groups, states, root)
            assert found[root].root_causes == (root,)


@patient
@given(scenes())
def test_reachable_is_what_is_measured_below(scene):
    depends, groups, states = scene
    for name, assessment in assess(depends, states, groups).items():
        below = failed_below(depends, groups, states, name)
        assert assessment.reachable == (not below)
        if assessment.state.is_problem and not below:
            assert assessment.root_causes == (name,)
        if assessment.state.is_problem and below:
            assert name not in assessment.root_causes


@patient
@given(scenes(circles=True))
def test_circles_never_hang_and_leave_no_problem_without_cause(scene):
    depends, groups, states = scene
    for assessment in assess(depends, states, groups).values():
        assert bool(assessment.root_causes) == assessment.state.is_problem


@patient
@given(scenes(), st.sampled_from(NAMES))
def test_another_failure_makes_no_service_better(scene, name):
    depends, groups, states = scene
    before = assess(depends, states, groups)
    after = assess(depends, states | {name: (CRITICAL, HARD)}, groups)
    for service in NAMES:
        assert after[service].state.rank >= before[service].state.rank
        assert before[service].reachable or not after[service].reachable


@patient
@given(scenes(), st.sets(st.sampled_from(NAMES)))
def test_maintenance_changes_nothing_but_the_telling(scene, in_maintenance):
    import dataclasses

    depends, groups, states = scene
    quiet = assess(depends, states, groups, dict.fromkeys(in_maintenance, "window"))
    loud = assess(depends, states, groups)
    assert {name for name, a in quiet.items() if a.muted} == in_maintenance
    assert {name: dataclasses.replace(a, muted="") for name, a in quiet.items()} == loud
