"""What clients of a share would see is counted at both doors, and our own network is not taken for the site."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue.recovery import Returning, TrafficManagerSwitch
from blocks.errors import Broken, Refused
from blocks.ports.approvals import PlanStep
from blocks.ports.clients import Asked
from tasks.core.change import Order, Stopped
from tasks.recovery import watching
from tasks.recovery.items import parse_item
from tasks.recovery.returning import Next, StopRule, addresses_asked, rule_of, said_of
from tasks.recovery.sharing import share_before
from tasks.recovery.watching import await_answers, round_of, see_it_answers, see_share, tally, watch_share
from tests.unit.recovery.scenes import HEARTH, with_plan

ITEM = parse_item("watch-clients:api:azure-west@25")
WELL, LATE, SLOW, BAD = (
    Asked(served=True, latency_ms=120.0),
    Asked(served=True, latency_ms=300.0),
    Asked(served=True, latency_ms=900.0),
    Asked(served=False, text="503"),
)


@dataclass
class Watch:
    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Door:
    """Answers in turns; the last answer stays. `None`: we could not ask."""

    says: list[Asked | None]
    asked: int = 0

    def ask(self, count):
        found = [self.says[min(self.asked + number, len(self.says) - 1)] for number in range(count)]
        self.asked += count
        return [each for each in found if each is not None]


@dataclass
class Heard:
    said: list[str] = field(default_factory=list)


def see(here, there, rule=None, **named):
    watch, heard = Watch(), Heard()
    ruling = see_share(ITEM, here, there, rule or StopRule(), watch, say=heard.said.append, **named)
    return ruling, watch, heard


def test_good_clients_are_watched_for_the_whole_soak():
    here, there = Door([WELL]), Door([WELL])
    ruling, watch, _ = see(here, there)
    assert ruling.next is Next.GO_ON
    assert watch.at == 10
    assert here.asked == there.asked == 44
    assert ruling.text == "at 25 % 0 of 44 requests failed (0.0 %), 95 % answered within 120 ms against 120 ms before"


def test_bad_clients_end_it_as_soon_as_there_are_enough():
    ruling, watch, heard = see(Door([BAD]), Door([WELL]))
    assert ruling.next is Next.RETURN
    assert watch.at == 4
    assert heard.said == ["a client would see: 503", ruling.text]


def test_slow_clients_are_held_against_the_side_that_they_left_once_a_whole_soak_was_slow():
    ruling, watch, _ = see(Door([SLOW]), Door([WELL]))
    assert ruling.next is Next.RETURN
    assert watch.at == 10
    assert see(Door([SLOW]), Door([SLOW]))[0].next is Next.GO_ON


def test_a_site_that_is_slow_at_first_earns_the_next_share_when_it_has_become_quick():
    ruling, watch, heard = see(Door([SLOW] * 4 + [LATE] * 36 + [WELL]), Door([WELL]))
    assert ruling.next is Next.GO_ON
    assert watch.at == 19, "the last soak, in which nobody waited long: 10 rounds of 4"
    waits, goes_on = heard.said
    assert waits == (
        "at 25 % 0 of 44 requests failed (0.0 %), 95 % answered within 300 ms against 120 ms before: "
        "over 1 % errors or 2 times the latency, still after 10 s"
    )
    assert goes_on == ruling.text


def test_the_side_that_they_left_is_compared_by_its_last_soak_too():
    assert see(Door([LATE]), Door([SLOW] * 4 + [WELL]))[0].next is Next.STOP


def test_a_site_that_stays_slow_keeps_its_share_until_patience_is_over():
    ruling, watch, heard = see(Door([LATE]), Door([WELL]))
    assert ruling.next is Next.STOP
    assert watch.at == 300
    assert ruling.text.endswith("over 1 % errors or 2 times the latency, still after 300 s")
    assert len(heard.said) == 30, "a line each soak"


def test_what_became_bad_late_speaks_within_a_soak():
    ruling, watch, _ = see(Door([LATE] * 400 + [SLOW]), Door([WELL]))
    assert ruling.next is Next.RETURN
    assert 100 <= watch.at <= 110


def test_where_nobody_answers_on_either_side_nothing_is_proven_and_nobody_is_sent_back():
    ruling, watch, _ = see(Door([BAD]), Door([BAD]))
    assert ruling.next is Next.STOP
    assert "only 0 requests of 20 were seen" in ruling.text
    assert watch.at == 300


def test_what_we_could_not_ask_is_neither_good_nor_bad():
    ruling, watch, _ = see(Door([None]), Door([WELL]))
    assert ruling.next is Next.STOP
    assert watch.at == 300
    assert see(Door([None] * 40 + [WELL]), Door([WELL]))[0].next is Next.GO_ON


def test_whoever_asks_to_stop_is_heard_between_two_rounds():
    asked = iter([False, False, True])

    def heed():
        if next(asked):
            raise Stopped("shift-lead", "watch")

    here = Door([WELL])
    with pytest.raises(Stopped):
        see(here, Door([WELL]), heed=heed)
    assert here.asked == 8


# -- before anybody is led there ------------------------------------------------------------------------


def waits(door, **named):
    watch, heard = Watch(), Heard()
    return await_answers(door, StopRule(), watch, say=heard.said.append, **named), watch, heard


def test_nobody_is_led_to_a_site_before_a_whole_round_is_answered():
    wrong, watch, heard = waits(Door([BAD] * 9 + [WELL]))
    assert wrong == ""
    assert watch.at == 3, "the third round was answered in part only"
    assert heard.said == ["waiting: a client would see: 503"]
    assert waits(Door([WELL]))[1].at == 0


@pytest.mark.parametrize(
    ("says", "wrong"), [(BAD, "503"), (None, "nothing could be asked from here"), (Asked(served=False), "no answer")]
)
def test_a_site_that_answers_nobody_is_waited_for_as_long_as_the_plan_says(says, wrong):
    said, watch, _ = waits(Door([says]))
    assert said == wrong
    assert watch.at == 300


def test_whoever_asks_to_stop_is_heard_while_it_does_not_answer():
    asked = iter([False, True])

    def heed():
        if next(asked):
            raise Stopped("shift-lead", "send")

    with pytest.raises(Stopped):
        waits(Door([BAD]), heed=heed)


@pytest.fixture
def door_of(monkeypatch):
    """The step that asks at a door, of a run that so-and-so asked to stop, with no patience."""

    def step(says, asked_by=""):
        returning = Returning(requests=1, soak="1s", patience="1s")
        recovery = HEARTH.recovery.model_copy(update={"returning": returning})
        parts = SimpleNamespace(recovery=recovery, entrance=lambda *_: Door([says]))
        journal = SimpleNamespace(run=lambda _: SimpleNamespace(stop_requested_by=asked_by))
        monkeypatch.setattr(watching, "parts_of", lambda _: parts)
        monkeypatch.setattr(watching, "open_journal", lambda: nullcontext(journal))
        monkeypatch.setattr(watching, "get_run_logger", lambda: logging.getLogger("run"))
        return see_it_answers.fn(uuid4(), "hearth", "api", "azure-west", "send 5 % of api to azure-west")

    return step


def test_the_step_says_who_answers_or_what_is_wrong_and_what_next(door_of):
    assert door_of(WELL) == "azure-west answers clients of api"
    with pytest.raises(
        Broken, match=r"nobody is sent to azure-west yet: in 1s it did not answer clients of api: 503"
    ) as no:
        door_of(BAD)
    assert "a retry of this run asks again" in str(no.value)
    with pytest.raises(Stopped, match="shift-lead"):
        door_of(BAD, asked_by="shift-lead")


# -- the step -----------------------------------------------------------------------------------------


class Asking(Exception):
    """The doors are asked."""


@pytest.fixture
def watched(monkeypatch):
    """The step of one share, of a run that so-and-so asked to stop."""

    def watch(asked_by="", text=""):
        rule = rule_of(HEARTH.recovery)

        def ask(_):
            raise Asking

        parts = SimpleNamespace(recovery=HEARTH.recovery, entrance=lambda *_: SimpleNamespace(ask=ask))
        run = SimpleNamespace(stop_requested_by=asked_by)
        journal = SimpleNamespace(run=lambda _: run, actions=lambda _: ())
        monkeypatch.setattr(watching, "parts_of", lambda _: parts)
        monkeypatch.setattr(watching, "open_journal", lambda: nullcontext(journal))
        monkeypatch.setattr(watching, "get_run_logger", lambda: logging.getLogger("run"))
        order = Order(run=uuid4(), platform="hearth", token=1, phase="shift", item=str(ITEM), digest="d" * 64)
        return watch_share.fn(order, "hearth", text or said_of(ITEM, rule), "dc-west", 5)

    return watch


def test_the_step_asks_the_doors_unless_somebody_asked_its_run_to_stop(watched):
    with pytest.raises(Asking):
        watched()
    with pytest.raises(Stopped, match="shift-lead"):
        watched(asked_by="shift-lead")


def test_a_rule_that_is_not_the_approved_one_is_refused_and_nobody_is_asked(watched):
    with pytest.raises(Refused, match="is not the one that was approved"):
        watched(text="watch 25 % of api in azure-west: whatever")


def test_the_share_before_is_that_of_the_same_switch():
    items = ("shift-traffic:api:azure-west@5", "shift-traffic:name:azure-west@20", "watch-clients:api:azure-west@5")
    steps = [PlanStep(phase="shift", item=item, text=item) for item in (*items, str(ITEM))]
    assert share_before(steps, ITEM) == 5
    assert share_before(steps[1:], ITEM) == 0


@given(latencies=st.lists(st.floats(1, 5000), min_size=1, max_size=200))
def test_one_in_twenty_may_be_slower_than_the_95th_percentile(latencies):
    asked = [Asked(served=True, latency_ms=each) for each in latencies]
    seen = tally(ITEM, [(0.0, asked)], [(0.0, ())], timedelta(0), since=0.0)
    slower = sum(each > seen.latency_ms for each in latencies)
    assert seen.latency_ms in latencies
    assert slower <= 0.05 * len(latencies)
    assert seen.latency_before_ms is None


@given(requests=st.integers(1, 5000), soak=st.floats(0.5, 3600))
def test_a_round_is_never_a_storm(requests, soak):
    assert 4 <= round_of(StopRule(requests_count=requests, soak=timedelta(seconds=soak))) <= 20


# -- the rule of the plan -----------------------------------------------------------------------


def test_the_rule_stands_on_the_card_with_every_number():
    told = Returning.model_validate(
        {"requests": 31, "soak": "17s", "patience": "7min", "stop_over_errors": "1.5 %", "return_over_errors": "6 %",
         "stop_over_latency_times": 3, "return_over_latency_times": 7.5, "latency_floor": "80 ms"}
    )  # fmt: skip
    rule = rule_of(with_plan(returning=told).recovery)
    assert said_of(ITEM, rule) == (
        "watch 25 % of api in azure-west: 31 requests for 17s within 7min, stop over 1.5 % errors or 3 times the "
        "latency, back over 6 % or 7.5 times, from 80 ms"
    )
    assert rule_of(HEARTH.recovery) == StopRule()


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "requests": st.integers(21, 99),
            "soak": st.integers(11, 99).map(lambda s: f"{s}s"),
            "patience": st.integers(6, 99).map(lambda s: f"{s}min"),
            "stop_over_errors": st.sampled_from(["2 %", "3.5 %"]),
            "return_over_errors": st.sampled_from(["6 %", "50 %"]),
            "stop_over_latency_times": st.sampled_from([1.5, 3.0]),
            "return_over_latency_times": st.sampled_from([5.5, 9.0]),
            "latency_floor": st.sampled_from(["50 ms", "2s"]),
        },
    )
)
def test_another_rule_is_said_otherwise_so_that_the_digest_covers_it(changes):
    other = rule_of(with_plan(returning=Returning.model_validate(changes)).recovery)
    assert (said_of(ITEM, other) == said_of(ITEM, StopRule())) is (not changes)


def test_what_is_asked_is_what_the_switch_says_else_the_proofs_that_are_addresses():
    switch = HEARTH.recovery.traffic["api"]
    assert isinstance(switch, TrafficManagerSwitch)
    assert addresses_asked(HEARTH.recovery, switch) == ("https://api.hearth.example/health",)
    own = switch.model_copy(update={"asked": ("https://www.hearth.example/",)})
    assert addresses_asked(HEARTH.recovery, own) == ("https://www.hearth.example/",)
