"""How does one line of the record hold the one before it, and which is the first that does not?

Each line carries a hash over itself and the line before it. Changing, removing or inserting a line breaks every
hash after it; cutting off the end no longer matches the head that the platform keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from blocks.errors import Broken
from blocks.ports.health import MissingCode

START = bytes(32)


class Line(NamedTuple):
    """One line as it was found: what it says, which line it follows, and what people call it."""

    number: int
    content: tuple[object, ...]
    previous: bytes
    digest: bytes
    named: str


def link(previous: bytes, content: tuple[object, ...]) -> bytes:
    """The hash of one line: SHA-256 over the hash before it and the line as compact JSON."""
    return hashlib.sha256(previous + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def follow(platform: str, lines: Iterable[Line], head: tuple[Any, ...] | None, what: str) -> int:
    """How many lines there are (`what` each is called). `head`: (how many, the last hash), as kept beside.

    Raises `Broken` naming the first line that does not follow.
    """
    expected, count = START, 0
    for line in lines:
        count += 1
        if line.number != count or line.previous != expected or line.digest != link(expected, line.content):
            raise _does_not_follow(platform, line.named)
        expected = line.digest
    if head is None or head[0] != count or bytes(head[1]) != expected:
        raise _does_not_follow(platform, f"the end after {what} {count}: later {what}s are gone")
    return count


def instant(at: datetime) -> str:
    """The moment as it is hashed: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def spoken(at: datetime) -> str:
    """The moment as it is said."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _does_not_follow(platform: str, what: str) -> Broken:
    return Broken(
        f"the journal's chain of platform {platform} breaks at {what}",
        next_step="treat the journal as tampered with: touch nothing, compare it with the last backup, tell security",
        code=MissingCode.UNEXPECTED_ANSWER,
    )
