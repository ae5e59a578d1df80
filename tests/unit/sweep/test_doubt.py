"""Which checks are measured again before anybody believes them? Quickly found, and exactly those of the full replay."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import Customer, HttpCheck, Platform, Service, Site
from blocks.catalogue.serialised import platform_to_json
from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Mode,
    Reading,
    State,
    Unit,
)
from tasks.health.decide import needs_recheck
from tasks.health.plan import SweepPlan, replay, unconfirmed

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NAMES = ("a", "b", "c")
CERTIFICATE = Measurement("certificate", 80.0, Unit.DAYS)


def plan(statuses):
    services = {
        name: Service(
            name=name, kind="web", site="here",
            checks={"health": HttpCheck(kind="http", name="health", url=f"https://{name}.example/", attempts=3,
                                        latency={"warning": "> 100 ms"})},
        )
        for name in NAMES
    }  # fmt: skip
    site = Site(name="here", provider="azure", region="local", role="primary", credentials="none")
    return SweepPlan(
        sweep=uuid4(), platform=Platform(name="p", customer="c", sites={"here": site}, services=services),
        customer=Customer(name="c", time_zone="Europe/Paris", channel="c"), catalogue_digest="d", started_at=AT,
        statuses=statuses, maintenance=(),
    )  # fmt: skip


def reading(name, what, attempt=1, late_s=0):
    given_ = {
        "well": {"measurements": (Measurement("latency", 20.0, Unit.MILLISECONDS), CERTIFICATE)},
        "slow": {"measurements": (Measurement("latency", 900.0, Unit.MILLISECONDS), CERTIFICATE)},
        "wrong": {"finding": Finding(FindingCode.WRONG_STATUS, "answered 500")},
        "missing": {"missing": Missing(MissingCode.THROTTLED, "later")},
        "deadline": {"missing": Missing(MissingCode.DEADLINE, "not reached")},
    }[what]
    at = AT + timedelta(seconds=attempt + late_s)
    return Reading(service=name, check="health", started_at=at, elapsed_ms=20.0, attempt=attempt, **given_)


@pytest.mark.parametrize(
    ("what", "doubted"), [("well", False), ("slow", True), ("wrong", True), ("missing", True), ("deadline", False)]
)
def test_a_first_problem_is_doubted_and_good_news_is_not(what, doubted):
    found = unconfirmed(plan({}), [reading("a", what), reading("b", "well")])
    assert found == ([CheckKey("a", "health")] if doubted else [])


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_was_doubted_last_time_and_is_well_now_is_not_measured_again(attempt):
    doubted = CheckStatus(state=State.CRITICAL, mode=Mode.SOFT, attempt=attempt, checked_at=AT - timedelta(minutes=5))
    remembered = {CheckKey("a", "health"): doubted, CheckKey("b", "health"): doubted}
    assert unconfirmed(plan(remembered), [reading("a", "well"), reading("b", "wrong")]) == (
        [CheckKey("b", "health")] if attempt == 1 else []
    )


def test_only_what_is_in_doubt_is_measured_again_under_its_number():
    sweep = plan({})
    assert [(p.key.service, p.attempt) for p in sweep.probes()] == [("a", 1), ("b", 1), ("c", 1)]
    assert [(p.key.service, p.attempt) for p in sweep.probes([CheckKey("b", "health")], 2)] == [("b", 2)]
    assert sweep.probes([]) == []


def test_a_check_never_seen_stays_so_until_its_first_reading():
    states = replay(plan({}), [reading("a", "well")])
    assert {key.service: checked.status.fresh for key, checked in states.items()} == {"a": True, "b": False, "c": False}


def test_what_was_bad_three_times_is_believed():
    seen = [reading("a", "wrong", attempt) for attempt in (1, 2, 3)]
    assert unconfirmed(plan({}), seen[:2]) == [CheckKey("a", "health")]
    assert unconfirmed(plan({}), seen) == []


_statuses = st.builds(
    CheckStatus,
    state=st.sampled_from(State),
    mode=st.sampled_from(Mode),
    attempt=st.integers(1, 3),
    last_hard=st.sampled_from(State),
    checked_at=st.sampled_from([None, AT - timedelta(minutes=5), AT + timedelta(seconds=2)]),
    fresh=st.booleans(),
)
_readings = st.lists(
    st.builds(
        reading,
        st.sampled_from(NAMES),
        st.sampled_from(["well", "slow", "wrong", "missing", "deadline"]),
        st.integers(1, 3),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([CheckKey(n, "health") for n in NAMES]), _statuses), _readings)
def test_exactly_those_of_the_full_replay(statuses, readings):
    sweep = plan(statuses)
    checks = {probe.key: probe.check for probe in sweep.probes()}
    seen = {r.key for r in readings if r.missing is None or r.missing.code is not MissingCode.DEADLINE}
    full = [
        key
        for key, checked in replay(sweep, readings).items()
        if key in seen and checked.status.state is not State.OK and needs_recheck(checked.status, checks[key])
    ]
    assert unconfirmed(sweep, readings) == full


def test_a_plan_that_was_kept_for_a_retry_is_the_plan():
    """As it was saved, and as it is watched elsewhere, when it is not what was saved."""
    saved = replace(plan({CheckKey("a", "health"): CheckStatus(sentence="as told", since=AT)}), maintenance={})
    kept = replace(saved, written=platform_to_json(saved.platform))
    assert pickle.loads(pickle.dumps(saved)) == saved
    again = pickle.loads(pickle.dumps(kept))
    assert again == kept
    assert again.probes() == saved.probes()
