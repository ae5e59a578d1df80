"""In which order do the parts of a recovery plan need each other in one site?

Pure. A platform's services may depend on each other without a circle and the plan still have one: where A's
counterpart needs B in the old site, and B's counterpart needs A's. Whatever stands for a service somewhere is counted
as the same part of the plan, because after a move it is what is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def needs_between(
    starts: Mapping[str, str], stands_for: Mapping[str, str], graph: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Part -> the parts that it needs, directly or through services that are in no plan.

    `starts` is part -> its service in the site, `stands_for` is service -> part, in every site; `graph` is what each
    service, and each `group:<name>`, depends on.
    """
    return {part: sorted(_reached(service, stands_for, graph)) for part, service in starts.items()}


def _reached(service: str, stands_for: Mapping[str, str], graph: Mapping[str, Sequence[str]]) -> set[str]:
    found, seen, waiting = set[str](), {service}, list(graph.get(service, ()))
    while waiting:
        name = waiting.pop()
        if name in stands_for:
            found.add(stands_for[name])
        elif name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return found
