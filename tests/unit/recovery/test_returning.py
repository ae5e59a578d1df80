"""Each share of clients earns the next one, and a storm sends them back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.recovery.returning import ClientsSeen, Next, StopRule, judge_share

GOOD = {
    "share_pct": 5,
    "requests_count": 200,
    "errors_count": 0,
    "latency_ms": 120.0,
    "latency_before_ms": 110.0,
    "seen_for": timedelta(seconds=30),
}

TABLE = {
    "all well": ({}, Next.GO_ON),
    "a few errors": ({"errors_count": 2}, Next.GO_ON),
    "over one per cent": ({"errors_count": 3}, Next.STOP),
    "five per cent": ({"errors_count": 10}, Next.STOP),
    "over five per cent": ({"errors_count": 11}, Next.RETURN),
    "everything fails": ({"errors_count": 200}, Next.RETURN),
    "twice as slow": ({"latency_ms": 220.0}, Next.GO_ON),
    "more than twice as slow": ({"latency_ms": 221.0}, Next.WAIT),
    "more than twice as slow, still": ({"latency_ms": 221.0, "seen_for": timedelta(minutes=5)}, Next.STOP),
    "five times as slow": ({"latency_ms": 550.0}, Next.WAIT),
    "five times as slow, still": ({"latency_ms": 550.0, "seen_for": timedelta(minutes=5)}, Next.STOP),
    "more than five times as slow": ({"latency_ms": 551.0}, Next.RETURN),
    "slow, but nobody notices": ({"latency_ms": 100.0, "latency_before_ms": 5.0}, Next.GO_ON),
    "slow where it was quick": ({"latency_ms": 201.0, "latency_before_ms": 5.0}, Next.WAIT),
    "no latency": ({"latency_ms": None}, Next.WAIT),
    "no latency, still": ({"latency_ms": None, "seen_for": timedelta(minutes=5)}, Next.STOP),
    "a latency that is none": ({"latency_ms": float("nan")}, Next.WAIT),
    "a latency that is none, still": ({"latency_ms": float("nan"), "seen_for": timedelta(minutes=5)}, Next.STOP),
    "nothing to compare with": ({"latency_ms": 199.0, "latency_before_ms": None}, Next.GO_ON),
    "nothing to compare with, and slow": ({"latency_ms": 600.0, "latency_before_ms": None}, Next.RETURN),
    "good again, late": ({"seen_for": timedelta(minutes=5)}, Next.GO_ON),
    "slow, and too early to say": ({"latency_ms": 900.0, "seen_for": timedelta(seconds=9)}, Next.WAIT),
    "a few fail, early": ({"errors_count": 3, "seen_for": timedelta(seconds=1)}, Next.STOP),
    "far too slow, and a few fail": ({"errors_count": 3, "latency_ms": 551.0}, Next.RETURN),
    "too early": ({"seen_for": timedelta(seconds=9)}, Next.WAIT),
    "bad at once": ({"seen_for": timedelta(seconds=1), "errors_count": 100}, Next.RETURN),
    "too few": ({"requests_count": 19, "errors_count": 0}, Next.WAIT),
    "too few, and they fail": ({"requests_count": 19, "errors_count": 19}, Next.WAIT),
    "too few for too long": ({"requests_count": 19, "seen_for": timedelta(minutes=5)}, Next.STOP),
    "nobody": ({"requests_count": 0, "latency_ms": None, "seen_for": timedelta(minutes=9)}, Next.STOP),
    "just enough": ({"requests_count": 20}, Next.GO_ON),
}


@pytest.mark.parametrize(("changes", "comes"), TABLE.values(), ids=TABLE)
def test_what_comes_next(changes, comes):
    assert judge_share(ClientsSeen(**(GOOD | changes))).next is comes


def test_the_sentence_has_the_numbers():
    assert judge_share(ClientsSeen(**(GOOD | {"errors_count": 11}))).text == (
        "at 5 % 11 of 200 requests failed (5.5 %), 95 % answered within 120 ms against 110 ms before: "
        "over 5 % errors or 5 times the latency"
    )
    slow = ClientsSeen(**(GOOD | {"latency_ms": 221.0, "seen_for": timedelta(minutes=5)}))
    assert judge_share(slow).text == (
        "at 5 % 0 of 200 requests failed (0.0 %), 95 % answered within 221 ms against 110 ms before: "
        "over 1 % errors or 2 times the latency, still after 300 s"
    )
    few = ClientsSeen(**(GOOD | {"requests_count": 3, "seen_for": timedelta(minutes=6)}))
    assert judge_share(few).text == "at 5 % only 3 requests of 20 were seen in 360 s: nothing is proven"


ORDER = [Next.GO_ON, Next.WAIT, Next.STOP, Next.RETURN]


@given(
    errors=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    latency=st.tuples(st.floats(1, 2000), st.floats(1, 2000)),
)
def test_worse_clients_never_bring_more_of_them(errors, latency):
    def comes(error, slow):
        seen = ClientsSeen(**(GOOD | {"requests_count": 100, "errors_count": error, "latency_ms": slow}))
        return ORDER.index(judge_share(seen).next)

    assert comes(min(errors), min(latency)) <= comes(max(errors), max(latency))


def test_the_rule_may_be_another():
    strict = StopRule(return_over_errors_pct=0.0)
    assert judge_share(ClientsSeen(**(GOOD | {"errors_count": 1})), strict).next is Next.RETURN
