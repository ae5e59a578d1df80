"""One yes for several platforms: each part is used once, by one run, for the platform and the digest that was shown."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken, Refused
from blocks.ports.approvals import Choice, Standing
from blocks.ports.runs import ActionKind, RunState
from tests.contract.journal.five import CELLAR, REASON, WHO, Cloud, Parts, agree, ask, known, room_wanted
from tests.contract.journal.test_moves import HOUR, kinds, open_run


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def agreed(journal, cloud):
    return agree(journal, ask(journal, cloud))


def a_run(journal, name="shop", **changes):
    run = uuid4()
    given = {
        "platform": name, "action": "failover", "subject": name, "requested_by": WHO,
        "customer": known(name).customer.name,
        "parameters": {"platform": name, "reason": REASON, "candidate": CELLAR},
    }  # fmt: skip
    journal.open_run(run, **(given | changes))
    return run


def promise(journal, cloud, agreed, run, name="shop"):
    return journal.promise_part(agreed.id, run, room_wanted(journal, Parts(known(name).platform, cloud), CELLAR))


def test_the_run_has_its_own_yes_with_its_own_plan_and_the_chain_says_whose(journal, cloud, agreed):
    run = a_run(journal)
    granted = promise(journal, cloud, agreed, run)
    part = next(each for each in agreed.plan.parts if each.platform == "shop")
    assert (granted.standing, granted.plan, granted.digest) == (Standing.GRANTED, part, part.digest)
    assert (granted.run, granted.requester, granted.policy) == (run, WHO, agreed.policy)
    assert (granted.asked_at, granted.settled_at) == (agreed.asked_at, agreed.settled_at), "that is when it was decided"
    assert granted.reason == f"approved with others in run {str(agreed.run)[:8]}: approved by duty-operator"
    line = next(each for each in journal.actions(run) if each.kind is ActionKind.PART_GRANTED)
    assert (line.data["agreed"], line.data["agreed_digest"]) == (str(agreed.id), agreed.digest)
    assert journal.part_runs(agreed.id) == {"shop": run}
    assert (journal.part_of(run), journal.part_of(agreed.run)) == (agreed.id, None)
    assert journal.room_of(run).room.cores == 8
    assert {each.purpose for each in journal.claim_messages(run, limit_count=9, lease=HOUR)} == {
        "approval:1",
        "progress",
    }
    assert journal.verify_actions("shop") > 0


def test_said_again_it_is_the_same_yes_also_when_the_room_is_gone_by_then(journal, cloud, agreed):
    run = a_run(journal)
    first = promise(journal, cloud, agreed, run)
    cloud.used["somebody"] = 16
    assert promise(journal, cloud, agreed, run) == first
    assert kinds(journal, run).count(ActionKind.PART_GRANTED) == 1


def test_another_run_has_no_part_in_it(journal, cloud, agreed):
    run, other = a_run(journal), a_run(journal)
    promise(journal, cloud, agreed, run)
    with pytest.raises(Refused, match=f"its part was given to run {run} already"):
        promise(journal, cloud, agreed, other)
    assert journal.approvals(other) == []
    assert journal.room_of(other) is None


NOT_WHAT_WAS_SHOWN = {
    "a platform that waits": ({"name": "garden"}, "garden does not go on the common approval: it is not on the card"),
    "another action": ({"action": "failback"}, "the card says failover to dc-west, and the run is a failback"),
    "another site": ({"parameters": {"platform": "shop", "candidate": "elsewhere"}}, "the card says failover to dc-west"),
    "somebody else's run": ({"requested_by": "shift-lead"}, "was asked for by shift-lead and is running"),
    "nobody's run": ({"requested_by": "unknown"}, "was asked for by somebody in the Prefect UI"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "why"), NOT_WHAT_WAS_SHOWN.values(), ids=NOT_WHAT_WAS_SHOWN)
def test_only_for_what_the_card_showed(journal, cloud, agreed, given, why):
    run = a_run(journal, **given)
    with pytest.raises(Refused, match=why):
        promise(journal, cloud, agreed, run, given.get("name", "shop"))
    assert (journal.approvals(run), journal.room_of(run), journal.part_runs(agreed.id)) == ([], None, {})


def test_a_run_that_asked_itself_or_is_over_has_no_part(journal, cloud, agreed):
    asked, over = a_run(journal), a_run(journal)
    journal.ask(asked, plan=agreed.plan.parts[0], policy=agreed.policy, requester=WHO)
    journal.move_run(over, RunState.VOID, reason="")
    for run in (asked, over):
        with pytest.raises(Refused, match="does not go on the common approval"):
            promise(journal, cloud, agreed, run)


@pytest.mark.parametrize("choice", [None, Choice.REJECT])
def test_without_a_yes_nothing_is_given(journal, cloud, choice):
    question = ask(journal, cloud)
    if choice is not None:
        agree(journal, question, choice)
    with pytest.raises(Refused, match=r"the card is (waiting|rejected)"):
        promise(journal, cloud, question, a_run(journal))


def test_a_yes_that_became_void_gives_nothing_more(journal, cloud, agreed):
    journal.settle(agreed.id, Standing.VOID, reason="the plan changed")
    with pytest.raises(Refused, match="the card is void"):
        promise(journal, cloud, agreed, a_run(journal))


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.PARKED, RunState.FAILED, RunState.DONE])
def test_whoever_ended_the_common_run_ended_what_was_not_given_yet(journal, cloud, agreed, state):
    journal.move_run(agreed.run, state, reason="")
    with pytest.raises(Refused, match=f"the run that asked for all is {state.value}"):
        promise(journal, cloud, agreed, a_run(journal))


def test_a_plan_that_is_not_the_approved_one_any_more_is_a_broken_record(journal, journal_dsn, cloud, agreed):
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE approval SET plan = replace(plan::text, 'drain', 'skip')::json")
        connection.execute("UPDATE approval SET plan = replace(plan::text, 'promote household', 'leave it')::json")
    with pytest.raises(Broken, match="is not the one that was approved"):
        promise(journal, cloud, agreed, a_run(journal))


def test_a_platform_that_is_being_changed_does_not_go_and_a_drill_gives_way(journal, cloud, agreed):
    holder, _ = open_run(journal, "shop", "service-restart")
    with pytest.raises(Refused, match=f"shop is being changed by service-restart .*{holder}"):
        promise(journal, cloud, agreed, a_run(journal))
    journal.move_run(holder, RunState.DONE, reason="")
    open_run(journal, "shop", "recovery-drill")
    assert promise(journal, cloud, agreed, a_run(journal)).standing is Standing.GRANTED


def test_room_that_went_elsewhere_since_the_yes_is_not_given_and_nothing_is_half_done(journal, cloud, agreed):
    cloud.used["somebody"] = 9
    run = a_run(journal)
    with pytest.raises(Refused, match="there is no room for shop any more: 8 cores are needed and 6 are free"):
        promise(journal, cloud, agreed, run)
    assert (journal.approvals(run), journal.room_of(run), journal.part_runs(agreed.id)) == ([], None, {})
    cloud.used.clear()
    assert promise(journal, cloud, agreed, run).run == run


def test_a_guard_that_does_not_hold_was_never_shown_as_one_that_may_begin(journal, cloud):
    question = ask(journal, cloud)
    (first, *others) = question.plan.parts
    failing = replace(first, guards=tuple(replace(guard, holds=False) for guard in first.guards))
    run = a_run(journal, "hearth")
    asked = uuid4()
    journal.open_run(
        asked,
        platform="hearth",
        action="joint-failover",
        subject="hearth",
        parameters={},
        requested_by=WHO,
        customer="h",
    )
    plan = replace(question.plan, parts=(failing, *others))
    bad = agree(journal, journal.ask(asked, plan=plan, policy=question.policy, requester=WHO))
    with pytest.raises(Refused, match="does not go on the common approval"):
        promise(journal, cloud, bad, run, "hearth")


def test_whose_part_is_whose_is_never_rewritten(journal, journal_dsn, cloud, agreed):
    promise(journal, cloud, agreed, a_run(journal))
    for statement in ("UPDATE joint_part SET promised_at = now()", "DELETE FROM joint_part", "TRUNCATE joint_part"):
        with psycopg.connect(journal_dsn) as connection, pytest.raises(errors.RestrictViolation):
            connection.execute(statement)
