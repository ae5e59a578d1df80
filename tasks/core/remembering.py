"""Was this read from Prefect a moment ago, by the same run?

Every step opens what it works with, and side by side they would each ask Prefect for the same blocks. The rules: only
within one run and one process, and for seconds, so that a block which is changed is soon seen; what could not be read
is asked for again; steps that ask at the same time wait for one answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")
KEPT_FOR_S = 10.0
_MOST_KEPT = 256
_Key = tuple[str, str, str]
_kept: dict[_Key, tuple[float, object]] = {}
_turns: dict[_Key, Lock] = {}


def remembered(kind: str, name: str, load: Callable[[], T]) -> T:
    """What `load` gives, or gave this run less than `KEPT_FOR_S` ago. Raises what `load` raises."""
    from prefect.runtime import flow_run

    run = cast("str | None", flow_run.id)
    if run is None:
        return load()
    key = (run, kind, name)
    with _turns.setdefault(key, Lock()):
        since, value = _kept.get(key, (float("-inf"), None))
        if time.monotonic() - since < KEPT_FOR_S:
            return cast("T", value)
        loaded = load()
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
            _turns.clear()
        _kept[key] = (time.monotonic(), loaded)
    return loaded
