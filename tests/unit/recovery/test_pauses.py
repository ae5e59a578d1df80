"""How long until the next look at an effect?"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.changes import Patience

SLOW = Patience(every=timedelta(seconds=5), at_most=timedelta(minutes=15))


def looks(patience, took_s):
    """(how many looks it took, how long after the effect it was seen)."""
    waited, count = 0.0, 1
    while waited < took_s:
        waited += patience.pause_s(waited)
        count += 1
    return count, waited - took_s


def test_what_is_soon_there_is_soon_seen_and_what_lasts_is_asked_no_oftener_than_before():
    assert looks(SLOW, 0.5)[1] <= 0.25
    assert looks(SLOW, 3)[0] <= 9
    assert SLOW.pause_s(60) == 5
    assert Patience(every=timedelta(0), at_most=timedelta(0)).pause_s(3) == 0


@given(st.floats(min_value=0, max_value=900), st.floats(min_value=0.2, max_value=30))
def test_nobody_waits_longer_than_half_of_what_it_took(took_s, every_s):
    patience = Patience(every=timedelta(seconds=every_s), at_most=timedelta(minutes=15))
    count, late = looks(patience, took_s)
    assert late <= max(0.2, took_s / 2) + 1e-6
    assert late <= every_s + 1e-6
    assert count <= took_s / min(every_s, 0.2) + 2
