"""How long do several looks take? As long as the slowest of them, because they are taken side by side.

The rule: each runs with the caller's context (Prefect's settings and run), and the first that fails is raised when
all have ended, so that none is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def side_by_side(looks: Sequence[Callable[[], T]]) -> list[T]:
    """What each look saw, in their order."""
    if not looks:
        return []
    with ThreadPoolExecutor(len(looks)) as pool:
        going = [pool.submit(copy_context().run, look) for look in looks]
    return [each.result() for each in going]
