"""A worker was killed: what becomes of the runs it had?

Each is asked about until Prefect has answered. One that still lives is watched to its end; one that has
ended without saying so is called Crashed (Cancelled, where that was asked); one that had not begun to run
is put back in the queue. What reached a final state, or waits, is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.worker.leftovers import Ledger, Leftover

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State

_ASK_AGAIN_S = 5.0
_LOOK_EVERY_S = 0.2
_END_WITHIN_S = 30.0
_CRASHED = "Its worker was killed, and the run has ended since without reporting how."
_CANCELLED = "Flow run was cancelled; its worker had been killed, and its hooks did not run."
_AGAIN = "Its worker was killed before the run had begun: it is queued again."
_WORKER = "prefect.worker.name"


class FormerLife:
    """Runs of this worker's former life."""

    def __init__(self, ledger: Ledger, worker_name: str, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._ledger, self._name, self._logger = ledger, worker_name, logger
        self.living: dict[UUID, Leftover] = {}
        self._cancelled: set[UUID] = set()

    async def settle(self, client: PrefectClient, former: list[Leftover]) -> None:
        """See every one of them to a true state."""
        self.living = {each.flow_run_id: each for each in former if each.alive}
        await asyncio.gather(*(self._see_through(client, each) for each in former))

    def cancel(self, flow_run_id: UUID) -> None:
        """Ask one of them to end; nothing happens when it is not ours."""
        if (leftover := self.living.get(flow_run_id)) is not None:
            self._cancelled.add(flow_run_id)
            _send(leftover, signal.SIGTERM)
            asyncio.get_running_loop().call_later(_END_WITHIN_S, _send, leftover, signal.SIGKILL)

    async def _see_through(self, client: PrefectClient, leftover: Leftover) -> None:
        while leftover.alive:  # no child of ours: it can only be looked at  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY_S)
        while True:
            try:
                await self._conclude(client, leftover)
                break
            except Exception as error:  # noqa: BLE001  whatever keeps Prefect from answering: asked again
                self._logger.warning("Run %s of a former life: %s; asked again", leftover.flow_run_id, error)
                await asyncio.sleep(_ASK_AGAIN_S)
        self.living.pop(leftover.flow_run_id, None)
        self._ledger.strike(leftover.flow_run_id)

    async def _conclude(self, client: PrefectClient, leftover: Leftover) -> None:
        from prefect.exceptions import ObjectNotFound

        try:
            flow_run = await client.read_flow_run(leftover.flow_run_id)
        except ObjectNotFound:
            return
        if (state := self._true_state(flow_run, leftover)) is not None:
            await client.set_flow_run_state(flow_run.id, state, force=True)
            self._logger.warning("Run %s of a former life is now %s", flow_run.id, state.name)

    def _true_state(self, flow_run: FlowRun, leftover: Leftover) -> State | None:
        """What the run must be called; None when it is called rightly, or is not ours."""
        from prefect.states import Cancelled, Crashed, Scheduled

        state = flow_run.state
        if state is not None and state.is_crashed() and flow_run.id in self._cancelled:
            return Cancelled(message=_CANCELLED)  # it could not know why it was ended
        if state is None or state.is_final() or state.is_paused() or state.is_scheduled():
            return None
        if leftover.pid is None and flow_run.labels.get(_WORKER, self._name) != self._name:
            return None  # another worker took it
        if state.is_cancelling():
            return Cancelled(message=_CANCELLED)
        return Scheduled(message=_AGAIN) if state.is_pending() else Crashed(message=_CRASHED)


def _send(leftover: Leftover, number: signal.Signals) -> None:
    if leftover.pid is not None and leftover.alive:
        with suppress(ProcessLookupError):
            os.killpg(leftover.pid, number)
