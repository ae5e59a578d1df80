"""Incidents in the journal: one a root cause, whatever was decided on an older picture."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from blocks.errors import Broken, Refused
from blocks.ports.incidents import EventKind, Severity
from blocks.ports.notifications import Channel
from tests.contract.journal.words import ALL, HALF_AN_HOUR, MINUTE, assess, begin, change, changed, closed, opened


def _kinds(journal, incident):
    return [event.kind for event in journal.incident(incident.id)[1]]


def _waiting(journal, platform="hearth"):
    """Everything still to be told, in the order it may be told, as (channel, kind)."""
    told = []
    while batch := journal.claim_deliveries(platform, limit_count=50, lease=MINUTE):
        from blocks.ports.notifications import Sent

        for delivery in batch:
            told.append((delivery.channel, delivery.event.kind))
            journal.mark_sent(delivery.id, Sent("reference", "channel"))
    return told


def test_an_opened_incident_is_what_was_decided(journal):
    sweep = begin(journal)
    numbers = {"bad_pct": 3.5, "limit": "2 %", "huge": 1e22, "infinite": float("inf")}
    decided = opened(severity=Severity.PAGE, affected=("hub", "app"), numbers=numbers)
    (incident,) = assess(journal, decided, sweep=sweep)
    assert (incident.platform, incident.root, incident.severity) == ("hearth", "device-api", Severity.PAGE)
    assert (incident.sentence, incident.affected) == ("device-api does not answer", ("hub", "app"))
    assert (incident.version, incident.flow_run, incident.is_open) == (1, sweep, True)
    assert journal.open_incidents("hearth") == journal.open_incidents() == [incident]
    assert journal.open_incidents("storefront") == []
    found, (event,) = journal.incident(incident.id)
    assert found == incident
    assert (event.kind, event.text, event.who, event.at) == (
        EventKind.OPENED,
        "device-api does not answer",
        "vigie",
        incident.opened_at,
    )
    assert event.numbers == {**numbers, "infinite": "inf"}


def test_opening_what_is_open_changes_it(journal):
    (first,) = assess(journal, opened())
    (second,) = assess(journal, opened(sentence="device-api answers 503", severity=Severity.PAGE))
    assert second.id == first.id
    assert (second.severity, second.sentence, second.version) == (Severity.PAGE, "device-api answers 503", 2)
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.CHANGED]


def test_the_database_itself_has_one_open_incident_a_root(journal, journal_dsn):
    """Whatever runs in parallel and whoever forgot to lock: a second open row is refused, a closed one is not."""
    (first,) = assess(journal, opened())
    columns = (
        "platform_id, root, severity, sentence, affected, opened_at, reopened_count, acknowledged_by, "
        "acknowledged_at, silenced_until, silenced_by, flow_run, version, paged"
    )
    again = f"INSERT INTO incident (id, {columns}, closed_at) SELECT gen_random_uuid(), {columns}, %s FROM incident"
    with psycopg.connect(journal_dsn, autocommit=True) as connection:
        with pytest.raises(errors.UniqueViolation, match="incident_open_once"):
            connection.execute(again, (None,))
        connection.execute(again, (first.opened_at,))
    assert [incident.id for incident in journal.open_incidents()] == [first.id]


def test_saying_the_same_again_is_no_event(journal):
    (first,) = assess(journal, opened())
    waiting = journal.undelivered_count()
    (second,) = assess(journal, opened())
    (third,) = assess(journal, changed(sentence=first.sentence, incident=first.id))
    assert first.version == second.version == third.version
    assert journal.undelivered_count() == waiting


def test_the_same_words_that_now_ring_are_an_event(journal):
    (first,) = assess(journal, opened())
    assess(journal, changed(sentence=first.sentence, page=True))
    assess(journal, changed(sentence=first.sentence, page=True))
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.CHANGED]
    assert (Channel.PAGER, EventKind.CHANGED) in _waiting(journal)


def test_a_change_without_an_open_incident_opens_one(journal):
    (incident,) = assess(journal, changed())
    assert _kinds(journal, incident) == [EventKind.OPENED]


def test_closed_and_back_within_the_window_is_the_same_incident(journal):
    (first,) = assess(journal, opened(page=True))
    journal.acknowledge(first.id, "night desk", ALL)
    (gone,) = assess(journal, closed(incident=first.id))
    assert not gone.is_open
    assert journal.recently_closed("hearth", HALF_AN_HOUR) == [gone]
    assert journal.recently_closed("storefront", HALF_AN_HOUR) == []
    (back,) = assess(journal, opened(sentence="down again"))
    assert (back.id, back.is_open, back.reopened_count) == (first.id, True, 1)
    assert back.opened_at == first.opened_at == first.since
    assert back.since == back.reopened_at > gone.closed_at
    assert (back.acknowledged_by, back.acknowledged_at) == ("", None), (
        "whoever had it in hand was told that it was over"
    )
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.ACKNOWLEDGED, EventKind.CLOSED, EventKind.REOPENED]
    assert journal.recently_closed("hearth", HALF_AN_HOUR) == []


def test_closed_long_ago_is_another_incident(journal):
    (first,) = assess(journal, opened())
    assess(journal, closed())
    time.sleep(0.01)
    (second,) = assess(journal, opened(), reopen_within=timedelta(milliseconds=1))
    assert second.id != first.id
    assert second.reopened_count == 0


def test_reopening_names_an_incident(journal):
    (first,) = assess(journal, opened())
    assess(journal, closed())
    again = change(EventKind.REOPENED, "device-api", "down again", incident=first.id)
    (back,) = assess(journal, again, reopen_within=timedelta(0))
    assert (back.id, back.reopened_count) == (first.id, 1)


def test_reopening_an_incident_whose_root_has_a_newer_one_changes_that(journal):
    (old,) = assess(journal, opened())
    assess(journal, closed())
    (new,) = assess(journal, opened(), reopen_within=timedelta(0))
    (touched,) = assess(journal, change(EventKind.REOPENED, "device-api", "still down", incident=old.id))
    assert touched.id == new.id
    assert len(journal.open_incidents("hearth")) == 1


def test_closing_what_is_closed_is_nothing(journal):
    (first,) = assess(journal, opened())
    assess(journal, closed())
    assert assess(journal, closed(incident=first.id)) == []
    assert assess(journal, closed("hub")) == []
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.CLOSED]


def test_a_note_is_kept(journal):
    (first,) = assess(journal, opened())
    (noted,) = assess(journal, change(EventKind.NOTE, "device-api", "restarted by hand"))
    assert noted.sentence == first.sentence
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.NOTE]


def test_incidents_of_different_roots_and_platforms_live_apart(journal):
    assess(journal, opened("a"), opened("b"), opened("slo:availability"))
    assess(journal, opened("a"), platform="storefront")
    assert sorted(each.root for each in journal.open_incidents("hearth")) == ["a", "b", "slo:availability"]
    assert len(journal.open_incidents()) == 4


def test_the_loudest_and_oldest_come_first(journal):
    assess(journal, opened("a", severity=Severity.NOTICE), opened("b", severity=Severity.PAGE), opened("c"))
    assert [each.root for each in journal.open_incidents()] == ["b", "c", "a"]


def test_a_decision_about_another_root_is_refused(journal):
    (first,) = assess(journal, opened("a"))
    with pytest.raises(Broken, match="is about a of hearth, not b of hearth"):
        assess(journal, changed("b", incident=first.id))
    with pytest.raises(Broken, match="is about a of hearth, not a of storefront"):
        assess(journal, changed("a", incident=first.id), platform="storefront")


def test_an_incident_nobody_opened_is_broken(journal):
    for call in (
        lambda: journal.incident(uuid4()),
        lambda: journal.acknowledge(uuid4(), "night desk", ALL),
        lambda: journal.silence(uuid4(), "night desk", journal.now() + MINUTE, ALL),
    ):
        with pytest.raises(Broken, match="there is no incident"):
            call()


# -- people -----------------------------------------------------------------------------------


def test_acknowledging_twice_is_once(journal):
    (first,) = assess(journal, opened(page=True))
    taken = journal.acknowledge(first.id, "night desk", ALL)
    assert (taken.acknowledged_by, taken.version) == ("night desk", 2)
    assert taken.acknowledged_at is not None
    assert journal.acknowledge(first.id, "night desk", ALL) == taken == journal.incident(first.id)[0]
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.ACKNOWLEDGED]
    assert journal.acknowledge(first.id, "day desk", ALL).acknowledged_by == "day desk"
    assert [event.who for event in journal.incident(first.id)[1]] == ["vigie", "night desk", "day desk"]


def test_a_closed_incident_cannot_be_taken_or_silenced(journal):
    (first,) = assess(journal, opened())
    assess(journal, closed())
    with pytest.raises(Refused, match="already closed"):
        journal.acknowledge(first.id, "night desk", ALL)
    with pytest.raises(Refused, match="already closed"):
        journal.silence(first.id, "night desk", journal.now() + MINUTE, ALL)


def test_a_silence_has_an_end_in_the_future(journal):
    (first,) = assess(journal, opened())
    until = journal.now() + HALF_AN_HOUR
    quiet = journal.silence(first.id, "night desk", until, ALL)
    assert (quiet.silenced_by, quiet.silenced_until) == ("night desk", until)
    assert journal.silence(first.id, "night desk", until, ALL) == quiet == journal.incident(first.id)[0]
    with pytest.raises(Refused, match="must end later than now"):
        journal.silence(first.id, "night desk", journal.now() - MINUTE, ALL)
    with pytest.raises(Broken, match="no time zone"):
        journal.silence(first.id, "night desk", datetime(2030, 1, 1), ALL)  # noqa: DTZ001


def test_a_silence_asked_for_after_the_sweep_decided_still_counts(journal):
    (first,) = assess(journal, opened())
    _waiting(journal)
    journal.silence(first.id, "night desk", journal.now() + HALF_AN_HOUR, ())
    assess(journal, changed(page=True, severity=Severity.PAGE))
    assert _waiting(journal) == []
    assert _kinds(journal, first)[-1] is EventKind.CHANGED
    assess(journal, closed())
    assert _waiting(journal) == [(Channel.SLACK_MESSAGE, EventKind.CLOSED), (Channel.SLACK_THREAD, EventKind.CLOSED)]


def test_the_end_of_a_silence_counts_only_when_it_has_ended(journal):
    (first,) = assess(journal, opened())
    ended = change(EventKind.SILENCE_ENDED, "device-api", "told again", incident=first.id)
    assert assess(journal, ended) == [], "it was never silent"
    journal.silence(first.id, "night desk", journal.now() + HALF_AN_HOUR, ())
    assert assess(journal, ended) == [], "somebody prolonged it"
    journal.silence(first.id, "night desk", journal.now() + timedelta(milliseconds=100), ())
    _sleep_until(journal, journal.now() + timedelta(milliseconds=150))
    (loud,) = assess(journal, ended)
    assert (loud.silenced_until, loud.silenced_by) == (None, "")


def _sleep_until(journal, at):
    import time

    while journal.now() < at:
        time.sleep(0.02)


# -- who is told ------------------------------------------------------------------------------


def test_the_first_opening_is_a_message_without_a_thread_line(journal):
    assess(journal, opened())
    assert _waiting(journal) == [(Channel.SLACK_MESSAGE, EventKind.OPENED)]


def test_every_later_event_updates_the_message_and_adds_a_line(journal):
    (first,) = assess(journal, opened())
    _waiting(journal)
    for step, kind in (
        (lambda: assess(journal, changed()), EventKind.CHANGED),
        (lambda: journal.acknowledge(first.id, "night desk", ALL), EventKind.ACKNOWLEDGED),
        (lambda: journal.silence(first.id, "night desk", journal.now() + HALF_AN_HOUR, ALL), EventKind.SILENCED),
        (lambda: assess(journal, closed()), EventKind.CLOSED),
        (lambda: assess(journal, opened()), EventKind.REOPENED),
    ):
        step()
        assert _waiting(journal) == [(Channel.SLACK_MESSAGE, kind), (Channel.SLACK_THREAD, kind)]


def test_the_pager_rings_and_is_told_when_it_is_over(journal):
    (first,) = assess(journal, opened(page=True))
    assert _waiting(journal) == [(Channel.SLACK_MESSAGE, EventKind.OPENED), (Channel.PAGER, EventKind.OPENED)]
    journal.acknowledge(first.id, "night desk", ALL)
    assert (Channel.PAGER, EventKind.ACKNOWLEDGED) in _waiting(journal)
    assess(journal, closed())
    assert (Channel.PAGER, EventKind.CLOSED) in _waiting(journal)
    assess(journal, opened())
    assess(journal, closed())
    assert all(channel is not Channel.PAGER for channel, _ in _waiting(journal)), "nobody was rung the second time"


def test_who_was_never_rung_is_not_told_that_it_is_over(journal):
    (first,) = assess(journal, opened())
    journal.acknowledge(first.id, "night desk", ALL)
    assess(journal, closed())
    assert all(channel is not Channel.PAGER for channel, _ in _waiting(journal))


def test_a_pager_that_rang_is_resolved_even_when_nobody_is_to_be_told(journal):
    assess(journal, opened(page=True))
    _waiting(journal)
    assess(journal, closed(tell=False))
    assert _waiting(journal) == [(Channel.PAGER, EventKind.CLOSED)]


def test_what_is_not_to_be_told_is_recorded_all_the_same(journal):
    (first,) = assess(journal, opened(tell=False, page=True))
    assess(journal, changed(tell=False))
    assess(journal, closed(tell=False))
    assert _waiting(journal) == []
    assert _kinds(journal, first) == [EventKind.OPENED, EventKind.CHANGED, EventKind.CLOSED]
    assert journal.verify_chain("hearth") == 3


def test_only_the_customers_channels_are_used(journal):
    chat = (Channel.SLACK_MESSAGE, Channel.SLACK_THREAD)
    (first,) = assess(journal, opened(page=True), channels=chat)
    journal.acknowledge(first.id, "night desk", chat)
    assert {channel for channel, _ in _waiting(journal)} == set(chat)
