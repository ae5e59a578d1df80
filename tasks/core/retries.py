"""When is a failed step tried again, and how long do we wait?

A step names one of these policies and nothing else; only `Retryable` is ever tried again.
`Refused` and `Broken` stop at once: safety said no, or a person is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.errors import Retryable

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.tasks import Task


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` further tries after the first; waits double from `first_wait_s` up to `longest_wait_s`."""

    name: str
    retries: int
    first_wait_s: float
    longest_wait_s: float

    def waits_s(self) -> list[float]:
        """The waits before each further try, in seconds."""
        return [min(self.first_wait_s * 2**n, self.longest_wait_s) for n in range(self.retries)]


NEVER = RetryPolicy("never", 0, 0, 0)
"""For steps that carry their own waiting, and for pure decisions."""

JOURNAL = RetryPolicy("journal", 14, 1, 30)
"""About five minutes: a database that restarts or fails over is back by then."""

OUTSIDE = RetryPolicy("outside", 4, 1, 8)
"""About fifteen seconds: a provider's API that throttles or blinks."""


def may_retry(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect asks after each failure: only a `Retryable` may be tried again."""
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, Retryable)
