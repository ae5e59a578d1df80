"""How many requests does the sandbox's Resource Manager still answer?

Token buckets, as it has them since 2024: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """Requests that are left; refilled every second, as Resource Manager does since 2024."""

    size: float
    refill_per_s: float
    left: float = field(init=False)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.size

    def take(self) -> int:
        """0 when there was one, else the seconds to wait."""
        now = time.monotonic()
        self.left = min(self.size, self.left + (now - self.at) * self.refill_per_s)
        self.at = now
        if self.left < 1:
            return max(1, math.ceil((1 - self.left) / self.refill_per_s))
        self.left -= 1
        return 0
