"""Would these limits ever say anything, and the right thing?

A limit must be in a unit of what it judges, look the same way as its partner, and become critical
only beyond the warning. A measurement that must have limits and has none would be well whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator

from blocks.catalogue.kinds import units_of
from blocks.catalogue.mistakes import Mistake
from blocks.catalogue.model import Check, Limits, QueueCheck
from blocks.catalogue.quantities import Limit, limit_in
from blocks.catalogue.view import Entry
from blocks.ports.health import Unit


def check_limits(entry: Entry, check: Check) -> Iterator[Mistake]:
    """Everything wrong with the limits of one check that is otherwise right."""
    units = units_of(check)
    for name, limits in check.limits().items():
        written = name in entry.value
        if limits.warning is None and limits.critical is None:
            if written:
                yield entry.wrong((name,), f"missing limits of {name!r}: expected warning, critical or both")
            continue
        wrong = [*_wrong_units(entry, name, limits, units[name])]
        yield from wrong or _wrong_sides(entry, name, limits, units[name])
    if isinstance(check, QueueCheck) and not {"depth", "age"} & entry.value.keys():
        yield entry.wrong((), f"missing limits of {check.name!r}: expected depth, age or both")


def _wrong_units(entry: Entry, name: str, limits: Limits, unit: Unit) -> Iterator[Mistake]:
    for side, limit in (("warning", limits.warning), ("critical", limits.critical)):
        try:
            if limit is not None:
                limit_in(limit, unit)
        except ValueError as error:
            yield entry.wrong((name, side), f"{name!r} is measured in {unit.value!r}: {error}")


def _wrong_sides(entry: Entry, name: str, limits: Limits, unit: Unit) -> Iterator[Mistake]:
    if limits.warning is None or limits.critical is None:
        return
    warning, critical = limit_in(limits.warning, unit), limit_in(limits.critical, unit)
    if warning.operator[0] != critical.operator[0]:
        text = f"expected critical to look the same way as warning, not {limits.critical} against {limits.warning}"
    elif _beyond(warning, critical):
        text = f"expected critical beyond warning, not {limits.critical} against {limits.warning}"
    else:
        return
    yield entry.wrong((name, "critical" if _written(entry, name, "critical") else "warning"), text)


def _beyond(warning: Limit, critical: Limit) -> bool:
    """Is the warning further out than the critical limit, so that it would never be seen?"""
    if warning.operator.startswith(">"):
        return warning.value > critical.value
    return warning.value < critical.value


def _written(entry: Entry, name: str, side: str) -> bool:
    value = entry.value.get(name)
    return isinstance(value, dict) and side in value
