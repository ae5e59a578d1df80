"""Of a dead primary it is said that nothing is lost only where it was seen to wait, and nothing speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.ports.recovery import CommitLook, MoveKind, Waiting
from tasks.recovery.decide import plan_move
from tasks.recovery.supposing import suppose_gone
from tasks.recovery.values import Ran
from tasks.recovery.waited import FRESH, lifting_items, seen_to_wait, waited_until_the_end
from tasks.recovery.waited import NOW as HERE
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import AZURE, CELLAR, FENCED, NOW, PRIMARY, STANDBY, UNREACHABLE, database

SEEN_AT = NOW - timedelta(minutes=20)
SEEN = CommitLook(
    data="household",
    site=AZURE,
    waits=True,
    seen_at=SEEN_AT,
    seen_by="readiness",
    standby="hearth_db2",
    system_id="7",
    timeline=3,
    position_bytes=1000,
)
WHO = {"called": "hearth_db2", "position_bytes": 1000}
CANDIDATE = database(STANDBY, **WHO)
PROMOTED = database(FENCED, timeline=4, left_at={2: 400, 3: 1000}, called="hearth_db2")


def waited(newest=SEEN, **changes):
    values = {
        "site": AZURE,
        "primary": database(UNREACHABLE),
        "standby": CANDIDATE,
        "lifted_at": None,
        "until": NOW,
    }
    return waited_until_the_end(newest, **(values | changes))


STANDS = {
    "seen twenty minutes before": {},
    "just fresh enough": {"until": SEEN_AT + FRESH},
    "seen after the outage was noticed": {"until": SEEN_AT - timedelta(minutes=1)},
    "nobody can look at the primary": {"primary": None},
    "its host fenced it since": {"primary": database(FENCED)},
    "and it still does": {"primary": database(PRIMARY, waiting=Waiting.STRICTLY)},
    "its door is silent now": {"primary": database(PRIMARY)},
    "stood alone long before": {"lifted_at": SEEN_AT - timedelta(seconds=1)},
    "the standby has more": {"standby": replace(CANDIDATE, position_bytes=5000)},
    "known by another case": {"standby": replace(CANDIDATE, called="Hearth_DB2")},
    "promoted since, by a move that ended half-way": {"standby": PROMOTED},
    "promoted since, and open": {"standby": replace(PROMOTED, role=PRIMARY)},
}
FALLS = {
    "nobody ever looked": {"newest": None},
    "the newest look saw it not wait": {"newest": replace(SEEN, waits=False)},
    "of the other site's primary": {"newest": replace(SEEN, site=CELLAR)},
    "too old": {"until": SEEN_AT + FRESH + timedelta(seconds=1)},
    "it is alive and does not": {"primary": database(PRIMARY, waiting=Waiting.NOT)},
    "it stood alone since": {"lifted_at": SEEN_AT + timedelta(seconds=1)},
    "it stood alone at that very moment": {"lifted_at": SEEN_AT},
    "no standby": {"standby": None},
    "another standby takes over": {"standby": replace(CANDIDATE, called="hearth_db3")},
    "nobody says who takes over": {"standby": replace(CANDIDATE, called="")},
    "of another system": {"standby": replace(CANDIDATE, system_id="8")},
    "on another line": {"standby": replace(CANDIDATE, timeline=4)},
    "it lacks what was written by then": {"standby": replace(CANDIDATE, position_bytes=999)},
    "promoted before that": {"standby": replace(PROMOTED, left_at={2: 400, 3: 999})},
    "promoted, and moved on since": {"standby": replace(PROMOTED, timeline=5, left_at={3: 1000, 4: 2000})},
    "promoted from another line": {"standby": replace(PROMOTED, left_at={2: 2000})},
    "down": {"standby": database(scenes.STOPPED, called="hearth_db2")},
}


@pytest.mark.parametrize("changes", STANDS.values(), ids=STANDS)
def test_it_waited_until_the_end(changes):
    assert waited(**changes) == SEEN


@pytest.mark.parametrize("changes", FALLS.values(), ids=FALLS)
def test_nobody_can_say_so(changes):
    assert waited(**changes) is None


# -- what one look says


def test_a_look_that_saw_it_wait_is_dated_before_and_one_that_did_not_after():
    began, ended = NOW, NOW + timedelta(seconds=9)
    strict = database(PRIMARY, waiting=Waiting.STRICTLY, synchronous_with="hearth_db2", position_bytes=1000)
    look = seen_to_wait("household", AZURE, strict, began=began, ended=ended, by="readiness")
    assert look == replace(SEEN, seen_at=began)
    lifted = seen_to_wait("household", AZURE, database(PRIMARY, waiting=Waiting.NOT), began=began, ended=ended)
    assert (lifted.waits, lifted.seen_at, lifted.seen_by) == (False, ended, HERE)


@pytest.mark.parametrize(
    "look", [None, database(PRIMARY), *(database(r, waiting=Waiting.NOT) for r in (STANDBY, FENCED))]
)
def test_what_was_not_seen_says_neither(look):
    assert seen_to_wait("household", AZURE, look, began=NOW, ended=NOW) is None


# -- what the card says


def plan(facts, platform=None):
    return plan_move(MoveKind.FAILOVER, platform or scenes.promised(), facts)


def night(**changes):
    facts = scenes.dark(commits={"household": SEEN}, **changes)
    return scenes.with_database(facts, CELLAR, database(STANDBY, behind_s=31, **WHO))


def loss_guard(made):
    return next(guard for guard in made.guards if guard.name == "loss of household")


def test_a_dead_primary_that_was_seen_to_wait_lost_nothing_and_the_card_says_who_saw_it():
    made = plan(night())
    assert [bound.measured for bound in made.bounds] == [0, 0]
    assert all(guard.holds for guard in made.guards)
    assert loss_guard(made).text == (
        "household loses nothing: each commit waited for hearth_db2, seen at 02:40:00 UTC by readiness; whether "
        "somebody lifted that by hand since is not known; approved are 0 rows and 5min"
    )


AS_BEFORE = {
    "without any look": {"commits": {}},
    "lifted by vigie since": {"lifted": {"household": NOW}},
    "noticed long after": {"now": NOW + timedelta(hours=2)},
}


@pytest.mark.parametrize("changes", AS_BEFORE.values(), ids=AS_BEFORE)
def test_without_proof_it_is_bounded_as_ever_and_refused(changes):
    made = plan(replace(night(), **changes))
    assert made.bounds[0].measured >= 1280
    assert not loss_guard(made).holds


def test_an_outage_noticed_early_is_what_the_look_must_be_near_to_however_late_somebody_asks():
    asked_late = night(silent_since={"household": NOW}, now=NOW + timedelta(hours=9))
    assert plan(asked_late).bounds[0].measured == 0
    assert plan(replace(asked_late, silent_since={})).bounds[0].measured > 0


def test_data_that_does_not_promise_it_is_bounded_whatever_was_seen():
    assert plan(night(), scenes.HEARTH).bounds[0].measured == 1280


def test_a_promotion_that_ended_half_way_is_gone_on_with_at_no_loss():
    begun = (Ran(phase="promote", item=f"promote-database:household:{CELLAR}"),)
    facts = scenes.with_database(night(ran=begun), CELLAR, PROMOTED)
    assert plan(facts).bounds[0].measured == 0


def test_a_quiet_day_supposed_dark_says_what_the_night_would():
    strict = seen_to_wait(
        "household",
        AZURE,
        database(PRIMARY, waiting=Waiting.STRICTLY, synchronous_with="hearth_db2", position_bytes=900),
        began=NOW,
        ended=NOW,
    )
    facts = scenes.with_database(scenes.quiet(commits={"household": strict}), CELLAR, CANDIDATE)
    supposed = plan(suppose_gone(scenes.promised(), facts))
    assert supposed.bounds[0].measured == 0
    assert "seen at 03:00:00 UTC by this look" in loss_guard(supposed).text


# -- whatever was seen


def test_every_step_that_could_lift_it_is_named():
    assert lifting_items("household", AZURE) == (
        "stand-alone:household:azure-west",
        "protect-while-followed:household:azure-west",
        "follow-database:household:azure-west",
        "release-database:household:azure-west",
        "promote-database:household:azure-west",
    )


minutes = st.integers(-90, 30).map(lambda n: NOW + timedelta(minutes=n))
commit_looks = st.builds(
    CommitLook,
    data=st.just("household"),
    site=st.sampled_from([AZURE, CELLAR]),
    waits=st.booleans(),
    seen_at=minutes,
    seen_by=st.just("readiness"),
    standby=st.sampled_from(["hearth_db2", "hearth_db3"]),
    system_id=st.sampled_from(["7", "8"]),
    timeline=st.integers(2, 4),
    position_bytes=st.integers(900, 1100),
)
candidates = st.builds(
    database,
    st.sampled_from([STANDBY, STANDBY, FENCED, PRIMARY, scenes.STOPPED, UNREACHABLE]),
    called=st.sampled_from(["hearth_db2", "hearth_db3", ""]),
    timeline=st.integers(2, 4),
    position_bytes=st.integers(900, 1100),
    left_at=st.dictionaries(st.integers(1, 3), st.integers(900, 1100), max_size=2),
)
primaries = st.none() | st.builds(
    database, st.sampled_from([PRIMARY, FENCED, UNREACHABLE]), waiting=st.sampled_from(Waiting)
)


@settings(max_examples=1500, deadline=None)
@given(newest=commit_looks, standby=candidates, primary=primaries, lifted_at=st.none() | minutes, until=minutes)
def test_zero_is_never_said_without_strict_evidence(newest, standby, primary, lifted_at, until):
    """Acknowledged rows are below the look's position, or waited after it: who takes over must have both kinds."""
    found = waited_until_the_end(newest, site=AZURE, primary=primary, standby=standby, lifted_at=lifted_at, until=until)
    if found is None:
        return
    assert found is newest
    assert newest.waits
    assert newest.site == AZURE
    assert standby.called == newest.standby
    assert standby.system_id == newest.system_id
    assert lifted_at is None or lifted_at < newest.seen_at
    assert until - newest.seen_at <= timedelta(hours=1)
    assert primary is None or primary.waiting is not Waiting.NOT
    reached = standby.position_bytes if standby.role is STANDBY else standby.left_at[newest.timeline]
    assert reached >= newest.position_bytes
    if standby.role is STANDBY:
        assert standby.timeline == newest.timeline
    else:
        assert max(standby.left_at) == newest.timeline
