"""Would the real Slack have taken these blocks, this view?

Block Kit's limits as its reference gives them. An objection names the place as a JSON pointer, in Slack's
own form.
"""

from __future__ import annotations

import json
from typing import Any

from deployments.sandbox.slack_element_rules import check_element
from deployments.sandbox.slack_elements import elements_of
from deployments.sandbox.slack_shapes import PLAIN, Objections, Shape, check_keys, check_text

MOST_BLOCKS, MOST_VIEW_BLOCKS, MOST_TEXT = 50, 100, 40_000
_MOST_VIEW_BYTES, _MOST_PRIVATE, _MOST_TITLE = 250_000, 3000, 24

_BLOCKS = {
    "header": Shape(("text",), ("block_id", "level"), 150),
    "section": Shape((), ("text", "fields", "accessory", "block_id", "expand"), 3000),
    "context": Shape(("elements",), ("block_id",), 3000),
    "actions": Shape(("elements",), ("block_id",)),
    "divider": Shape((), ("block_id",)),
    "image": Shape(("image_url", "alt_text"), ("title", "block_id"), 2000),
    "input": Shape(("label", "element"), ("block_id", "hint", "optional", "dispatch_action"), 2000),
}
_MOST_ELEMENTS = {"context": 10, "actions": 25}
_MOST_FIELDS, _MOST_FIELD_TEXT, _MOST_ID = 10, 2000, 255
_VIEW = ("blocks", "private_metadata", "callback_id", "external_id")
_VIEWS = {
    "modal": Shape(("title", "blocks"), (*_VIEW, "submit", "close", "clear_on_close", "notify_on_close")),
    "home": Shape(("blocks",), _VIEW),
}


def check_blocks(blocks: Any, most: int = MOST_BLOCKS) -> list[str]:
    """What Slack would object to, each with the place as a JSON pointer; empty when nothing."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    if len(blocks) > most:
        return [f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]"]
    found = [
        f"[ERROR] {what} [json-pointer:{where}]"
        for i, block in enumerate(blocks)
        for where, what in _block(block, f"/blocks/{i}")
    ]
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    return found + (["[ERROR] `block_id` is not unique [json-pointer:/blocks]"] if len(ids) != len(set(ids)) else [])


def check_view(view: Any) -> list[str]:
    """The same for a modal or a home tab."""
    shape = _VIEWS.get(view.get("type", "")) if isinstance(view, dict) else None
    if shape is None:
        return ["[ERROR] must be an object of type modal or home [json-pointer:/view]"]
    found = [f"[ERROR] {what} [json-pointer:{where}]" for where, what in _view(view, shape)]
    if len(json.dumps(view).encode()) > _MOST_VIEW_BYTES:
        found.append(f"[ERROR] must be less than {_MOST_VIEW_BYTES} bytes [json-pointer:/view]")
    return found + [
        each.replace("pointer:/", "pointer:/view/") for each in check_blocks(view.get("blocks"), MOST_VIEW_BLOCKS)
    ]


def _view(view: dict[str, Any], shape: Shape) -> Objections:
    yield from check_keys(view, shape, "/view")
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            yield from check_text(view[name], f"/view/{name}", _MOST_TITLE, PLAIN)
    for name, most in (("private_metadata", _MOST_PRIVATE), ("callback_id", _MOST_ID), ("external_id", _MOST_ID)):
        if len(str(view.get(name) or "")) > most:
            yield f"/view/{name}", f"must be less than {most + 1} characters"
    blocks = view.get("blocks")
    asks = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if view["type"] == "modal" and asks and not view.get("submit"):
        yield "/view/submit", "missing required field: submit (there are input blocks)"


def _block(block: Any, at: str) -> Objections:
    shape = _BLOCKS.get(block.get("type", "")) if isinstance(block, dict) else None
    if shape is None:
        yield at, "unsupported type"
        return
    kind = block["type"]
    yield from check_keys(block, shape, at)
    if len(str(block.get("block_id", ""))) > _MOST_ID:
        yield f"{at}/block_id", f"must be less than {_MOST_ID + 1} characters"
    if "text" in block:
        kinds = PLAIN if kind == "header" else ("plain_text", "mrkdwn")
        yield from check_text(block["text"], f"{at}/text", shape.most, kinds)
    elif kind == "section" and not block.get("fields"):
        yield at, "missing required field: text"
    for name in ("label", "hint") if kind == "input" else ():
        if name in block:
            yield from check_text(block[name], f"{at}/{name}", shape.most, PLAIN)
    yield from _fields(block.get("fields", []), f"{at}/fields")
    yield from _elements(block, kind, at)


def _fields(fields: Any, at: str) -> Objections:
    if len(fields) > _MOST_FIELDS:
        yield at, f"no more than {_MOST_FIELDS} items allowed"
    for i, field in enumerate(fields):
        yield from check_text(field, f"{at}/{i}", _MOST_FIELD_TEXT)


def _elements(block: dict[str, Any], kind: str, at: str) -> Objections:
    elements = block.get("elements", [])
    if kind in _MOST_ELEMENTS and not 1 <= len(elements) <= _MOST_ELEMENTS[kind]:
        yield f"{at}/elements", f"between 1 and {_MOST_ELEMENTS[kind]} items allowed"
    for i, element in enumerate(elements):
        if kind == "context":
            yield from check_text(element, f"{at}/elements/{i}", _BLOCKS["context"].most)
        else:
            yield from check_element(element, f"{at}/elements/{i}", kind)
    for name in ("accessory", "element"):
        if name in block:
            yield from check_element(block[name], f"{at}/{name}", kind)
    ids = [element["action_id"] for element in elements_of(block) if "action_id" in element]
    if len(ids) != len(set(ids)):
        yield f"{at}/elements", "`action_id` is not unique"


def check_metadata(metadata: Any) -> bool:
    """Is it an event type with a payload of plain values?"""
    return (
        isinstance(metadata, dict)
        and metadata.keys() == {"event_type", "event_payload"}
        and isinstance(metadata["event_type"], str)
        and isinstance(metadata["event_payload"], dict)
    )
