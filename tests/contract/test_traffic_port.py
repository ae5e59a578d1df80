"""One contract for every adapter of the Traffic port: nobody's change is written over, and shares are read back.

Each test has a switch of its own (tests/contract/switching.py). What is asked after an act is asked of a fresh
adapter, as after a crash; where clients would go is measured beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Mark
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tests.contract.switching import HERE, SWITCHING, THERE, Switching
from tests.contract.test_compute_port import PATIENCE_S, intend

FRENCH = Voice("fr", "Europe/Paris")
ALL_HERE, ALL_THERE = {HERE: 100, THERE: 0}, {HERE: 0, THERE: 100}


@pytest.fixture(params=sorted(SWITCHING))
def switching(request: pytest.FixtureRequest, tmp_path) -> Iterator[Switching]:
    """One switch between two sites, for each kind."""
    with SWITCHING[request.param](tmp_path) as opened:
        yield opened


def await_effect(switching: Switching, mark, there=100):
    """Asked of fresh adapters until the goal is reached."""
    until = time.monotonic() + PATIENCE_S
    while not (seen := switching.change(there).read_effect(mark)).reached:
        assert time.monotonic() < until, seen.text
        time.sleep(0.2)
    return seen


def test_shares_and_the_time_that_clients_take_are_read(switching):
    traffic = switching.traffic()
    assert dict(traffic.read_shares()) == dict(switching.served()) == ALL_HERE
    assert traffic.clients_follow_within() == switching.ttl
    assert switching.opened == []


def test_each_site_has_an_entrance_whoever_is_sent_there(switching):
    before = dict(switching.traffic().entrances())
    assert before.keys() == {HERE, THERE}
    assert len(set(before.values())) == 2
    change = switching.change()
    mark = intend(change)
    change.act(mark)
    await_effect(switching, mark)
    assert dict(switching.traffic().entrances()) == before


def test_clients_are_sent_elsewhere_once_and_a_fresh_adapter_finds_evidence_and_effect(switching):
    change = switching.change()
    mark = intend(change)
    assert mark.baseline
    assert change.find_evidence(mark) is None
    early = change.read_effect(mark)
    assert not early.reached
    assert switching.opened == [], "looking never opens the operator's credential"
    given = change.act(mark)
    assert given is not None
    assert given.reference
    assert switching.opened == ["operator"]
    late = await_effect(switching, mark)
    found = switching.change().find_evidence(mark)
    assert found is not None
    assert found.reference
    assert dict(switching.traffic().read_shares()) == dict(switching.served()) == ALL_THERE
    assert switching.sent_count() == 1
    for told in (change.text, f"{change.text} may begin", early.text, late.text):
        assert retell(FRENCH, told) != told, told


def test_traffic_returns_in_shares_and_each_step_begins_where_the_last_one_ended(switching):
    steps = (100, 95, 75, 0) if switching.divides else (100, 0)
    for there in steps:
        change = switching.change(there)
        mark = intend(change)
        change.act(mark)
        await_effect(switching, mark, there)
        wanted = {HERE: 100 - there, THERE: there}
        assert dict(switching.traffic().read_shares()) == dict(switching.served()) == wanted
    assert switching.sent_count() == len(steps)


def test_nobody_is_sent_anywhere_until_clients_are_shifted_and_a_name_refuses_that(switching):
    if not switching.divides:
        with pytest.raises(Refused, match="must always lead somewhere"):
            switching.traffic().close()
        return
    change = switching.traffic().close()
    mark = intend(change)
    early = change.read_effect(mark)
    assert not early.reached
    change.act(mark)
    seen = switching.traffic().close().read_effect(mark)
    assert seen.reached, seen.text
    assert dict(switching.traffic().read_shares()) == dict(switching.served()) == {HERE: 0, THERE: 0}
    assert switching.traffic().close().find_evidence(mark) is not None
    for told in (change.text, early.text, seen.text):
        assert retell(FRENCH, told) != told, told
        assert "nobody" not in retell(FRENCH, told), told

    opened = switching.change()
    mark = intend(opened)
    opened.act(mark)
    await_effect(switching, mark)
    assert dict(switching.served()) == ALL_THERE


def test_a_change_whose_answer_is_lost_is_retryable_and_its_evidence_is_found(switching):
    change = switching.change()
    mark = intend(change)
    switching.break_("drop-after")
    with pytest.raises(Retryable):
        change.act(mark)
    switching.mend()
    assert switching.change().find_evidence(mark) is not None
    await_effect(switching, mark)
    assert switching.sent_count() == 1, "nobody sent it twice, no library either"


def test_a_slow_change_is_waited_for_and_one_that_never_comes_is_no_effect(switching):
    if switching.at_once:
        return
    change = switching.change()
    mark = intend(change)
    switching.break_("slow-effect")
    change.act(mark)
    assert not switching.change().read_effect(mark).reached
    assert dict(switching.served()) == ALL_HERE
    switching.mend()
    await_effect(switching, mark)
    assert dict(switching.served()) == ALL_THERE

    back = switching.change(0)
    mark = intend(back)
    switching.break_("no-effect")
    back.act(mark)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert not switching.change(0).read_effect(mark).reached
        time.sleep(0.3)
    assert dict(switching.served()) == ALL_THERE


def test_what_somebody_else_changed_meanwhile_is_not_written_over(switching):
    change = switching.change()
    mark = intend(change)
    switching.meddle()
    theirs = dict(switching.served())
    with pytest.raises(Refused, match="somebody") as refused:
        change.act(mark)
    assert refused.value.code == "changed"
    assert refused.value.next_step
    assert dict(switching.served()) == theirs != ALL_THERE


def test_done_twice_is_done_once_and_is_no_evidence_for_the_next_intent(switching):
    change = switching.change()
    mark = intend(change)
    change.act(mark)
    await_effect(switching, mark)
    switching.change().act(mark)
    assert switching.sent_count() == 1, "what is so already is left alone"
    time.sleep(1)  # logs are late
    again = intend(switching.change(0))
    assert switching.change(0).find_evidence(again) is None
    assert not switching.change(0).read_effect(again).reached


def test_an_operator_that_may_not_is_refused_by_name_and_a_wrong_secret_is_not_repeated(switching):
    mark = intend(switching.change())
    if switching.weak is not None:
        with pytest.raises(Refused, match=r"docs/permissions-") as refused:
            switching.change(operator=switching.weak).act(mark)
        assert switching.act.lower() in str(refused.value).lower()
    with pytest.raises(Refused) as refused:
        switching.change(operator=switching.stranger).act(mark)
    assert "planted-and-wrong" not in str(refused.value)
    assert dict(switching.served()) == ALL_HERE


def test_a_throttled_or_failing_provider_is_retryable_and_nothing_happens(switching):
    change = switching.change()
    mark = intend(change)
    for how in ("throttle", "error"):
        switching.break_(how)
        for asked in (change.check, lambda: change.act(mark), switching.traffic().read_shares):
            with pytest.raises(Retryable):
                asked()
        switching.mend()
    assert dict(switching.served()) == ALL_HERE


def test_shares_that_are_none_are_refused_before_anybody_is_asked(switching):
    for shares in ({HERE: 60, THERE: 50}, {HERE: 110, THERE: -10}, {HERE: 50, "elsewhere": 50}, {}):
        with pytest.raises(Refused, match=r"add up to 100 %|as a whole"):
            switching.traffic().shift(shares)
    assert switching.opened == []


def test_an_intent_without_a_baseline_is_never_judged(switching):
    bare, change = Mark(key="0" * 64, run=uuid4(), intended_at=datetime.now(UTC)), switching.change()
    for asked in (change.find_evidence, change.read_effect, change.act):
        with pytest.raises(Broken, match="baseline"):
            asked(bare)
    assert dict(switching.served()) == ALL_HERE
