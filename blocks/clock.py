"""What time is it, and who says so?

Code that waits or measures takes a `Clock`, so that tests decide what time it is.
Times that are compared across processes come from the journal's clock, not from here.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamping, monotonic time for measuring, sleep for waiting."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, duration: timedelta) -> None: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Wall time, timezone-aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        """Wait without holding the loop."""
        await asyncio.sleep(duration.total_seconds())
