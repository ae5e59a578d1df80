"""What could not be fenced is fenced when it answers, by what was approved and no more; nothing follows unsaved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Broken
from blocks.ports.recovery import Loss, LossKind, MoveKind
from blocks.ports.runs import Run, RunState
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.order import groups_of
from tasks.recovery.rejoining import (
    FENCE,
    FOLLOW,
    MOST_RUNS,
    Agreed,
    goes_beyond,
    missing_of,
    plan_rejoin,
    stands_still,
    within_what_was_agreed,
)
from tests.unit.messages.runs import a_run
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    FENCED,
    HEARTH,
    PRIMARY,
    STANDBY,
    STOPPED,
    UNREACHABLE,
    a_move,
    compute,
    dark,
    database,
    elsewhere,
    with_database,
)

FAILOVER = plan_move(MoveKind.FAILOVER, HEARTH, dark())
DIGEST, API = (FENCE, "stop-worker:digest:azure-west"), (FENCE, "stop-service:device-api:azure-west")
DATABASE = [
    (FENCE, "fence-database:household:azure-west"),
    (FENCE, "save-beyond:household:azure-west"),
    (FOLLOW, "follow-database:household:azure-west"),
]
ALL = [DIGEST, API, *DATABASE]
OURS = ("device-api-recovery", "household-digest-recovery")


def agreed(*done, plan=FAILOVER, **move) -> Agreed:
    return Agreed(move=a_move(**move), plan=plan, done=frozenset(done))


def steps(plan):
    return [(step.phase, step.item) for step in plan.steps]


def rejoin(facts=None, what=None):
    return plan_rejoin(HEARTH, facts or elsewhere(), what or agreed(), "azure-west answers again")


def exact(rows, **changes):
    loss = Loss(data="household", kind=LossKind.EXACT, rows=rows, seconds=1.0, text="counted", saved_in="db1/rows")
    return replace(loss, **changes)


# -- what is approved with a failover -----------------------------------------------------------


def test_the_card_of_a_failover_lists_what_is_done_when_the_old_site_answers_again():
    assert [(step.phase, step.item) for step in FAILOVER.when_back] == ALL
    assert FAILOVER.when_back[0].text == "stop worker digest in azure-west"
    assert replace(FAILOVER, when_back=FAILOVER.when_back[:-1]).digest != FAILOVER.digest


def test_what_was_fenced_in_time_is_not_fenced_again_and_its_data_follows():
    facts = dark(compute=compute(*scenes.EVERYTHING, "household-data-vm"))
    made = plan_move(MoveKind.FAILOVER, HEARTH, facts)
    assert [(step.phase, step.item) for step in made.when_back] == DATABASE


@pytest.mark.parametrize("kind", [MoveKind.SWITCHOVER, MoveKind.FAILBACK])
def test_a_move_in_peace_leaves_nothing_for_later(kind):
    facts = scenes.quiet() if kind is MoveKind.SWITCHOVER else elsewhere()
    assert plan_move(kind, HEARTH, facts).when_back == ()


# -- when it answers ----------------------------------------------------------------------------


def test_all_that_answers_is_fenced_saved_and_follows_in_this_order():
    made = rejoin()
    assert steps(made) == ALL
    groups = [[step.item for step in group] for group in groups_of(HEARTH, made.steps[:-1])]
    assert groups == [[DIGEST[1], API[1], DATABASE[0][1]], [DATABASE[1][1]]]
    assert made.roles == {CELLAR: "active", AZURE: "standby"}
    assert (made.candidate, made.subject, goes_beyond(made, agreed())) == (CELLAR, AZURE, "")
    (bound,) = made.bounds
    assert (bound.name, bound.at_most) == ("rows of household that may be lost", 2000.0)


def test_what_is_dark_is_left_and_comes_later():
    nobody = with_database(elsewhere(compute=compute(*OURS)), AZURE, database(UNREACHABLE))
    assert steps(rejoin(nobody)) == []
    some = with_database(elsewhere(compute=compute(*OURS, "device-api")), AZURE, database(UNREACHABLE))
    assert steps(rejoin(some)) == [API]
    assert steps(rejoin(what=agreed(API))) == [DIGEST, *DATABASE]
    assert steps(rejoin(what=agreed(*ALL))) == []


@pytest.mark.parametrize("home", [database(PRIMARY), database(STOPPED), database(FENCED, fenced_by="itself")])
def test_an_old_primary_is_fenced_whatever_it_does(home):
    assert steps(rejoin(with_database(elsewhere(), AZURE, home)))[2:] == DATABASE


def test_one_that_follows_is_left_alone_and_one_that_only_lags_behind_a_promotion_is_not_fenced():
    there = with_database(elsewhere(), AZURE, database(STANDBY, timeline=4))
    assert steps(rejoin(there)) == [DIGEST, API]
    old = with_database(elsewhere(), AZURE, database(STANDBY, timeline=3))
    assert steps(rejoin(old)) == [DIGEST, API, DATABASE[2]]
    assert agreed(DATABASE[2]).left == tuple(step for step in FAILOVER.when_back if step.phase == FENCE)[:2]


@pytest.mark.parametrize(
    "home", [database(PRIMARY, timeline=5), database(PRIMARY, timeline=4), database(FENCED, timeline=6)]
)
def test_of_two_that_could_be_the_truth_none_is_touched(home):
    assert steps(rejoin(with_database(elsewhere(), AZURE, home))) == [DIGEST, API]


def test_it_follows_only_whoever_takes_writes():
    closed = with_database(elsewhere(), CELLAR, database(FENCED, timeline=4))
    assert "takes no writes" in goes_beyond(rejoin(closed), agreed())


# -- a promise of zero loss ---------------------------------------------------------------------

PROMISED = scenes.promised()
PROTECT = (FOLLOW, "protect-while-followed:household:dc-west")
SAFE = plan_move(MoveKind.FAILOVER, PROMISED, dark())


def rejoin_safely(home=None, away=None, *done):
    facts = elsewhere() if home is None else with_database(elsewhere(), AZURE, home)
    facts = facts if away is None else with_database(facts, CELLAR, away)
    return plan_rejoin(PROMISED, facts, agreed(*done, plan=SAFE), "azure-west answers again")


def serving(**changes):
    return database(PRIMARY, timeline=4, followers={"hearth_db1": 0}, **changes)


def test_what_promises_zero_loss_is_protected_once_it_follows_and_never_before():
    assert [(step.phase, step.item) for step in SAFE.when_back] == [*ALL, PROTECT]
    assert SAFE.when_back[-1].text.endswith("wait for its standby while that follows")
    assert replace(SAFE, when_back=SAFE.when_back[:-1]).digest != SAFE.digest
    made = rejoin_safely()
    assert steps(made) == [*ALL, PROTECT]
    groups = [[step.item for step in group] for group in groups_of(PROMISED, made.steps[-2:])]
    assert groups == [[DATABASE[2][1]], [PROTECT[1]]]
    assert goes_beyond(made, agreed(plan=SAFE)) == ""


@pytest.mark.parametrize(
    ("home", "away", "done", "then"),
    [
        (database(STANDBY, timeline=4), serving(), (), [PROTECT]),
        (database(STANDBY, timeline=4), serving(), (DATABASE[2],), [PROTECT]),
        (database(STANDBY, timeline=4), serving(), (DATABASE[2], PROTECT), []),
        (database(STANDBY, timeline=4), serving(synchronous_with="hearth_db1"), (), []),
        (database(STANDBY, timeline=4), database(PRIMARY, timeline=4), (), []),
        (database(STANDBY, timeline=4), database(FENCED, timeline=4), (), []),
        (database(STANDBY, timeline=3), serving(), (), [DATABASE[2], PROTECT]),
        (database(UNREACHABLE), serving(), (), []),
    ],
    ids=["follows", "followed by us", "done", "waits already", "does not stream", "closed", "behind", "dark"],
)
def test_it_is_protected_only_where_somebody_follows_and_nobody_waits_yet(home, away, done, then):
    assert steps(rejoin_safely(home, away, DIGEST, API, *done)) == then


# -- what only it has ---------------------------------------------------------------------------


def test_rows_within_what_was_approved_are_saved_and_given_up():
    what = agreed(losses=(exact(412),))
    assert goes_beyond(rejoin(what=what), what) == ""
    within_what_was_agreed(rejoin(), what.move.losses, what)


def test_more_rows_than_were_approved_need_a_named_decider():
    what = agreed(losses=(exact(2103, by_table={"homes": 103, "devices": 2000}),))
    told = "2103 rows that only azure-west has of household (devices 2000, homes 103), saved in db1/rows"
    said = f"{told}: 2000 were approved"
    assert goes_beyond(rejoin(what=what), what) == said
    with pytest.raises(Broken) as stopped:
        within_what_was_agreed(rejoin(), what.move.losses, what)
    assert stopped.value.what == said
    assert "whoever approves it decides" in stopped.value.next_step
    by_a_person = rejoin(what=what)
    assert by_a_person.bounds[0].at_most == 2103
    within_what_was_agreed(by_a_person, what.move.losses, what)


@pytest.mark.parametrize("losses", [(), (exact(3, kind=LossKind.BOUND),), (exact(3, data="other"),)])
def test_nothing_follows_uncounted(losses):
    with pytest.raises(Broken, match="was not counted"):
        within_what_was_agreed(rejoin(), losses, agreed())


# -- again, and by itself -----------------------------------------------------------------------


def runs(*states: RunState) -> list[Run]:
    return [a_run(action="rejoin", state=state, reason="why") for state in states]


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (runs(), ""),
        (runs(RunState.DONE), ""),
        (runs(RunState.FAILED, RunState.VOID), ""),
        (runs(RunState.PARKED), "its rejoin is parked: why"),
        (runs(RunState.CANCELLED), "its rejoin is cancelled: why"),
        (runs(*[RunState.FAILED] * MOST_RUNS), "its rejoin is failed: why"),
    ],
)
def test_it_is_tried_again_until_a_person_is_needed(earlier, said):
    assert stands_still(earlier) == said


def test_the_daily_reminder_says_what_was_never_fenced_and_why_it_does_not_go_on():
    said = list(missing_of(agreed(API), runs(RunState.FAILED), elsewhere()))
    assert said == [
        "digest in azure-west was never fenced: nothing there has answered",
        "household in azure-west was never fenced: nothing there has answered",
        "its rejoin is failed: why",
    ]
    assert list(missing_of(agreed(*ALL), runs(RunState.FAILED), elsewhere())) == []
    follows = with_database(elsewhere(), AZURE, database(STANDBY, timeline=4))
    assert list(missing_of(agreed(API, DIGEST), runs(RunState.DONE), follows)) == []


ROLES = st.sampled_from([PRIMARY, FENCED, STANDBY, STOPPED, UNREACHABLE])
LOOKS = st.builds(
    lambda role, timeline, by: database(role, timeline=timeline, fenced_by=by if role is FENCED else ""),
    ROLES,
    st.integers(2, 6),
    st.sampled_from(["itself", ""]),
)


@given(home=LOOKS, away=LOOKS, up=st.sets(st.sampled_from(scenes.EVERYTHING)), done=st.sets(st.sampled_from(ALL)))
def test_whatever_is_seen_only_what_was_agreed_is_done_and_nothing_follows_before_it_was_saved(home, away, up, done):
    facts = elsewhere(databases={("household", AZURE): home, ("household", CELLAR): away}, compute=compute(*sorted(up)))
    made = rejoin(facts, agreed(*done))
    assert set(steps(made)) <= set(ALL) - done
    assert all(parse_item(item).site == AZURE for _, item in steps(made)), (
        "nothing was promised of the site that serves"
    )
    verbs = [item.verb for item in items_of(made.steps)]
    if Verb.FOLLOW_DATABASE in verbs and home.role is not STANDBY:
        before = {Verb.FENCE_DATABASE, Verb.SAVE_BEYOND}
        assert all(verb in verbs or any(parse_item(item).verb is verb for _, item in done) for verb in before)
    if home.role is STANDBY:
        assert Verb.FENCE_DATABASE not in verbs
