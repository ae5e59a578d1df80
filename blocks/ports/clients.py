"""What do clients see whom a switch sends to one site?

Asked as such a client asks: the same addresses, names and certificates, led to that site whatever the switch says of
everybody else. Values only; who judges them is in `tasks/recovery/returning.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. `latency_ms` is None where no whole answer came; `text` says what was wrong."""

    served: bool
    latency_ms: float | None = None
    text: str = ""


class Entrance(Protocol):
    """The way into one site."""

    def ask(self, count: int) -> Sequence[Asked]:
        """So many requests, a few at once, none left over. What we ourselves could not ask is not among them."""
        ...
