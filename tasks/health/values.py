"""What passes between the steps of a sweep, and what it says at the end?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from blocks.ports.health import CheckKey, Reading
from tasks.core.step import Sealed
from tasks.health.plan import SweepPlan, unconfirmed


class Taken:
    """The readings of a sweep so far, and which checks must be measured again before they are believed."""

    def __init__(self, plan: Sealed[SweepPlan], readings: Sealed[list[Reading]]) -> None:
        self._plan = plan.value
        self._readings = list(readings.value)

    def add(self, readings: Sealed[list[Reading]]) -> None:
        """Another attempt has been made."""
        self._readings += readings.value

    def doubtful(self) -> Sealed[list[CheckKey]] | None:
        """Checks in a soft problem state, while the sweep's deadline leaves time to ask again; else None."""
        keys = unconfirmed(self._plan, self._readings) if self._has_time() else []
        return Sealed(keys) if keys else None

    def next_attempt(self) -> int:
        """The number of the attempt that comes next in this sweep."""
        return 1 + max((reading.attempt for reading in self._readings), default=0)

    def readings(self) -> Sealed[list[Reading]]:
        """Every reading taken, all attempts."""
        return Sealed(self._readings)

    def _has_time(self) -> bool:
        if not self._readings:
            return False
        begin = min(reading.started_at for reading in self._readings)
        end = max(reading.started_at for reading in self._readings)
        return end - begin < self._plan.platform.sweep_deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep found. `verdict` is ok, warning, critical, unknown or monitoring_fault."""

    sweep: UUID
    platform: str
    verdict: str
    sentence: str
    check_count: int
    problem_count: int
    missing_count: int
    open_incident_count: int
    undelivered_count: int
    evidence: str

    def __str__(self) -> str:
        """The sentence that also goes to log and artifact."""
        return self.sentence


def newest_of_each(readings: Sequence[Reading]) -> list[Reading]:
    """The last attempt of every check, in the order first read."""
    newest: dict[CheckKey, Reading] = {}
    for reading in readings:
        before = newest.get(reading.key)
        if before is None or reading.attempt > before.attempt:
            newest[reading.key] = reading
    return list(newest.values())
