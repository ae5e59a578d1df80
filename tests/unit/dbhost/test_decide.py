"""A server that was a primary takes writes again only when nobody is ahead of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dbhost.decide import PeerSaid, must_fence, refuses_rewind, rule_start

SYSTEM = "7713"


def peer(timeline: int = 1, *, writes: bool = False, system: str = SYSTEM, answered: bool = True) -> PeerSaid:
    return PeerSaid(address="db2:8443", answered=answered, system_id=system, timeline=timeline, takes_writes=writes)


SILENT = PeerSaid(address="db2:8443", answered=False)


@pytest.mark.parametrize(
    ("peers", "alone", "starts", "why"),
    [
        ([], False, True, "no peer is ahead"),
        ([peer(1)], False, True, "no peer is ahead"),
        ([peer(2, writes=True)], True, False, "timeline 2 and takes writes"),
        ([peer(2)], True, False, "went on without this server"),
        ([peer(1, writes=True)], True, False, "takes writes on timeline 1"),
        ([peer(0, writes=True)], True, False, "takes writes on timeline 0"),
        ([SILENT], False, False, "a person releases it"),
        ([SILENT], True, True, "configured to start alone"),
        ([peer(9, writes=True, system="other")], False, False, "a person releases it"),
        ([SILENT, peer(1)], False, True, "no peer is ahead"),
        ([peer(1), peer(3)], True, False, "timeline 3"),
    ],
)
def test_when_a_former_primary_starts(peers, alone, starts, why):
    ruling = rule_start(SYSTEM, 1, peers, starts_alone=alone)
    assert (ruling.may_start, why in ruling.why) == (starts, True), ruling.why


@pytest.mark.parametrize(
    ("timeline", "waits"), [(1, True), (2, False), (3, False)], ids=["it gives way", "two of one", "we give way"]
)
def test_it_waits_only_for_one_that_will_give_way(timeline, waits):
    other = peer(timeline, writes=True)
    ruling = rule_start(SYSTEM, 2, [other], starts_alone=True)
    assert (ruling.may_start, ruling.waits) == (False, waits)


@given(
    st.lists(
        st.builds(peer, st.integers(0, 5), writes=st.booleans(), system=st.sampled_from([SYSTEM, "other"])), max_size=4
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_it_never_starts_beside_one_that_is_ahead_or_writes(peers, timeline, alone):
    related = [each for each in peers if each.system_id == SYSTEM]
    if rule_start(SYSTEM, timeline, peers, starts_alone=alone).may_start:
        assert not [each for each in related if each.takes_writes or each.timeline > timeline]


@pytest.mark.parametrize(
    ("said", "fences"),
    [
        (peer(2, writes=True), True),
        (peer(2), False),
        (peer(1, writes=True), False),
        (peer(2, writes=True, system="other"), False),
        (SILENT, False),
        (replace(peer(2), wants_writes=True), True),
        (replace(peer(1), wants_writes=True), False),
    ],
)
def test_a_running_primary_fences_itself_when_it_is_left_behind(said, fences):
    assert bool(must_fence(SYSTEM, 1, [said])) is fences


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "not counted"),
        ({"rows": 3}, "3 row changes"),
        ({"rows": 3, "saved_in": ""}, "saved nowhere"),
        ({"rows": 3, "saved_in": "beyond-1.jsonl"}, ""),
        ({"rows": 0}, ""),
    ],
)
def test_what_a_rewind_destroys_is_counted_and_saved_first(known, why):
    said = refuses_rewind(known)
    assert why in said
    assert bool(said) is bool(why)
