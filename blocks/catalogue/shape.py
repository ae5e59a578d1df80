"""Is each value of the type its key wants?

Holds a file against the model and says every difference in words: which key is unknown or missing,
what was expected instead of what stands there. Names come from the keys of the maps, so a `name:`
written beside them is refused: two names for one thing would part one day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from blocks.catalogue.document import Document, Steps
from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.model import (
    Catalogue,
    CheckBase,
    Customer,
    Limits,
    Maintenance,
    Platform,
    Service,
    Site,
    Slo,
)
from blocks.catalogue.texts import UnknownZoneError

CHECKS: dict[str, type[CheckBase]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in CheckBase.__subclasses__()
}
_NAMED = {
    "customers": (),
    "platforms": ("sites", "services", "maintenance"),
    "services": ("checks", "slos"),
    "recovery": ("data", "services", "second_workers", "traffic", "steps"),
}
_PARTS: dict[str, type[BaseModel]] = {
    "customers": Customer,
    "platforms": Platform,
    "sites": Site,
    "services": Service,
    "maintenance": Maintenance,
    "slos": Slo,
}
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "float_type": "a number",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dict_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
    "datetime_type": "a time with its offset, such as '2026-12-05T22:00:00+01:00'",
    "datetime_parsing": "a time with its offset, such as '2026-12-05T22:00:00+01:00'",
    "datetime_from_date_parsing": "a time with its offset, such as '2026-12-05T22:00:00+01:00'",
}


def read_shape(document: Document) -> tuple[Catalogue | None, list[Mistake]]:
    """The file as a catalogue, or None with what is wrong in it. References are not looked at here."""
    if not isinstance(document.value, dict):
        return None, [document.mistake(document.at_value(()), "expected the keys customers: and platforms:")]
    mistakes = [
        document.mistake(document.at_key(path), "expected no name here: it is the key of the map")
        for path in _written_names(document.value)
    ]
    try:
        catalogue = Catalogue.model_validate(named(document.value), context={"written": True})
    except ValidationError as error:
        found = [_explain(document, detail) for detail in error.errors(include_url=False)]
        return None, mistakes + found
    return catalogue, mistakes


def named(value: Mapping[str, Any], maps: tuple[str, ...] = ("customers", "platforms")) -> dict[str, Any]:
    """A copy in which everything that stands in a map of named things has its key as `name`."""
    copy = dict(value)
    for key in maps:
        children = copy.get(key)
        if isinstance(children, Mapping):
            copy[key] = {
                name: named(_with_name(name, child), _NAMED.get(key, ())) if isinstance(child, Mapping) else child
                for name, child in children.items()
            }
    return copy


def _with_name(name: str, value: Any) -> Any:
    return {**value, "name": name} if isinstance(value, Mapping) else value


def _written_names(
    value: Mapping[str, Any], maps: tuple[str, ...] = ("customers", "platforms"), at: Steps = ()
) -> list[Steps]:
    found: list[Steps] = []
    for key in maps:
        children = value.get(key)
        for name, child in children.items() if isinstance(children, Mapping) else ():
            if isinstance(child, Mapping):
                path = (*at, key, name)
                found += [(*path, "name")] if "name" in child else []
                found += _written_names(child, _NAMED.get(key, ()), path)
    return found


def _explain(document: Document, detail: ErrorDetails) -> Mistake:
    path, of_key = _path(detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    last = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        near = nearest_name(last, _keys_at(document.value, path[:-1]))
        return document.mistake(document.at_key(path), f"unknown key {last!r}", near)
    if kind in {"missing", "union_tag_not_found"}:
        key, parent = ("kind", path) if kind != "missing" else (last, path[:-1])
        return document.mistake(document.at_key(parent), f"missing key {key!r}{_of(parent)}")
    if kind == "union_tag_invalid":
        tag = str(context.get("tag"))
        near = nearest_name(tag, CHECKS)
        text = f"unknown check kind {tag!r}, expected one of {listed(CHECKS, 30)}"
        return document.mistake(document.at_value((*path, "kind")), text, near)
    at = document.at_key(path) if of_key or not path else document.at_value(path)
    return document.mistake(at, *_say(detail))


def _path(loc: tuple[int | str, ...]) -> tuple[Steps, bool]:
    """Pydantic's location without what is not in the file, and whether it means a key."""
    path = list(loc)
    if path[:1] == ["platforms"] and path[2:3] == ["services"] and path[4:5] == ["checks"]:
        del path[6:7]  # the kind that chose the type
    if path and path[-1] == "[key]":
        return tuple(path[:-1]), True
    if len(path) % 2 and path[-1] == "name":  # maps of named things alternate with names: the name is the key
        return tuple(path[:-1]), True
    return tuple(path), False


def _say(detail: ErrorDetails) -> tuple[str, str]:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "value_error":
        error = context.get("error")
        near = nearest_name(error.value, error.known()) if isinstance(error, UnknownZoneError) else ""
        return str(error), near
    if kind in {"literal_error", "enum"}:
        expected = str(context.get("expected", ""))
        options = expected.replace("'", "").replace(" or ", ", ").split(", ")
        return f"expected one of {expected}, not {given!r}", nearest_name(str(given), options)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {_short(given)}", ""
    message = detail["msg"].replace("Input should be", "expected a value")
    return f"{message}, not {_short(given)}", ""


def _short(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, Mapping):
        return "a map"
    if isinstance(given, list | tuple):
        return "a list"
    if isinstance(given, bool):
        return str(given).lower()
    return repr(given)


def _of(path: Steps) -> str:
    return f" of {path[-2]}.{path[-1]}" if len(path) > 1 and isinstance(path[-1], str) else ""


def _keys_at(value: Any, path: Steps) -> list[str]:
    """The keys that may stand in the map at `path`."""
    model: type[BaseModel] | None = Catalogue
    for index, step in enumerate(path):
        value = value.get(step) if isinstance(value, Mapping) else None
        before = path[index - 1] if index else ""
        if before in _PARTS and index in {1, 3, 5}:
            model = _PARTS[str(before)]
        elif before == "checks" and index == 5:  # noqa: PLR2004 - platforms.P.services.S.checks.C
            model = CHECKS.get(value.get("kind", "") if isinstance(value, Mapping) else "")
        elif index > 5:  # noqa: PLR2004
            model = Limits
    if model is None or (len(path) % 2 and len(path) < 6):  # noqa: PLR2004
        return []
    return [key for key in model.model_fields if key not in {"name", "digest"}]
