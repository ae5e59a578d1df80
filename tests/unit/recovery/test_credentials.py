"""A site that is left loses its rights before anything is promoted, and has them again before anything starts there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import RoleAssignment
from blocks.ports.credentials import TAKEN, Touched, outstanding
from blocks.ports.recovery import MoveKind
from tasks.recovery.building import Way, items_of, restore_lines
from tasks.recovery.decide import plan_move
from tasks.recovery.fences import BY_RIGHTS, NOT_CONFIRMED, find_fences
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.order import groups_of
from tasks.recovery.rejoining import Agreed, plan_rejoin
from tasks.recovery.values import PHASES
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    EVERYTHING,
    HEARTH,
    PRIMARY,
    STANDBY,
    STOPPED,
    a_move,
    compute,
    dark,
    database,
    elsewhere,
    held,
    quiet,
    with_database,
    with_plan,
)

WRITER = HEARTH.recovery.credentials["archive-writer"]
REVOKE, GRANT = "revoke-credential:archive-writer:azure-west", "grant-credential:archive-writer:azure-west"
SWITCHOVER, FAILOVER, FAILBACK = MoveKind.SWITCHOVER, MoveKind.FAILOVER, MoveKind.FAILBACK


def with_credentials(**holders):
    """hearth with credentials by their holders."""
    made = {
        name.replace("_", "-"): WRITER.model_copy(update={"name": name.replace("_", "-"), "holder": holder})
        for name, holder in holders.items()
    }
    return with_plan(credentials=made)


def groups(made, phase, platform=HEARTH):
    steps = [step for step in made.steps if step.phase == phase]
    return [[step.item for step in group] for group in groups_of(platform, steps)]


def of_credentials(made):
    """(phase, verb, site) of every step about a credential."""
    items = [(step.phase, parse_item(step.item)) for step in made.steps]
    return [(p, i.verb, i.site) for p, i in items if i.verb in {Verb.REVOKE_CREDENTIAL, Verb.GRANT_CREDENTIAL}]


# -- taken away ---------------------------------------------------------------------------------


def test_a_failover_takes_it_away_beside_the_other_fences_of_the_same_group():
    facts = quiet(databases={("household", AZURE): database(STOPPED), ("household", CELLAR): database(STANDBY)})
    made = plan_move(FAILOVER, HEARTH, facts)
    assert made.coverage[REVOKE] == BY_RIGHTS
    first, *_ = groups(made, "fence")
    assert {REVOKE, "stop-worker:digest:azure-west", "fence-database:household:azure-west"} <= set(first)
    assert "take credential archive-writer of azure-west away" in [step.text for step in made.steps]


def test_it_makes_the_fences_of_a_failover_no_longer_than_the_slowest_of_them():
    facts = quiet(databases={("household", AZURE): database(STOPPED), ("household", CELLAR): database(STANDBY)})
    with_it, without = (plan_move(FAILOVER, each, facts) for each in (HEARTH, with_plan(credentials={})))
    assert with_it.expected_s == without.expected_s


NOT_TAKEN = {
    "its provider does not answer": ({}, ""),
    "somebody else's": (held(fits=False), "credential archive-writer is not what the plan says: "),
}


@pytest.mark.parametrize(("seen", "said"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_cannot_be_taken_is_accepted_by_name_and_kept_for_later(seen, said):
    made = plan_move(FAILOVER, HEARTH, dark(credentials=seen))
    assert made.coverage[REVOKE] == NOT_CONFIRMED
    assert REVOKE not in [step.item for step in made.steps]
    assert ("fence", REVOKE) in [(step.phase, step.item) for step in made.when_back]
    assert any(each.startswith(said) for each in made.known_wrong if said) == bool(said)


def test_one_that_is_gone_already_is_taken_all_the_same():
    made = plan_move(FAILOVER, HEARTH, dark(credentials=held(here=False)))
    assert made.coverage[REVOKE] == BY_RIGHTS
    assert made.digest == plan_move(FAILOVER, HEARTH, dark()).digest, "a passing look gives no other digest"


def test_what_was_taken_in_time_is_not_taken_when_the_site_is_back():
    assert REVOKE not in [step.item for step in plan_move(FAILOVER, HEARTH, dark()).when_back]


@pytest.mark.parametrize(("seen", "taken"), [(held(), True), (held(fits=False), False), ({}, False)])
def test_what_was_accepted_is_taken_as_soon_as_its_provider_answers(seen, taken):
    plan = plan_move(FAILOVER, HEARTH, dark(credentials={}))
    agreed = Agreed(move=a_move(), plan=plan)
    made = plan_rejoin(HEARTH, elsewhere(credentials=seen), agreed, "it answers")
    assert (REVOKE in [step.item for step in made.steps]) is taken
    assert (made.coverage.get(REVOKE) == BY_RIGHTS) is taken
    done = replace(agreed, done=frozenset({("fence", REVOKE)}))
    assert REVOKE not in [step.item for step in done.left], "what an earlier run finished stays done"


def test_a_follower_of_the_same_name_does_not_hide_it():
    """What was fenced late of a database says nothing about a credential that is called like it."""
    platform = with_credentials(household=AZURE)
    item = "revoke-credential:household:azure-west"
    agreed = Agreed(
        move=a_move(),
        plan=plan_move(FAILOVER, platform, dark(credentials={})),
        done=frozenset({("settle", f"follow-database:household:{AZURE}")}),
    )
    assert item in [step.item for step in agreed.left]


def test_a_restore_takes_it_away_too():
    way = Way(MoveKind.RESTORE, HEARTH, HEARTH.recovery, AZURE, CELLAR)
    lines = list(restore_lines(way, find_fences(way, quiet()).items, datetime(2026, 11, 28, tzinfo=UTC)))
    assert ("fence", parse_item(REVOKE)) in lines


# -- given back ---------------------------------------------------------------------------------


def test_a_failback_gives_it_back_after_the_second_workers_rest_and_before_anything_starts():
    made = plan_move(FAILBACK, HEARTH, elsewhere())
    *_, workers, given, started = groups(made, "prepare")
    assert ("stop-worker:digest:azure-west" in workers, given, started) == (
        True,
        [GRANT],
        ["start-service:device-api:azure-west"],
    )
    assert "give credential archive-writer of azure-west back" in [step.text for step in made.steps]


def test_a_switchover_takes_nothing_and_gives_back_what_an_earlier_failover_took():
    away = plan_move(SWITCHOVER, HEARTH, quiet())
    assert of_credentials(away) == []
    both = {("household", AZURE): database(STANDBY), ("household", CELLAR): database(PRIMARY)}
    home = plan_move(SWITCHOVER, HEARTH, quiet(active=CELLAR, databases=both))
    assert of_credentials(home) == [("prepare", Verb.GRANT_CREDENTIAL, AZURE)]


def test_a_failover_back_gives_the_arriving_site_its_own_while_data_is_opened():
    platform = with_credentials(archive_writer=AZURE, ledger=CELLAR)
    seen = with_database(elsewhere(), CELLAR, database(STOPPED, timeline=4))
    seen = with_database(seen, AZURE, database(STANDBY, timeline=4))
    looks = held() | {"ledger": replace(held()["archive-writer"], name="ledger")}
    made = plan_move(FAILOVER, platform, replace(seen, credentials=looks, capacity={}))
    assert of_credentials(made) == [
        ("fence", Verb.REVOKE_CREDENTIAL, CELLAR),
        ("start", Verb.GRANT_CREDENTIAL, AZURE),
    ]
    opening, *_ = groups(made, "start", platform)
    assert {GRANT, f"open-database:household:{AZURE}"} <= set(opening)


def test_a_plan_without_credentials_has_no_step_of_theirs():
    platform = with_plan(credentials={})
    for kind, facts in ((SWITCHOVER, quiet()), (FAILOVER, dark()), (FAILBACK, elsewhere())):
        made = plan_move(kind, platform, facts)
        assert of_credentials(made) == []
        assert "stop-worker:digest:azure-west" not in [str(item) for item in items_of(made.steps, "prepare")]


names = st.lists(st.sampled_from(["digest", "device-api", "household", "one", "two"]), unique=True, max_size=4)
holders = st.lists(st.sampled_from([AZURE, CELLAR]), min_size=4, max_size=4)
cases = st.sampled_from(
    [
        (SWITCHOVER, quiet()),
        (FAILOVER, dark()),
        (FAILOVER, dark(compute=compute(*EVERYTHING, "household-data-vm"))),
        (FAILBACK, elsewhere()),
        (FAILBACK, elsewhere(databases=elsewhere().databases | {("household", AZURE): database(STANDBY, timeline=4)})),
    ]
)


@given(names=names, holders=holders, case=cases, data=st.data())
def test_in_no_order_of_a_group_has_a_site_rights_that_it_should_not_have(names, holders, case, data):
    """Credentials are called as they like, like a service too, and their providers answer or not."""
    kind, facts = case
    given_to = dict(zip(names, holders, strict=False))
    platform = with_plan(
        credentials={n: WRITER.model_copy(update={"name": n, "holder": h}) for n, h in given_to.items()}
    )
    seen = data.draw(st.sets(st.sampled_from(names))) if names else set()
    looks = {name: replace(held()["archive-writer"], name=name) for name in seen}
    made = plan_move(kind, platform, replace(facts, credentials=looks))
    arriving, leaving = made.candidate, next(site for site in made.roles if site != made.candidate)
    taken, back, resting = set[str](), set[str](), set[str]()
    for phase in PHASES:
        for group in groups_of(platform, [step for step in made.steps if step.phase == phase]):
            for item in map(parse_item, (step.item for step in data.draw(st.permutations(group)))):
                _look(item, kind, taken, back, resting, given_to, arriving, leaving)
    assert taken == {name for name, site in given_to.items() if kind is FAILOVER and site == leaving and name in seen}
    assert back == {name for name, site in given_to.items() if site == arriving}
    lacking = {name for name, site in given_to.items() if kind is FAILOVER and site == leaving and name not in seen}
    covered = {n for n in lacking if made.coverage[f"revoke-credential:{n}:{leaving}"] == NOT_CONFIRMED}
    assert covered == lacking


def _look(item: Item, kind, taken, back, resting, given_to, arriving, leaving):  # noqa: PLR0917
    match item.verb:
        case Verb.REVOKE_CREDENTIAL:
            assert (given_to[item.thing], item.site) == (leaving, leaving)
            assert "promoted" not in resting, "it would be taken when the other site is the truth already"
            taken.add(item.thing)
        case Verb.GRANT_CREDENTIAL:
            assert (given_to[item.thing], item.site) == (arriving, arriving)
            assert kind is FAILOVER or f"digest:{arriving}" in resting, "a second worker there could work with it"
            back.add(item.thing)
        case Verb.STOP_WORKER:
            resting.add(f"{item.thing}:{item.site}")
        case Verb.PROMOTE_DATABASE:
            resting.add("promoted")
        case Verb.START_SERVICE | Verb.START_WORKER:
            needed = {name for name, site in given_to.items() if site == item.site == arriving}
            assert needed <= back, "it would start without what it needs"
        case _:
            pass


# -- what is given back -------------------------------------------------------------------------


def took(kept="", *, done=True):
    return Touched(gave_back=False, kept={TAKEN: kept}, done=done)


def gave(*, done=True):
    return Touched(gave_back=True, kept={TAKEN: "whatever"}, done=done)


OUTSTANDING = {  # newest first
    "nothing ever happened": ((), ""),
    "it was taken": ((took("a"),), "a"),
    "it was taken, and the process died": ((took("a", done=False),), "a"),
    "it was found gone": ((took(),), ""),
    "it was found gone by the next failover, that goes on": ((took(), took("a")), "a"),
    "it was given back": ((gave(), took("a")), ""),
    "it was being given back": ((gave(done=False), took("a")), "a"),
    "a person took it for good after it was given back": ((took(), gave(), took("a")), ""),
    "it was taken once more, as it is by now": ((took("b"), gave(), took("a")), "b"),
    "a step of another vigie kept nothing": ((Touched(gave_back=False, kept={}, done=True),), ""),
}


@pytest.mark.parametrize(("steps", "kept"), OUTSTANDING.values(), ids=OUTSTANDING)
def test_only_what_was_taken_and_not_given_back_since_is_outstanding(steps, kept):
    assert outstanding(steps) == kept


@given(st.lists(st.one_of(st.builds(took, st.sampled_from(["", "a", "b"]), done=st.booleans()), st.builds(gave, done=st.booleans()))))  # fmt: skip
def test_nothing_is_given_that_was_not_taken_after_the_last_time_it_was_given(steps):
    found = outstanding(tuple(steps))
    since = steps[: next((n for n, each in enumerate(steps) if each.gave_back and each.done), len(steps))]
    taken = [each.kept[TAKEN] for each in since if not each.gave_back and each.kept[TAKEN]]
    assert found == (taken[0] if taken else "")


def test_hearth_s_own_is_of_the_archive_that_both_sites_know():
    assert isinstance(WRITER, RoleAssignment)
    assert WRITER.holder == WRITER.site == AZURE
    assert WRITER.resource.startswith(HEARTH.services["archive"].resource + "/providers/Microsoft.Authorization/")
