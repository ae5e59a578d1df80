"""Is each value of the type its key wants?

Holds a file against the model and says every difference in words: which key is unknown or missing,
what was expected instead of what stands there. Names come from the keys of the maps, so a `name:`
written beside them is refused: two names for one thing would part one day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from blocks.catalogue.document import Document, Steps
from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.model import Catalogue, CheckBase
from blocks.catalogue.parts import kind_of, place_at, with_names, without_kinds, written_names
from blocks.catalogue.texts import UnknownZoneError

CHECKS: dict[str, type[CheckBase]] = {kind_of(kind): kind for kind in CheckBase.__subclasses__()}
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
        for path in written_names(document.value)
    ]
    try:
        catalogue = Catalogue.model_validate(with_names(document.value), context={"written": True})
    except ValidationError as error:
        found = [_explain(document, detail) for detail in error.errors(include_url=False)]
        return None, mistakes + found
    return catalogue, mistakes


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
        tag, known = str(context.get("tag")), [kind_of(each) for each in place_at(None, path)[0].models]
        text = f"unknown {str(path[-2]).removesuffix('s')} kind {tag!r}, expected one of {listed(known, 30)}"
        return document.mistake(document.at_value((*path, "kind")), text, nearest_name(tag, known))
    at = document.at_key(path) if of_key or not path else document.at_value(path)
    return document.mistake(at, *_say(detail))


def _path(loc: tuple[int | str, ...]) -> tuple[Steps, bool]:
    """Pydantic's location without what is not in the file, and whether it means a key."""
    path = without_kinds(loc)
    of_key = path[-1:] == ("[key]",)
    of_name = path[-1:] == ("name",) and place_at(None, path[:-1])[0].named  # the name is the key
    return (path[:-1], True) if of_key or of_name else (path, False)


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


def _keys_at(value: object, path: Steps) -> list[str]:
    """The keys that may stand in the map at `path`."""
    place, there = place_at(value, path)
    model = place.chosen(there)
    return [key for key in model.model_fields if key not in {"name", "digest"}] if model else []
