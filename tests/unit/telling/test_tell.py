"""Told once, in order, whatever dies: every door, every moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.incidents import EventKind
from blocks.ports.notifications import Channel, Sent
from tasks.incidents.tell import LEASE, deliver_due
from tests.unit.telling.ledgers import ALL, Died, FakeClock, FakeLedger, FakePager, FakeSlack

LIFE = (EventKind.OPENED, EventKind.ACKNOWLEDGED, EventKind.CLOSED)


class House:
    """One platform with its ledger, its doors and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger(self.clock)
        self.slack = FakeSlack(self.clock)
        self.pager = FakePager()

    async def tell(self, **doors):
        doors = {"messenger": self.slack, "pager": self.pager} | doors
        return await deliver_due(
            self.ledger,
            doors["messenger"],
            doors["pager"],
            self.ledger.picture,
            self.clock,
            platform="hearth",
            channel="C1",
        )

    def live(self, *kinds: EventKind, channels=ALL) -> UUID:
        incident = uuid4()
        for kind in kinds or LIFE:
            self.ledger.add(incident, kind, channels)
        return incident

    def told_once(self, incident: UUID, *kinds: EventKind) -> None:
        kinds = kinds or LIFE
        heads = {ts: version for ts, (_, about, version) in self.slack.posted.items() if about == incident}
        assert list(heads.values()) == [len(kinds)]
        (ts,) = heads
        assert [text for _, text in self.slack.threads[ts]] == [f"event {i}" for i in range(len(kinds))]
        assert self.pager.rung == [str(incident)]
        assert self.ledger.undelivered_count() == 0


@pytest.fixture
def house() -> House:
    return House()


async def test_an_incident_is_told_through_every_door_in_order(house):
    incident = house.live()
    report = await house.tell()
    house.told_once(incident)
    assert (report.sent_count, report.found_count, report.failures, report.undelivered_count) == (9, 0, (), 0)
    assert report.sentence == "9 told"
    assert [action for action, _ in house.pager.actions] == ["trigger", "acknowledge", "resolve"]


async def test_nothing_due_says_nothing(house):
    assert (await house.tell()).sentence == "0 told"


CRASHES = [
    (door, call, moment)
    for door, calls in (("slack", ("post", "update", "reply")), ("pager", ("trigger", "acknowledge", "resolve")))
    for call in calls
    for moment in ("before", "after")
]


@pytest.mark.parametrize(("door", "call", "moment"), CRASHES)
async def test_killed_around_a_send_it_is_told_once_all_the_same(house, door, call, moment):
    incident, left = house.live(), [1]

    def die(what: str):
        if what == call and left and left.pop():
            return Died()
        return None

    setattr(getattr(house, door), moment, die)
    with pytest.raises(Died):
        await house.tell()
    assert house.ledger.undelivered_count() > 0
    house.clock.passed += LEASE.total_seconds() + 1
    await house.tell()
    house.told_once(incident)


@pytest.mark.parametrize("channel", ALL)
async def test_killed_before_the_mark_it_is_found_and_told_once(house, channel):
    incident, left = house.live(), [1]

    def die(delivery):
        if delivery.channel is channel and left:
            left.pop()
            raise Died

    house.ledger.before_mark = die
    with pytest.raises(Died):
        await house.tell()
    house.clock.passed += LEASE.total_seconds() + 1
    report = await house.tell()
    house.told_once(incident)
    assert report.found_count == (0 if channel is Channel.PAGER else 1)


async def test_a_lost_answer_is_looked_for_before_it_is_said_again(house):
    incident, left = house.live(), [1, 1]
    house.slack.after = lambda call: Retryable("lost") if call in {"post", "reply"} and left and left.pop() else None
    await house.tell()
    for _ in range(4):
        house.clock.passed += 60
        await house.tell()
    house.told_once(incident)
    assert house.slack.found == 2


@pytest.mark.parametrize(
    "error", [Retryable("down", code="api_unreachable"), Refused("no", code="credentials"), Broken("odd")]
)
async def test_a_door_that_fails_does_not_stop_the_other(house, error):
    incident = house.live()
    house.slack.before = lambda _: error
    report = await house.tell()
    assert house.pager.rung == [str(incident)]
    assert house.ledger.waiting(Channel.PAGER) == []
    assert report.undelivered_count == 6
    assert str(error.what) in report.sentence
    house.slack.before = lambda _: None
    house.clock.passed += 301
    await house.tell()
    house.told_once(incident)


async def test_a_pager_that_fails_does_not_stop_slack(house):
    incident = house.live()
    house.pager.before = lambda _: Retryable("down")
    await house.tell()
    assert house.ledger.waiting(Channel.SLACK_MESSAGE) == house.ledger.waiting(Channel.SLACK_THREAD) == []
    assert len(house.ledger.waiting(Channel.PAGER)) == 3
    house.pager.before = lambda _: None
    house.clock.passed += 301
    await house.tell()
    house.told_once(incident)


async def test_a_door_that_is_down_is_knocked_at_once_only(house):
    for _ in range(30):
        house.live(EventKind.OPENED)
    knocks: list[str] = []
    house.slack.before = lambda call: knocks.append(call) or Retryable("down")
    await house.tell()
    assert knocks == ["post"]


async def test_a_message_that_slack_does_not_take_stops_only_its_own_incident(house):
    bad, good = house.live(), house.live()
    refuse = {"on": True}
    original = house.slack.post

    async def post(channel, picture, delivery):
        if picture.incident.id == bad and refuse["on"]:
            raise Broken("invalid_blocks")
        return await original(channel, picture, delivery)

    house.slack.post = post
    await house.tell()
    assert [about for _, about, _ in house.slack.posted.values()] == [good]
    refuse["on"] = False
    house.clock.passed += 301
    await house.tell()
    assert house.ledger.undelivered_count() == 0


async def test_the_other_sides_wish_for_a_pause_is_honoured(house):
    house.live(EventKind.OPENED, channels=(Channel.SLACK_MESSAGE,))
    house.slack.before = lambda _: Retryable("slow down", code="throttled", retry_after=timedelta(minutes=7))
    report = await house.tell()
    assert report.failures[0].retry_in == timedelta(minutes=7)
    assert house.ledger.rows[0].not_before == pytest.approx(420, abs=2)


async def test_a_short_pause_is_waited_out_here(house):
    incident, left = house.live(), [1, 1]
    house.slack.before = lambda call: (
        Retryable("slow", code="throttled", retry_after=timedelta(seconds=3))
        if call == "post" and left and left.pop()
        else None
    )
    report = await house.tell()
    house.told_once(incident)
    assert report.failures == ()
    assert house.slack.said_at[0] >= 6


async def test_endless_throttling_ends_the_call(house):
    house.live()
    house.slack.before = lambda _: Retryable("slow", code="throttled", retry_after=timedelta(seconds=2))
    house.pager.before = house.slack.before
    report = await house.tell()
    assert report.undelivered_count == 9
    assert house.clock.passed < 60


async def test_throttling_that_asks_for_no_pause_at_all_ends_too(house):
    house.live(EventKind.OPENED, channels=(Channel.SLACK_MESSAGE,))
    asked = []

    def slow(call):
        asked.append(call)
        assert len(asked) < 100, "it is asked without end"
        return Retryable("slow", code="throttled", retry_after=timedelta(0))

    house.slack.before = slow
    assert (await house.tell()).undelivered_count == 1
    assert len(asked) > 1


async def test_throttled_without_a_wish_it_waits_in_the_ledger(house):
    house.live(EventKind.OPENED, channels=(Channel.SLACK_MESSAGE,))
    house.slack.before = lambda _: Retryable("slow", code="throttled")
    report = await house.tell()
    assert [failure.retry_in for failure in report.failures] == [timedelta(seconds=5)]
    assert house.clock.passed == 0


async def test_what_waits_for_another_line_is_looked_at_again_soon(house):
    incident = house.live(EventKind.OPENED)
    await house.tell()
    house.ledger.add(incident, EventKind.ACKNOWLEDGED, (Channel.SLACK_MESSAGE, Channel.SLACK_THREAD))
    house.slack.before = lambda call: Broken("Slack does not take it") if call == "update" else None
    report = await house.tell()
    pauses = {failure.channel: failure.retry_in for failure in report.failures}
    assert pauses == {Channel.SLACK_MESSAGE: timedelta(minutes=5), Channel.SLACK_THREAD: timedelta(seconds=5)}


async def test_pauses_grow_and_stay_under_five_minutes(house):
    house.live(EventKind.OPENED, channels=(Channel.PAGER,))
    house.pager.before = lambda _: Retryable("down")
    pauses = []
    for _ in range(9):
        report = await house.tell()
        pauses.append(report.failures[0].retry_in.total_seconds())
        house.clock.passed += pauses[-1]
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


async def test_one_message_a_second_at_most(house):
    for _ in range(5):
        house.live()
    await house.tell()
    gaps = [b - a for a, b in zip(house.slack.said_at, house.slack.said_at[1:], strict=False)]
    assert len(gaps) == 29
    assert min(gaps) >= 1


async def test_only_what_is_left_of_the_second_is_waited_for(house):
    def took(_):
        house.clock.passed += 0.4

    house.slack.after = took
    house.live()
    await house.tell()
    gaps = [b - a for a, b in zip(house.slack.said_at, house.slack.said_at[1:], strict=False)]
    assert gaps == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(("seconds", "sent_count"), [(60, 2), (60.1, 1), (LEASE.total_seconds(), 1)])
async def test_a_claim_that_grew_old_is_not_used(house, seconds, sent_count):
    house.live(EventKind.OPENED, channels=(Channel.SLACK_MESSAGE,))
    house.live(EventKind.OPENED, channels=(Channel.SLACK_MESSAGE,))

    async def stall(channel, picture, delivery):
        house.clock.passed += seconds
        return Sent("1", channel)

    house.slack.post = stall
    report = await house.tell()
    assert report.sent_count == sent_count
    assert report.undelivered_count == 2 - sent_count


@pytest.mark.parametrize(("door", "channel"), [("messenger", Channel.SLACK_MESSAGE), ("pager", Channel.PAGER)])
async def test_a_door_that_is_not_configured_keeps_its_deliveries_and_says_what_to_do(house, door, channel):
    house.live(EventKind.OPENED)
    report = await house.tell(**{door: None})
    assert len(house.ledger.waiting(channel)) == 1
    assert "fill in the customer's block" in report.sentence


async def test_a_note_and_a_silence_ring_nobody_again(house):
    kinds = (EventKind.OPENED, EventKind.NOTE, EventKind.SILENCED, EventKind.SILENCE_ENDED, EventKind.CLOSED)
    incident = house.live(*kinds)
    report = await house.tell()
    house.told_once(incident, *kinds)
    assert report.found_count == 0, "nobody told it before"
    assert [action for action, _ in house.pager.actions] == ["trigger", "acknowledge", "trigger", "resolve"]


async def test_the_pager_is_told_about_the_moment_and_not_about_now(house):
    seen = []

    async def send(action, picture, key):
        seen.append((action.value, picture.incident.is_open, picture.incident.reopened_count, len(picture.events)))
        return Sent(key)

    house.pager.send = send
    house.live(EventKind.OPENED, EventKind.CLOSED, EventKind.REOPENED, EventKind.CLOSED, channels=(Channel.PAGER,))
    await house.tell()
    assert seen == [
        ("trigger", True, 0, 1),
        ("resolve", False, 0, 2),
        ("trigger", True, 1, 3),
        ("resolve", False, 1, 4),
    ]


async def test_a_delivery_about_nothing_is_reported_and_harms_no_other(house):
    incident = house.live()
    (empty,) = house.ledger.add(uuid4(), EventKind.OPENED, (Channel.PAGER,))
    house.ledger.rows[-1].delivery = replace(empty, event=None)
    report = await house.tell()
    assert "is about nothing" in report.sentence
    assert house.pager.rung == [str(incident)]


async def test_what_the_journal_raises_is_raised_and_told_once_later(house):
    incident, left = house.live(), [1]

    def gone(_):
        if left:
            left.pop()
            raise Retryable("the journal does not answer")

    house.ledger.before_mark = gone
    with pytest.raises(Retryable, match="journal"):
        await house.tell()
    house.clock.passed += LEASE.total_seconds() + 1
    await house.tell()
    house.told_once(incident)


async def test_in_one_batch_a_later_line_never_overtakes_an_earlier_one_that_failed(house):
    incident = house.live(EventKind.OPENED)
    await house.tell()
    lines = [
        house.ledger.add(incident, kind, (Channel.SLACK_THREAD,))[0] for kind in (EventKind.NOTE, EventKind.CLOSED)
    ]
    batches = [lines, []]
    house.ledger.claim_deliveries = lambda *_, **__: batches.pop(0)
    left = [1]
    house.slack.before = lambda call: Broken("odd") if call == "reply" and left and left.pop() else None
    await house.tell()
    assert [text for _, text in house.slack.threads["1"]] == ["event 0"]
    assert [row.reason[:5] for row in house.ledger.rows[-2:]] == ["odd", "waits"]


async def test_a_fault_of_ours_at_one_door_lets_the_other_finish_what_it_began(house):
    house.live(EventKind.OPENED)
    post = house.slack.post

    async def slowly(*arguments):
        for _ in range(5):
            await asyncio.sleep(0)
        return await post(*arguments)

    def gone(delivery):
        if delivery.channel is Channel.PAGER:
            raise Retryable("the journal does not answer")

    house.slack.post, house.ledger.before_mark = slowly, gone
    with pytest.raises(Retryable):
        await house.tell()
    assert house.ledger.waiting(Channel.SLACK_MESSAGE) == []


FAULTS = st.sampled_from(
    ["", "", "", "retry-before", "retry-after", "throttle", "refuse", "broken", "die-before", "die-after"]
)
SURE = {"retry-before": Retryable("r"), "throttle": Retryable("t", code="throttled", retry_after=timedelta(seconds=2)),
        "refuse": Refused("n"), "broken": Broken("b"), "die-before": Died()}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(FAULTS, max_size=30), st.lists(st.sampled_from(list(EventKind)[2:7]), max_size=4), st.integers(1, 3))
async def test_whatever_goes_wrong_in_any_order_everybody_is_told_once(faults, middle, incidents):
    house, script = House(), iter(faults)
    kinds = (EventKind.OPENED, *middle, EventKind.CLOSED)
    lives = [house.live(*kinds) for _ in range(incidents)]
    now: list[str] = [""]

    def before(_: str):
        now[0] = next(script, "")
        return SURE.get(now[0])

    def after(_: str):
        return {"retry-after": Retryable("lost"), "die-after": Died()}.get(now[0])

    for door in (house.slack, house.pager):
        door.before, door.after = before, after
    for _ in range(200):
        with suppress(Died):
            await house.tell()
        house.clock.passed += 301
        if not house.ledger.undelivered_count():
            break
    assert sorted(house.pager.rung) == sorted(map(str, lives))
    for incident in lives:
        house.pager.rung = [str(incident)]
        house.told_once(incident, *kinds)
