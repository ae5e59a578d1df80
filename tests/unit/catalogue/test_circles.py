"""Is every circle of dependencies found, and nothing else called one?"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.catalogue.circles import circles

_names = st.sampled_from("abcdefg")
_graphs = st.dictionaries(_names, st.lists(_names, max_size=3), max_size=7)


def _reaches(graph, start, goal):
    seen, waiting = set(), list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return False


@settings(deadline=None)
@given(_graphs)
def test_a_name_is_in_a_knot_exactly_when_it_reaches_itself(graph):
    found = circles(graph, first=sorted(graph))
    knotted = {name for name in graph if _reaches(graph, name, name)}
    assert bool(found) == bool(knotted)
    for name in knotted:  # each knot is told once
        assert sum(_reaches(graph, name, c[0]) and _reaches(graph, c[0], name) for c in found) == 1


@settings(deadline=None)
@given(_graphs)
def test_what_is_told_is_a_circle_from_its_earliest_name(graph):
    for circle in circles(graph, first=sorted(graph)):
        assert len(set(circle)) == len(circle)
        for name, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert following in graph[name]
        knot = {n for n in graph if _reaches(graph, n, circle[0]) and _reaches(graph, circle[0], n)}
        assert circle[0] == min(knot)


def test_a_long_chain_is_no_circle_and_no_crash():
    graph = {str(n): [str(n + 1)] for n in range(20_000)}
    assert circles(graph, first=graph) == []
    assert len(circles(graph | {"20000": ["0"]}, first=graph)[0]) == 20_001
