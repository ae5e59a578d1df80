"""How do Block Kit's blocks look, and where does a person press, choose and type?

Every element is what a browser knows: buttons are buttons, choices are selects and labelled inputs. Each
carries its block, its action and its kind, by which the page's script collects and sends what was given.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.slack_elements import KINDS, options_of
from deployments.sandbox.slack_markup import plain_of, text_of
from deployments.sandbox.slack_people import PEOPLE, Person
from deployments.sandbox.slack_words import say

Block = dict[str, Any]
_INPUT_TYPES = {
    "datepicker": "date",
    "timepicker": "time",
    "number_input": "number",
    "email_text_input": "email",
    "url_text_input": "url",
}


@dataclass(frozen=True, slots=True)
class Surface:
    """Where the blocks stand (message or view), who looks, what stands in an element, what went wrong there."""

    person: Person
    place: str
    stands: Callable[[Block, Block], Any]
    offered: Callable[[Block, Block], list[Block]]
    trouble: Callable[[str, str], str]

    def id(self, block: Block, element: Block) -> str:
        """The same after each redrawing, so that the focus finds its way back."""
        return html.escape(f"{self.place}-{block['block_id']}-{element['action_id']}")


def render_blocks(blocks: list[Block], surface: Surface) -> str:
    """All blocks, one under the other."""
    return "".join(_block(block, surface) for block in blocks)


def _block(block: Block, surface: Surface) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{plain_of(block['text'])}</h3>"
    if kind == "divider":
        return "<hr>"
    if kind == "context":
        return f'<p class="context">{"  ".join(map(text_of, block["elements"]))}</p>'
    if kind == "actions":
        return f'<div class="actions">{"".join(_element(block, e, surface) for e in block["elements"])}</div>'
    if kind == "image":
        return f'<p class="context">[image: {html.escape(block["alt_text"])}]</p>'
    return _input(block, surface) if kind == "input" else _section(block, surface)


def _section(block: Block, surface: Surface) -> str:
    fields = "".join(f"<div>{text_of(field)}</div>" for field in block.get("fields", []))
    accessory = block.get("accessory", {})
    beside = _element(block, accessory, surface) if accessory.get("type") in KINDS else ""
    shown = f"<p>{text_of(block['text'])}</p>" if "text" in block else ""
    shown += f'<div class="fields">{fields}</div>' if fields else ""
    return f'<div class="beside"><div>{shown}</div><div>{beside}</div></div>' if beside else shown


def _input(block: Block, surface: Surface) -> str:
    element = block["element"]
    name = surface.id(block, element)
    label = plain_of(block["label"])
    if block.get("optional"):
        label += f' <span class="dim">{say(surface.person, "optional")}</span>'
    hint = f'<p class="dim" id="hint-{name}">{plain_of(block["hint"])}</p>' if "hint" in block else ""
    error = f'<p class="error" role="alert" id="error-{name}"></p>'
    body = _element(block, element, surface, labelled=True)
    group = element["type"] in {"radio_buttons", "checkboxes"}
    head = f"<legend>{label}</legend>" if group else f'<label for="{name}">{label}</label>'
    tag = "fieldset" if group else "div"
    where = f'data-input="{html.escape(block["block_id"])}"'
    return f'<{tag} class="input" {where}>{head}{body}{hint}{error}</{tag}>'


def _element(block: Block, element: Block, surface: Surface, *, labelled: bool = False) -> str:
    """One element with the trouble it had last; `labelled` when a label names it already."""
    kind = element["type"]
    if kind == "button":
        shown = _button(block, element, surface)
    elif kind == "overflow":
        shown = _overflow(block, element, surface)
    elif kind in {"radio_buttons", "checkboxes"}:
        shown = _ticks(block, element, surface)
    elif "select" in kind:
        shown = _select(block, element, surface, labelled=labelled)
    else:
        shown = _typed(block, element, surface, labelled=labelled)
    trouble = surface.trouble(block["block_id"], element["action_id"])
    return shown + (f'<span class="trouble" role="alert">⚠️ {html.escape(trouble)}</span>' if trouble else "")


def _marks(block: Block, element: Block, extra: str = "") -> str:
    """The attributes by which the script knows an element."""
    confirm = element.get("confirm")
    asks = ""
    if confirm:
        words = {name: confirm[name]["text"] for name in ("title", "text", "confirm", "deny")}
        asks = f' data-confirm="{html.escape(json.dumps(words | {"style": confirm.get("style", "")}))}"'
    acts = ' data-acts="1"' if block["type"] != "input" or block.get("dispatch_action") else ""
    return (
        f'data-kind="{element["type"]}" data-block="{html.escape(block["block_id"])}"'
        f' data-action="{html.escape(element["action_id"])}"{acts}{asks}{extra}'
    )


def _button(block: Block, element: Block, surface: Surface) -> str:
    style = html.escape(element.get("style", ""))
    marks = f'id="{surface.id(block, element)}" class="button {style}" {_marks(block, element)}'
    spoken = element.get("accessibility_label")
    marks += f' aria-label="{html.escape(spoken)}"' if spoken else ""
    if url := element.get("url"):
        return f'<a {marks} href="{html.escape(url)}" target="_blank" rel="noreferrer">{plain_of(element["text"])}</a>'
    return f'<button type="button" {marks}>{plain_of(element["text"])}</button>'


def _overflow(block: Block, element: Block, surface: Surface) -> str:
    entries = "".join(
        f'<button type="button" {_marks(block, element)} data-value="{html.escape(option["value"])}">'
        f"{plain_of(option['text'])}</button>"
        for option in element["options"]
    )
    more = say(surface.person, "more")
    name = surface.id(block, element)
    return (
        f'<details class="overflow"><summary id="{name}" aria-label="{more}">⋯</summary><div>{entries}</div></details>'
    )


def _select(block: Block, element: Block, surface: Surface, *, labelled: bool) -> str:
    stands = surface.stands(block, element)
    many = KINDS[element["type"]].many
    words = plain_of(element.get("placeholder")) or say(surface.person, "choose")
    first = "" if many else f'<option value="">{words}</option>'
    name = "" if labelled else f' aria-label="{words}"'
    marks = f'id="{surface.id(block, element)}" {_marks(block, element)}{name}{" multiple" if many else ""}'
    search = ""
    if element["type"] == "external_select":
        least = int(element.get("min_query_length", 3))
        search = (
            f'<input type="search" class="search" data-least="{least}" aria-label="{say(surface.person, "search")}">'
        )
    return f"{search}<select {marks}>{first}{_options(block, element, surface, stands)}</select>"


def _options(block: Block, element: Block, surface: Surface, stands: Any) -> str:
    if element["type"] in {"users_select", "multi_users_select"}:
        return "".join(_option(each.id, html.escape(each.name), stands) for each in PEOPLE.values())
    grouped = "".join(
        f'<optgroup label="{plain_of(group["label"])}">'
        + "".join(_option(o["value"], plain_of(o["text"]), stands) for o in group["options"])
        + "</optgroup>"
        for group in element.get("option_groups", [])
    )
    alone = [*element.get("options", []), *surface.offered(block, element)]
    if isinstance(element.get("initial_option"), dict) and element["type"] == "external_select":
        alone.append(element["initial_option"])
    known = {option["value"]: option for option in alone}
    return grouped + "".join(_option(value, plain_of(o["text"]), stands) for value, o in known.items())


def _option(value: str, words: str, stands: Any) -> str:
    chosen = " selected" if value in (stands if isinstance(stands, list) else [stands]) else ""
    return f'<option value="{html.escape(value)}"{chosen}>{words}</option>'


def _ticks(block: Block, element: Block, surface: Surface) -> str:
    stands = surface.stands(block, element)
    given = stands if isinstance(stands, list) else [stands]
    kind = "radio" if element["type"] == "radio_buttons" else "checkbox"
    name = surface.id(block, element)
    entries = "".join(
        f'<label class="tick"><input type="{kind}" id="{name}-{i}" name="{name}" value="{html.escape(option["value"])}"'
        f" {_marks(block, element)}{' checked' if option['value'] in given else ''}>"
        f"<span>{text_of(option['text'])}{_described(option)}</span></label>"
        for i, option in enumerate(options_of(element))
    )
    return f'<div class="ticks">{entries}</div>'


def _described(option: Block) -> str:
    return f'<br><span class="dim">{text_of(option["description"])}</span>' if "description" in option else ""


def _typed(block: Block, element: Block, surface: Surface, *, labelled: bool) -> str:
    stands = surface.stands(block, element)
    value = "" if stands is None else html.escape(str(stands))
    words = plain_of(element.get("placeholder"))
    name = surface.id(block, element)
    marks = f'id="{name}" {_marks(block, element)} placeholder="{words}" aria-describedby="hint-{name} error-{name}"'
    marks += "" if labelled else f' aria-label="{words or html.escape(element["action_id"])}"'
    if element.get("multiline"):
        return f"<textarea rows=4 {marks}>{value}</textarea>"
    kind = _INPUT_TYPES.get(element["type"], "text")
    step = ' step="any"' if element.get("is_decimal_allowed") else ""
    return f'<input type="{kind}" {marks}{step} value="{value}">'
