"""The way home is derived from what ran and what is there, and no row is rewound before it is saved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from blocks.errors import Broken, Refused
from blocks.ports.recovery import Loss, LossKind, MoveKind, MoveState
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb
from tasks.recovery.values import Ran
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
    database,
    elsewhere,
    quiet,
    with_database,
)

PROMOTED = (Ran(phase="promote", item=f"promote-database:household:{CELLAR}"),)
BEGUN = (Ran(phase="promote", item=f"promote-database:household:{CELLAR}", done=False),)


def plan(facts=None, platform=HEARTH, **named):
    return plan_move(MoveKind.FAILBACK, platform, facts or elsewhere(), **named)


def phase(made, name):
    return [str(item) for item in items_of(made.steps, name)]


def databases(home, away):
    return {("household", AZURE): home, ("household", CELLAR): away}


def test_a_home_with_a_history_of_its_own_is_saved_then_follows_then_is_switched_to():
    made = plan()
    assert [(step.phase, step.item) for step in made.steps] == [
        ("prepare", "save-beyond:household:azure-west"),
        ("prepare", "follow-database:household:azure-west"),
        ("prepare", "stop-worker:digest:azure-west"),
        ("prepare", "grant-credential:archive-writer:azure-west"),
        ("prepare", "start-service:device-api:azure-west"),
        ("fence", "stop-worker:digest:dc-west"),
        ("fence", "drain-database:household:dc-west"),
        ("promote", "promote-database:household:azure-west"),
        ("promote", "stand-alone:household:azure-west"),
        ("verify-data", "verify-data:household:azure-west"),
        ("start", "open-database:household:azure-west"),
        ("shift", "shift-traffic:database-name:azure-west@100"),
        ("shift", "recycle-service:device-api:azure-west"),
        ("shift", "shift-traffic:api:azure-west@5"),
        ("shift", "watch-clients:api:azure-west@5"),
        ("shift", "shift-traffic:api:azure-west@25"),
        ("shift", "watch-clients:api:azure-west@25"),
        ("shift", "shift-traffic:api:azure-west@100"),
        ("shift", "recycle-service:device-api:dc-west"),
        ("verify-clients", "verify-clients:device-api/health:azure-west"),
        ("verify-clients", "verify-clients:household/login:azure-west"),
        ("verify-clients", "verify-clients:https://api.hearth.example/health:azure-west"),
        ("settle", "start-worker:digest:azure-west"),
        ("settle", "follow-database:household:dc-west"),
        ("settle", "resize-service:device-api:dc-west"),
    ]
    assert made.subject == "dc-west → azure-west"
    assert made.roles == {AZURE: "active", CELLAR: "standby"}
    assert made.steps[-1].text == "resize device-api in dc-west to m1.small"
    assert not any("has nothing in" in sentence for sentence in made.known_wrong)


def test_a_home_that_follows_already_is_a_switchover_in_reverse():
    made = plan(elsewhere(databases=databases(database(STANDBY, timeline=4), database(PRIMARY, timeline=4))))
    assert phase(made, "prepare") == [
        "stop-worker:digest:azure-west",
        "grant-credential:archive-writer:azure-west",
        "start-service:device-api:azure-west",
    ]
    assert (made.bounds, made.coverage) == ((), {})


def test_a_standby_of_an_older_history_has_nothing_of_its_own_to_save():
    made = plan(elsewhere(databases=databases(database(STANDBY, timeline=3), database(PRIMARY, timeline=4))))
    assert phase(made, "prepare")[0] == "follow-database:household:azure-west"


def test_an_old_primary_that_came_back_writing_is_fenced_first():
    made = plan(elsewhere(databases=databases(database(PRIMARY, timeline=3), database(PRIMARY, timeline=4))))
    assert phase(made, "prepare")[:3] == [
        "fence-database:household:azure-west",
        "save-beyond:household:azure-west",
        "follow-database:household:azure-west",
    ]


def test_what_was_switched_off_is_switched_on_first():
    ran = (Ran(phase="fence", item=f"stop-machine:household-data-vm:{AZURE}"), *PROMOTED)
    assert phase(plan(elsewhere(ran=ran)), "prepare")[0] == "start-machine:household-data-vm:azure-west"


@pytest.mark.parametrize("ran", [PROMOTED, BEGUN], ids=["promoted", "promotion begun"])
def test_two_that_take_writes_are_told_apart_by_what_ran(ran):
    both = databases(database(PRIMARY, timeline=3), database(PRIMARY, timeline=4))
    assert plan(elsewhere(databases=both, ran=ran))


UNDECIDED = {
    "nothing says who was promoted": ((), 3, 4),
    "home has the newer history": (PROMOTED, 5, 4),
    "both have the same": (PROMOTED, 4, 4),
    "home was promoted last": ((*PROMOTED, Ran(phase="promote", item=f"promote-database:household:{AZURE}")), 3, 4),
}


@pytest.mark.parametrize(("ran", "home", "away"), UNDECIDED.values(), ids=UNDECIDED)
def test_where_the_journal_cannot_say_who_is_right_a_person_decides(ran, home, away):
    both = databases(database(PRIMARY, timeline=home), database(PRIMARY, timeline=away))
    with pytest.raises(Broken, match="household cannot be brought home by itself"):
        plan(elsewhere(databases=both, ran=ran))


def test_a_failover_that_ended_before_the_promotion_releases_what_it_fenced():
    half = quiet(
        databases=databases(database(FENCED), database(STANDBY)),
        moves=(a_move(state=MoveState.ABANDONED),),
        ran=(Ran(phase="fence", item=f"fence-database:household:{AZURE}"),),
    )
    made = plan(half)
    assert phase(made, "promote") == ["release-database:household:azure-west"]
    assert not any(item.verb in {Verb.DRAIN_DATABASE, Verb.PROMOTE_DATABASE} for item in items_of(made.steps))
    assert phase(made, "fence") == ["stop-worker:digest:dc-west"]
    assert "start-worker:digest:azure-west" in phase(made, "settle")


def test_a_failover_that_ended_after_the_promotion_follows_what_was_promoted():
    half = elsewhere(
        active=AZURE,
        moves=(a_move(state=MoveState.ABANDONED),),
        databases=databases(database(FENCED, timeline=3, fenced_by="a step"), database(PRIMARY, timeline=4)),
    )
    made = plan(half)
    assert made.subject == "dc-west → azure-west"
    assert phase(made, "prepare")[:2] == ["save-beyond:household:azure-west", "follow-database:household:azure-west"]


def test_a_failback_that_ended_after_the_drain_promotes_home():
    made = plan(elsewhere(databases=databases(database(STANDBY, timeline=4), database(FENCED, timeline=4))))
    assert phase(made, "promote")[0] == "promote-database:household:azure-west"


def test_a_failback_that_ended_after_the_promotion_promotes_nothing_more():
    ran = (*PROMOTED, Ran(phase="promote", item=f"promote-database:household:{AZURE}"))
    made = plan(elsewhere(ran=ran, databases=databases(database(PRIMARY, timeline=5), database(FENCED, timeline=4))))
    assert phase(made, "promote") == []
    assert phase(made, "start") == ["open-database:household:azure-west"]  # changes nothing
    assert "follow-database:household:dc-west" in phase(made, "settle")
    assert made.guards[0].text == "household takes writes in azure-west already"


# -- moves that ended between the promotion and the opening: closed is fenced by nobody, and runs

CLOSED = database(FENCED, timeline=4)
HOME = {
    "fenced": (database(FENCED, timeline=3, fenced_by="a step"), []),
    "fenced by itself": (database(FENCED, timeline=3, fenced_by="itself"), []),
    "drained": (database(FENCED, timeline=3), ["fence-database:household:azure-west"]),
    "writing": (database(PRIMARY, timeline=3), ["fence-database:household:azure-west"]),
    "writing, and its host says fenced": (
        database(PRIMARY, timeline=3, fenced_by="itself"),
        ["fence-database:household:azure-west"],
    ),
    "stopped": (database(STOPPED, timeline=3), ["fence-database:household:azure-west"]),
}


@pytest.mark.parametrize("ran", [PROMOTED, BEGUN], ids=["promoted", "promotion begun"])
@pytest.mark.parametrize(("home", "first"), HOME.values(), ids=HOME)
def test_what_was_promoted_there_and_is_still_closed_is_followed_and_never_opened_there(home, first, ran):
    made = plan(elsewhere(databases=databases(home, CLOSED), ran=ran, moves=(a_move(state=MoveState.ABANDONED),)))
    assert phase(made, "prepare")[: len(first) + 2] == [
        *first,
        "save-beyond:household:azure-west",
        "follow-database:household:azure-west",
    ]
    assert [str(item) for item in items_of(made.steps) if item.verb is Verb.OPEN_DATABASE] == [
        "open-database:household:azure-west"
    ]


def test_a_promotion_that_was_intended_and_never_done_leaves_home_what_it_was():
    drained = databases(database(FENCED, timeline=3), database(STANDBY, timeline=3))
    half = (a_move(state=MoveState.ABANDONED),)
    made = plan(elsewhere(active=AZURE, databases=drained, ran=BEGUN, moves=half))
    assert phase(made, "promote") == [f"release-database:household:{AZURE}"]
    with pytest.raises(Broken) as told:
        plan(elsewhere(active=AZURE, databases=drained, ran=PROMOTED, moves=half))
    assert told.value.code == "two_truths", "it was promoted and is a standby again: nobody here knows why"


def test_a_standby_of_the_history_before_the_promotion_follows_what_is_closed():
    made = plan(elsewhere(databases=databases(database(STANDBY, timeline=3), CLOSED), ran=PROMOTED))
    assert phase(made, "prepare")[0] == "follow-database:household:azure-west"


HOMEWARD = (*PROMOTED, Ran(phase="promote", item=f"promote-database:household:{AZURE}"))
LEFT = {
    "drained": database(FENCED, timeline=3),
    "fenced by itself": database(FENCED, timeline=3, fenced_by="itself"),
    "a standby": database(STANDBY, timeline=4),
}


@pytest.mark.parametrize("away", LEFT.values(), ids=LEFT)
def test_a_home_that_was_promoted_and_is_still_closed_is_verified_then_opened(away):
    made = plan(elsewhere(ran=HOMEWARD, databases=databases(CLOSED, away)))
    assert phase(made, "promote") == []
    assert (phase(made, "verify-data"), phase(made, "start")) == (
        ["verify-data:household:azure-west"],
        ["open-database:household:azure-west"],
    )
    assert made.guards[0].text == (
        "household was promoted in azure-west already and is opened there once it was verified"
    )


CLOSED_AND_UNDECIDED = {
    "nothing says who was promoted": ((), database(PRIMARY, timeline=3), CLOSED),
    "home was promoted last, and writes on an older history": (HOMEWARD, database(PRIMARY, timeline=3), CLOSED),
    "home was promoted last, and the other one is newer": (HOMEWARD, database(FENCED, timeline=3), CLOSED),
    "both closed on one history": (PROMOTED, CLOSED, CLOSED),
    "of another system": (PROMOTED, database(FENCED, timeline=3), database(FENCED, timeline=4, system_id="8")),
    "home has a newer history than what takes writes": (HOMEWARD, CLOSED, database(PRIMARY, timeline=3)),
}


@pytest.mark.parametrize(("ran", "home", "away"), CLOSED_AND_UNDECIDED.values(), ids=CLOSED_AND_UNDECIDED)
def test_what_is_closed_is_no_truth_where_the_journal_does_not_say_so(ran, home, away):
    with pytest.raises(Broken, match="household cannot be brought home by itself"):
        plan(elsewhere(databases=databases(home, away), ran=ran))


def test_a_stopped_home_is_fenced_before_its_rows_are_counted():
    made = plan(elsewhere(databases=databases(database(STOPPED, timeline=3), database(PRIMARY, timeline=4))))
    assert phase(made, "prepare")[:2] == ["fence-database:household:azure-west", "save-beyond:household:azure-west"]


REFUSED = {
    "home is dark": (database(UNREACHABLE), database(PRIMARY), "does not answer yet", "wait for the site"),
    "home was not looked at": (None, database(PRIMARY), "does not answer yet", "wait for the site"),
    "the other site is dark": (database(STANDBY), database(UNREACHABLE), "cannot be drained", "start a failover to azure-west"),
    "the other site is dead": (database(STANDBY), database(STOPPED), "cannot be drained", "start a failover to azure-west"),
    "the other site was not looked at": (database(STANDBY), None, "cannot be drained", "start a failover to azure-west"),
}  # fmt: skip


@pytest.mark.parametrize(("home", "away", "what", "next_step"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_seen_does_not_come_home(home, away, what, next_step):
    facts = with_database(with_database(elsewhere(), AZURE, home), CELLAR, away)
    with pytest.raises(Refused) as refused:
        plan(facts)
    assert what in refused.value.what
    assert next_step in refused.value.next_step


@pytest.mark.parametrize("home", [STANDBY, STOPPED])
def test_two_that_take_no_writes_are_a_person_s_business(home):
    with pytest.raises(Broken, match="cannot be brought home by itself"):
        plan(elsewhere(databases=databases(database(home), database(STANDBY))))


def loss(kind, rows):
    return Loss(data="household", kind=kind, rows=rows, seconds=3.0, text="lost")


def test_counted_rows_are_the_very_number_that_is_approved():
    made = plan(elsewhere(losses=(loss(LossKind.EXACT, 3112),)))
    assert [(bound.at_most, bound.measured) for bound in made.bounds] == [(3112, 3112)]
    conflict = "3112 rows that only azure-west has are saved as evidence and not merged"
    assert made.coverage == {"save-beyond:household:azure-west": conflict}
    assert f"household: {conflict}" in made.known_wrong


def test_few_counted_rows_stay_within_what_the_plan_allows():
    (bound,) = plan(elsewhere(losses=(loss(LossKind.EXACT, 12),))).bounds
    assert (bound.at_most, bound.measured) == (2000, 12)


def test_a_bound_of_the_move_is_what_is_known_before_anybody_counted():
    made = plan(elsewhere(moves=(a_move(losses=(loss(LossKind.BOUND, 900),)),)))
    assert [(bound.at_most, bound.measured) for bound in made.bounds] == [(2000, 900)]
    assert "whatever only azure-west has is counted, saved as evidence and not merged" in made.coverage.values()


def test_a_home_without_rows_of_its_own_says_so():
    made = plan(elsewhere(losses=(loss(LossKind.EXACT, 0),)))
    assert list(made.coverage.values()) == ["azure-west has no row of its own"]


def test_at_home_there_is_nothing_to_bring():
    for moves in ((), (a_move(state=MoveState.ROLLED_BACK),), (a_move(to_site=AZURE, from_site=CELLAR),)):
        with pytest.raises(Refused, match="hearth is active in azure-west: there is nothing to bring home"):
            plan(quiet(moves=moves))


def test_whoever_names_another_home_is_taken_at_his_word():
    assert plan(to=AZURE) == plan()
    with pytest.raises(Refused, match="hearth is active in dc-west: there is nothing to bring home"):
        plan(to=CELLAR)


def test_the_home_s_machines_must_answer():
    with pytest.raises(Refused, match="device-api in azure-west is not ready"):
        plan(elsewhere(compute=scenes.compute("device-api-recovery")))


def test_the_way_home_takes_as_long_as_its_slowest_steps():
    quick = {("shift", f"shift-traffic:api:{AZURE}@5"): [timedelta(seconds=1)]}
    assert plan().expected_s - plan(elsewhere(durations=quick)).expected_s == 9.0
