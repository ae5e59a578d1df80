"""What is a person asked, and what did they answer?

Modals for an answer, a question, the step-up that links an account, and the start of something, each with the
function that reads its submission. The rules: the private metadata holds ids and nothing else; a field's answer is
text, a number or yes or no; a deployment's own parameter schema decides what is asked, and nothing that it does not
name is sent on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from blocks.slack.messages import TEXTS
from blocks.slack.pieces import MOST_LABEL, Block, plain_text
from blocks.slack.voice import Voice

ANSWER, QUESTION, LINK = "modal.answer", "modal.question", "modal.link"
CHOOSE, PARAMETERS = "modal.choose", "modal.parameters"
FIELD = "field"
_MOST_TITLE, _MOST_BUTTON, _MOST_OPTIONS, _MOST_TYPED, _MOST_HINT = 24, 24, 100, 500, 150
_MOST_FIELDS = 40
Scalar = str | int | float | bool


def modal(
    voice: Voice, callback: str, *, title: str, send: str, blocks: Sequence[Block], about: Mapping[str, str]
) -> Block:
    """A modal; `about` comes back with its submission."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": plain_text(title, _MOST_TITLE),
        "submit": plain_text(send, _MOST_BUTTON),
        "close": plain_text(voice.say("button.cancel"), _MOST_BUTTON),
        "private_metadata": json.dumps(dict(about)),
        "blocks": list(blocks),
    }


def answer_modal(voice: Voice, choice: str, about: Mapping[str, str], *, code: bool, typed: str) -> Block:
    """Reason, and where the rules ask for it the typed word and the one-time code."""
    glass = choice == "break_glass"
    blocks = [
        text_field(
            voice.say("field.reason_glass" if glass else "field.reason"), "reason", optional=not glass, long=True
        )
    ]
    if typed:
        blocks.append(text_field(voice.say("field.typed", word=typed), "typed", most=_MOST_TYPED))
    if code:
        blocks.append(_code(voice))
    title = voice.say(f"modal.{choice}")
    return modal(voice, ANSWER, title=title, send=title, blocks=blocks, about=about)


def question_modal(voice: Voice, about: Mapping[str, str]) -> Block:
    """One question, in words."""
    blocks = [text_field(voice.say("field.question"), "question", long=True)]
    title, send = voice.say("modal.ask"), voice.say("button.send")
    return modal(voice, QUESTION, title=title, send=send, blocks=blocks, about=about)


def link_modal(voice: Voice) -> Block:
    """The step-up: an approver's name and the one-time code."""
    name = text_field(voice.say("field.name"), "name", hint=voice.say("field.name_hint"))
    title, send = voice.say("modal.link"), voice.say("button.link")
    return modal(voice, LINK, title=title, send=send, blocks=[name, _code(voice)], about={})


def choose_modal(voice: Voice, startable: Sequence[tuple[str, str]], about: Mapping[str, str]) -> Block:
    """Which of these is to be started? Pairs of (id, name for people)."""
    element = _select([(name, key) for key, name in startable], None)
    blocks = [_field(voice.say("field.action"), "action", element)]
    title, send = voice.say("modal.choose"), voice.say("button.next")
    return modal(voice, CHOOSE, title=title, send=send, blocks=blocks, about=about)


def parameters_modal(voice: Voice, title: str, schema: Mapping[str, Any], about: Mapping[str, str]) -> Block:
    """A deployment's parameters as inputs: enum a select, boolean a checkbox, number a number, else text."""
    blocks = [_input(voice, name, field, schema) for name, field in _properties(schema)]
    heading: Block = {"type": "section", "text": plain_text(title, 300)}
    name, send = voice.say("modal.parameters"), voice.say("button.start")
    return modal(voice, PARAMETERS, title=name, send=send, blocks=[heading, *blocks], about=about)


def text_field(
    label: str, name: str, *, optional: bool = False, long: bool = False, hint: str = "", most: int = MOST_LABEL
) -> Block:
    """A line, or several, of text; its label has at most so many characters."""
    element: Block = {"type": "plain_text_input", "action_id": FIELD, "multiline": long, "max_length": _MOST_TYPED}
    return _field(label, name, element, optional=optional, hint=hint, most=most)


def about_of(view: Mapping[str, Any]) -> dict[str, str]:
    """The ids that a modal was opened with; empty when they are none of ours."""
    try:
        found = json.loads(str(view.get("private_metadata") or "{}"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def typed_of(view: Mapping[str, Any], name: str) -> str:
    """What was typed or chosen in one field; '' when nothing was."""
    element = _answered(view, name)
    chosen: Any = element.get("selected_option") or {}
    return str(element.get("value") or (chosen.get("value") if isinstance(chosen, dict) else "") or "")


def parameters_of(
    voice: Voice, view: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[dict[str, Scalar | None], dict[str, str]]:
    """(parameters, mistakes by field). Fields left empty take the schema's default, or are a mistake when required."""
    required = _required(schema)
    found: dict[str, Scalar | None] = {}
    wrong: dict[str, str] = {}
    for name, declared in _properties(schema):
        field = _resolved(declared, schema)
        given = _answered(view, name)
        try:
            value = _value(field, given)
        except ValueError:
            wrong[name] = voice.say("answer.not_a_number")
            continue
        if value is None:
            value = declared.get("default", field.get("default"))
        if isinstance(value, Scalar) or (value is None and "default" in declared):
            found[name] = value
        elif name in required:
            wrong[name] = voice.say("answer.needed")
    return found, wrong


def _value(field: Mapping[str, Any], given: Mapping[str, Any]) -> Scalar | None:
    """None when nothing was given. Raises `ValueError` for what is not a number where one is asked."""
    if field.get("type") == "boolean":
        return bool(given.get("selected_options"))
    chosen: Any = given.get("selected_option") or {}
    text = str((chosen.get("value") if isinstance(chosen, dict) else "") or given.get("value") or "")
    if not text:
        return None
    if _choices(field):
        return next((each for each in _choices(field) if str(each) == text), None)
    if field.get("type") == "integer":
        return int(text)
    if field.get("type") == "number":
        return _finite(float(text))
    return text


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def _input(voice: Voice, name: str, declared: Mapping[str, Any], schema: Mapping[str, Any]) -> Block:
    field = _resolved(declared, schema)
    default = declared.get("default", field.get("default"))
    optional = name not in _required(schema)
    label = _label(voice, name, declared.get("title") or field.get("title"))
    hint = str(declared.get("description") or "")
    kind = field.get("type")
    if kind == "boolean":
        return _field(label, name, _checkbox(voice, on=bool(default)), optional=True, hint=hint)
    if choices := _choices(field):
        return _field(
            label, name, _select([(str(each), str(each)) for each in choices], default), optional=optional, hint=hint
        )
    first = {"initial_value": str(default)} if default is not None and default != "" else {}
    if kind in {"integer", "number"}:
        element = {"type": "number_input", "action_id": FIELD, "is_decimal_allowed": kind == "number", **first}
    else:
        element = {"type": "plain_text_input", "action_id": FIELD, "max_length": _MOST_TYPED, **first}
    return _field(label, name, element, optional=optional, hint=hint)


def _label(voice: Voice, name: str, title: Any) -> str:
    """In the reader's words where we have some; Prefect titles a parameter with its bare name."""
    key = f"field.parameter.{name}"
    if title in {None, "", name} and key in TEXTS:
        return voice.say(key)
    return str(title or name)


def _required(schema: Mapping[str, Any]) -> set[str]:
    named: Sequence[str] = schema.get("required") or []
    return set(named)


def _properties(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found: dict[str, Mapping[str, Any]] = dict(schema.get("properties") or {})
    ordered = sorted(found.items(), key=lambda pair: (pair[1].get("position", 0), pair[0]))
    return [(name, field) for name, field in ordered][:_MOST_FIELDS]


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref` and `allOf` of one to its definition; of `anyOf` the first that is not null."""
    for key in ("allOf", "anyOf"):
        options = [each for each in field.get(key) or () if each.get("type") != "null"]
        if options:
            return _resolved(options[0], schema)
    name = str(field.get("$ref") or "").rpartition("/")[2]
    definitions: Mapping[str, Any] = schema.get("definitions") or schema.get("$defs") or {}
    return definitions.get(name, field) if name else field


def _choices(field: Mapping[str, Any]) -> list[Scalar]:
    return [each for each in field.get("enum") or () if isinstance(each, Scalar)][:_MOST_OPTIONS]


def _select(options: Sequence[tuple[str, str]], default: Any) -> Block:
    made = [{"text": plain_text(label), "value": value} for label, value in options[:_MOST_OPTIONS]]
    first = next((option for option in made if option["value"] == str(default)), None)
    element: Block = {"type": "static_select", "action_id": FIELD, "options": made}
    return element | ({"initial_option": first} if first else {})


def _checkbox(voice: Voice, *, on: bool) -> Block:
    option = {"text": plain_text(voice.say("field.yes")), "value": "yes"}
    return {
        "type": "checkboxes",
        "action_id": FIELD,
        "options": [option],
        **({"initial_options": [option]} if on else {}),
    }


def _code(voice: Voice) -> Block:
    return text_field(voice.say("field.code"), "code", hint=voice.say("field.code_hint"))


def _field(
    label: str, name: str, element: Block, *, optional: bool = False, hint: str = "", most: int = MOST_LABEL
) -> Block:
    made: Block = {
        "type": "input",
        "block_id": name,
        "label": plain_text(label, most),
        "element": element,
        "optional": optional,
    }
    return made | ({"hint": plain_text(hint, _MOST_HINT)} if hint else {})


def _answered(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    state: Any = view.get("state")
    values: Any = state.get("values") if isinstance(state, dict) else None
    block: Any = values.get(name) if isinstance(values, dict) else None
    element: Any = block.get(FIELD) if isinstance(block, dict) else None
    return element if isinstance(element, dict) else {}
