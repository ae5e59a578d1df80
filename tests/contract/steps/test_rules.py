"""What a step refuses, waits for, stops at and believes."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Patience
from blocks.ports.runs import ActionKind, RunState
from tasks.core import step
from tasks.core.change import Stopped, perform
from tasks.core.retries import NEVER
from tests.contract.steps.conftest import open_run
from tests.contract.steps.world import FastWatch, GenerationChange, Thing
from tests.postgres_fixture import journal_dsn  # noqa: F401


def test_a_check_that_refuses_leaves_no_intent_and_no_effect(journal, begin):
    order, thing = begin(), Thing(refuses="1 of 2 instances is in service, 2 are needed")
    with pytest.raises(Refused, match="1 of 2"):
        perform(journal, order, GenerationChange(thing), FastWatch())
    assert (journal.steps(order.run), thing.act_count) == ([], 0)


def test_a_goal_that_is_never_reached_is_a_failure_that_says_what_was_seen(journal, begin):
    order, thing = begin(), Thing(looks_until_goal=10_000)
    with pytest.raises(Broken, match=r"did not reach its goal within 0:00:30: generation 2, starting"):
        perform(journal, order, GenerationChange(thing), FastWatch())
    assert not journal.step(order.run, order.key).is_done
    assert [a.kind for a in journal.actions(order.run)][-1] is ActionKind.STEP_FAILED

    thing.looks_until_goal = 0
    assert perform(journal, order, GenerationChange(thing), FastWatch()).is_done
    assert thing.act_count == 1


def test_looks_that_fail_are_repeated_within_the_patience(journal, begin):
    order, thing = begin(), Thing(blind_for=5)
    watch = FastWatch()
    assert perform(journal, order, GenerationChange(thing), watch).is_done
    assert 0 < watch.at < 5, "one looks soon at first"


def test_evidence_that_shows_late_is_waited_for_before_anything_is_done_again(journal, begin):
    order, thing = begin(), Thing(loses_answers=1)

    class Late(GenerationChange):
        patience = Patience(
            every=timedelta(seconds=5), at_most=timedelta(seconds=30), shows_within=timedelta(seconds=20)
        )
        looks = 0

        def find_evidence(self, mark):
            self.looks += 1
            return super().find_evidence(mark) if self.looks > 3 else None

    with pytest.raises(Retryable):
        perform(journal, order, Late(thing), FastWatch())
    assert perform(journal, order, Late(thing), FastWatch()).is_done
    assert thing.act_count == 1


def test_a_stale_token_refuses_before_anything_is_done(journal, begin):
    old, thing = begin(), Thing()
    journal.move_run(old.run, RunState.FAILED, reason="lost")
    new = begin()
    assert new.token == old.token + 1
    journal.move_run(old.run, RunState.RUNNING, reason="somebody retries")
    with pytest.raises(Refused, match=f"token {old.token}, the newest is {new.token}"):
        perform(journal, old, GenerationChange(thing), FastWatch())
    assert thing.act_count == 0


def test_the_outcome_is_refused_when_the_lease_was_lost_meanwhile(journal, begin):
    order, thing = begin(), Thing()

    class Overtaken(GenerationChange):
        def read_effect(self, mark):
            journal.release_lease(order.run)
            begin()
            return super().read_effect(mark)

    with pytest.raises(Refused, match="stale lease"):
        perform(journal, order, Overtaken(thing), FastWatch())
    assert not journal.step(order.run, order.key).is_done


def test_a_platform_has_one_lease(journal, begin):
    order = begin()
    other = uuid4()
    open_run(journal, other)
    with pytest.raises(Refused, match=r"hearth is being changed by service-restart of device-api"):
        journal.take_lease(other)
    assert journal.take_lease(order.run).token == order.token  # its own again, at once, after a crash
    open_run(journal, elsewhere := uuid4(), "storefront")
    assert journal.take_lease(elsewhere).platform == "storefront"


@pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.RUNNING])
def test_only_a_running_run_may_act(journal, begin, state):
    order, thing = begin(), Thing()
    journal.move_run(order.run, state, reason="")
    assert journal.lease("hearth") is None
    with pytest.raises(Refused):
        journal.take_lease(order.run)
    with pytest.raises(Refused):
        perform(journal, order, GenerationChange(thing), FastWatch())
    assert thing.act_count == 0


def test_a_run_that_is_over_never_moves_again(journal, begin):
    order = begin()
    journal.move_run(order.run, RunState.REJECTED, reason="not tonight", who="manager")
    with pytest.raises(Refused, match="is over: rejected, not tonight"):
        journal.move_run(order.run, RunState.RUNNING, reason="")


def test_a_stop_parks_before_the_next_step_and_finishes_the_one_it_is_in(journal, begin):
    order, thing = begin(), Thing(loses_answers=1)
    with pytest.raises(Exception, match="lost"):
        perform(journal, order, GenerationChange(thing), FastWatch())
    journal.request_stop(order.run, who="operator", reason="the customer calls")

    assert perform(journal, order, GenerationChange(thing), FastWatch()).is_done
    later = begin(run=order.run, item="another")
    with pytest.raises(Stopped, match="stopped by operator before: restart the thing"):
        perform(journal, later, GenerationChange(thing), FastWatch())
    assert thing.act_count == 1


def test_done_by_hand_is_believed_when_it_shows_and_never_done_again(journal, begin):
    order, thing = begin(), Thing(loses_answers=0, looks_until_goal=10_000)
    with pytest.raises(Broken):
        perform(journal, order, GenerationChange(thing), FastWatch())
    thing.looks_until_goal = 0
    journal.claim_by_hand(order.run, order.key, who="operator")
    done = perform(journal, order, GenerationChange(thing), FastWatch())
    assert (done.is_done, done.by_hand, thing.act_count) == (True, "operator", 1)
    ended = journal.actions(order.run)[-1]
    assert (ended.kind, ended.who) == (ActionKind.STEP_DONE, "operator")


def test_done_by_hand_is_not_believed_when_nothing_shows(journal, begin):
    order, thing = begin(), Thing()

    class Unwilling(GenerationChange):
        def act(self, mark):
            raise Refused("403")

    with pytest.raises(Refused, match="403"):
        perform(journal, order, Unwilling(thing), FastWatch())
    journal.claim_by_hand(order.run, order.key, who="operator")
    with pytest.raises(Refused, match="operator says that this was done by hand, but it does not show: generation 1"):
        perform(journal, order, GenerationChange(thing), FastWatch())
    assert thing.act_count == 0


def test_the_same_item_under_another_plan_is_another_step(journal, begin):
    from dataclasses import replace

    order, thing = begin(), Thing()
    perform(journal, order, GenerationChange(thing), FastWatch())
    perform(journal, replace(order, digest="e" * 64), GenerationChange(thing), FastWatch())
    perform(journal, replace(order, phase="return"), GenerationChange(thing), FastWatch())
    assert thing.act_count == 3


def test_parameters_of_a_known_run_cannot_be_changed(journal):
    run = uuid4()
    open_run(journal, run)
    with pytest.raises(Refused, match="its parameters were changed"):
        journal.open_run(
            run,
            platform="hearth",
            action="service-restart",
            subject="device-api",
            parameters={"platform": "hearth", "service": "shop"},
            requested_by="operator",
            customer="hearth",
        )


def test_nothing_is_asked_about_a_step_that_is_done(journal, journal_dsn, begin, monkeypatch):  # noqa: F811
    """What it looked at may be gone since: the server whose rows were saved follows by now, and has none of its own."""
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    monkeypatch.setattr(step, "get_run_logger", lambda: logging.getLogger("run"))
    monkeypatch.setattr(step, "time", FastWatch())
    order, thing, looked = begin(), Thing(), []

    @step.change_step(retry=NEVER, run_name="save it")
    def save(order):
        looked.append(order.item)
        if thing.act_count:
            raise Refused("it has nothing of its own")
        return GenerationChange(thing)

    first = save.fn(order)
    assert (first.is_done, save.fn(order)) == (True, first)
    assert (looked, thing.act_count) == ([order.item], 1)
