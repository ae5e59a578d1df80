"""How does a run start within a second, and otherwise as with Prefect's process worker?

`vigie worker`, or `prefect worker start -t vigie`: a process worker that serves process pools. Only the
start of a run differs: it is forked from a process that has imported Prefect and the heavy packages, and
the worker is woken by Prefect's events. Where a fork would not be what a fresh process is, the run starts
cold, by Prefect's own code, and its log says why. On SIGTERM the worker takes no more runs, waits for
those it has, and ends the rest so that each is left in a true state.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import anyio.abc
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.worker.coldness import why_cold
from deployments.worker.draining import Begun, Drain
from deployments.worker.fork_client import ForkServer
from deployments.worker.former_life import FormerLife
from deployments.worker.guard import why_not_known
from deployments.worker.leftovers import Ledger
from deployments.worker.limits import has_a_limit
from deployments.worker.waking import Stream

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

    from deployments.worker.prefect_private import Keeper

_FIRST_PATIENCE_S = 60.0  # a cold run would import for as long
_BEGINS_WITHIN_S = 30.0  # a run that was taken and has not begun by then was another worker's


class WarmWorker(ProcessWorker):
    """Prefect's process worker with runs that are forked. `drain_patience_s`: how long SIGTERM waits for runs."""

    type = "process"  # it serves process pools, as Prefect's UI shows and edits them
    drain_patience_s = 60.0

    _display_name = "vigie"
    _description = "Executes flow runs as forks of a process that has imported the heavy packages already."

    @classmethod
    def __dispatch_key__(cls) -> str:
        """The name that `prefect worker start -t` knows."""
        return "vigie"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stack = contextlib.AsyncExitStack()
        self._server: ForkServer | None = None
        self._keeper: Keeper | None = None
        self._ledger = Ledger(_home(), self._work_pool_name, self.name)
        self._former = FormerLife(self._ledger, self.name, self._logger)
        self._begun: dict[UUID, Begun] = {}
        self._taken: dict[UUID, float] = {}  # when (monotonic seconds) runs were taken that have not begun
        self._left_some = False  # runs that are due and were not taken, for a limit
        self._looking = asyncio.Lock()
        self._stream = Stream(self._pool_id, cancelling=self._cancel_kept, logger=self._logger)
        self._drain = Drain(self._begun, self._about_to_begin)

    # -- life --------------------------------------------------------------------------------

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Work until told to stop (SIGTERM, SIGINT), then drain; told again, do not wait."""
        serving = asyncio.create_task(super().start(run_once, with_healthcheck, printer))
        draining = asyncio.create_task(self._drain.when_told(self.drain_patience_s, printer))
        with self._drain.told_by_signals():
            await asyncio.wait({serving, draining}, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            serving.cancel()
            for error in await asyncio.gather(serving, draining, return_exceptions=True):
                if isinstance(error, Exception):
                    raise error

    async def __aenter__(self) -> Self:
        self._stack.callback(self._ledger.release)
        former = self._ledger.hold()
        await super().__aenter__()
        await self._warm_up()
        for work in (self._stream.listen(), self._look_when_woken(), self._former.settle(self.client, former)):
            task = asyncio.create_task(work)
            self._stack.callback(task.cancel)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            await self._stack.aclose()

    async def _warm_up(self) -> None:
        """Start the fork server where one may be; else say why every run will start cold."""
        if (reason := _never_warm()) is not None:
            self._logger.warning("%s", reason)
            return
        from deployments.worker.prefect_private import Keeper

        self._keeper = await self._stack.enter_async_context(Keeper(self.name))
        self._server = ForkServer(self._logger)
        self._stack.push_async_callback(self._server.stop)
        self._server.start()

    # -- taking runs -------------------------------------------------------------------------

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take what is due, unless the worker drains."""
        if self._drain.told.is_set():
            return []
        async with self._looking:
            try:
                taken = await super().get_and_submit_flow_runs()
            except RuntimeError as error:
                if "already holding" not in str(error):
                    raise
                self._logger.info(
                    "A run is due again whose former end is still being reported: it is taken in a moment"
                )
                return []
        for flow_run in taken:
            if flow_run.id not in self._begun and flow_run.id not in self._taken:
                self._taken[flow_run.id] = time.monotonic()
                self._ledger.take(flow_run.id)
        self._about_to_begin()
        return taken

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """What is due, less what is here already: resumed or retried before its former process has ended.

        Prefect would take such a run twice, and with a limit end the worker. The end of the process wakes us. Less,
        too, what may be more than a limit allows: the begin of what we took before wakes us.
        """
        coming = self._about_to_begin()
        due = [each for each in await super()._get_scheduled_flow_runs() if each.flow_run.id not in self._begun]
        missing = coming - {each.flow_run.id for each in due}
        known = [each for each in due if each.flow_run.id in coming]
        if not missing or known == due or not await has_a_limit(self.client, self._work_pool_name):
            return due
        if missing.isdisjoint(self._taken):  # they have begun while we asked
            self._stream.wake.set()
        else:
            self._left_some = True
        return known

    async def _look_when_woken(self) -> None:
        listening = False
        while True:
            await self._stream.next_look()
            try:
                await self.get_and_submit_flow_runs()
                if not (listening and self._stream.connected.is_set()):
                    await self._look_for_cancelled()
            except Exception:  # the polling loop beside us meets the same, and decides whether to go on
                self._logger.warning("Looking for runs failed; polling goes on", exc_info=True)
                await asyncio.sleep(1)
            listening = self._stream.connected.is_set()

    def _about_to_begin(self) -> set[UUID]:
        """Runs that were taken and will begin in a moment; those that never came were another worker's."""
        for flow_run_id, since in list(self._taken.items()):
            if time.monotonic() - since > _BEGINS_WITHIN_S:
                del self._taken[flow_run_id]
                self._ledger.strike(flow_run_id)
        return set(self._taken)

    def _pool_id(self) -> UUID | None:
        try:
            return self.work_pool.id
        except RuntimeError:  # Prefect has not answered yet
            return None

    # -- running one -------------------------------------------------------------------------

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Start a run, warm where that is the same as cold, and see it through."""
        while flow_run.id in self._begun:  # resumed while its former process is ending  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        self._begun[flow_run.id] = Begun(flow_run.id, self.get_flow_run_logger(flow_run))
        self._taken.pop(flow_run.id, None)
        if self._left_some:
            self._left_some = False
            self._stream.wake.set()
        status = _Noted(lambda pid: self._note(flow_run.id, pid), task_status)
        try:
            result = await self._run_forked(flow_run, configuration, status)
            if result is None:  # and not where it is false: Prefect's results are, of runs that did not end well
                result = await super().run(flow_run, configuration, status)  # pyright: ignore[reportArgumentType]
        except Exception:
            self._ledger.strike(flow_run.id)  # reported by the base class
            raise
        else:
            self._ledger.strike(flow_run.id)  # and not when we are cancelled: the next life asks what became of it
            return result
        finally:
            del self._begun[flow_run.id]
            self._stream.wake.set()  # there is room for another

    async def _run_forked(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, status: _Noted
    ) -> ProcessWorkerResult | None:
        """Fork and see it through; None when it must start cold, which its log then says."""
        if self._server is None or self._keeper is None:
            return None
        from deployments.worker.forked_hooks import ForkedHooks

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.first.wait(), _FIRST_PATIENCE_S)
        environment = self._keeper.environment(flow_run, configuration.env)
        reason = why_cold(configuration.command, environment, self._server.environment) or self._server.why_not()
        if reason is None:
            with _folders(configuration) as (folder, notes), _outputs(configuration) as outputs:
                arguments = {"flow_run_id": str(flow_run.id), "workspace": str(folder), "notes": str(notes)}
                request = {"what": "run", "environment": environment, "folder": str(folder), "arguments": arguments}
                if (fork := await self._server.fork(request, *outputs)) is not None:
                    try:
                        hooks = ForkedHooks(self._server, notes, outputs, stream_output=configuration.stream_output)
                        code = await self._keeper.keep(self.client, flow_run, fork, hooks, status)
                    finally:
                        fork.give_up()
                    return ProcessWorkerResult(status_code=code, identifier=str(fork.pid))
            reason = "the fork server did not fork"
        await self._keeper.give_up(flow_run.id)
        self.get_flow_run_logger(flow_run).info("This run starts cold: %s", reason)
        return None

    def _note(self, flow_run_id: UUID, pid: int) -> None:
        """A run has a process: write it down, and cancel it if that was asked meanwhile."""
        self._begun[flow_run_id].pid = pid
        self._ledger.begin(flow_run_id, pid)
        if self._begun[flow_run_id].to_cancel:
            self._cancel_kept(flow_run_id)

    # -- cancelling one ----------------------------------------------------------------------

    def _cancel_kept(self, flow_run_id: UUID) -> None:
        if (begun := self._begun.get(flow_run_id)) is not None and self._keeper is not None:
            begun.to_cancel = True
            self._keeper.cancel(self.client, flow_run_id)
        self._former.cancel(flow_run_id)

    async def _look_for_cancelled(self) -> None:
        """Ask which of our runs are to be cancelled, for as long as no event tells."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterState
        from prefect.client.schemas.filters import FlowRunFilterStateType as OfType
        from prefect.client.schemas.objects import StateType

        ours = [*self._begun, *self._former.living]
        if ours:
            cancelling = FlowRunFilterState(type=OfType(any_=[StateType.CANCELLING]))
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=ours), state=cancelling)
            for flow_run in await self.client.read_flow_runs(flow_run_filter=wanted):
                self._cancel_kept(flow_run.id)


class _Noted:
    """A task status that tells us the process id too."""

    def __init__(self, note: Callable[[int], None], outer: anyio.abc.TaskStatus[int] | None) -> None:
        self._note, self._outer = note, outer

    def started(self, value: int) -> None:
        self._note(value)
        if self._outer is not None:
            self._outer.started(value)


def _never_warm() -> str | None:
    if sys.platform != "linux":
        return "Runs are forked on Linux only: here every run starts cold, in a process of its own"
    return why_not_known()


def _home() -> Path:
    from prefect.settings import get_current_settings

    return get_current_settings().home


@contextlib.contextmanager
def _folders(configuration: ProcessJobConfiguration) -> Generator[tuple[Path, Path]]:
    """Where a run works (the job's folder, else one for this run alone), and where its runtime is written down."""
    with contextlib.ExitStack() as stack:
        given = configuration.working_dir
        folder = given or stack.enter_context(tempfile.TemporaryDirectory(suffix="prefect"))
        notes = stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-run-"))
        yield Path(folder).resolve(), Path(notes)


@contextlib.contextmanager
def _outputs(configuration: ProcessJobConfiguration) -> Generator[tuple[int, int]]:
    """Descriptors for a run's output: the worker's own, or nowhere when the job is not to be streamed."""
    if configuration.stream_output:
        yield 1, 2
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        yield nowhere, nowhere
    finally:
        os.close(nowhere)
