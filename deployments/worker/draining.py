"""How does a worker stop without telling a lie about its runs?

Told to stop, it takes no more, waits for what it has, and after its patience ends what is left: SIGTERM,
so that a run can say that it crashed and its hooks run, then SIGKILL. It leaves only when the end of each
has been reported. Told a second time, it does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ENDS_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.05


@dataclass(slots=True)
class Begun:
    """A run that has begun here; `pid` is None until it has a process."""

    flow_run_id: UUID
    log: logging.Logger | logging.LoggerAdapter[Any]
    pid: int | None = None
    to_cancel: bool = False

    def send(self, number: signal.Signals) -> None:
        """Signal the run's process group, or its process where it has no group of its own."""
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


class Drain:
    """The end of a worker: `told` is set as soon as somebody asked for it."""

    def __init__(self, begun: Mapping[UUID, Begun], about_to_begin: Callable[[], set[UUID]]) -> None:
        self._begun, self._about_to_begin = begun, about_to_begin
        self.told = asyncio.Event()
        self._told_again = asyncio.Event()

    async def when_told(self, patience_s: float, printer: Callable[..., None]) -> None:
        """Wait to be told, then for the runs, then end what is left."""
        await self.told.wait()
        printer(f"Draining: no more runs are taken, {len(self._begun)} are awaited for up to {patience_s:.0f} s")
        if await self._all_ended(patience_s, hurry=self._told_again):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in list(self._begun.values()):
                each.log.warning("The worker stops and this run has not ended: it gets %s", number.name)
                each.send(number)
            if await self._all_ended(_ENDS_WITHIN_S):
                return

    @contextlib.contextmanager
    def told_by_signals(self) -> Generator[None]:
        """SIGTERM and Ctrl-C are orders to drain."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever owns it decides
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._tell)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _tell(self) -> None:
        (self._told_again if self.told.is_set() else self.told).set()

    async def _all_ended(self, patience_s: float, hurry: asyncio.Event | None = None) -> bool:
        give_up = time.monotonic() + patience_s
        while self._begun or self._about_to_begin():
            if time.monotonic() > give_up or (hurry is not None and hurry.is_set()):
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True
