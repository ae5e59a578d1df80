"""What does Prefect say of a run, and what may be asked of it?

Prefect holds processes and schedules; the journal holds what was decided and done. A run's state here is what
Prefect believes, and it may be late or wrong: whoever acts on it looks at the journal too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class RunPhase(StrEnum):
    """Prefect's state types, as far as a resumer must tell them apart."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"  # paused, no process held
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CRASHED = "crashed"
    COMPLETED = "completed"

    @property
    def is_final(self) -> bool:
        """Prefect does nothing more by itself."""
        return self in {RunPhase.CANCELLED, RunPhase.FAILED, RunPhase.CRASHED, RunPhase.COMPLETED}

    @property
    def has_process(self) -> bool:
        """Prefect believes that a process executes it."""
        return self in {RunPhase.PENDING, RunPhase.RUNNING, RunPhase.CANCELLING}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunView:
    """A flow run as Prefect shows it. `since` is when it came into this state, by Prefect's clock."""

    id: UUID
    name: str
    phase: RunPhase
    state_name: str
    message: str
    since: datetime
    deployment: UUID | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Startable:
    """A deployment that somebody can start: `schema` is its parameters' JSON Schema."""

    id: UUID
    name: str  # flow/deployment
    flow: str
    description: str
    tags: tuple[str, ...]
    schema: Mapping[str, Any]


Scalar = str | int | float | bool
"""What a parameter may be: Prefect evaluates templates in anything else."""


class Deployments(Protocol):
    """Deployments that are run for somebody else, each once. Raises as `Orchestrator` does."""

    def deployment(self, name: str) -> Startable | None:
        """By `flow/deployment`; None where Prefect has none."""
        ...

    def start_once(self, deployment: UUID, parameters: Mapping[str, Any], *, key: str) -> UUID:
        """A run that begins now; under the same key always the same run."""
        ...

    def started_as(self, key: str) -> UUID | None:
        """The run that was started under this key."""
        ...

    def view(self, run: UUID) -> FlowRunView | None: ...


class Orchestrator(Protocol):
    """Prefect's API as we use it. Raises `Retryable` when it does not answer, `Broken` for what it must not say."""

    def view(self, run: UUID) -> FlowRunView | None: ...
    def startables(self, tag: str = "") -> list[Startable]: ...
    def start(
        self, deployment: UUID, parameters: Mapping[str, Any], *, tags: tuple[str, ...] = (), key: str = ""
    ) -> UUID:
        """A run that does not begin before `release`, so that the journal knows who asked before it does.

        Started again with the same `key` it is the same run.
        """
        ...

    def release(self, run: UUID) -> None: ...
    def resume(self, run: UUID) -> bool:
        """Wake a suspended run. False when it was not suspended: somebody else woke it, or it has ended."""
        ...

    def retry(self, run: UUID, why: str) -> None:
        """Execute it again from the top; what is done stays done."""
        ...

    def declare_crashed(self, run: UUID, why: str) -> None: ...
