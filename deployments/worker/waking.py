"""When should the worker look for runs, and which of its runs is to be cancelled?

Prefect tells what happens to the runs of a pool within some 30 ms. Something due wakes the worker; so does
the end of a run, because it may have freed a slot that another waits for. While the stream is lost the
worker looks every two seconds instead, and at once when the stream is back: an event is a hint, the
server's answer is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from prefect.events import Event

EVERY_WHILE_LOST_S = 2.0
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_OF_RUNS = "prefect.flow-run."
_NO_REASON_TO_LOOK = {"Pending", "Submitting", "Running", "heartbeat", "Cancelling"}


class Stream:
    """Listens to a pool's events. `wake` is set when there may be something to take."""

    def __init__(
        self,
        pool: Callable[[], UUID | None],
        *,
        cancelling: Callable[[UUID], None],
        logger: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._pool, self._cancelling, self._logger = pool, cancelling, logger
        self.wake = asyncio.Event()
        self.connected = asyncio.Event()
        self._was_lost = False

    async def listen(self) -> None:
        """Listen for ever; a lost stream is found again."""
        failures = 0
        while True:
            pool = self._pool()
            if pool is None:  # Prefect has not answered yet
                await asyncio.sleep(1)
                continue
            try:
                await self._follow(pool)
                reason = "the server closed it"
            except Exception as error:  # noqa: BLE001  whatever the socket, TLS or the server's refusal raise: said below
                reason = f"{type(error).__name__}: {error}"
            failures = 0 if self.connected.is_set() else failures + 1
            self._lost(reason)
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])

    async def next_look(self) -> None:
        """Wait until the worker should look for runs."""
        try:
            await asyncio.wait_for(self.wake.wait(), None if self.connected.is_set() else EVERY_WHILE_LOST_S)
        except TimeoutError:
            return
        self.wake.clear()

    async def _follow(self, pool: UUID) -> None:
        from prefect.events.clients import get_events_subscriber
        from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

        wanted = EventFilter(
            event=EventNameFilter(prefix=[_OF_RUNS]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool}"]),
        )
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as subscriber:
            self._found()
            self.wake.set()  # for what happened while nobody listened
            async for event in subscriber:
                self._take(event)

    def _take(self, event: Event) -> None:
        what = event.event.removeprefix(_OF_RUNS)
        if what == "Cancelling":
            self._cancelling(UUID(event.resource.id.removeprefix(_OF_RUNS)))
        elif what not in _NO_REASON_TO_LOOK:
            self.wake.set()

    def _found(self) -> None:
        self.connected.set()
        if self._was_lost:
            self._logger.info("The event stream is back")
        self._was_lost = False

    def _lost(self, reason: str) -> None:
        if not self._was_lost:
            self._was_lost = True
            self._logger.warning(
                "The event stream is lost (%s): looking for runs every %.0f s until it is back",
                reason, EVERY_WHILE_LOST_S,
            )  # fmt: skip
        self.connected.clear()
        self.wake.set()  # whoever waits for an event must not wait for ever
