"""What is an isolated copy of a database called, and how does one tell it from a database that is real?

A drill works on a copy and must clean up after itself, so something deletes servers by name. The rules: a copy's
name is made from its run and its data, never chosen; nothing is ever removed but what bears such a name, and, where
it lies, the same name in a mark of its own. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from uuid import UUID

KIND = "postgres.copy"
"""What the journal leases it as."""
_NAME = re.compile(r"vigie-drill-[0-9a-f]{16}")
_REFERENCE = re.compile(r"(?P<door>[^/\s]+:\d+)/(?P<name>vigie-drill-[0-9a-f]{16})")


def copy_name(run: UUID, data: str) -> str:
    """The copy of `data` that this run makes; the same at every try."""
    return f"vigie-drill-{hashlib.sha256(f'{run}/{data}'.encode()).hexdigest()[:16]}"


def bears_the_mark(name: str) -> bool:
    """Is that a name which only a copy has?"""
    return _NAME.fullmatch(name) is not None


def reference_of(door: str, name: str) -> str:
    """As the journal leases it: `db2.example:8443/vigie-drill-0123456789abcdef`."""
    return f"{door}/{name}"


def place_of(reference: str) -> tuple[str, str] | None:
    """(door, name) of a leased reference; None for anything that is no copy's."""
    found = _REFERENCE.fullmatch(reference)
    return (found["door"], found["name"]) if found else None


def keeps_it(
    folder: PurePath,
    mark: Mapping[str, object],
    *,
    room: PurePath,
    precious: Sequence[PurePath],
    is_link: bool = False,
) -> str:
    """Why a folder may not be removed; empty when it may. Paths are absolute and resolved.

    `room` is where copies are made, `mark` what the mark in the folder says, `precious` every folder with real data.
    """
    if folder.parent != room:
        return f"{folder} is not in {room}"
    if not bears_the_mark(folder.name):
        return f"{folder.name} is no name of a copy"
    if is_link:
        return f"{folder} is a link to something else"
    if mark.get("copy") != folder.name:
        return f"{folder} bears no mark of a copy"
    for real in precious:
        if real.is_relative_to(folder) or folder.is_relative_to(real):
            return f"{folder} and {real}, which is real, lie in one another"
    return ""
