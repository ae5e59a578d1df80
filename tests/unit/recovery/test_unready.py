"""Which findings become incidents, who is told, and what closes them? Held as tables and as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.health import State
from blocks.ports.incidents import EventKind, Incident, Severity
from blocks.ports.recovery import MoveState
from tasks.recovery.readiness import NOT_SEEN, Finding
from tasks.recovery.unready import plan_unready, why_still
from tests.unit.recovery.scenes import CELLAR, HEARTH, NOW, a_move, dark, elsewhere, quiet

PAGE, TICKET, NOTICE = Severity.PAGE, Severity.TICKET, Severity.NOTICE
OPENED, CHANGED, CLOSED, SILENCE_ENDED = (
    EventKind.OPENED,
    EventKind.CHANGED,
    EventKind.CLOSED,
    EventKind.SILENCE_ENDED,
)
HALF_AN_HOUR = timedelta(minutes=30)


def finding(severity=State.CRITICAL, name="capacity-dc-west", sentence="dc-west is full. Next: make room"):
    said = f"nobody can say what {name} is. {NOT_SEEN}" if severity is State.UNKNOWN else sentence
    return Finding(name=name, severity=severity, sentence=said)


def incident(cause=None, root="readiness:capacity-dc-west", **changes):
    cause = cause or finding()
    values = {
        "id": UUID(int=7),
        "platform": "hearth",
        "root": root,
        "severity": TICKET if cause.severity is State.CRITICAL else NOTICE,
        "sentence": cause.sentence,
        "opened_at": NOW - HALF_AN_HOUR,
    }
    return Incident(**(values | changes))


def plan(*found, there=(), **more):
    changes = plan_unready(found, there, at=NOW, **more)
    return [(each.kind, each.root, each.severity, each.tell) for each in changes]


@pytest.mark.parametrize(
    ("state", "severity", "tell"),
    [(State.CRITICAL, TICKET, True), (State.WARNING, NOTICE, False), (State.UNKNOWN, NOTICE, False)],
)
def test_a_finding_opens_an_incident_of_its_own_and_nobody_is_woken(state, severity, tell):
    (change,) = plan_unready([finding(state)], [], at=NOW)
    assert (change.kind, change.root) == (OPENED, "readiness:capacity-dc-west")
    assert (change.severity, change.tell, change.page) == (severity, tell, False)
    assert change.sentence == finding(state).sentence


def test_a_finding_that_is_gone_closes_and_whoever_was_told_is_told():
    told, quiet_one = incident(), incident(finding(State.WARNING), root="readiness:last-drill")
    changes = plan_unready([], [told, quiet_one], at=NOW)
    assert [(each.kind, each.root, each.tell) for each in changes] == [
        (CLOSED, "readiness:capacity-dc-west", True),
        (CLOSED, "readiness:last-drill", False),
    ]
    assert all(each.sentence == "ready again after 30min" and each.incident == told.id for each in changes)


def test_incidents_of_sweeps_are_left_alone():
    theirs = [incident(root=root) for root in ("device-api", "slo:device-api/availability", "monitoring")]
    assert plan(there=theirs) == []
    assert [root for _, root, _, _ in plan(finding(name="device-api"), there=theirs)] == ["readiness:device-api"]


def test_what_could_not_be_looked_at_closes_and_changes_nothing():
    assert plan(finding(State.UNKNOWN), there=[incident()]) == []
    assert plan(finding(State.UNKNOWN), there=[incident(finding(State.WARNING))]) == []


@pytest.mark.parametrize(
    ("since", "beside", "said"),
    [
        (HALF_AN_HOUR, [], [(CHANGED, TICKET, True)]),
        (timedelta(minutes=20), [], [(CHANGED, TICKET, True)]),
        (timedelta(minutes=19), [], []),
        (HALF_AN_HOUR, [finding(State.WARNING, "last-drill")], [(CHANGED, TICKET, True)]),
        (HALF_AN_HOUR, [finding(State.CRITICAL, "replication")], []),
    ],
)
def test_what_is_unseen_for_long_is_told_unless_something_critical_hides_it(since, beside, said):
    blind = incident(finding(State.UNKNOWN), opened_at=NOW - since)
    found = plan(finding(State.UNKNOWN), *beside, there=[blind])
    assert [(kind, severity, tell) for kind, root, severity, tell in found if root == blind.root] == said


def test_what_was_unseen_and_is_now_seen_is_said():
    blind = incident(finding(State.UNKNOWN))
    assert plan(finding(), there=[blind]) == [(CHANGED, blind.root, TICKET, True)]
    assert plan(finding(State.WARNING), there=[blind]) == [(CHANGED, blind.root, NOTICE, False)]


def test_it_only_gets_louder_while_it_is_open():
    better = finding(State.WARNING, sentence="dc-west is nearly full. Next: make room")
    assert plan(better, there=[incident()]) == [(CHANGED, "readiness:capacity-dc-west", TICKET, True)]
    assert plan(finding(), there=[incident(better)]) == [(CHANGED, "readiness:capacity-dc-west", TICKET, True)]


def test_numbers_that_move_are_no_news():
    moving = finding(sentence="dc-west lacks 4 cores. Next: make room")
    there = incident(moving)
    assert plan(replace(moving, sentence="dc-west lacks 12 cores. Next: make room"), there=[there]) == []


def test_a_silence_is_kept_and_ends():
    worse = finding(sentence="dc-west burns. Next: leave")
    silent = incident(silenced_until=NOW + HALF_AN_HOUR, silenced_by="amelie")
    assert plan(worse, there=[silent]) == [(CHANGED, silent.root, TICKET, False)]
    ending = incident(silenced_until=NOW, silenced_by="amelie")
    assert plan(finding(), there=[ending]) == [(SILENCE_ENDED, ending.root, TICKET, True)], "until then, and no longer"
    over = incident(silenced_until=NOW - HALF_AN_HOUR, silenced_by="amelie")
    assert plan(finding(), there=[over]) == [(SILENCE_ENDED, over.root, TICKET, True)]
    assert plan(there=[silent]) == [(CLOSED, silent.root, TICKET, True)]
    assert plan(finding(), recently_closed=[silent]) == [(OPENED, silent.root, TICKET, False)]
    assert plan(finding(), recently_closed=[over]) == [(OPENED, silent.root, TICKET, True)]


def test_the_loudest_opens_first_and_what_is_over_comes_last():
    gone = incident(root="readiness:a")
    found = plan(finding(State.WARNING, "b"), finding(name="c"), there=[gone])
    assert [root for _, root, _, _ in found] == ["readiness:c", "readiness:b", "readiness:a"]


# -- a night is no moment to judge -------------------------------------------------------------


def test_on_a_quiet_day_it_judges():
    assert why_still(HEARTH, quiet()) == ""
    assert why_still(HEARTH, elsewhere()) == ""


def test_a_night_has_incidents_of_its_own():
    assert why_still(HEARTH, dark()) == "household takes no writes in azure-west, where clients are"
    moving = quiet(moves=(a_move(state=MoveState.UNDER_WAY),))
    assert why_still(HEARTH, moving) == f"a failover to {CELLAR} is under way"
    assert plan(finding(), there=[incident(root="readiness:b")], still="a failover is under way") == []


# -- properties --------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
STATES = st.sampled_from([State.WARNING, State.UNKNOWN, State.CRITICAL])
FOUND = st.dictionaries(NAMES, STATES).map(lambda given: [finding(state, name) for name, state in given.items()])


def applied(changes, there):
    """The journal's part of it, as far as these properties need it."""
    known = {each.root: each for each in there}
    for change in changes:
        if change.kind is CLOSED:
            del known[change.root]
        else:
            before = known.get(change.root) or incident(root=change.root, opened_at=NOW)
            known[change.root] = replace(before, severity=change.severity, sentence=change.sentence)
    return list(known.values())


@given(FOUND, FOUND)
def test_after_it_each_finding_has_one_incident_and_nothing_else_has(before, now):
    there = applied(plan_unready(before, [], at=NOW - HALF_AN_HOUR), [])
    after = applied(plan_unready(now, there, at=NOW), there)
    assert {each.root for each in after} == {f"readiness:{each.name}" for each in now}
    assert all(each.severity is not PAGE for each in after)


@given(FOUND, FOUND)
def test_planned_again_it_changes_nothing(before, now):
    there = applied(plan_unready(before, [], at=NOW), [])
    after = applied(plan_unready(now, there, at=NOW), there)
    assert plan_unready(now, after, at=NOW) == []


@given(FOUND, FOUND, FOUND)
def test_whoever_was_told_is_told_of_the_end(first, second, third):
    there, told = [], set()
    for found in (first, second, third, []):
        changes = plan_unready(found, there, at=NOW)
        for change in changes:
            assert change.tell or change.root not in told
            told = (told | {change.root}) if change.tell else told
            told -= {change.root} if change.kind is CLOSED else set()
        there = applied(changes, there)
    assert not there
    assert not told
