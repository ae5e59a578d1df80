"""What can a person press, choose or type, and how does Slack write down the answer?

One line an element: its keys, and under which name the answer stands. What a person gives is plain (the
value of an option, a text, a date); what the app receives is typed, as Slack's reference has it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Element = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """An element's own keys, the name of its answer, the most options, and where it may stand."""

    answer: str
    initial: str = ""
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    most_options: int = 0
    places: tuple[str, ...] = ("actions", "section", "input")

    @property
    def many(self) -> bool:
        """Is the answer a list?"""
        return self.answer in {"selected_options", "selected_users"}


_CHOICE = ("options", "option_groups")
_TYPED = ("max_length", "min_length", "multiline")
_ASIDE = ("section", "input")
_ACTED = ("actions", "section")

KINDS: dict[str, Kind] = {
    "button": Kind(
        "value",
        "",
        ("text",),
        ("url", "value", "style", "confirm", "accessibility_label"),
        places=("actions", "section"),
    ),
    "overflow": Kind("selected_option", "", ("options",), ("confirm",), 5, _ACTED),
    "static_select": Kind("selected_option", "initial_option", (), _CHOICE, 100),
    "external_select": Kind("selected_option", "initial_option", (), ("min_query_length",)),
    "multi_static_select": Kind(
        "selected_options", "initial_options", (), (*_CHOICE, "max_selected_items"), 100, _ASIDE
    ),
    "users_select": Kind("selected_user", "initial_user"),
    "multi_users_select": Kind("selected_users", "initial_users", (), ("max_selected_items",), places=_ASIDE),
    "channels_select": Kind("selected_channel", "initial_channel"),
    "radio_buttons": Kind("selected_option", "initial_option", ("options",), (), 10),
    "checkboxes": Kind("selected_options", "initial_options", ("options",), (), 10),
    "datepicker": Kind("selected_date", "initial_date"),
    "timepicker": Kind("selected_time", "initial_time", (), ("timezone",)),
    "plain_text_input": Kind("value", "initial_value", (), (*_TYPED, "dispatch_action_config"), places=("input",)),
    "number_input": Kind(
        "value",
        "initial_value",
        ("is_decimal_allowed",),
        ("min_value", "max_value", "dispatch_action_config"),
        places=("input",),
    ),
    "email_text_input": Kind("value", "initial_value", (), ("dispatch_action_config",), places=("input",)),
    "url_text_input": Kind("value", "initial_value", (), ("dispatch_action_config",), places=("input",)),
}


class NotOffered(ValueError):
    """A person cannot have given this answer: the element does not offer it."""


def elements_of(block: Element) -> list[Element]:
    """The interactive elements of a block, in reading order."""
    found = [*block.get("elements", []), block.get("accessory"), block.get("element")]
    return [element for element in found if isinstance(element, dict) and element.get("type") in KINDS]


def interactive(blocks: list[Element]) -> Iterator[tuple[Element, Element]]:
    """Every interactive element with its block."""
    for block in blocks:
        for element in elements_of(block):
            yield block, element


def named(blocks: list[Element]) -> list[Element]:
    """The blocks with the ids that Slack gives where the app gave none."""
    given = completed(blocks)
    for block in given:
        block.setdefault("block_id", secrets.token_hex(3)[:5])
    for _, element in interactive(given):
        element.setdefault("action_id", secrets.token_hex(3)[:5])
    return given


def completed(value: Any) -> Any:
    """A copy in which plain texts say, as Slack's do, that they may hold emoji."""
    if isinstance(value, list):
        return [completed(each) for each in value]
    if not isinstance(value, dict):
        return value
    copied = {name: completed(each) for name, each in value.items()}
    return copied | {"emoji": copied.get("emoji", True)} if copied.get("type") == "plain_text" else copied


def options_of(element: Element) -> list[Element]:
    """What can be chosen, groups flattened."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def initial(element: Element) -> Any:
    """The plain answer that stands there before a person touches it."""
    found = element.get(KINDS[element["type"]].initial)
    if isinstance(found, list):
        return [each["value"] if isinstance(each, dict) else each for each in found]
    return found["value"] if isinstance(found, dict) else found


def answered(element: Element, plain: Any, offered: list[Element] | None = None) -> Any:
    """The answer as Slack writes it; `offered` are the options of an external select. Raises `NotOffered`."""
    kind = KINDS[element["type"]]
    if plain in (None, "", []):
        return [] if kind.many else None
    if not kind.answer.startswith("selected_option"):
        return [str(each) for each in plain] if kind.many else str(plain)
    known = {option["value"]: option for option in [*options_of(element), *(offered or [])] if "value" in option}
    wanted = [str(each) for each in plain] if kind.many else [str(plain)]
    if strange := [each for each in wanted if each not in known]:
        raise NotOffered(f"{element['action_id']} does not offer {', '.join(strange)}")
    chosen = [{name: known[each][name] for name in ("text", "value") if name in known[each]} for each in wanted]
    return chosen if kind.many else chosen[0]


def complaint(block: Element, plain: Any) -> str:
    """Slack's own objection, before anything is sent, to what stands in an input: a key of its words, or ""."""
    element = block["element"]
    if plain in (None, "", []):
        return "" if block.get("optional") else "required"
    text = str(plain)
    if element["type"] == "number_input":
        return _number_complaint(element, text)
    short = len(text) < int(element.get("min_length", 0))
    long = len(text) > int(element.get("max_length", 3000)) and element["type"] == "plain_text_input"
    return "too_short" if short else "too_long" if long else ""


def _number_complaint(element: Element, text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return "not_a_number"
    if not element.get("is_decimal_allowed") and not number.is_integer():
        return "not_whole"
    low, high = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
    return "" if low <= number <= high else "out_of_bounds"
