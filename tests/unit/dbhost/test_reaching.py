"""Which backup leads to a moment, which is due, what goes: in every order in which lines were left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Refused
from blocks.ports.backups import BaseBackup, History, choose
from deployments.dbhost.reaching import first_gap, may_go, old_log, place_of, why_due

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
MIB = 1 << 20
SEGMENT = 16 * MIB
HOUR = timedelta(hours=1)


def backup(hours: float, *, timeline: int = 1, begin: int = 0, end: int | None = None, name: str = "") -> BaseBackup:
    """One that ended so many hours after `AT`."""
    end_bytes = begin + 1 if end is None else end
    named = name or f"base-{timeline}-{hours}"
    return BaseBackup(name=named, ended_at=AT + hours * HOUR, timeline=timeline, begin_bytes=begin, end_bytes=end_bytes)


ON_ONE = History(timeline=1, left_at={})


@pytest.mark.parametrize(
    ("moment", "chosen"),
    [(0.0, 0.0), (0.5, 0.0), (1.0, 1.0), (99.0, 2.0)],
    ids=["at its very end", "before the next", "at the next one's end", "long after"],
)
def test_the_newest_that_had_ended_by_then_is_used(moment, chosen):
    backups = [backup(2), backup(0), backup(1)]
    assert choose(backups, AT + moment * HOUR, ON_ONE).ended_at == AT + chosen * HOUR


def test_a_moment_before_all_of_them_is_refused_with_what_would_do():
    with pytest.raises(Refused, match="none of 2 base backups had ended by") as refused:
        choose([backup(0), backup(1)], AT - timedelta(seconds=1), ON_ONE)
    assert AT.isoformat() in str(refused.value.next_step)


def test_without_any_the_same_is_said():
    with pytest.raises(Refused, match="none of 0 base backups"):
        choose([], AT, ON_ONE)


def test_one_that_was_made_on_a_line_left_since_is_passed_over():
    """Restored to before the second backup: the log of timeline 2 goes on from the first one only."""
    before, after = backup(0, end=100), backup(1, begin=200, end=300)
    restored = History(timeline=2, left_at={1: 150})
    assert choose([before, after], AT + 5 * HOUR, restored) == before
    with pytest.raises(Refused, match="on a line that timeline 2 does not come from"):
        choose([after], AT + 5 * HOUR, restored)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 3), st.integers(0, 1000)), max_size=8),
    st.integers(0, 100),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_what_is_chosen_is_the_newest_of_those_that_lead_there(made, moment, left_one, left_two):
    backups = [backup(at, timeline=line, begin=end, end=end, name=str(n)) for n, (at, line, end) in enumerate(made)]
    history, wanted = History(timeline=3, left_at={1: left_one, 2: left_two}), AT + moment * HOUR
    ends = {1: left_one, 2: left_two, 3: 10**9}
    fit = [each for each in backups if each.ended_at <= wanted and each.end_bytes <= ends[each.timeline]]
    if not fit:
        with pytest.raises(Refused):
            choose(backups, wanted, history)
    else:
        assert choose(backups, wanted, history).ended_at == max(each.ended_at for each in fit)


@pytest.mark.parametrize(
    ("backups", "hours", "position", "said"),
    [
        ([], 0, 0, "there is none yet"),
        ([backup(0)], 23, 10, ""),
        ([backup(0)], 24, 10, "the newest is of 2026-11-28T12:00:00+00:00"),
        ([backup(0, end=MIB)], 1, 65 * MIB, "64 MiB of log were written since the newest, which is over 64"),
        ([backup(0, end=MIB)], 1, 65 * MIB - 1, ""),
        ([backup(0, timeline=9)], 1, 10, "there is none that leads anywhere"),
    ],
)
def test_when_the_next_one_is_due(backups, hours, position, said):
    now = AT + hours * HOUR
    found = why_due(backups, ON_ONE, now, every=timedelta(hours=24), position_bytes=position, log_bytes=64 * MIB)
    assert found == said


def test_those_beyond_the_kept_go_and_those_that_lead_nowhere_once_a_newer_one_leads():
    old, older, newest = backup(1), backup(0), backup(3, timeline=2, begin=500)
    lost = backup(2, begin=400, end=450)
    restored = History(timeline=2, left_at={1: 300})
    assert may_go([old, older, lost], restored, 2) == (), "what leads nowhere stays while nothing newer leads"
    assert may_go([old, older, lost, newest], restored, 2) == (older.name, lost.name)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 2), st.integers(0, 100)), max_size=8), st.integers(1, 4))
def test_the_newest_that_leads_somewhere_never_goes(made, kept):
    backups = [backup(at, timeline=line, end=end, name=str(n)) for n, (at, line, end) in enumerate(made)]
    history = History(timeline=2, left_at={1: 50})
    leading = sorted((each for each in backups if history.has(each)), key=lambda each: each.ended_at)
    gone = may_go(backups, history, kept)
    assert not {each.name for each in leading[-kept:]} & set(gone)
    assert len([each for each in leading if each.name not in gone]) <= kept


def segment(place: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{place // 256:08X}{place % 256:08X}"


def test_only_log_before_the_oldest_backup_is_old_and_histories_never_are():
    names = [segment(place) for place in range(250, 262)] + ["00000002.history", segment(3) + ".partial"]
    names += [segment(254) + ".00000028.backup"]
    found = old_log(names, [backup(0, begin=256 * SEGMENT + 40), backup(1, begin=260 * SEGMENT)], SEGMENT)
    assert found == tuple(sorted([segment(3) + ".partial", *(segment(place) for place in range(250, 256))]))
    assert old_log(names, [], SEGMENT) == ()
    assert old_log(names, [backup(0, timeline=0)], SEGMENT) == (), "where one begins is unknown"


def test_a_file_names_its_place_whatever_its_timeline():
    assert place_of("0000000A0000000200000003", SEGMENT) == 2 * 256 + 3


@pytest.mark.parametrize("lost", [None, 4, 5, 6, 7])
def test_a_segment_that_is_nowhere_is_named(lost):
    """Timeline 2 left timeline 1 in segment 6: what comes after it must be of the new one."""
    there = {segment(place) for place in (4, 5)} | {segment(place, 2) for place in (6, 7)}
    history = History(timeline=2, left_at={1: 6 * SEGMENT + 100})
    there -= {segment(lost), segment(lost, 2)} if lost is not None else set()
    made = backup(0, begin=4 * SEGMENT + 40, end=5 * SEGMENT)
    found = first_gap(there, made, history, 7 * SEGMENT + 9, SEGMENT)
    assert found == ("" if lost is None else segment(lost, 1 if lost < 6 else 2))


def test_a_file_of_a_line_that_was_never_ours_fills_no_gap():
    made = backup(0, begin=0)
    assert first_gap({segment(0), segment(1, 7)}, made, ON_ONE, 2 * SEGMENT, SEGMENT) == segment(1)
