"""How long, how much, and in what unit?

Quantities are written with their unit ("30s", "500 ms", "2 %", "14 d", "> 80 %"); a bare number is
refused, because at 3 a.m. nobody should have to guess whether 30 is seconds or minutes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

from blocks.ports.health import Unit

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "B": 1.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
}
_QUANTITY = re.compile(r"^\s*(?P<number>-?\d+(?:[.,]\d+)?)\s*(?P<unit>[A-Za-z%/]+)\s*$")
_LIMIT = re.compile(r"^\s*(?P<operator>[<>]=?)\s*(?P<rest>.+)$")
_TIME_UNITS = {Unit.MILLISECONDS: 0.001, Unit.SECONDS: 1.0, Unit.DAYS: 86400.0}


def parse_quantity(text: object) -> tuple[float, str]:
    """("30 s") -> (30.0, "s"). Raises ValueError saying what was expected."""
    match = _QUANTITY.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"expected a number with its unit, such as '30s', '500 ms' or '2 %', not {text!r}")
    return float(match["number"].replace(",", ".")), match["unit"]


def parse_duration(value: object) -> timedelta:
    """'30s', '500 ms', '5 min', '26h', '14 d' -> timedelta. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    number, unit = parse_quantity(value)
    if unit not in _SECONDS:
        raise ValueError(f"expected a duration in ms, s, min, h, d or w, not {unit!r}")
    if number <= 0:
        raise ValueError(f"expected a duration above zero, not {value!r}")
    return timedelta(seconds=number * _SECONDS[unit])


def format_count(count: int, one: str, many: str) -> str:
    """'1 copy', '2 copies', '0 copies'."""
    return f"{count} {one if count == 1 else many}"


def format_duration(value: timedelta) -> str:
    """The shortest exact writing: 90 s stays '90s', 300 s becomes '5min'."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "min", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds / _SECONDS[unit])}{unit}"
    return f"{_exactly(value / timedelta(milliseconds=1))}ms"


def _exactly(number: float) -> str:
    """The shortest decimal writing that reads back as the same number: 67108864, never 6.71089e+07."""
    text = format(Decimal(repr(float(number))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Limit(NamedTuple):
    """A bound that must not be crossed: `Limit('>', 80.0, Unit.PERCENT)` is crossed by 80.1 %."""

    operator: str
    value: float
    unit: Unit

    def crossed_by(self, value: float) -> bool:
        """Is `value`, in this limit's unit, beyond it?"""
        return {
            ">": value > self.value,
            ">=": value >= self.value,
            "<": value < self.value,
            "<=": value <= self.value,
        }[self.operator]

    def __str__(self) -> str:
        """As people write it: '> 80 %'."""
        return f"{self.operator} {_exactly(self.value)} {self.unit.value}"


def parse_limit(value: object) -> Limit:
    """'> 80 %', '< 14 d', '>= 500 ms', '> 1000 count' -> Limit. Durations keep ms, s or d; others convert."""
    if isinstance(value, Limit):
        return value
    match = _LIMIT.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a limit such as '> 80 %' or '< 14 d', not {value!r}")
    number, word = parse_quantity(match["rest"])
    if word in _BYTES:
        return Limit(match["operator"], number * _BYTES[word], Unit.BYTES)
    try:
        return Limit(match["operator"], number, Unit(word))
    except ValueError:
        pass
    if word not in _SECONDS:
        known = ", ".join([u.value for u in Unit] + ["min", "h", "w", "MiB", "GiB"])
        raise ValueError(f"expected one of the units {known}, not {word!r}") from None
    return Limit(match["operator"], number * _SECONDS[word], Unit.SECONDS)


def limit_in(limit: Limit, unit: Unit) -> Limit:
    """The same limit in the unit of a measurement. Raises ValueError where they do not measure the same thing."""
    if limit.unit is unit:
        return limit
    if limit.unit in _TIME_UNITS and unit in _TIME_UNITS:
        return Limit(limit.operator, limit.value * _TIME_UNITS[limit.unit] / _TIME_UNITS[unit], unit)
    raise ValueError(f"a limit in {limit.unit.value!r} cannot judge a measurement in {unit.value!r}")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*\d+([.,]\d+)?\s*(ms|s|m|min|h|d|w)\s*$", "examples": ["30s", "500 ms"]}
    ),
]
LimitText = Annotated[
    Limit,
    BeforeValidator(parse_limit),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[<>]=?\s*-?\d", "examples": ["> 80 %", "< 14 d"]}),
]


def _percent(value: object, info: ValidationInfo) -> float:
    if isinstance(value, float) and not (info.context or {}).get("written"):  # code may pass a number, YAML may not
        number, unit = value, "%"
    else:
        number, unit = parse_quantity(value)
    if unit != "%":
        raise ValueError(f"expected a percentage such as '99.9 %', not {value!r}")
    if not 0 <= number <= 100:  # noqa: PLR2004 - a share
        raise ValueError(f"expected a percentage between 0 % and 100 %, not {value!r}")
    return number


Percent = Annotated[
    float,
    BeforeValidator(_percent),
    PlainSerializer(lambda v: f"{_exactly(v)} %", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+([.,]\d+)?\s*%\s*$", "examples": ["99.9 %"]}),
]
