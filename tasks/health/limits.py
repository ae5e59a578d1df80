"""What does one reading say, measured against what?

Rule: a reading without evidence is `unknown`. A missing reading, a limit whose measurement is
absent, a number that is not one, a unit that cannot be compared: none of them may end up ok.
The sentence names what was measured and the limit it was held against, both with units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from blocks.catalogue.model import CheckBase, HttpCheck, Limits
from blocks.catalogue.quantities import Limit, limit_in
from blocks.ports.health import Measurement, MissingCode, Reading, State, Unit


class _Remark(NamedTuple):
    state: State
    text: str
    numbers: Mapping[str, float | str]


class Meaning(NamedTuple):
    """What a reading means; `numbers` are what the sentence of a problem is made of, empty when all is well."""

    state: State
    sentence: str
    numbers: Mapping[str, float | str]


_CROSSED = {
    ">": "over the limit of",
    ">=": "at or over the limit of",
    "<": "under the limit of",
    "<=": "at or under the limit of",
}
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_MOST_DIGITS = 6
_WHOLE_FROM = 100
_HOST = re.compile(r"https?://(?P<url>\[[^]\s]+\]|[^/:\s]+)|(?P<name>\b[\w-]+(?:\.[\w-]+)+)(?::\d+\b)?")


def assess_reading(check: CheckBase, reading: Reading) -> tuple[State, str]:
    """The state a reading means for its check, and the sentence that says why.

    Missing is unknown with its reason; a finding has its own state; else the check's limits decide.
    The worst remark wins, and all remarks of that state are told.
    """
    meaning = explain_reading(check, reading)
    return meaning.state, meaning.sentence


def is_well(check: CheckBase, reading: Reading) -> bool:
    """Does this reading mean `ok`? The same rules, without the words."""
    return reading.missing is None and not any(True for _ in _remarks(check, reading))


def explain_reading(check: CheckBase, reading: Reading) -> Meaning:
    """The same with its numbers: the first remark's `code` and `where`, or `measurement`, `value`, `unit`, `limit`."""
    if reading.missing is not None:
        text = f"not measured: {reading.missing.text or reading.missing.code.value}"
        return Meaning(State.UNKNOWN, text, {"code": reading.missing.code.value})
    remarks = list(_remarks(check, reading))
    if not remarks:
        return Meaning(State.OK, _all_well(check, reading), {})
    worst = max((remark.state for remark in remarks), key=lambda state: state.rank)
    told = [remark for remark in remarks if remark.state is worst]
    return Meaning(worst, "; ".join(remark.text for remark in told), told[0].numbers)


def _remarks(check: CheckBase, reading: Reading) -> Iterator[_Remark]:
    yield from _about_finding(reading)
    yield from _about_measurements(check, reading)


def _about_finding(reading: Reading) -> Iterator[_Remark]:
    if reading.finding is not None:
        # A finding that claims to be good news, or to be no news, is a contradiction: nothing is known.
        state = reading.finding.state if reading.finding.state.is_problem else State.UNKNOWN
        found = _HOST.search(reading.finding.text)
        where = {"where": found["url"] or found["name"]} if found else {}
        yield _Remark(state, reading.finding.text, {"code": reading.finding.code.value, **where})
    elif not reading.measurements:
        text = "not measured: the probe gave neither a measurement nor a reason"
        yield _Remark(State.UNKNOWN, text, {"code": MissingCode.PROBE_FAILED.value})


def _about_measurements(check: CheckBase, reading: Reading) -> Iterator[_Remark]:
    for measurement in reading.measurements:
        if not math.isfinite(measurement.value):
            text = f"{measurement.name} is not a number ({measurement.value})"
            yield _Remark(State.UNKNOWN, text, {"code": MissingCode.UNEXPECTED_ANSWER.value})
    for name, limits in check.limits().items():
        if limits.warning is None and limits.critical is None:
            continue
        measured = [m for m in reading.measurements if m.name == name]
        if not measured and reading.finding is None and _is_required(check, name):
            text = f"{name} was not measured, so its limit says nothing"
            yield _Remark(State.UNKNOWN, text, {"code": MissingCode.NO_DATA.value})
        for measurement in measured:
            yield from _judge(measurement, limits)


def _is_required(check: CheckBase, name: str) -> bool:
    """Plain http shows no certificate; every other limit needs its measurement."""
    plain = isinstance(check, HttpCheck) and not check.url.lower().startswith("https:")
    return not (plain and name == "certificate")


def _judge(measurement: Measurement, limits: Limits) -> Iterator[_Remark]:
    if not math.isfinite(measurement.value):
        return
    for state, limit in ((State.CRITICAL, limits.critical), (State.WARNING, limits.warning)):
        if limit is None:
            continue
        try:
            bound = limit_in(limit, measurement.unit)
        except ValueError as error:
            text = f"{measurement.name} cannot be judged: {error}"
            yield _Remark(State.UNKNOWN, text, {"code": MissingCode.PROBE_FAILED.value})
            return
        if bound.crossed_by(measurement.value):
            yield _Remark(state, _sentence(measurement, bound), _numbers(measurement, bound))
            return


def _numbers(measurement: Measurement, bound: Limit) -> dict[str, float | str]:
    return {
        "measurement": measurement.name,
        "value": measurement.value,
        "unit": measurement.unit.value,
        "limit": str(bound),
    }


def _sentence(measurement: Measurement, bound: Limit) -> str:
    """'latency 2,310 ms over the limit of 2,000 ms'."""
    value, limit = _texts(measurement.value, bound.value, measurement.unit)
    return f"{measurement.name} {value} {_CROSSED[bound.operator]} {limit}"


def _all_well(check: CheckBase, reading: Reading) -> str:
    """'latency 120 ms (limit 2,000 ms)' for the primary measurement."""
    primary = reading.measurements[0]
    limits = check.limits().get(primary.name, Limits())
    limit = limits.warning or limits.critical
    if limit is None:
        return f"{primary.name} {_text(primary.value, primary.unit)}"
    value, bound = _texts(primary.value, limit_in(limit, primary.unit).value, primary.unit)
    return f"{primary.name} {value} (limit {bound})"


def _texts(value: float, bound: float, unit: Unit) -> tuple[str, str]:
    """Both with the same unit, and with as many digits as it takes to tell them apart."""
    scale, word = _scale(min(abs(v) for v in (value, bound) if v or not bound), unit)
    limit = _number(bound / scale, _MOST_DIGITS)
    digits = 0 if abs(value / scale) >= _WHOLE_FROM else 1
    while (shown := _number(value / scale, digits)) == limit and digits < _MOST_DIGITS:
        digits += 1
    return f"{shown}{word}", f"{limit}{word}"


def _text(value: float, unit: Unit) -> str:
    scale, word = _scale(abs(value), unit)
    return f"{_number(value / scale, 0 if abs(value / scale) >= _WHOLE_FROM else 1)}{word}"


def _scale(size: float, unit: Unit) -> tuple[float, str]:
    if unit is Unit.COUNT:
        return 1.0, ""
    if unit is not Unit.BYTES:
        return 1.0, f" {unit.value}"
    step = min(int(math.log2(size)) // 10, len(_BYTE_UNITS) - 1) if size >= 1 else 0
    return 1024.0**step, f" {_BYTE_UNITS[step]}"


def _number(value: float, digits: int) -> str:
    """'2,310', '81.5', '0.025': thousands apart, no idle zeros."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
