"""Would the real Slack have taken this button, select or input?

Keys, lengths and numbers of options as Block Kit's reference gives them; which element may stand in which
block is in the table of `slack_elements.py`.
"""

from __future__ import annotations

from typing import Any

from deployments.sandbox.slack_elements import KINDS
from deployments.sandbox.slack_shapes import PLAIN, Objections, Shape, check_keys, check_text

_MOST_BUTTON, _MOST_VALUE, _MOST_URL, _MOST_ID = 75, 2000, 3000, 255
_MOST_OPTION, _MOST_OPTION_VALUE, _MOST_PLACEHOLDER, _MOST_GROUPS, _MOST_TYPED = 75, 150, 150, 100, 3000
_CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_ASKED = ("placeholder", "focus_on_load")
_IMAGE = Shape(("image_url", "alt_text"))


def check_element(element: Any, at: str, place: str) -> Objections:
    """What Slack would object to in one element of a block of type `place`."""
    if place == "section" and isinstance(element, dict) and element.get("type") == "image":
        yield from check_keys(element, _IMAGE, at)
        return
    kind = KINDS.get(element.get("type", "")) if isinstance(element, dict) else None
    if kind is None or place not in kind.places:
        yield at, "unsupported type"
        return
    common = () if element["type"] in {"button", "overflow"} else (*_ASKED, "confirm")
    allowed = ("action_id", kind.initial, *kind.optional, *common)
    yield from check_keys(element, Shape(kind.needed, allowed), at)
    for name, most in (("url", _MOST_URL), ("value", _MOST_VALUE), ("action_id", _MOST_ID)):
        if len(str(element.get(name, ""))) > most:
            yield f"{at}/{name}", f"must be less than {most + 1} characters"
    yield from _words(element, at)
    yield from _choices(element, kind.most_options, at)


def _words(element: dict[str, Any], at: str) -> Objections:
    if "text" in element:
        yield from check_text(element["text"], f"{at}/text", _MOST_BUTTON, PLAIN)
    if "placeholder" in element:
        yield from check_text(element["placeholder"], f"{at}/placeholder", _MOST_PLACEHOLDER, PLAIN)
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield f"{at}/style", "must be one of primary, danger"
    if int(element.get("max_length", 1)) > _MOST_TYPED:
        yield f"{at}/max_length", f"must be at most {_MOST_TYPED}"
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")


def _confirm(confirm: Any, at: str) -> Objections:
    if not isinstance(confirm, dict):
        yield at, "must be an object"
        return
    yield from check_keys(confirm, Shape(tuple(_CONFIRM), ("style",)), at)
    for name, most in _CONFIRM.items():
        kinds = ("plain_text", "mrkdwn") if name == "text" else PLAIN
        yield from check_text(confirm.get(name), f"{at}/{name}", most, kinds)


def _choices(element: dict[str, Any], most: int, at: str) -> Objections:
    if not most:
        return
    groups = element.get("option_groups")
    if groups is None:
        yield from _options(element, element.get("options"), most, f"{at}/options")
        return
    if not isinstance(groups, list) or not 1 <= len(groups) <= _MOST_GROUPS:
        yield f"{at}/option_groups", f"between 1 and {_MOST_GROUPS} items allowed"
        return
    for i, group in enumerate(groups):
        yield from check_text(group.get("label"), f"{at}/option_groups/{i}/label", _MOST_OPTION, PLAIN)
        yield from _options(element, group.get("options"), most, f"{at}/option_groups/{i}/options")


def _options(element: dict[str, Any], options: Any, most: int, at: str) -> Objections:
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        yield at, f"between 1 and {most} items allowed"
        return
    kinds = ("plain_text", "mrkdwn") if element["type"] in {"radio_buttons", "checkboxes"} else PLAIN
    extra = ("value", "description", *(("url",) if element["type"] == "overflow" else ()))
    for i, option in enumerate(options):
        if not isinstance(option, dict):
            yield f"{at}/{i}", "must be an object"
            continue
        yield from check_keys(option, Shape(("text",), extra), f"{at}/{i}")
        yield from check_text(option.get("text"), f"{at}/{i}/text", _MOST_OPTION, kinds)
        if "description" in option:
            yield from check_text(option["description"], f"{at}/{i}/description", _MOST_OPTION, kinds)
        if not 1 <= len(str(option.get("value", ""))) <= _MOST_OPTION_VALUE:
            yield f"{at}/{i}/value", f"must be between 1 and {_MOST_OPTION_VALUE} characters"
