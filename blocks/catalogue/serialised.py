"""Which version of a platform was this?

Catalogue values as plain JSON and back, equal, and their digest: the SHA-256 of the JSON in one
canonical writing. A run pins the digest it was made with, so that what was decided can be explained
by what was declared then.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from blocks.catalogue.model import Catalogue, Customer, Platform
from blocks.errors import Broken

_Model = TypeVar("_Model", bound=BaseModel)


def platform_to_json(platform: Platform) -> str:
    """One canonical JSON text: the same platform is the same text, on every machine."""
    return _to_json(platform)


def platform_from_json(text: str) -> Platform:
    """The platform that `platform_to_json` wrote, equal to it. Raises `Broken`."""
    return _from_json(Platform, text)


def customer_to_json(customer: Customer) -> str:
    """One canonical JSON text."""
    return _to_json(customer)


def customer_from_json(text: str) -> Customer:
    """The customer that `customer_to_json` wrote, equal to it. Raises `Broken`."""
    return _from_json(Customer, text)


def catalogue_to_json(catalogue: Catalogue) -> str:
    """One canonical JSON text, digest included."""
    return _to_json(catalogue)


def catalogue_from_json(text: str) -> Catalogue:
    """The catalogue that `catalogue_to_json` wrote, equal to it. Raises `Broken`."""
    return _from_json(Catalogue, text)


def digest_of(value: BaseModel) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits; a catalogue's own `digest` is left out."""
    return hashlib.sha256(_to_json(value, {"digest"}).encode()).hexdigest()


def _to_json(value: BaseModel, exclude: set[str] | None = None) -> str:
    plain: Any = value.model_dump(mode="json", exclude=exclude)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _from_json(model: type[_Model], text: str) -> _Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Broken(
            f"a stored {model.__name__.lower()} cannot be read: {first['msg']}",
            where=".".join(str(step) for step in first["loc"]),
            next_step="run vigie apply to store the catalogue again with this version of vigie",
            code="probe_failed",
        ) from None
