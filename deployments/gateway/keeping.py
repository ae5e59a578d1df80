"""Does every answered run wake, and does everybody see how things stand, also after we were away?

At the start, every second or two, and at once when something changed: wakes runs whose question is settled and that
still sleep (a gateway that died between recording and waking leaves such), and shows what is due. What fails is
tried again, further apart; it is said once for each reason, not each time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from blocks.clock import SystemClock
from blocks.errors import VigieError
from blocks.orchestrator.client import run_page
from blocks.ports.approvals import Standing
from blocks.ports.runs import RunState
from deployments.gateway.desk import Desk, aside
from tasks.runs.showing import opening_doors
from tasks.runs.tell import OpenDoors, Pace, show_due

_EVERY_S = 1.5
_DOORS_FRESH_S = 60.0
_WOKEN_AGAIN_S = 15.0
_KEEP_REQUESTS = timedelta(days=1)
_FORGET_EVERY_S = 600.0
_log = logging.getLogger("vigie.gateway")


@dataclass
class Keeper:
    """The gateway's own rounds."""

    desk: Desk
    pace: Pace = field(default_factory=Pace)
    _woken: dict[UUID, float] = field(default_factory=dict[UUID, float])
    _said: set[str] = field(default_factory=set[str])
    _forgot_at: float = 0.0

    async def keep(self) -> None:
        """Until cancelled. A round that fails is said and followed by another."""
        while True:
            async with opening_doors(self._say, self.desk.settings.load) as doors:
                until = time.monotonic() + _DOORS_FRESH_S
                while time.monotonic() < until:
                    await self._round(doors)
                    await self._pause()

    async def _round(self, doors: OpenDoors) -> None:
        try:
            for run in await aside(self._answered):
                await self.desk.wake(run)
            shown = await show_due(
                self.desk.journal,
                doors,
                SystemClock(),
                page_of=run_page,
                pace=self.pace,
            )
            await aside(self._forget)
        except VigieError as error:
            self._say(f"a round failed, the next one tries again: {error}")
            return
        for failure in shown.failures:
            self._say(failure)
        if not shown.failures:
            self._said.clear()

    def _answered(self) -> list[UUID]:
        """Runs that sleep although their newest question is settled, each at most every quarter of a minute."""
        journal, now, found = self.desk.journal, time.monotonic(), list[UUID]()
        for run in journal.runs(states=[RunState.WAITING]):
            asked = journal.approvals(run.id)
            due = now - self._woken.get(run.id, -_WOKEN_AGAIN_S) >= _WOKEN_AGAIN_S
            if asked and asked[-1].standing is not Standing.WAITING and due:
                self._woken[run.id] = now
                found.append(run.id)
        return found

    def _forget(self) -> None:
        if time.monotonic() - self._forgot_at > _FORGET_EVERY_S:
            self._forgot_at = time.monotonic()
            self.desk.journal.forget_requests(_KEEP_REQUESTS)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self.desk.bell.wait(), _EVERY_S)
        except TimeoutError:
            return
        self.desk.bell.clear()

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning("%s", sentence)
