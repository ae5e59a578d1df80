"""What is to be told: in order, by one at a time, once, whatever dies in between."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from blocks.errors import Broken
from blocks.journal.adapter import PostgresJournal
from blocks.ports.incidents import EventKind
from blocks.ports.notifications import Channel, Sent
from tests.contract.journal.words import ALL, MINUTE, assess, changed, closed, opened

SHORT = timedelta(milliseconds=150)
MESSAGE = (Channel.SLACK_MESSAGE,)


@pytest.fixture
def lapse(journal_dsn):
    """Let every claim be over, as time would."""

    def now() -> None:
        with psycopg.connect(journal_dsn) as connection:
            connection.execute("UPDATE delivery SET claimed_until = now() WHERE claimed_until IS NOT NULL")

    return now


def _claim(journal, lease=MINUTE, limit_count=50):
    return journal.claim_deliveries("hearth", limit_count=limit_count, lease=lease)


def test_a_delivery_says_what_it_tells(journal):
    (incident,) = assess(journal, opened())
    (delivery,) = _claim(journal)
    assert (delivery.platform, delivery.incident, delivery.channel) == ("hearth", incident.id, Channel.SLACK_MESSAGE)
    assert (delivery.sequence, delivery.attempt_count, delivery.was_claimed_before) == (1, 0, False)
    assert delivery.event == journal.incident(incident.id)[1][0]


def test_a_claimed_delivery_is_nobody_elses(journal):
    assess(journal, opened("a"), opened("b"))
    assert len(_claim(journal, limit_count=1)) == 1
    assert len(_claim(journal)) == 1
    assert _claim(journal) == []
    assert journal.undelivered_count("hearth") == journal.undelivered_count() == 2
    assert journal.undelivered_count("storefront") == 0
    assert journal.claim_deliveries("storefront", limit_count=5, lease=MINUTE) == []


def test_a_lapsed_claim_warns_the_next_sender(journal):
    assess(journal, opened())
    (first,) = _claim(journal, lease=SHORT)
    time.sleep(SHORT.total_seconds() + 0.05)
    (second,) = _claim(journal)
    assert second.id == first.id
    assert (second.attempt_count, second.was_claimed_before) == (1, True)


def test_a_failed_delivery_waits_its_time(journal):
    assess(journal, opened())
    (first,) = _claim(journal)
    journal.mark_failed(first.id, "Slack asked us to wait\x00", MINUTE)
    assert _claim(journal) == []
    journal.mark_failed(first.id, "Slack asked us to wait", SHORT)
    time.sleep(SHORT.total_seconds() + 0.05)
    (second,) = _claim(journal)
    assert (second.id, second.attempt_count, second.was_claimed_before) == (first.id, 1, True)
    assert second.not_before is not None


def test_sent_is_sent_and_the_first_evidence_stays(journal):
    (incident,) = assess(journal, opened())
    (delivery,) = _claim(journal)
    assert journal.sent_reference(incident.id, Channel.SLACK_MESSAGE) is None
    journal.mark_sent(delivery.id, Sent("1700000000.000100", "C1"))
    journal.mark_sent(delivery.id, Sent("another", "C2"))
    journal.mark_failed(delivery.id, "late report of a sender that was slow", SHORT)
    assert journal.sent_reference(incident.id, Channel.SLACK_MESSAGE) == Sent("1700000000.000100", "C1")
    assert journal.sent_reference(incident.id, Channel.PAGER) is None
    assert (journal.undelivered_count(), _claim(journal)) == (0, [])


def test_a_delivery_nobody_wrote_is_broken(journal):
    with pytest.raises(Broken, match="no delivery"):
        journal.mark_sent(uuid4(), Sent("x"))
    with pytest.raises(Broken, match="no delivery"):
        journal.mark_failed(uuid4(), "x", SHORT)


def test_nothing_overtakes_in_one_channel(journal):
    assess(journal, opened(page=True))
    assess(journal, closed())
    assess(journal, opened(sentence="again", page=True))
    rung = []
    while batch := [each for each in _claim(journal) if each.channel is Channel.PAGER]:
        assert len(batch) == 1, "only the head can be claimed"
        rung.append((batch[0].sequence, batch[0].event.kind))
        assert [each for each in _claim(journal) if each.channel is Channel.PAGER] == []
        journal.mark_sent(batch[0].id, Sent("key"))
    assert rung == [(1, EventKind.OPENED), (2, EventKind.CLOSED), (3, EventKind.REOPENED)]


def test_a_failed_head_holds_back_what_comes_after_it(journal):
    assess(journal, opened(page=True), channels=(Channel.PAGER,))
    assess(journal, closed(), channels=(Channel.PAGER,))
    (head,) = _claim(journal)
    journal.mark_failed(head.id, "no answer", MINUTE)
    assert _claim(journal) == []
    journal.mark_sent(head.id, Sent("key"))
    assert [each.event.kind for each in _claim(journal)] == [EventKind.CLOSED]


def test_a_thread_line_waits_for_its_message(journal):
    (incident,) = assess(journal, opened())
    (message,) = _claim(journal)
    journal.acknowledge(incident.id, "night desk", ALL)
    assert _claim(journal) == [], "nothing to hang the line under yet, and the message is being sent"
    journal.mark_sent(message.id, Sent("ts", "C1"))
    assert {each.channel for each in _claim(journal)} == {Channel.SLACK_MESSAGE, Channel.SLACK_THREAD}


def test_updates_nobody_has_tried_collapse_into_the_newest(journal):
    assess(journal, opened(), channels=MESSAGE)
    for n in range(4):
        assess(journal, changed(sentence=f"{n} of 200 devices failed"), channels=MESSAGE)
    (only,) = _claim(journal)
    assert only.sequence == 5
    assert journal.undelivered_count() == 1
    journal.mark_sent(only.id, Sent("ts", "C1"))
    assert (_claim(journal), journal.undelivered_count()) == ([], 0)


def test_what_may_have_been_posted_is_never_collapsed(journal, lapse):
    """Its sender may have died after posting: only that delivery's id finds the post again."""
    assess(journal, opened(), channels=MESSAGE)
    (tried,) = _claim(journal)
    for n in range(3):
        assess(journal, changed(sentence=f"{n} of 200 devices failed"), channels=MESSAGE)
    assert _claim(journal) == []
    lapse()
    (again,) = _claim(journal)
    assert (again.id, again.was_claimed_before) == (tried.id, True)
    journal.mark_sent(again.id, Sent("ts", "C1"))
    (newest,) = _claim(journal)
    assert newest.sequence == 4
    assert journal.undelivered_count() == 1


def test_thread_lines_never_collapse(journal):
    (incident,) = assess(journal, opened())
    (message,) = _claim(journal)
    journal.mark_sent(message.id, Sent("ts", "C1"))
    for n in range(3):
        assess(journal, changed(sentence=f"{n} of 200 devices failed"))
    lines = []
    while batch := _claim(journal):
        for each in batch:
            lines += [each.event.text] if each.channel is Channel.SLACK_THREAD else []
            journal.mark_sent(each.id, Sent("ts2", "C1"))
    assert lines == [f"{n} of 200 devices failed" for n in range(3)]
    assert journal.incident(incident.id)[0].version == 4


def test_many_senders_share_the_work_and_double_nothing(journal, journal_dsn):
    assess(journal, *(opened(f"service-{n}", page=True) for n in range(30)))
    for n in range(30):
        assess(journal, closed(f"service-{n}"))

    def send(_: int) -> list[tuple[object, ...]]:
        told = []
        with PostgresJournal(journal_dsn) as mine:
            while mine.undelivered_count():
                for each in mine.claim_deliveries("hearth", limit_count=3, lease=MINUTE):
                    told.append((each.id, each.incident, each.channel, each.sequence, time.monotonic()))
                    mine.mark_sent(each.id, Sent("r"))
        return told

    with ThreadPoolExecutor(6) as pool:
        told = [each for batch in pool.map(send, range(6)) for each in batch]
    assert len({each[0] for each in told}) == len(told)
    rung = [each for each in told if each[2] is Channel.PAGER]
    assert len(rung) == 60
    assert sum(1 for each in told if each[2] is Channel.SLACK_THREAD) == 30
    for incident in {each[1] for each in rung}:
        mine = sorted((each for each in rung if each[1] == incident), key=lambda each: each[4])
        assert [each[3] for each in mine] == [1, 2]


def test_what_could_be_claimed_now_is_known_without_claiming(journal):
    assert not journal.may_be_due("hearth")
    assess(journal, opened(), channels=MESSAGE)
    assert journal.may_be_due("hearth")
    assert not journal.may_be_due("storefront")
    (mine,) = journal.claim_deliveries("hearth", limit_count=20, lease=MINUTE)
    assert not journal.may_be_due("hearth")  # somebody is at it
    journal.mark_failed(mine.id, "Slack does not answer", timedelta(milliseconds=300))
    assert not journal.may_be_due("hearth")  # it was tried a moment ago
    time.sleep(0.4)
    assert journal.may_be_due("hearth")
    journal.mark_sent(journal.claim_deliveries("hearth", limit_count=20, lease=MINUTE)[0].id, Sent("1700000000.1"))
    assert not journal.may_be_due("hearth")
