"""Is the measurement itself right, before anybody believes it?

A Great Expectations suite looks at the readings of a sweep as data: every declared check has
exactly one reading, each is fresh, plausible and in the unit its kind promises. A sweep that fails
is reported as a monitoring fault; it never counts as health, good or bad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.ports.health import CheckKey, Reading, Unit

if TYPE_CHECKING:
    import pandas as pd

_PLAUSIBLE: Mapping[Unit, tuple[float, float]] = {
    Unit.MILLISECONDS: (0, 3_600_000),
    Unit.SECONDS: (0, 10 * 366 * 86_400),
    Unit.DAYS: (-36_600, 36_600),
    Unit.PERCENT: (0, 1_000_000),
    Unit.COUNT: (0, 1e15),
    Unit.BYTES: (0, 1e18),
    Unit.PER_SECOND: (0, 1e12),
}
_WHO = {"result_format": "COMPLETE", "unexpected_index_column_names": []}
_NAMED = 3  # how many culprits a sentence names
_SHARES = frozenset({"connected", "healthy", "in_service", "up", "connections"})
"""Percentages of a whole: over 100 % the measurement is wrong, not the service."""


@dataclass(frozen=True, slots=True)
class MeasurementVerdict:
    """`faults` are sentences, empty when the measurement can be believed."""

    reading_count: int
    faults: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """May the readings be believed?"""
        return not self.faults


def reading_frame(
    readings: Iterable[Reading], declared: Mapping[CheckKey, Mapping[str, Unit]], at: datetime
) -> pd.DataFrame:
    """One row a declared or surprising check, wide enough to be judged; times in seconds.

    Columns: service, check, declared (0/1), reading_count, contradictory (0/1), elapsed_ms, age_s,
    unit_right (0/1), plausible (0/1).
    """
    import pandas as pd

    rows = [_row(reading, declared.get(reading.key), at) for reading in readings]
    seen = Counter(CheckKey(str(row["service"]), str(row["check"])) for row in rows)
    absent = [key for key in declared if key not in seen]
    rows += [{"service": key.service, "check": key.check, "declared": 1} for key in absent]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame["reading_count"] = [
        seen.get(CheckKey(s, c), 0) for s, c in zip(frame["service"], frame["check"], strict=True)
    ]
    return frame


_COLUMNS = (
    "service",
    "check",
    "declared",
    "reading_count",
    "contradictory",
    "elapsed_ms",
    "age_s",
    "unit_right",
    "plausible",
)


def _row(reading: Reading, units: Mapping[str, Unit] | None, at: datetime) -> dict[str, object]:
    measured = reading.missing is None
    evidence = bool(reading.measurements) or reading.finding is not None
    return {
        "service": reading.service,
        "check": reading.check,
        "declared": int(units is not None),
        "contradictory": int(measured is not evidence),
        "elapsed_ms": reading.elapsed_ms,
        "age_s": (at - reading.started_at).total_seconds(),
        "unit_right": int(units is None or all(units.get(m.name) is m.unit for m in reading.measurements)),
        "plausible": int(all(_plausible(m.name, m.value, m.unit) for m in reading.measurements)),
    }


def _plausible(name: str, value: float, unit: Unit) -> bool:
    low, high = _PLAUSIBLE[unit]
    if unit is Unit.PERCENT and name in _SHARES:
        high = 100.0
    return low <= value <= high  # false for NaN as well


def judge_measurement(frame: pd.DataFrame, *, oldest: timedelta) -> MeasurementVerdict:
    """Run the suite over the frame of one sweep. `oldest` is the age a reading may have."""
    import great_expectations as gx

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("sweep")
    batch = (
        source.add_dataframe_asset("readings")
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame})
    )
    suite = _suite(oldest)
    result = batch.validate(suite, result_format="BOOLEAN_ONLY")
    if not result.success:  # who it was costs as much again, and is asked only where there is somebody
        result = batch.validate(suite, result_format=_WHO)
    return MeasurementVerdict(len(frame), tuple(_faults(frame, result)))


def _suite(oldest: timedelta) -> Any:
    import great_expectations as gx

    gxe: Any = gx.expectations

    def all_equal(column: str, value: int, meaning: str) -> Any:
        return gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=value, max_value=value, meta={"fault": meaning}
        )

    return gx.ExpectationSuite(
        name="measurement",
        expectations=[
            all_equal("declared", 1, "was read but is not declared"),
            all_equal("reading_count", 1, "does not have exactly one reading"),
            all_equal("contradictory", 0, "says neither what was measured nor why nothing was"),
            all_equal("unit_right", 1, "is in a unit its kind does not have"),
            all_equal("plausible", 1, "is outside the plausible range"),
            gxe.ExpectColumnValuesToBeBetween(
                column="age_s",
                min_value=-5,
                max_value=oldest.total_seconds(),
                meta={"fault": f"is not fresh (older than {oldest.total_seconds():.0f} s, or from the future)"},
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="elapsed_ms", min_value=0, max_value=3_600_000, meta={"fault": "took an impossible time"}
            ),
        ],
    )


def _faults(frame: pd.DataFrame, result: Any) -> Iterable[str]:
    for outcome in result.results:
        if outcome.success:
            continue
        if outcome.exception_info.get("raised_exception"):
            yield f"the measurement could not be judged: {outcome.exception_info.get('exception_message', '')}"
            continue
        rows: Sequence[int] = outcome.result.get("unexpected_index_list") or []
        names = [f"{frame['service'][row]}/{frame['check'][row]}" for row in rows[:_NAMED]]
        more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        yield f"{', '.join(names)}{more}: {outcome.expectation_config.meta['fault']}"
