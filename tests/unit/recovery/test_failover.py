"""A forced move: only when it must be, with everything fenced that answers, and the most that may be lost on the card."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.errors import Refused
from blocks.ports.recovery import MoveKind, MoveState, Sighting
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move
from tasks.recovery.fences import BY_HOST, BY_PROVIDER, BY_RIGHTS, BY_SWITCH, NOT_CONFIRMED, unconfirmed
from tasks.recovery.items import Verb
from tasks.recovery.values import Accepted, Ran
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    HEARTH,
    NOW,
    a_move,
    dark,
    database,
    elsewhere,
    quiet,
    with_database,
)


def plan(facts=None, **named):
    return plan_move(MoveKind.FAILOVER, HEARTH, facts or dark(), **named)


def test_a_dark_site_is_left_with_every_fence_named_that_nobody_confirmed():
    made = plan()
    assert made.candidate == CELLAR
    assert made.roles == {CELLAR: "active", AZURE: "fenced, not confirmed"}
    assert made.coverage == {
        "stop-worker:digest:azure-west": NOT_CONFIRMED,
        "stop-service:device-api:azure-west": NOT_CONFIRMED,
        "revoke-credential:archive-writer:azure-west": BY_RIGHTS,
        "fence-database:household:azure-west": NOT_CONFIRMED,
        "close-traffic:api:azure-west": BY_SWITCH,
        "shift-traffic:database-name:dc-west@100": BY_SWITCH,
    }
    assert len(unconfirmed(made.coverage)) == 3
    assert [str(item) for item in items_of(made.steps, "fence")] == [
        "revoke-credential:archive-writer:azure-west",
        "close-traffic:api:azure-west",
        "shift-traffic:database-name:dc-west@100",
    ]
    assert made.guards[0].text == "azure-west is gone, seen from frankfurt, lyon"


def test_a_server_whose_host_answers_is_fenced_and_clients_stay_until_the_end():
    made = plan(
        quiet(
            databases={
                ("household", AZURE): database(scenes.STOPPED),
                ("household", CELLAR): database(scenes.STANDBY, behind_s=5),
            }
        )
    )
    assert made.coverage == {
        "stop-worker:digest:azure-west": BY_PROVIDER,
        "stop-service:device-api:azure-west": BY_PROVIDER,
        "revoke-credential:archive-writer:azure-west": BY_RIGHTS,
        "fence-database:household:azure-west": BY_HOST,
    }
    assert made.roles[AZURE] == "fenced"
    assert {str(item) for item in items_of(made.steps, "fence")} == set(made.coverage)


def test_a_provider_that_answers_switches_off_what_the_database_runs_on():
    made = plan(dark(compute=scenes.compute(*scenes.EVERYTHING, "household-data-vm")))
    fence = "fence-database:household:azure-west"
    assert made.coverage[fence] == "confirmed by its provider, which switches off household-data-vm"
    assert "stop-machine:household-data-vm:azure-west" in [str(item) for item in items_of(made.steps, "fence")]
    assert made.roles[AZURE] == "fenced"
    assert not any(item.verb is Verb.SHIFT_TRAFFIC for item in items_of(made.steps, "fence"))


def test_a_database_that_lives_and_is_followed_is_switched_over_instead():
    with pytest.raises(Refused) as refused:
        plan(quiet())
    assert "lives in azure-west and is followed in dc-west" in refused.value.what
    assert "vigie plan switchover hearth" in refused.value.next_step


def test_a_living_database_whose_replication_is_broken_may_be_left():
    made = plan(
        with_database(quiet(), CELLAR, database(scenes.STANDBY, behind_s=3600)),
        accepted=Accepted(rows_count=200_000, span=timedelta(hours=2)),
    )
    assert made.coverage["fence-database:household:azure-west"] == BY_HOST


def blind(name="lyon"):
    return Sighting(vantage=name, site=AZURE, gone=True, sure=False, text="nothing answers, nothing else either")


def sees(name="paris"):
    return Sighting(vantage=name, site=AZURE, gone=False, sure=True, text="HTTP 200")


OUR_NETWORK = {
    "nobody looked": ((), "gone for nobody only"),
    "one looked": (scenes.gone("lyon"), "gone for lyon only, 2 vantage points must agree"),
    "one looked twice": (scenes.gone("lyon", "lyon"), "gone for lyon only"),
    "one is cut off itself": ((*scenes.gone("frankfurt"), blind()), "lyon sees nothing else either: its own network"),
    "somebody still sees it": ((*scenes.gone("lyon", "frankfurt"), sees()), "azure-west is still seen by paris (HTTP 200)"),
    "another site is gone": (scenes.gone("lyon", "frankfurt", site=CELLAR), "gone for nobody only"),
}  # fmt: skip


@pytest.mark.parametrize(("sightings", "what"), OUR_NETWORK.values(), ids=OUR_NETWORK)
def test_silence_is_no_proof_until_two_agree(sightings, what):
    with pytest.raises(Refused) as refused:
        plan(dark(sightings=sightings))
    assert what in refused.value.what
    assert "our own network" in refused.value.next_step


def test_two_who_see_well_outvote_one_who_sees_nothing():
    assert plan(dark(sightings=(*scenes.gone("lyon", "frankfurt"), blind("paris"))))


NO_CANDIDATE = {
    "stopped": database(scenes.STOPPED),
    "unreachable": database(scenes.UNREACHABLE),
    "fenced": database(scenes.FENCED),
    "primary by itself": database(scenes.PRIMARY),
    "never seen": None,
}


@pytest.mark.parametrize("look", NO_CANDIDATE.values(), ids=NO_CANDIDATE)
def test_only_a_standby_is_promoted(look):
    with pytest.raises(Refused, match="household in dc-west cannot take over"):
        plan(with_database(dark(), CELLAR, look))


def test_who_asks_twice_is_told_that_it_is_done_before_anything_is_restored():
    """A second failover, planned anew after the first one served: its way leads back to the site that is dark."""
    with pytest.raises(Refused) as refused:
        plan(elsewhere(databases={**elsewhere().databases, ("household", AZURE): database(scenes.UNREACHABLE)}))
    assert refused.value.next_step.startswith(
        f"hearth runs in dc-west already (failover {str(scenes.RUN)[:8]}): served there, nothing is to be done; a promotion"
    )


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (
            a_move(state=MoveState.UNDER_WAY),
            f"a failover to dc-west is not over (vigie runs show {str(scenes.RUN)[:8]}): ",
        ),
        (a_move(kind=MoveKind.FAILBACK, from_site=CELLAR, to_site=AZURE), "a promotion needs a standby"),
        (a_move(state=MoveState.ROLLED_BACK), "a promotion needs a standby"),
        (a_move(state=MoveState.ABANDONED), "a promotion needs a standby"),
    ],
)
def test_a_move_that_says_something_is_named_where_another_cannot_be_planned(move, said):
    with pytest.raises(Refused) as refused:
        plan(with_database(dark(moves=(move,)), CELLAR, None))
    assert refused.value.next_step.startswith(said)


@pytest.mark.parametrize("role", [scenes.PRIMARY, scenes.FENCED], ids=["open", "closed"])
def test_a_promotion_that_was_begun_is_gone_on_with_and_not_done_again(role):
    begun = (Ran(phase="promote", item="promote-database:household:dc-west", done=False),)
    made = plan(with_database(dark(ran=begun), CELLAR, database(role, timeline=4)))
    assert [str(item) for item in items_of(made.steps, "promote")] == ["stand-alone:household:dc-west"]
    assert [str(item) for item in items_of(made.steps, "verify-data")] == ["verify-data:household:dc-west"]
    assert str(items_of(made.steps, "start")[0]) == "open-database:household:dc-west"


def test_one_that_its_host_fenced_after_the_promotion_cannot_take_over():
    begun = (Ran(phase="promote", item="promote-database:household:dc-west"),)
    with pytest.raises(Refused, match="household in dc-west cannot take over"):
        plan(with_database(dark(ran=begun), CELLAR, database(scenes.FENCED, timeline=4, fenced_by="itself")))


def test_services_start_on_data_that_is_verified_and_open_and_clients_come_last():
    wanted = ("promote", "verify-data", "start", "shift")
    assert [(step.phase, step.item) for step in plan().steps if step.phase in wanted] == [
        ("promote", "promote-database:household:dc-west"),
        ("promote", "stand-alone:household:dc-west"),
        ("verify-data", "verify-data:household:dc-west"),
        ("start", "open-database:household:dc-west"),
        ("start", "resize-service:device-api:dc-west"),
        ("start", "start-service:device-api:dc-west"),
        ("start", "start-worker:digest:dc-west"),
        ("shift", "shift-traffic:database-name:dc-west@100"),
        ("shift", "recycle-service:device-api:dc-west"),
        ("shift", "shift-traffic:api:dc-west@100"),
    ]


def test_the_bound_is_the_time_since_the_last_heartbeat_at_the_pace_of_changes():
    rows, seconds = plan().bounds
    assert (rows.at_most, rows.measured, rows.unit) == (
        2000,
        1280,
        "rows",
    )  # 31 s and the second of the heartbeat, 40 a second
    assert (seconds.at_most, seconds.measured) == (300, 32)


def test_a_site_that_was_gone_before_took_no_write_since():
    (rows, seconds) = plan(dark(silent_since={"household": NOW - timedelta(seconds=20)})).bounds
    assert (rows.measured, seconds.measured) == (480, 12)


def test_a_database_that_was_not_seen_silent_may_have_written_until_now():
    hour = with_database(dark(), CELLAR, database(scenes.STANDBY, behind_s=3600))
    accepted = Accepted(rows_count=200_000, span=timedelta(hours=2))
    (rows, seconds) = plan(hour, accepted=accepted).bounds
    assert (rows.measured, seconds.measured) == (144040, 3601)


def test_a_server_that_let_nobody_in_and_is_not_known_to_be_gone_may_have_written_until_now():
    databases = {
        ("household", AZURE): database(scenes.STOPPED),
        ("household", CELLAR): database(scenes.STANDBY, behind_s=31),
    }
    made = plan(quiet(databases=databases, silent_since={"household": NOW - timedelta(seconds=20)}))
    assert made.bounds[1].measured == 32


def test_replication_broken_for_an_hour_fails_its_guard_until_it_is_accepted():
    hour = with_database(dark(), CELLAR, database(scenes.STANDBY, behind_s=3600))
    failing = [guard for guard in plan(hour).guards if not guard.holds]
    assert [guard.name for guard in failing] == ["loss of household"]
    assert "at most 144040 rows or 3601 s of household" in failing[0].text
    assert "approved are 2000 rows and 5min" in failing[0].text
    made = plan(hour, accepted=Accepted(rows_count=150_000, span=timedelta(hours=2)))
    assert all(guard.holds for guard in made.guards)
    assert [bound.at_most for bound in made.bounds] == [150_000, 7200]
    assert "whoever asked accepts to lose up to 150000 rows and 2h of household" in made.known_wrong
    assert made.digest != plan(hour).digest


def test_what_is_accepted_below_the_plan_changes_nothing_and_is_not_said():
    made = plan(accepted=Accepted(rows_count=10, span=timedelta(seconds=1)))
    assert (made.digest, made.known_wrong, made.bounds) == (plan().digest, plan().known_wrong, plan().bounds)
    assert not any("whoever asked" in sentence for sentence in made.known_wrong)
    rows_only = plan(accepted=Accepted(rows_count=5000, span=timedelta(seconds=1)))
    assert "whoever asked accepts to lose up to 5000 rows and 5min of household" in rows_only.known_wrong


@pytest.mark.parametrize("accepted", [Accepted(rows_count=150_000), Accepted(span=timedelta(hours=2))])
def test_rows_and_seconds_are_accepted_both(accepted):
    hour = with_database(dark(), CELLAR, database(scenes.STANDBY, behind_s=3600))
    assert not all(guard.holds for guard in plan(hour, accepted=accepted).guards)


def test_a_standby_without_heartbeat_is_accepted_unseen_or_not_at_all():
    unseen = with_database(dark(), CELLAR, database(scenes.STANDBY, heartbeat_at=None))
    with pytest.raises(Refused, match="nobody knows how much of household may be lost"):
        plan(unseen)
    with pytest.raises(Refused, match="nobody knows"):
        plan(unseen, accepted=Accepted(rows_count=10))
    with pytest.raises(Refused, match="nobody knows"):
        plan(unseen, accepted=Accepted(span=timedelta(hours=1)))
    made = plan(unseen, accepted=Accepted(rows_count=10_000, span=timedelta(hours=1)))
    assert [bound.measured for bound in made.bounds] == [10_000, 3600]
    assert any("accepted unseen" in guard.text for guard in made.guards)


def test_the_card_says_what_cannot_be_promised_and_what_was_not_committed():
    wrong = plan(dark(moves=(scenes.a_move(to_site=AZURE, from_site=CELLAR),))).known_wrong
    assert "household cannot promise zero loss: it follows some seconds behind" in wrong
    assert "the failover to azure-west is not committed yet" in wrong
    assert not any(
        "cannot promise" in sentence for sentence in plan_move(MoveKind.SWITCHOVER, HEARTH, quiet()).known_wrong
    )


def test_the_way_back_may_be_a_failover_too():
    facts = dark(
        active=CELLAR,
        databases={("household", CELLAR): database(scenes.UNREACHABLE), ("household", AZURE): database(scenes.STANDBY)},
        compute=scenes.compute("device-api"),
        sightings=scenes.gone("lyon", "frankfurt", site=CELLAR),
    )
    made = plan(facts)
    assert made.candidate == AZURE
    assert not any("has nothing in" in sentence for sentence in made.known_wrong)
    assert replace(facts, sightings=()) != facts
