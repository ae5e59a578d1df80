"""Everything of Prefect that we use and that Prefect does not promise to keep.

Nothing else in vigie's worker may import an underscored name of Prefect. The worker imports this file only
after `guard.py` has said that this Prefect is known. What is used, and for what:

- the runner's executor, process table, control channel and cancellation sequence: so that a forked run is
  watched, cancelled and reported exactly as one of Prefect's process worker;
- the workspace preparation of the process worker: pull steps, working folder, import path;
- settings and logging, which are read when Prefect is imported and must be read again in a fork.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self
from uuid import UUID

from prefect.runner._cancellation_manager import CancellationManager
from prefect.runner._control_channel import ControlChannel
from prefect.runner._event_emitter import EventEmitter
from prefect.runner._flow_run_executor import FlowRunExecutor
from prefect.runner._process_manager import ProcessHandle, ProcessManager, create_isolated_termination_scope
from prefect.runner._state_proposer import StateProposer
from prefect.runner._workspace_hook_runner import WorkspaceHookRunner
from prefect.runner._workspace_runtime import PreparedWorkspaceManifest, write_private_model

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State

_LOOK_EVERY_S = 0.02
_MANIFEST = "workspace.json"
_SETTINGS = ("PREFECT_", "HOME", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "TTY_")
"""Variables that settings, or the console that logs are written to, are read from."""
_FILES_OF_SETTINGS = (".env", "prefect.toml", "pyproject.toml")
_FILES_READ = (*_FILES_OF_SETTINGS, "profiles", "logging")
_sources: dict[str, object] = {}
"""What settings and logging were read from last in this process."""


class Process(Protocol):
    """A run's process as the executor sees it. `returncode` is None while it lives."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def go(self) -> None:
        """Let it begin; until then it has done nothing."""
        ...

    async def wait(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        ...


class Started(Protocol):
    """Who is told the process id as soon as there is one."""

    def started(self, value: int, /) -> None: ...


class Hooks(Protocol):
    """Who runs a flow's hooks outside the worker."""

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None: ...
    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None: ...


# -- in the worker -----------------------------------------------------------------------------


class Keeper:
    """Watches forked runs: reports a crash, carries out a cancellation. One a worker, entered while it works."""

    def __init__(self, worker_name: str) -> None:
        self._name = worker_name
        self._settings = settings_as_variables()  # of this process: they stay as they are while it lives
        self._control = ControlChannel()
        self._processes = _QuickProcesses(on_remove=self._forget)
        self._hooks: dict[UUID, Hooks] = {}
        self._cancelling: dict[UUID, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        await self._control.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._control.__aexit__(kind, error, trace)  # running processes are left: the worker has drained or died

    def environment(self, flow_run: FlowRun, wanted: Mapping[str, str | None]) -> dict[str, str]:
        """What a run's process gets, as the process worker would give it: ours, settings, the job's, the run's."""
        port, token = self._control.register(flow_run.id)
        variables: dict[str, str | None] = {
            **os.environ,
            **self._settings,
            **wanted,
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            "PREFECT__CONTROL_PORT": str(port),
            "PREFECT__CONTROL_TOKEN": token,
        }
        return {name: value for name, value in variables.items() if value is not None}

    async def give_up(self, flow_run_id: UUID) -> None:
        """Forget a run that could not be forked."""
        await self._forget(flow_run_id)

    async def keep(
        self, client: PrefectClient, flow_run: FlowRun, process: Process, hooks: Hooks, started: Started
    ) -> int:
        """Let the run begin and see it through; its infrastructure's status (0 when its end was accounted for)."""
        executor = FlowRunExecutor(
            flow_run=flow_run,
            starter=_Starter(process),
            process_manager=self._processes,
            state_proposer=StateProposer(client=client),
            hook_runner=hooks,
            propose_submitting=False,
            get_attempt_conclusion=self._control.get_conclusion,
        )
        self._hooks[flow_run.id] = hooks
        try:
            result = await executor.submit(task_status=_PidOf(started))  # pyright: ignore[reportArgumentType]
            if (cancelling := self._cancelling.get(flow_run.id)) is not None:
                await asyncio.wait({cancelling})  # its hooks need what the run has left
        finally:
            self._hooks.pop(flow_run.id, None)
            self._cancelling.pop(flow_run.id, None)
        if result is None or result.status_code is None:
            raise RuntimeError(f"the process of flow run {flow_run.id} did not start")
        return result.status_code

    def running(self) -> set[UUID]:
        """Runs whose processes live."""
        return self._processes.flow_run_ids()

    def cancel(self, client: PrefectClient, flow_run_id: UUID) -> None:
        """Cancel a run that is kept here, once: intent, SIGTERM, hooks, Cancelled, event."""
        hooks = self._hooks.get(flow_run_id)
        if hooks is not None and flow_run_id not in self._cancelling and flow_run_id in self.running():
            self._cancelling[flow_run_id] = asyncio.create_task(self._cancel(client, flow_run_id, hooks))

    async def _cancel(self, client: PrefectClient, flow_run_id: UUID, hooks: Hooks) -> None:
        async with _events_of(self._name, client) as events:
            await CancellationManager(
                process_manager=self._processes,
                hook_runner=hooks,
                state_proposer=StateProposer(client=client),
                event_emitter=events,
                client=client,
                control_channel=self._control,
            ).cancel_by_id(flow_run_id)

    async def _forget(self, flow_run_id: UUID) -> None:
        self._control.unregister(flow_run_id)


@asynccontextmanager
async def _events_of(name: str, client: PrefectClient) -> AsyncGenerator[EventEmitter]:
    """Where the event of a cancellation goes: to the server, or nowhere; a lost stream holds no cancellation up."""
    from prefect.events.clients import NullEventsClient, get_events_client
    from prefect.logging import get_logger

    once = partial(get_events_client, reconnection_attempts=0, checkpoint_every=1)
    async with AsyncExitStack() as stack:
        try:
            told = await stack.enter_async_context(
                EventEmitter(runner_name=name, client=client, get_events_client=once)
            )
        except Exception as error:  # noqa: BLE001  whatever the socket raises
            get_logger("worker").warning("The event of a cancellation is lost: %s", error)
            nowhere = EventEmitter(runner_name=name, client=client, get_events_client=NullEventsClient)
            told = await stack.enter_async_context(nowhere)
        yield told


class _QuickProcesses(ProcessManager):
    """Prefect looks every three seconds whether a process has ended; we look fifty times a second."""

    async def kill(self, flow_run_id: UUID, grace_seconds: float = 30, *, force: bool = False) -> None:
        handle = self.get(flow_run_id)
        if handle is None or force:
            await super().kill(flow_run_id, grace_seconds, force=force)
            return
        handle.graceful_kill()
        give_up = time.monotonic() + grace_seconds
        while handle.is_alive() and time.monotonic() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY_S)
        if handle.is_alive():
            handle.hard_kill()


class _Starter:
    """Hands the executor a process that is there already, lets it go, and waits for its end."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def start(self, flow_run: FlowRun, task_status: Any = None) -> None:  # noqa: ARG002  the protocol's
        scope = create_isolated_termination_scope(self._process.pid)
        task_status.started(ProcessHandle(self._process, termination_scope=scope))  # pyright: ignore[reportArgumentType]
        self._process.go()
        await self._process.wait()


class _PidOf:
    def __init__(self, outer: Started) -> None:
        self._outer = outer

    def started(self, handle: ProcessHandle) -> None:
        self._outer.started(handle.pid or 0)


def cold_hooks(folder: Path, *, stream_output: bool) -> Hooks:
    """Prefect's own way to run hooks: in a fresh process."""
    return WorkspaceHookRunner(manifest_path=folder / _MANIFEST, stream_output=stream_output)


def hook_request(folder: Path, kind: str, flow_run: FlowRun, state: State) -> dict[str, Any] | None:
    """What a fork must know to run a flow's hooks; None when the run ended before its code was there."""
    manifest_path = folder / _MANIFEST
    if not manifest_path.exists():
        return None
    manifest = PreparedWorkspaceManifest.model_validate_json(manifest_path.read_text(encoding="utf-8"))
    files = {"flow_run": folder / "flow-run.json", "state": folder / f"state-{kind}.json"}
    write_private_model(files["flow_run"], flow_run)
    write_private_model(files["state"], state)
    arguments = ["hook", kind, str(manifest_path), *(str(path) for path in files.values())]
    return {
        "what": "hook",
        "environment": manifest.environment,
        "folder": str(manifest.working_directory),
        "arguments": {"arguments": arguments},
    }


def settings_as_variables() -> dict[str, str]:
    """This process's settings, as far as somebody set them, as variables for another process."""
    from prefect.settings import get_current_settings

    return get_current_settings().to_environment_variables(exclude_unset=True)


# -- in the fork -------------------------------------------------------------------------------


def complete_models() -> None:
    """Build Prefect's models now: each is built when it is first used, and that would be anew in every fork."""
    from pydantic import BaseModel

    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("prefect.") and not model.__pydantic_complete__:
            model.model_rebuild(raise_errors=False)


def refresh(folder: str) -> None:
    """Settings and logging as environment, folder and files now say; both were read when Prefect was imported."""
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    setup_logging(incremental=False)
    _sources.clear()
    _sources.update(_read_from(folder))


def refresh_if_other(folder: str) -> None:
    """The same where anything they are read from is another: to read them takes a quarter of a second."""
    if _read_from(folder) != _sources:
        refresh(folder)


def _read_from(folder: str) -> dict[str, object]:
    """Variables with their values, files with their size and when they changed (ns)."""
    from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    variables = {n: v for n, v in os.environ.items() if n.startswith(_SETTINGS) and not n.startswith("PREFECT__")}
    files = [Path(folder, name) for name in _FILES_OF_SETTINGS]
    files += [Path(settings.profiles_path), Path(settings.logging.config_path or DEFAULT_LOGGING_SETTINGS_PATH)]
    return {**variables, **{name: _age(file) for name, file in zip(_FILES_READ, files, strict=True)}}


def _age(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def place_paths(folder: str) -> None:
    """The import path of a fresh Python that is started in `folder`."""
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = list(dict.fromkeys([folder, *given, *_PATH_AT_START]))


def run_flow(flow_run_id: str, workspace: str, notes: str) -> int:
    """Prepare the run's folder as the process worker does, then be `python -m prefect.engine`.

    `workspace` is the folder to prepare, `notes` the one where the prepared runtime is written down for hooks.
    """
    manifest = asyncio.run(_prepared(UUID(flow_run_id), Path(workspace), Path(notes)))
    os.environ.clear()
    os.environ.update(manifest.environment)
    os.chdir(manifest.working_directory)
    place_paths(str(manifest.working_directory))
    sys.modules.pop("prefect.engine", None)  # else Python warns that it is about to run it twice
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    return 0


def run_hook(arguments: list[str]) -> int:
    """Run a flow's hooks in the runtime that its run had prepared."""
    from prefect.runner._workspace_runtime_bootstrap import main

    return main(arguments)


async def _prepared(flow_run_id: UUID, workspace: Path, notes: Path) -> PreparedWorkspaceManifest:
    from prefect.runner._workspace_resolver import prepare_workspace_for_flow_run
    from prefect.runner._workspace_starter import workspace_environment
    from prefect.runner._workspace_supervisor import (
        _hook_command,  # pyright: ignore[reportPrivateUsage]
        _restore_runner_environment,  # pyright: ignore[reportPrivateUsage]
        _runner_owns_environment_key,  # pyright: ignore[reportPrivateUsage]
    )

    ours = {name: value for name, value in os.environ.items() if _runner_owns_environment_key(name)}
    prepared = await prepare_workspace_for_flow_run(flow_run_id, workspace)
    environment = workspace_environment(prepared)
    _restore_runner_environment(environment, ours)  # no pull step changes what the worker has set
    environment["PREFECT__FLOW_ENTRYPOINT"] = prepared.runtime_entrypoint
    manifest = PreparedWorkspaceManifest(
        working_directory=prepared.working_directory,
        project_root=prepared.project_root,
        runtime_entrypoint=prepared.runtime_entrypoint,
        hook_command=_hook_command([sys.executable, "-m", "prefect.engine"]),
        environment=environment,
    )
    write_private_model(notes / _MANIFEST, manifest)
    return manifest


_PATH_AT_START = [entry for entry in sys.path[0 if sys.flags.safe_path else 1 :] if entry]  # less the program's folder
