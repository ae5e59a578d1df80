"""What clients lived through is read from their own log: pauses, lost rows, and which site answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox.client_log import (
    WRITTEN,
    ClientLog,
    Pause,
    Write,
    between,
    by_site,
    first_after,
    longest_pause,
    lost_ids,
    parse_writes,
    pauses,
    read_writes,
)

START = datetime(2026, 11, 28, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return START + seconds * SECOND


def write(answered_s: float, *, site: str = "azure-west", took_s: float = 0.02) -> Write:
    return Write(uuid4(), int(answered_s * 10), at(answered_s - took_s), at(answered_s), site)


STEADY = [write(tenth / 10) for tenth in range(1, 100)]


def test_a_steady_writer_has_no_pause():
    assert pauses(STEADY, at(0), at(10), longer_than=SECOND) == []
    assert longest_pause(STEADY, at(0), at(10)).length <= timedelta(seconds=0.11)


def test_a_pause_is_from_the_last_answer_before_to_the_first_after():
    log = [write(1), write(2), write(9.5), write(10)]
    assert pauses(log, at(0.5), at(10), longer_than=2 * SECOND) == [Pause(at(2), at(9.5))]
    assert longest_pause(log, at(0.5), at(10)).length == 7.5 * SECOND


def test_silence_until_the_end_of_what_was_asked_is_a_pause():
    assert longest_pause(STEADY, at(0), at(40)) == Pause(at(9.9), at(40))


def test_without_any_write_all_of_it_was_a_pause():
    assert longest_pause([], at(0), at(40)) == Pause(at(0), at(40))


@given(st.lists(st.floats(0.01, 59.9), max_size=40))
def test_pauses_fill_the_time_exactly(moments):
    log = sorted((write(moment) for moment in moments), key=lambda each: each.at)
    found = pauses(log, at(0), at(60), longer_than=timedelta(-1))
    assert sum((pause.length for pause in found), timedelta()) == 60 * SECOND
    assert longest_pause(log, at(0), at(60)).length == max(pause.length for pause in found)


def test_lost_is_what_was_acknowledged_and_is_not_there():
    present = {each.id for each in STEADY[:90]} | {uuid4()}
    assert lost_ids(STEADY, present) == [each.id for each in STEADY[90:]]
    assert lost_ids(STEADY, {each.id for each in STEADY}) == []


def test_only_the_time_asked_for_counts():
    assert between([write(1), write(2), write(3)], at(2), at(2.5))[0].at == at(2)


def test_which_site_answered_when():
    log = [write(0.2), write(0.9), write(1.5), write(1.6, site="dc-west"), write(3.1, site="dc-west")]
    counted = by_site(log, step=SECOND)
    assert counted == {at(0): {"azure-west": 2}, at(1): {"azure-west": 1, "dc-west": 1}, at(3): {"dc-west": 1}}


def test_the_first_write_after_a_moment_began_after_it_too():
    log = [write(5.1, took_s=1.0), write(5.2, site="azure-west"), write(5.4, site="dc-west")]
    assert first_after(log, at(5)) is log[1]
    assert first_after(log, at(5), site="dc-west") is log[2]
    assert first_after(log, at(6)) is None


def test_a_log_is_read_as_it_was_written_and_half_a_line_is_left_for_later(tmp_path):
    log, row = ClientLog(tmp_path / WRITTEN), uuid4()
    log.note({"id": str(row), "number": 7, "sent_at": at(1).isoformat(), "at": at(1.02).isoformat(), "site": "dc-west"})
    with (tmp_path / WRITTEN).open("a") as file:
        file.write('{"id": "')
    assert read_writes(tmp_path) == [Write(row, 7, at(1), at(1.02), "dc-west")]


def test_no_client_no_writes(tmp_path):
    assert read_writes(tmp_path) == []


def test_a_line_that_is_not_a_write_is_an_error_and_not_a_row_less():
    with pytest.raises((ValueError, KeyError)):
        parse_writes([json.dumps({"id": str(UUID(int=1))}) + "\n"])
