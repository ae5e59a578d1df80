"""Who runs a flow's cancellation and crash hooks?

A fork of their own, never the worker: hooks are project code, and the worker would keep what it imported
once. Where nothing can be forked at that moment, Prefect's own way is taken: a fresh process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect.logging.loggers import flow_run_logger

from deployments.worker.prefect_private import cold_hooks, hook_request

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State

    from deployments.worker.fork_client import ForkServer


class ForkedHooks:
    """Hooks of one run, whose prepared runtime is written down in `notes`."""

    def __init__(self, server: ForkServer, notes: Path, outputs: tuple[int, int], *, stream_output: bool) -> None:
        self._server, self._notes, self._outputs = server, notes, outputs
        self._cold = cold_hooks(notes, stream_output=stream_output)

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """After the process of a cancelled run has ended, before the run is called Cancelled."""
        if state.is_cancelling() and not await self._forked("cancellation", flow_run, state):
            await self._cold.run_cancellation_hooks(flow_run, state)

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """After a run whose process died was called Crashed."""
        if state.is_crashed() and not await self._forked("crashed", flow_run, state):
            await self._cold.run_crashed_hooks(flow_run, state)

    async def _forked(self, kind: str, flow_run: FlowRun, state: State) -> bool:
        """Whether the hooks were seen to; a failure of theirs is in the run's log."""
        log = flow_run_logger(flow_run)
        request = hook_request(self._notes, kind, flow_run, state)
        if request is None:
            log.info("The run ended before its code was loaded: its on_%s hooks are not known and did not run", kind)
            return True
        if self._server.why_not() is not None or (fork := await self._server.fork(request, *self._outputs)) is None:
            return False
        fork.go()
        if (code := await fork.wait()) != 0:
            log.warning("The process of the on_%s hooks ended with %s", kind, code)
        return True
