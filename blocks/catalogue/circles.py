"""Do dependencies run in a circle?

Pure. A circle has no root cause: each of its members would explain the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence


def circles(graph: Mapping[str, Sequence[str]], first: Iterable[str]) -> list[list[str]]:
    """One shortest circle for each knot of the graph, starting at the knot's earliest name in `first`.

    `graph` maps a name to those it depends on; names it does not know are ignored.
    """
    order = {name: index for index, name in enumerate(first)}
    found: list[list[str]] = []
    for knot in _knots(graph):
        named = [name for name in knot if name in order]
        if named:
            found.append(_shortest(graph, min(named, key=order.__getitem__), knot))
    return sorted(found, key=lambda circle: order[circle[0]])


def _knots(graph: Mapping[str, Sequence[str]]) -> Iterator[set[str]]:
    """What remains after all that no circle runs through is taken away, as strongly connected parts."""
    forward = {name: {t for t in targets if t in graph} for name, targets in graph.items()}
    backward: dict[str, set[str]] = {name: set() for name in graph}
    for name, targets in forward.items():
        for target in targets:
            backward[target].add(name)
    left = _without_ends(_without_ends(set(graph), forward, backward), backward, forward)
    while left:
        start = next(iter(left))
        knot = _reach(start, forward, left) & _reach(start, backward, left)
        if len(knot) > 1 or start in forward[start]:
            yield knot
        left -= knot


def _without_ends(names: set[str], out: Mapping[str, set[str]], into: Mapping[str, set[str]]) -> set[str]:
    """Take away, again and again, whatever has nothing left to lead to."""
    count = {name: len(out[name] & names) for name in names}
    ends = deque(name for name in names if not count[name])
    left = set(names)
    while ends:
        gone = ends.popleft()
        left.discard(gone)
        for name in into[gone] & left:
            count[name] -= 1
            if not count[name]:
                ends.append(name)
    return left


def _reach(start: str, edges: Mapping[str, set[str]], within: set[str]) -> set[str]:
    reached, waiting = {start}, deque([start])
    while waiting:
        fresh = (edges[waiting.popleft()] & within) - reached
        reached |= fresh
        waiting.extend(fresh)
    return reached


def _shortest(graph: Mapping[str, Sequence[str]], start: str, knot: set[str]) -> list[str]:
    """The shortest way from `start` back to it."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        for target in graph[name]:
            if target == start:
                return _way(came_from, start, name)
            if target in knot and target not in came_from:
                came_from[target] = name
                waiting.append(target)
    return [start]


def _way(came_from: Mapping[str, str], start: str, end: str) -> list[str]:
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
