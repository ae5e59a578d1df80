"""Which stretch of time is a metric asked about?

Whole minutes, cut into the largest interval that Azure knows, so that Azure itself weighs the samples.
The rule: the newest two minutes are left out, because Azure Monitor is still counting them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

SETTLING = timedelta(minutes=2)  # Azure Monitor delivers most platform metrics within this time
_GRAINS = {
    timedelta(days=1): "P1D",
    timedelta(hours=12): "PT12H",
    timedelta(hours=6): "PT6H",
    timedelta(hours=1): "PT1H",
    timedelta(minutes=30): "PT30M",
    timedelta(minutes=15): "PT15M",
    timedelta(minutes=5): "PT5M",
    timedelta(minutes=1): "PT1M",
}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time on whole minutes."""

    start: datetime
    end: datetime

    @classmethod
    def ending(cls, now: datetime, length: timedelta) -> Window:
        """The newest settled window of that length, rounded up to whole minutes."""
        end = now.astimezone(UTC).replace(second=0, microsecond=0) - SETTLING
        return cls(end - timedelta(minutes=ceil(length / timedelta(minutes=1))), end)

    def earlier(self, by: timedelta) -> Window:
        """The same stretch, some time before."""
        return Window(self.start - by, self.end - by)

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    @property
    def grain(self) -> timedelta:
        """The largest interval Azure knows that the window is a multiple of."""
        return next((grain for grain in _GRAINS if self.length % grain == timedelta()), timedelta(minutes=1))

    @property
    def interval(self) -> str:
        """The grain as Azure writes it."""
        return _GRAINS[self.grain]

    def __str__(self) -> str:
        """As Azure writes a timespan."""
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"
