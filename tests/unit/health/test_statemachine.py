"""A problem is believed after `attempts` bad results in a row, as Icinga 2 does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import TcpCheck
from blocks.ports.health import CheckKey, CheckStatus, Mode, State, Transition
from tasks.health.decide import advance, flapping_pct, needs_recheck

patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared
KEY = CheckKey("api", "public")
START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NEVER_SEEN = CheckStatus(fresh=False)
FLAPPING = {Transition.FLAPPING_STARTED, Transition.FLAPPING_ENDED}
PROBLEMS = [State.WARNING, State.CRITICAL, State.UNKNOWN]

states = st.sampled_from(list(State))


def run(results, attempts=3, status=NEVER_SEEN):
    """Every assessment on the way, one result a minute."""
    found = []
    for minute, state in enumerate(results):
        found.append(advance(status, state, state.value, attempts, START + timedelta(minutes=minute), key=KEY))
        status = found[-1].status
    return found


# -- the published tables ---------------------------------------------------------------------


def host_state(result: str) -> State:
    """A host is up or down: anything but ok is down."""
    return State.OK if result == "OK" else State.CRITICAL


@pytest.mark.parametrize("case_name", ["host_1attempt", "host_3attempts", "service_1attempt", "service_2attempts"])
def test_soft_and_hard_as_icinga(conformance, case_name):
    cases = {
        case["name"]: case
        for case in json.loads(conformance("statemachine/icinga_soft_hard.json").read_text())["cases"]
    }
    case = cases[case_name]
    of_host = case_name.startswith("host")
    told = {"Problem": Transition.PROBLEM, "Recovery": Transition.RECOVERY}
    status = CheckStatus(state=State.OK, mode=Mode.HARD)
    for number, step in enumerate(case["steps"]):
        transition = Transition.NONE
        if step["check_result"] is not None:
            result = host_state(step["check_result"]) if of_host else State(step["check_result"].lower())
            assessed = advance(
                status, result, "", case["max_check_attempts"], START + timedelta(minutes=number), key=KEY
            )
            status, transition = assessed.status, assessed.transition
        expected = {"UP": State.OK, "DOWN": State.CRITICAL}.get(step["state"]) or State(step["state"].lower())
        assert (status.state, status.mode.name, status.attempt) == (
            expected,
            step["state_type"],
            step["check_attempt"],
        ), number
        if step["notification"]:
            assert transition is told[step["notification"]], number
        else:
            assert transition in {Transition.NONE, Transition.SOFT}, number


def test_every_table_is_replayed(conformance):
    names = {
        case["name"] for case in json.loads(conformance("statemachine/icinga_soft_hard.json").read_text())["cases"]
    }
    assert names == {"host_1attempt", "host_3attempts", "service_1attempt", "service_2attempts"}


def test_flapping_as_icinga(conformance):
    table = json.loads(conformance("statemachine/icinga_flapping.json").read_text())
    replayed = 0
    for case in table["cases"]:
        status = (
            NEVER_SEEN
            if case["initial_last_state"] is None
            else CheckStatus(state=State(case["initial_last_state"].lower()))
        )
        found = run([State(result.lower()) for result in case["checks"]], attempts=5, status=status)
        for step, assessed in zip(case.get("per_check", ()), found, strict=False):
            assert flapping_pct(assessed.status.flap_changes) == pytest.approx(step["percent"], abs=0.05)
            assert assessed.status.flapping is step["flapping"]
        if "per_check" in case:
            assert len(case["per_check"]) == len(found)
        last = found[-1].status
        if "expected_percent" in case:
            assert flapping_pct(last.flap_changes) == pytest.approx(case["expected_percent"], abs=0.05)
        if "expected_flapping" in case:
            assert last.flapping is case["expected_flapping"], case["name"]
        if "expected_percent_below" in case:
            assert all(flapping_pct(a.status.flap_changes) < case["expected_percent_below"] for a in found)
        replayed += 1
    assert replayed == 4


def test_flapping_starts_above_and_stops_at_the_threshold():
    """Bit k (0 the newest) weighs 118 - 2k hundredths, and 20 of these are one percent."""
    from tasks.health.flapping import is_flapping

    at_25 = sum(1 << bit for bit in (7, 8, 9, 10, 11))
    at_30 = sum(1 << bit for bit in (6, 7, 8, 10, 11, 12))
    assert (flapping_pct(0), flapping_pct(at_25), flapping_pct(at_30)) == (0.0, 25.0, 30.0)
    assert not is_flapping(at_25, was_flapping=True)
    assert not is_flapping(at_30, was_flapping=False)
    assert is_flapping(at_30, was_flapping=True)
    assert is_flapping(at_30 - (1 << 6) + (1 << 5), was_flapping=False)
    assert is_flapping(at_25 - (1 << 7) + (1 << 6), was_flapping=True)


# -- by hand ----------------------------------------------------------------------------------


def test_another_kind_of_bad_is_hard_at_once_once_hard():
    *_, hard, other = run([State.CRITICAL, State.CRITICAL, State.CRITICAL, State.WARNING])
    assert hard.transition is Transition.PROBLEM
    assert (other.status.mode, other.status.state, other.transition) == (Mode.HARD, State.WARNING, Transition.PROBLEM)
    assert other.status.hard_since == START + timedelta(minutes=3)


def test_a_blip_is_told_to_nobody():
    _, blip, gone = run([State.OK, State.CRITICAL, State.OK])
    assert blip.transition is Transition.SOFT
    assert gone.transition is Transition.NONE
    assert gone.status.hard_since == START, "the hard ok was never interrupted"


def test_times_say_since_when():
    _, first, second, third, still = run([State.OK] + [State.CRITICAL] * 4)
    assert first.status.since == second.status.since == third.status.since == START + timedelta(minutes=1)
    assert third.status.hard_since == still.status.hard_since == START + timedelta(minutes=3)
    assert still.transition is Transition.NONE


def test_a_first_ok_is_hard_since_then_also_after_a_doubt():
    assert run([State.OK])[-1].status.hard_since == START
    assert run([State.CRITICAL, State.OK, State.OK])[-1].status.hard_since == START + timedelta(minutes=1)


def test_the_numbers_of_a_sentence_go_with_it():
    said = {"measurement": "latency", "value": 2310.0}
    assert advance(NEVER_SEEN, State.CRITICAL, "late", 3, START, key=KEY, numbers=said).status.numbers == said


def test_first_result_ever_is_no_recovery_and_one_bad_one_no_problem():
    assert run([State.OK])[0].transition is Transition.NONE
    assert run([State.CRITICAL])[0].transition is Transition.SOFT
    assert run([State.CRITICAL], attempts=1)[0].transition is Transition.PROBLEM


@pytest.mark.parametrize(
    ("results", "attempts", "sentence"),
    [
        ([State.CRITICAL], 3, "critical seen 1 of 3 times, not confirmed yet: critical"),
        ([State.CRITICAL] * 3, 3, "critical: critical"),
        ([State.CRITICAL] * 3 + [State.OK], 3, "ok again: ok"),
        (
            [State.OK, State.CRITICAL] * 3,
            1,
            "flapping, the state changed in 34 % of the last 20 results; now critical: critical",
        ),
        ([State.OK, State.CRITICAL] * 3 + [State.CRITICAL] * 15, 1, "no longer flapping; now critical: critical"),
    ],
)
def test_sentences(results, attempts, sentence):
    found = run(results, attempts)
    changed = [a for a in found if a.transition is not Transition.NONE]
    assert changed[-1].sentence == sentence


def test_recheck_only_what_is_not_confirmed():
    check = TcpCheck(kind="tcp", name="port", address="db:5432", attempts=3)
    asked = [needs_recheck(a.status, check) for a in run([State.OK] + [State.CRITICAL] * 4)]
    assert asked == [False, True, True, False, False]
    assert not needs_recheck(NEVER_SEEN, check)
    assert not needs_recheck(CheckStatus(state=State.CRITICAL, mode=Mode.SOFT, attempt=3), check), "never without end"


# -- properties -------------------------------------------------------------------------------


@patient
@given(st.lists(states, max_size=60), st.integers(1, 10))
def test_attempt_stays_within_bounds(results, attempts):
    assert all(1 <= a.status.attempt <= attempts for a in run(results, attempts))


@patient
@given(st.lists(states, max_size=60), st.integers(1, 10))
def test_ok_is_always_hard_and_soft_always_a_problem(results, attempts):
    for assessed in run(results, attempts):
        assert assessed.status.mode is Mode.HARD or assessed.status.state.is_problem


@patient
@given(st.lists(states, min_size=1, max_size=60), st.integers(1, 10))
def test_a_hard_problem_needs_its_attempts_in_a_row(results, attempts):
    for number, assessed in enumerate(run(results, attempts)):
        in_a_row = 0
        while in_a_row <= number and results[number - in_a_row].is_problem:
            in_a_row += 1
        is_hard_problem = assessed.status.state.is_problem and assessed.status.mode is Mode.HARD
        assert is_hard_problem == (in_a_row >= attempts)


@patient
@given(st.lists(states, min_size=1, max_size=30), states, st.integers(0, 40), st.integers(1, 5))
def test_old_news_changes_nothing(results, late, minutes_old, attempts):
    newest = run(results, attempts)[-1].status
    again = advance(newest, late, "late", attempts, newest.checked_at - timedelta(minutes=minutes_old), key=KEY)
    assert again.status == newest
    assert again.transition is Transition.NONE


@patient
@given(st.lists(states, max_size=60), st.integers(1, 5))
def test_every_problem_told_is_ended_once(results, attempts):
    """Between two recoveries lies a hard problem; what recovers was hard before."""
    before = NEVER_SEEN
    for assessed in run(results, attempts):
        if assessed.transition is Transition.RECOVERY:
            assert before.mode is Mode.HARD
            assert before.state.is_problem
        if assessed.transition is Transition.PROBLEM:
            assert assessed.status.last_hard is assessed.status.state
            assert before.last_hard is not assessed.status.state
        before = assessed.status


@patient
@given(st.lists(states, min_size=1, max_size=60))
def test_the_last_state_is_what_was_seen_last(results):
    status = run(results)[-1].status
    assert status.state is results[-1]
    assert status.sentence == results[-1].value
    assert status.fresh


@patient
@given(states, st.integers(1, 60))
def test_a_steady_check_never_flaps(state, length):
    assert not any(a.status.flapping for a in run([state] * length))


@patient
@given(st.lists(states, max_size=60))
def test_twenty_steady_results_end_any_flapping(results):
    last = run([*results, *[State.OK] * 20])[-1].status
    assert not last.flapping
    assert not run([*results, *[State.OK] * 21])[-1].status.flap_changes
