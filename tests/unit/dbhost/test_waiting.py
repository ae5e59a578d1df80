"""A survivor waits for a standby that confirms, and never long for one that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dbhost.waiting import LETS_GO_S, Ruling, Seen, quoted, rule

WAIT, LET_GO, AS_IT_IS = Ruling.WAIT, Ruling.LET_GO, Ruling.AS_IT_IS


@pytest.mark.parametrize(
    ("seen", "written", "confirmed", "ruling"),
    [
        (None, 100, 100, WAIT),
        (None, 100, 99, AS_IT_IS),
        (None, 100, None, AS_IT_IS),
        (Seen(100, 9.0), 500, 100, WAIT),
        (Seen(100, 9.0), 500, 99, AS_IT_IS),
        (Seen(100, 9.0), 100, None, AS_IT_IS),
        (Seen(100, 10.0 - LETS_GO_S), 100, 99, LET_GO),
        (Seen(100, 10.0 - LETS_GO_S), 100, None, LET_GO),
        (Seen(100, 10.0 - LETS_GO_S), 500, 100, WAIT),
    ],
)
def test_who_waits(seen, written, confirmed, ruling):
    assert rule(seen, 10.0, written, confirmed)[1] is ruling


def test_whoever_comes_back_has_to_have_what_was_written_meanwhile():
    seen, ruling = rule(Seen(100, 0.0), LETS_GO_S, 700, None)
    assert ruling is LET_GO
    seen, ruling = rule(seen, LETS_GO_S + 1, 710, 699)
    assert ruling is LET_GO
    seen, ruling = rule(seen, LETS_GO_S + 2, 720, 710)
    assert (seen, ruling) == (Seen(720, LETS_GO_S + 2), WAIT)


LOOKS = st.lists(st.tuples(st.floats(0.1, 3.0), st.integers(0, 50), st.none() | st.integers(0, 60)), max_size=60)


@given(LOOKS)
def test_however_it_comes_nobody_waits_long_for_one_that_confirms_nothing(looks):
    """Whoever waits, waits for a standby that confirmed all of an earlier look less than LETS_GO_S ago."""
    seen, now, written, confirmed, well_at = None, 0.0, 0, 0, 0.0
    waits = False
    for took, more, comes in looks:
        now, written = now + took, written + more
        confirmed = None if comes is None else min(written, (confirmed or 0) + comes)
        asked = seen.position if seen else written
        seen, ruling = rule(seen, now, written, confirmed)
        waits = ruling is WAIT or (waits and ruling is AS_IT_IS)
        if confirmed is not None and confirmed >= asked:
            well_at = now
            assert waits
        elif now - well_at >= LETS_GO_S + took:
            assert not waits


def test_a_name_is_quoted():
    assert quoted('a"b') == '"a""b"'
