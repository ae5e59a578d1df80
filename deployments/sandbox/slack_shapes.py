"""Has this object the keys and texts that Block Kit wants?

The two checks that everything in Block Kit shares: needed and allowed keys, and text objects with their
kind and length (in UTF-16 units, as Slack counts).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Objections = Iterator[tuple[str, str]]
PLAIN = ("plain_text",)


class Shape(NamedTuple):
    """A block's or element's keys: needed, allowed besides, and the longest text."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    most: int = 0


def check_keys(value: dict[str, Any], shape: Shape, at: str) -> Objections:
    """What is missing, and what is there that Slack does not know."""
    for name in shape.needed:
        if name not in value:
            yield at, f"missing required field: {name}"
    for name in value.keys() - {*shape.needed, *shape.optional, "type"}:
        yield f"{at}/{name}", "invalid additional property"


def check_text(text: Any, at: str, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> Objections:
    """Is it a text object of one of the kinds, neither empty nor longer than `most`?"""
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield at, f"must be a text object of type {' or '.join(kinds)}"
        return
    words = text.get("text")
    extra = ("verbatim",) if text["type"] == "mrkdwn" else ("emoji",)
    yield from check_keys(text, Shape(("text",), extra), at)
    if not isinstance(words, str) or not words:
        yield f"{at}/text", "must be more than 0 characters"
    elif len(words.encode("utf-16-le", "surrogatepass")) // 2 > most:
        yield f"{at}/text", f"must be less than {most + 1} characters"
