"""What whoever starts a failover accepts to lose is read exactly, or nobody is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Refused
from tasks.recovery.accepting import must_fail_over, read_accepted
from tasks.recovery.values import Accepted


@pytest.mark.parametrize(
    ("rows", "span", "accepted"),
    [
        (0, "", Accepted()),
        (0, "  ", Accepted()),
        (150_000, "", Accepted(rows_count=150_000)),
        (0, "10min", Accepted(span=timedelta(minutes=10))),
        (1, " 2 h ", Accepted(rows_count=1, span=timedelta(hours=2))),
        (10**12, "366d", Accepted(rows_count=10**12, span=timedelta(days=366))),
    ],
)
def test_it_is_read(rows, span, accepted):
    assert read_accepted(rows, span) == accepted
    assert accepted.is_something == (accepted != Accepted())


@pytest.mark.parametrize("rows", [-1, 10**12 + 1])
def test_what_is_no_number_of_rows_is_refused(rows):
    with pytest.raises(Refused, match=f"{rows} is no number of rows"):
        read_accepted(rows, "10min")


@pytest.mark.parametrize("span", ["10", "ten minutes", "-5min", "0s", "5 rows", "367d", f"{10**30}w", "10min 5s", "∞"])
def test_what_is_no_time_is_refused_and_the_right_way_is_said(span):
    with pytest.raises(Refused, match="is no time that one could accept to lose") as refused:
        read_accepted(0, span)
    assert "10min" in refused.value.next_step


@given(rows=st.integers(), span=st.text(max_size=12))
def test_nothing_is_read_as_something_else(rows, span):
    try:
        accepted = read_accepted(rows, span)
    except Refused:
        return
    assert (accepted.rows_count or 0) == rows
    assert accepted.span is None or accepted.span > timedelta(0)
    assert (accepted.span is None) == (not span.strip())


@pytest.mark.parametrize("kind", ["switchover", "failback", "restore", "point-in-time-restore"])
def test_only_a_failover_has_a_loss_to_accept(kind):
    must_fail_over(kind, Accepted())
    must_fail_over("failover", Accepted(rows_count=1))
    with pytest.raises(Refused, match=f"a {kind} loses no row that one could accept"):
        must_fail_over(kind, Accepted(span=timedelta(hours=1)))
