"""Does every name lead to something, once?

Customers, sites, services, groups: each name that is used must be declared, and declared once in all
files together. Dependencies must not run in a circle: no root cause could be found in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from blocks.catalogue.circles import circles
from blocks.catalogue.document import Document
from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.recovery_names import check_recovery_names
from blocks.catalogue.view import Entry, root_of

GROUP = "group:"


def check_references(documents: Sequence[Document], unreadable: Sequence[Document]) -> list[Mistake]:
    """Every name that leads nowhere, and every one that is declared twice.

    Files that cannot be read may declare customers: names that stand in them as keys are not complained about.
    """
    roots = [root_of(document) for document in documents]
    customers = {name for root in roots for name in root.names("customers")}
    maybe = {name for document in unreadable for name in _possible_names(document.text)}
    found = [*_declared_twice(roots, "customers"), *_declared_twice(roots, "platforms")]
    found += _declared_twice(roots, "control_plane")
    for root in roots:
        for platform in root.entries("platforms").values():
            found += _unknown(platform, ("customer",), "customer", customers, maybe)
            found += _check_platform(platform)
    return found


def _check_platform(platform: Entry) -> Iterator[Mistake]:
    sites, services = set(platform.names("sites")), set(platform.names("services"))
    groups = platform.part("redundancy_groups")
    for service in platform.entries("services").values():
        yield from _unknown(service, ("site",), "site", sites)
        for check in service.entries("checks").values():
            yield from _unknown(check, ("site",), "site", sites)
        for at, name in service.texts("depends_on"):
            yield from _dependency(service, at, name, services, set(groups.value))
    for group in groups.value:
        for at, name in groups.texts(group):
            yield from _lost(groups, at, "service", name, services)
    for window in platform.entries("maintenance").values():
        for at, name in window.texts("services"):
            yield from _lost(window, at, "service", name, services)
    graph = {GROUP + name: [member for _, member in groups.texts(name)] for name in groups.value}
    graph |= {
        name: [on for _, on in service.texts("depends_on")] for name, service in platform.entries("services").items()
    }
    yield from _circles(platform, graph)
    yield from check_recovery_names(platform, graph)


def _unknown(
    entry: Entry, at: tuple[str], word: str, known: set[str], maybe: set[str] | None = None
) -> Iterator[Mistake]:
    name = entry.text(at[0])
    if name is not None and name not in (maybe or ()):
        yield from _lost(entry, at, word, name, known)


def _lost(entry: Entry, at: tuple[str | int, ...], word: str, name: str, known: set[str]) -> Iterator[Mistake]:
    if name not in known:
        near = nearest_name(name, known)
        declared = "" if near else f", expected one of {listed(known)}" if known else f", no {word} is declared"
        yield entry.wrong(at, f"unknown {word} {name!r}{declared}", near)


def _dependency(
    service: Entry, at: tuple[str | int, ...], name: str, services: set[str], groups: set[str]
) -> Iterator[Mistake]:
    if name.startswith(GROUP):
        group = name.removeprefix(GROUP)
        if group not in groups:
            near = nearest_name(group, groups)
            yield service.wrong(at, f"unknown redundancy group {group!r}", near and GROUP + near)
    elif name not in services and name in groups:
        yield service.wrong(at, f"unknown service {name!r}", GROUP + name)
    else:
        yield from _lost(service, at, "service", name, services)


def _circles(platform: Entry, graph: dict[str, list[str]]) -> Iterator[Mistake]:
    services = platform.entries("services")
    for circle in circles(graph, first=services):
        if len(circle) == 1:
            text = f"{circle[0]!r} depends on itself"
        else:
            text = f"dependencies run in a circle: {' -> '.join([*circle, circle[0]])}"
        service = services[circle[0]]
        wanted = circle[1] if len(circle) > 1 else circle[0]
        at = next(at for at, target in service.texts("depends_on") if target == wanted)
        yield service.wrong(at, text)


def _declared_twice(roots: Sequence[Entry], key: str) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for root in roots:
        for name in root.names(key):
            position = root.document.at_key((key, name))
            if name in seen:
                text = f"{key.removesuffix('s')} {name!r} is already declared at {seen[name]}"
                yield root.document.mistake(position, text)
            else:
                seen[name] = f"{root.document.file.name}:{position.line}"


def _possible_names(text: str) -> list[str]:
    return re.findall(r"^\s*['\"]?([a-z0-9-]+)['\"]?\s*:", text, flags=re.MULTILINE)
