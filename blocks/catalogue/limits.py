"""Would these limits ever say anything, and the right thing?

A limit must be in a unit of what it judges, look the same way as its partner, and become critical
only beyond the warning. A measurement that must have limits and has none would be well whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from blocks.catalogue.kinds import UNITS
from blocks.catalogue.mistakes import Mistake
from blocks.catalogue.model import Limit, Limits
from blocks.catalogue.quantities import limit_in, parse_limit
from blocks.catalogue.shape import CHECKS
from blocks.catalogue.view import Entry
from blocks.ports.health import Unit

SIDES = ("warning", "critical")


def check_limits(entry: Entry) -> Iterator[Mistake]:
    """Everything wrong with the limits of one check, whatever else is wrong with it."""
    kind = entry.text("kind") or ""
    for name in _judged(kind):
        written = entry.value.get(name)
        if not isinstance(written, Mapping):
            continue
        if not written.keys() & set(SIDES):
            yield entry.wrong((name,), f"missing limits of {name!r}: expected warning, critical or both")
        elif (unit := _unit(kind, name, entry)) is not None:
            yield from _check_sides(entry, name, _sides(written), unit)
    if kind == "queue" and not {"depth", "age"} & entry.value.keys():
        yield entry.wrong((), f"missing limits of {entry.name!r}: expected depth, age or both")


@cache
def _judged(kind: str) -> tuple[str, ...]:
    """The measurements of a check kind that have limits."""
    fields = CHECKS[kind].model_fields if kind in CHECKS else {}
    return tuple(name for name, field in fields.items() if field.annotation is Limits)


def _unit(kind: str, name: str, entry: Entry) -> Unit | None:
    if kind != "metric":
        return UNITS[kind][name]
    written = entry.text("unit")
    return Unit(written) if written in set(Unit) else None


def _sides(written: Mapping[str, Any]) -> dict[str, Limit]:
    """The limits that can be read; the others are told elsewhere."""
    sides: dict[str, Limit] = {}
    for side in SIDES:
        try:
            sides[side] = parse_limit(written.get(side))
        except ValueError:
            continue
    return sides


def _check_sides(entry: Entry, name: str, sides: Mapping[str, Limit], unit: Unit) -> Iterator[Mistake]:
    same: dict[str, Limit] = {}
    for side, limit in sides.items():
        try:
            same[side] = limit_in(limit, unit)
        except ValueError as error:
            yield entry.wrong((name, side), f"{name!r} is measured in {unit.value!r}: {error}")
    if len(same) == len(SIDES) and (wrong := _disagreement(same["warning"], same["critical"])):
        yield entry.wrong((name, "critical"), f"{wrong}, not {sides['critical']} against {sides['warning']}")


def _disagreement(warning: Limit, critical: Limit) -> str:
    """Why the two limits cannot both be meant, or nothing."""
    if warning.operator[0] != critical.operator[0]:
        return "expected critical to look the same way as warning"
    upward = warning.operator.startswith(">")
    hidden = warning.value > critical.value if upward else warning.value < critical.value
    return "expected critical beyond warning" if hidden else ""
