"""What may stand at which place of a catalogue file?

Read from the model itself: a map of named things, one thing with keys, or a list. A thing whose kind chooses its
type is found by that kind, so that an unknown key is held against the keys that could have been meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel

from blocks.catalogue.document import Steps
from blocks.catalogue.model import Catalogue


class Place(NamedTuple):
    """`models` are what a map of keys may be here; `each` is the type of what stands in a map by name or a list."""

    models: tuple[type[BaseModel], ...] = ()
    each: Any = None

    @property
    def named(self) -> bool:
        """What stands here is called by its key in the map around it."""
        return any("name" in model.model_fields for model in self.models)

    def chosen(self, value: object) -> type[BaseModel] | None:
        """The model of this very value: the only one, or the one of its kind."""
        if len(self.models) == 1:
            return self.models[0]
        kind = cast("Mapping[str, object]", value).get("kind") if isinstance(value, Mapping) else None
        return next((model for model in self.models if kind == kind_of(model)), None)

    def inside(self, step: str | int, value: object = None) -> Place:
        """The place below; `value` is what stands here."""
        if self.each is not None:
            return _place_of(self.each)
        model = self.chosen(value)
        field = model.model_fields.get(str(step)) if model else None
        return _place_of(field.annotation) if field else Place()


TOP = Place((Catalogue,))


def kind_of(model: type[BaseModel]) -> str:
    """The kind that chooses this model, empty where none does."""
    field = model.model_fields.get("kind")
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return str(values[0]) if values else ""


def place_at(value: object, path: Steps) -> tuple[Place, object]:
    """The place where `path` leads in a file's `value`, and what stands there."""
    place = TOP
    for step in path:
        place = place.inside(step, value)
        value = cast("Mapping[object, object]", value).get(step) if isinstance(value, Mapping) else None
    return place, value


def without_kinds(loc: Sequence[int | str]) -> Steps:
    """Pydantic's location without the kinds that chose a type: they do not stand in the file as keys."""
    place, path = TOP, list[int | str]()
    for step in loc:
        tagged = [model for model in place.models if kind_of(model) == step] if len(place.models) > 1 else []
        if tagged:
            place = Place((tagged[0],))
        else:
            path.append(step)
            place = place.inside(step)
    return tuple(path)


def with_names(value: Any, place: Place = TOP) -> Any:
    """A copy in which everything that stands in a map of named things has its key as `name`."""
    if not isinstance(value, Mapping):
        return value
    return {key: _with_name(key, child, place.inside(key, value)) for key, child in _pairs(value)}


def written_names(value: object, place: Place = TOP, at: Steps = ()) -> Iterator[Steps]:
    """Where a `name` is written though it is the key of the map."""
    if isinstance(value, Mapping):
        for key, child in _pairs(cast("Mapping[str, object]", value)):
            inner, path = place.inside(key, cast("object", value)), (*at, key)
            if inner.named and isinstance(child, Mapping) and "name" in child:
                yield (*path, "name")
            yield from written_names(child, inner, path)


def _with_name(key: str, child: Any, place: Place) -> Any:
    copy = with_names(child, place)
    return {**copy, "name": key} if place.named and isinstance(copy, Mapping) else copy


def _pairs(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(value.items())


def _place_of(annotation: Any) -> Place:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _place_of(arguments[0])
    if origin in {Union, UnionType}:
        places = [_place_of(each) for each in arguments]
        return Place(
            tuple(model for place in places for model in place.models),
            next((place.each for place in places if place.each is not None), None),
        )
    if origin in {dict, tuple}:
        return Place(each=arguments[1 if origin is dict else 0])
    return Place((annotation,)) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else Place()
