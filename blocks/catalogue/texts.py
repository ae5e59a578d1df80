"""Which words may stand in the catalogue?

Names, addresses, time zones and recurrence rules as types, each refusing what would only fail at
night. A block is named, never written out: what looks like a secret is refused and not repeated,
because these messages end up in terminals, reviews and logs.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_BLOCK = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
_HOST = re.compile(r"^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])$")
_NAME_LENGTH = 60
_SECRET_LENGTH = 20  # of one word with letters and digits mixed
_PORTS = range(1, 65536)
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_SECRET_HEADERS = ("authorization", "cookie", "api-key", "apikey", "token", "secret", "password")


def _name(value: str) -> str:
    if not _NAME.match(value) or len(value) > _NAME_LENGTH:
        raise ValueError(f"expected a name of lower-case letters, digits and single dashes, not {value!r}")
    return value


def _block(value: str) -> str:
    if not _BLOCK.match(value) or len(value) > _NAME_LENGTH or _looks_like_secret(value):
        raise ValueError(
            "expected the name of a saved block (lower-case words with dashes), not what looks like a secret: "
            "move the value into the block, and change it if this file was ever committed"
        )
    return value


def _looks_like_secret(value: str) -> bool:
    words = value.split("-")
    if _UUID.match(value):
        return True
    return any(len(w) >= _SECRET_LENGTH and any(c.isdigit() for c in w) and any(c.isalpha() for c in w) for w in words)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"expected an http:// or https:// address, not {value!r}") from None
    if parts.username or parts.password:
        raise ValueError("expected an address without user and password: the catalogue never holds a secret")
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() for c in value):
        raise ValueError(f"expected an http:// or https:// address, not {value!r}")
    return value


def _host_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not _HOST.match(host) or not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
        raise ValueError(f"expected host:port such as 'db1.example:5432', not {value!r}")
    return value


@cache
def _known_zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        raise UnknownZoneError(value) from None
    return value


class UnknownZoneError(ValueError):
    """A time zone that the time-zone database does not have."""

    def __init__(self, value: str) -> None:
        super().__init__(f"unknown time zone {value!r}")
        self.value = value

    def known(self) -> frozenset[str]:
        """Every name the time-zone database has, for the nearest one."""
        return _known_zones()


def _clock_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{2}:\d{2}", value):
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, time) and not (value.second or value.microsecond or value.tzinfo):
        return value
    raise ValueError(f"expected a time of day such as '02:30', not {value!r}")


def _header(name: str) -> str:
    if any(word in name.lower() for word in _SECRET_HEADERS):
        raise ValueError(f"expected no header {name!r}: it carries a secret, and the catalogue never holds one")
    return name


def _guid(value: str) -> str:
    if not _UUID.match(value.lower()):
        raise ValueError(f"expected a GUID such as '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', not {value!r}")
    return value.lower()


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("expected a time with its offset, such as '2026-12-05T22:00:00+01:00'")
    return value


def _plain(value: object) -> object:
    if isinstance(value, str | bool | int | float):
        return value
    what = "a map" if isinstance(value, dict) else "a list" if isinstance(value, list | tuple) else "nothing"
    raise ValueError(f"expected plain text, a number, or true or false, not {what}")


Name = Annotated[
    str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME.pattern, "maxLength": _NAME_LENGTH})
]
BlockName = Annotated[str, AfterValidator(_block), Field(json_schema_extra={"pattern": _BLOCK.pattern})]
HttpUrl = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"pattern": "^https?://"})]
HostPort = Annotated[str, AfterValidator(_host_port), Field(json_schema_extra={"pattern": r"^.+:\d+$"})]
ZoneName = Annotated[str, AfterValidator(_zone)]
Guid = Annotated[
    str,
    AfterValidator(_guid),
    Field(json_schema_extra={"pattern": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}),
]
HeaderName = Annotated[str, AfterValidator(_header)]
Plain = Annotated[Any, BeforeValidator(_plain), WithJsonSchema({"type": ["string", "number", "integer", "boolean"]})]
Moment = Annotated[datetime, AfterValidator(_moment)]
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["02:30"]}),
]
