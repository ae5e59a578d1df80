"""Whose work is measured as latency? Only the probed service's.

Measuring runs on an event loop of its own, in a thread of its own: what Prefect does meanwhile on the
run's loop (events, logs, heartbeats) does not lengthen a reading. uvloop, because TLS handshakes by the
thousand are what a sweep spends its processor time on; it needs a fifth less than asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
_YOUNG_OBJECTS = 20_000


async def on_a_loop_of_its_own(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that `work` makes on a fresh loop in a thread, with this task's context."""
    return await asyncio.to_thread(_run, work)


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def leave_loaded_code_alone() -> None:
    """Tell the garbage collector that what is here by now stays: it need not be looked at while readings are made.

    Prefect and the clouds' SDKs are a million objects, a platform of two thousand services another hundred
    thousand; walking them again and again costs a fifth of a sweep's processor time.
    """
    _collect_once()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)


@cache
def _collect_once() -> None:
    """What importing left behind is let go before everything else is kept."""
    gc.collect()
