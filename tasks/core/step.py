"""What is a step, and what survives a retry?

A step is one Prefect task. A retry of a run reruns its flow from the top: a step that only reads
keeps its result, so it is not measured twice; a step that records or tells runs again and is
harmless twice, because the journal's row is its result. The key of a kept result is the run, the
step and the item it works on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.serializers import PickleSerializer

from tasks.core.retries import RetryPolicy, may_retry

if TYPE_CHECKING:
    from prefect.context import TaskRunContext
    from prefect.tasks import Task

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Sealed(Generic[T]):
    """A value that passes between steps whole.

    Prefect looks into every element of lists, dataclasses and models given to a task; a sweep of ten
    thousand services would spend its time there. A sealed value is one object to it.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        """Short, because it appears in the Prefect UI."""
        return f"<{type(self.value).__name__}>"


def read_step(
    *, retry: RetryPolicy, run_name: str, item: Callable[[dict[str, Any]], str] | None = None
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A step that observes or decides and changes nothing; its result is kept for retries of the run.

    `item` names what this call works on when a run calls the step more than once (an attempt number,
    a service): calls with the same item in one run are one call.
    """

    def key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
        suffix = f"-{item(parameters)}" if item else ""
        return f"{context.task_run.flow_run_id}-{context.task.task_key}{suffix}"

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        make: Any = task  # its overloads cannot follow a function's own parameters through
        return make(
            function,
            task_run_name=run_name,
            persist_result=True,
            result_serializer=PickleSerializer(picklelib="pickle"),  # thrice as fast as cloudpickle
            cache_key_fn=key,
            retries=retry.retries,
            retry_delay_seconds=retry.waits_s(),
            retry_condition_fn=may_retry,
        )

    return decorate


def record_step(*, retry: RetryPolicy, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A step whose effect is kept in the journal or in a ledger: run again after a crash, harmless twice."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        make: Any = task  # its overloads cannot follow a function's own parameters through
        return make(
            function,
            task_run_name=run_name,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=retry.retries,
            retry_delay_seconds=retry.waits_s(),
            retry_condition_fn=may_retry,
        )

    return decorate
