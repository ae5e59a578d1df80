"""Five platforms of three customers fail at once into one private cloud: in process, on the real journal.

Everything but Prefect's server and the databases is what runs: the decision, the card's yes, the runs' own, the ledger
of room, the planning under the lease. At every place where it may die: nobody moves without a yes, nobody twice, and the
cloud never has to take more than it can.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings

from blocks.errors import Broken, Refused, Retryable
from blocks.journal.adapter import PostgresJournal
from blocks.ports.approvals import Choice, Policy, Standing
from blocks.ports.orchestration import RunPhase
from blocks.ports.recovery import MoveKind
from blocks.ports.runs import ActionKind, RunState
from tasks.approvals.asking import _question, answered_for_all, approved
from tasks.core.change import Stopped
from tasks.recovery.beginning import begin_one
from tasks.recovery.holding import claim_for
from tasks.runs.runbook import Runbook, Settled, _current, this_run
from tests.contract.journal.five import (
    CELLAR,
    NEEDS,
    POOL,
    REASON,
    WHO,
    Cloud,
    Parts,
    Prefect,
    agree,
    ask,
    found_of,
    known,
    look_in,
    plan_of,
)  # fmt: skip
from tests.contract.journal.test_moves import begin, kinds, open_run
from tests.contract.steps.world import mortals
from tests.unit.recovery.scenes import AZURE

GOING, WAITING = ["hearth", "shop", "ledger", "archive"], ["garden"]


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def prefect():
    return Prefect()


@pytest.fixture(autouse=True)
def no_prefect():
    """Who decides about a platform alone stands in Prefect; here nobody answers, and no server is started for it."""
    with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}):
        yield


@contextmanager
def executing(journal, run):
    """As in the process that executes the run."""
    token = _current.set(Runbook(journal.run(run), journal))
    try:
        with disable_run_logger():
            yield
    finally:
        _current.reset(token)


def begin_all(journal, prefect, agreed, cloud) -> dict[str, str]:
    """As the step does: by priority, and what one is refused keeps no other."""
    said = {}
    for part in agreed.plan.parts:
        try:
            said[part.platform] = begin_one(journal, prefect, agreed, part, known(part.platform), look=look_in(cloud))
        except (Refused, Broken) as error:
            said[part.platform] = error.what
    return said


def carry_out(journal, run, cloud, plan=None):
    """The run itself, as the flow orders it: approved, room held, moved, started, serving."""
    name = journal.run(run).platform
    with executing(journal, run):
        granted = approved(lambda: plan or plan_of(journal, name, cloud))
    claim_for(journal, Parts(known(name).platform, cloud), run, granted.plan.candidate)
    begin(journal, run, granted.lease.token, platform=name, kind=MoveKind.FAILOVER, from_site=AZURE, to_site=CELLAR)
    cloud.start(name)
    journal.move_serves(run, granted.lease.token, commit_within=None, rolls_back=False)
    journal.move_run(run, RunState.DONE, reason="it serves")
    return granted


# -- the whole night ----------------------------------------------------------------------------


def test_one_yes_moves_whoever_fits_and_names_the_others(journal, cloud, prefect):
    question = ask(journal, cloud)
    assert [part.platform for part in question.plan.parts] == GOING
    assert question.plan.known_wrong == (
        "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 3 are free",
    )
    assert prefect.given == {}, "nobody said yes yet"
    agreed = agree(journal, question)
    said = begin_all(journal, prefect, agreed, cloud)
    runs = journal.part_runs(agreed.id)
    assert list(said) == GOING
    assert said["hearth"] == f"the failover of hearth to dc-west is begun (run {str(runs['hearth'])[:8]})"
    assert [prefect.given[run]["platform"] for run in prefect.released] == GOING
    assert dict(journal.run(runs["shop"]).parameters) == prefect.given[runs["shop"]] == {
        "platform": "shop", "reason": REASON, "candidate": CELLAR, "gently": True,
    }  # fmt: skip
    for name, run in runs.items():
        granted = carry_out(journal, run, cloud)
        assert (granted.approval.standing, granted.approval.number) == (Standing.GRANTED, 1)
        assert journal.active_site(name) == CELLAR
        assert len(journal.approvals(run)) == 1, "nobody was asked again"
    assert sum(cloud.used.values()) == cloud.quota
    assert journal.room_claims(POOL, since=journal.now(), apart_from="x") == [], "the provider counts it all now"
    assert journal.active_site("garden") == ""
    assert [each.run for each in journal.waiting()] == []
    assert all(journal.verify_actions(name) > 0 for name in GOING)


def test_each_is_its_own_run_with_its_own_lease_and_stops_alone(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    runs = journal.part_runs(agreed.id)
    journal.move_run(agreed.run, RunState.DONE, reason="all begun")
    journal.request_stop(runs["shop"], who="shift-lead", reason="")
    journal.move_run(runs["shop"], RunState.PARKED, reason="stopped")
    assert journal.room_of(runs["shop"]) is None, "it moves nothing, so it holds nothing"
    for name in ("hearth", "ledger", "archive"):
        carry_out(journal, runs[name], cloud)
    journal.move_run(runs["shop"], RunState.RUNNING, reason="goes on", who="shift-lead")
    assert carry_out(journal, runs["shop"], cloud).lease.platform == "shop"
    assert sum(cloud.used.values()) == cloud.quota


def test_the_common_run_asks_once_and_then_never_plans_again(journal, cloud):
    agreed = agree(journal, ask(journal, cloud))
    with executing(journal, agreed.run):
        assert answered_for_all(pytest.fail, pytest.fail) == agreed


# -- what became another ------------------------------------------------------------------------


def test_a_question_in_the_middle_of_a_part_leaves_it_its_yes(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    run = journal.part_runs(agreed.id)["shop"]
    middle = replace(plan_of(journal, "shop", cloud), confirms="ask:told:dc-west")
    journal.ask(run, plan=middle, policy=Policy(approvers=("service-manager",)), requester="unknown")
    held = []

    def make_plan():
        held.append(journal.lease("shop") is not None)
        return plan_of(journal, "shop", cloud)

    with executing(journal, run):
        assert approved(make_plan).approval.number == 1
    assert held == [True], "it is not decided about anew: as every part it is planned once, under the lease"


def test_one_whose_plan_became_another_is_void_alone_and_asks_alone(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    runs = journal.part_runs(agreed.id)
    shop = plan_of(journal, "shop", cloud)
    other = replace(shop, coverage=dict.fromkeys(shop.coverage, "NOT confirmed: nothing there answers"))
    assert other.digest != shop.digest
    own = Policy(approvers=("service-manager",), typed="shop")
    with executing(journal, runs["shop"]):
        with pytest.raises(Refused, match="no Prefect server is known"):  # it would ask by its own rule
            approved(lambda: other)
        asked = _question(this_run(), other, lambda _: own)
    (void, again) = journal.approvals(runs["shop"])
    assert (void.standing, void.plan) == (Standing.VOID, next(p for p in agreed.plan.parts if p.platform == "shop"))
    assert (again.id, again.standing, again.policy, again.number) == (asked.id, Standing.WAITING, own, 2)
    assert "the card said" in again.differences[0]
    assert journal.lease("shop") is None, "nothing is held while it asks"
    assert journal.steps(runs["shop"]) == []
    assert journal.approval(agreed.id).standing is Standing.GRANTED
    for name in ("hearth", "ledger", "archive"):
        assert carry_out(journal, runs[name], cloud).approval.number == 1
    with pytest.raises(Refused, match="its part was given to run"):
        begin_again(journal, agreed, "shop")


def begin_again(journal, agreed, name):
    """Another run that would use the same part."""
    other, _ = open_run(journal, name)
    journal.release_lease(other)
    return journal.promise_part(agreed.id, other, None)


def test_what_is_measured_may_move_and_the_yes_stands(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    run = journal.part_runs(agreed.id)["hearth"]
    plan = plan_of(journal, "hearth", cloud)
    moved = replace(plan, bounds=tuple(replace(bound, measured=bound.at_most) for bound in plan.bounds))
    assert carry_out(journal, run, cloud, moved).approval.number == 1


@pytest.mark.parametrize("worse", ["a bound", "a guard"])
def test_a_bound_or_guard_that_fails_by_then_voids_that_part(journal, cloud, prefect, worse):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    run = journal.part_runs(agreed.id)["hearth"]
    plan = plan_of(journal, "hearth", cloud)
    now = (
        replace(plan, bounds=tuple(replace(bound, measured=bound.at_most + 1) for bound in plan.bounds))
        if worse == "a bound"
        else replace(plan, guards=tuple(replace(guard, holds=False) for guard in plan.guards))
    )
    with executing(journal, run), pytest.raises(Refused, match="no Prefect server is known"):
        approved(lambda: now)
    assert journal.approvals(run)[0].standing is Standing.VOID
    assert journal.move(run) is None


# -- who does not go ----------------------------------------------------------------------------


def test_after_a_no_nobody_goes(journal, cloud, prefect):
    refused = agree(journal, ask(journal, cloud), Choice.REJECT)
    said = begin_all(journal, prefect, refused, cloud)
    assert all("the card is rejected" in each for each in said.values())
    assert prefect.released == []
    with executing(journal, refused.run), pytest.raises(Settled):
        answered_for_all(lambda: refused.plan, lambda _: refused.policy)


def test_a_platform_that_is_changed_meanwhile_is_named_and_the_others_go(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    open_run(journal, "hearth", "switchover")
    said = begin_all(journal, prefect, agreed, cloud)
    assert said["hearth"].startswith("hearth is being changed by switchover of dc-west")
    assert [prefect.given[run]["platform"] for run in prefect.released] == ["shop", "ledger", "archive"]
    (void,) = prefect.crashed
    assert (journal.run(void).state, journal.approvals(void)) == (RunState.VOID, [])
    assert begin_all(journal, prefect, agreed, cloud)["hearth"].startswith("hearth does not go on the common approval")
    assert len(prefect.given) == len(GOING), "tried again it is the same run, and it is over"


def test_room_that_another_move_took_since_is_not_counted_twice(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    alone, token = open_run(journal, "garden")
    claim_for(journal, Parts(known("garden").platform, cloud), alone, CELLAR)
    begin(journal, alone, token, platform="garden")
    said = begin_all(journal, prefect, agreed, cloud)
    assert said["shop"] == (
        "there is no room for shop any more: 8 cores are needed and 7 are free "
        "(others hold room: the failover of hearth, the failover of garden)"
    ) or said["shop"].endswith("(others hold room: the failover of garden, the failover of hearth)")
    for run in journal.part_runs(agreed.id).values():
        carry_out(journal, run, cloud)
    cloud.start("garden")
    assert sorted(cloud.used) == ["archive", "garden", "hearth", "ledger"]


def test_a_move_alone_sees_what_the_others_hold(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    with pytest.raises(Refused, match="dc-west cannot take garden: 4 cores are needed and 0 are free"):
        plan_of(journal, "garden", cloud)
    alone, _ = open_run(journal, "garden")
    with pytest.raises(Refused, match="there is no room for garden any more"):
        claim_for(journal, Parts(known("garden").platform, cloud), alone, CELLAR)


def test_a_cloud_that_does_not_answer_takes_nobody(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))

    def silent(*_):
        raise Retryable("the private cloud does not answer")

    for part in agreed.plan.parts:
        with pytest.raises(Refused, match="nobody can say what dc-west can still take: the private cloud does not"):
            begin_one(journal, prefect, agreed, part, known(part.platform), look=silent)
    assert prefect.given == {}


def test_who_stops_the_common_run_stops_what_was_not_begun(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    first, second, *_ = agreed.plan.parts
    begin_one(journal, prefect, agreed, first, known(first.platform), look=look_in(cloud))
    journal.request_stop(agreed.run, who="shift-lead", reason="")
    with pytest.raises(Stopped, match="shift-lead before: begin the failover of shop"):
        begin_one(journal, prefect, agreed, second, known(second.platform), look=look_in(cloud))
    begin_one(journal, prefect, agreed, first, known(first.platform), look=look_in(cloud))
    assert journal.part_runs(agreed.id).keys() == {"hearth"}


# -- whatever dies, whoever comes at once -------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_each_part_is_begun_once(journal, cloud, after):
    """The decision is made, and the process dies at one call further each time, until a try survives."""
    for mortal in mortals(rows=12, after=after):
        cloud.used.clear()
        prefect, agreed = Prefect(), agree(journal, ask(journal, cloud, names=("hearth", "archive")))
        with mortal:
            begin_all(mortal.wrap(journal), mortal.wrap(prefect), agreed, cloud)
        said = begin_all(journal, prefect, agreed, cloud)
        runs = journal.part_runs(agreed.id)
        assert list(runs) == list(said) == ["hearth", "archive"], f"killed {mortal.calls[-1]}: {said}"
        assert set(prefect.given) == set(runs.values()), "no run was started that nobody goes on with"
        assert set(prefect.released) == set(runs.values())
        assert prefect.crashed == []
        for run in runs.values():
            assert kinds(journal, run).count(ActionKind.PART_GRANTED) == 1
            assert kinds(journal, run).count(ActionKind.ROOM_CLAIMED) == 1
            journal.move_run(run, RunState.CANCELLED, reason="the next try")


def test_two_who_begin_the_same_card_at_once_begin_each_part_once(journal, journal_dsn, cloud, prefect):
    agreed, gate = agree(journal, ask(journal, cloud)), threading.Barrier(2)

    def go(_):
        with PostgresJournal(journal_dsn) as own:
            gate.wait(timeout=60)
            return begin_all(own, prefect, agreed, cloud)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(go, range(2))
    assert one == other
    assert sorted(journal.part_runs(agreed.id)) == sorted(GOING)
    assert set(prefect.given) == set(journal.part_runs(agreed.id).values())


def test_two_cards_at_once_never_give_the_same_room_twice(journal, journal_dsn, cloud):
    """Each was planned when the cloud was empty; together they would need more than there is."""
    cards = [agree(journal, ask(journal, cloud, names=names)) for names in (("hearth", "shop"), ("garden", "ledger"))]
    cloud.quota, gate = 12, threading.Barrier(2)

    def go(agreed):
        with PostgresJournal(journal_dsn) as own:
            gate.wait(timeout=60)
            begin_all(own, Prefect(), agreed, cloud)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, cards))
    runs = {name: run for card in cards for name, run in journal.part_runs(card.id).items()}
    held = {
        claim.platform: claim.room.cores for claim in journal.room_claims(POOL, since=journal.now(), apart_from="x")
    }
    assert held.keys() == runs.keys()
    assert sum(held.values()) <= cloud.quota
    assert all(
        NEEDS[name][2] > cloud.quota - sum(held.values()) for name in NEEDS if name not in runs and name != "archive"
    )
    for run in runs.values():
        carry_out(journal, run, cloud)


def test_two_cards_with_the_same_platform_move_it_once(journal, cloud, prefect):
    one, other = (agree(journal, ask(journal, cloud, names=("hearth",))) for _ in range(2))
    for card in (one, other):
        begin_all(journal, prefect, card, cloud)
    (first,), (second,) = (journal.part_runs(card.id).values() for card in (one, other))
    assert (journal.room_of(first), journal.room_of(second).room.cores) == (None, 4), "a platform needs its room once"
    lease = journal.take_lease(first)
    with executing(journal, second), pytest.raises(Refused, match=f"hearth is being changed by failover .*{first}"):
        approved(lambda: plan_of(journal, "hearth", cloud))
    journal.move_run(second, RunState.FAILED, reason="hearth is being changed")
    assert carry_out(journal, first, cloud).lease == lease
    assert ActionKind.ROOM_FREED in kinds(journal, first)
    assert cloud.used == {"hearth": 4}


def test_a_run_that_was_promised_and_not_released_is_released(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    part = agreed.plan.parts[0]
    begin_one(journal, prefect, agreed, part, known(part.platform), look=look_in(cloud))
    (run,) = prefect.released
    prefect.phases[run] = RunPhase.SCHEDULED
    begin_one(journal, prefect, agreed, part, known(part.platform), look=look_in(cloud))
    assert prefect.released == [run, run]
    prefect.phases[run] = RunPhase.RUNNING
    begin_one(journal, prefect, agreed, part, known(part.platform), look=look_in(cloud))
    assert prefect.released == [run, run]


def test_who_asked_for_all_asked_for_each_so_he_never_approves_one(journal, cloud, prefect):
    agreed = agree(journal, ask(journal, cloud))
    begin_all(journal, prefect, agreed, cloud)
    assert {journal.run(run).requested_by for run in journal.part_runs(agreed.id).values()} == {WHO}
    assert found_of(journal, "hearth", cloud).want.platform == "hearth"
