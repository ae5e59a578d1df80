"""Would the real Slack have taken this call?

Block Kit's limits as its reference gives them, and the parameters of each method as the published
OpenAPI description has them (where VIGIE_CONFORMANCE is at hand). Stricter than Slack in one point:
an argument that is in no description is refused, since it would be ignored in silence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from deployments.sandbox.state import CHECKOUT

MOST_BLOCKS, MOST_TEXT = 50, 40_000
_NEWER = {
    "metadata",
    "include_all_metadata",
    "markdown_text",
    "file_ids",
    "reply_broadcast",
    "team_id",
    "unfurl_app_links",
    "charset",
}
_SPEC = "slack/specs/slack_web_openapi_v2.json"


class Shape(NamedTuple):
    """A block's or element's keys: needed, allowed besides, and the longest text."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    most: int = 0


_BLOCKS = {
    "header": Shape(("text",), ("block_id", "level"), 150),
    "section": Shape((), ("text", "fields", "accessory", "block_id", "expand"), 3000),
    "context": Shape(("elements",), ("block_id",), 3000),
    "actions": Shape(("elements",), ("block_id",)),
    "divider": Shape((), ("block_id",)),
    "image": Shape(("image_url", "alt_text"), ("title", "block_id"), 2000),
}
_MOST_ELEMENTS = {"context": 10, "actions": 25}
_MOST_FIELDS, _MOST_FIELD_TEXT, _MOST_BUTTON, _MOST_VALUE, _MOST_URL = 10, 2000, 75, 2000, 3000


def check_blocks(blocks: Any) -> list[str]:
    """What Slack would object to, each with the place as a JSON pointer; empty when nothing."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    if len(blocks) > MOST_BLOCKS:
        return [f"[ERROR] no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"]
    found = [
        f"[ERROR] {what} [json-pointer:{where}]"
        for i, block in enumerate(blocks)
        for where, what in _block(block, f"/blocks/{i}")
    ]
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    return found + (["[ERROR] `block_id` is not unique [json-pointer:/blocks]"] if len(ids) != len(set(ids)) else [])


def _block(block: Any, at: str) -> Iterator[tuple[str, str]]:
    shape = _BLOCKS.get(block.get("type", "")) if isinstance(block, dict) else None
    if shape is None:
        yield at, "unsupported type"
        return
    kind = block["type"]
    yield from _keys(block, shape, at)
    if "text" in block:
        yield from _text(
            block["text"], f"{at}/text", shape.most, ("plain_text",) if kind == "header" else ("plain_text", "mrkdwn")
        )
    elif kind == "section" and not block.get("fields"):
        yield at, "missing required field: text"
    yield from _fields(block.get("fields", []), f"{at}/fields")
    yield from _elements(block, kind, at)


def _keys(value: dict[str, Any], shape: Shape, at: str) -> Iterator[tuple[str, str]]:
    for name in shape.needed:
        if name not in value:
            yield at, f"missing required field: {name}"
    for name in value.keys() - {*shape.needed, *shape.optional, "type"}:
        yield f"{at}/{name}", "invalid additional property"


def _fields(fields: Any, at: str) -> Iterator[tuple[str, str]]:
    if len(fields) > _MOST_FIELDS:
        yield at, f"no more than {_MOST_FIELDS} items allowed"
    for i, field in enumerate(fields):
        yield from _text(field, f"{at}/{i}", _MOST_FIELD_TEXT)


def _elements(block: dict[str, Any], kind: str, at: str) -> Iterator[tuple[str, str]]:
    elements = block.get("elements", [])
    if kind in _MOST_ELEMENTS and not 1 <= len(elements) <= _MOST_ELEMENTS[kind]:
        yield f"{at}/elements", f"between 1 and {_MOST_ELEMENTS[kind]} items allowed"
    for i, element in enumerate(elements):
        if kind == "context":
            yield from _text(element, f"{at}/elements/{i}", _BLOCKS["context"].most)
        else:
            yield from _button(element, f"{at}/elements/{i}")
    if "accessory" in block:
        yield from _button(block["accessory"], f"{at}/accessory")


def _button(element: Any, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(element, dict) or element.get("type") != "button":
        yield at, "unsupported type"
        return
    yield from _keys(
        element, Shape(("text",), ("action_id", "url", "value", "style", "confirm", "accessibility_label")), at
    )
    yield from _text(element.get("text"), f"{at}/text", _MOST_BUTTON, ("plain_text",))
    for name, most in (("url", _MOST_URL), ("value", _MOST_VALUE), ("action_id", 255)):
        if len(str(element.get(name, ""))) > most:
            yield f"{at}/{name}", f"must be less than {most + 1} characters"
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield f"{at}/style", "must be one of primary, danger"


def _text(
    text: Any, at: str, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Iterator[tuple[str, str]]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield at, f"must be a text object of type {' or '.join(kinds)}"
        return
    words = text.get("text")
    extra = ("verbatim",) if text["type"] == "mrkdwn" else ("emoji",)
    yield from _keys(text, Shape(("text",), extra), at)
    if not isinstance(words, str) or not words:
        yield f"{at}/text", "must be more than 0 characters"
    elif len(words.encode("utf-16-le", "surrogatepass")) // 2 > most:
        yield f"{at}/text", f"must be less than {most + 1} characters"


def check_metadata(metadata: Any) -> bool:
    """Is it an event type with a payload of plain values?"""
    return (
        isinstance(metadata, dict)
        and metadata.keys() == {"event_type", "event_payload"}
        and isinstance(metadata["event_type"], str)
        and isinstance(metadata["event_payload"], dict)
    )


class Parameters:
    """The published parameters of each method; without the description nothing is refused."""

    def __init__(self) -> None:
        path = CHECKOUT / os.environ.get("VIGIE_CONFORMANCE", "../shared/conformance") / _SPEC
        self.known = path.exists()
        paths: dict[str, Any] = json.loads(path.read_text())["paths"] if self.known else {}
        self._types = {
            name.removeprefix("/"): {p["name"]: p for verb in verbs.values() for p in verb["parameters"]}
            for name, verbs in paths.items()
        }

    def objections(self, method: str, arguments: dict[str, Any]) -> list[str]:
        """What is missing, unknown or of the wrong type."""
        types = self._types.get(method)
        if types is None:
            return []
        unknown = [
            f"[ERROR] unknown argument: {name}" for name in arguments if name not in types and name not in _NEWER
        ]
        wrong = [
            f"[ERROR] must be a {types[name]['type']} [json-pointer:/{name}]"
            for name, value in arguments.items()
            if name in types and not _is_a(types[name]["type"], value)
        ]
        absent = [
            f"[ERROR] missing required field: {name}"
            for name, type_ in types.items()
            if type_.get("required") and name != "token" and name not in arguments
        ]
        return unknown + wrong + absent


def _is_a(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool) or str(value).lower() in {"true", "false", "1", "0"}
    if kind in {"number", "integer"}:
        try:
            return kind == "number" or float(value).is_integer() if float(value) >= 0 else False
        except (TypeError, ValueError):
            return False
    return isinstance(value, str | list | dict) or not isinstance(value, bool)
