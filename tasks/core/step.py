"""What is a step, and what survives a retry?

A step is one Prefect task. A retry of a run reruns its flow from the top: a step that only reads
keeps its result, so it is not measured twice; a step that records or tells runs again and is
harmless twice, because the journal's row is its result. A step that changes the world is carried out
by `tasks/core/change.py` against its row in the journal, whatever Prefect remembers of it. The key of a
kept result is the run, the step and the item it works on.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.serializers import PickleSerializer

from blocks.journal.opening import open_journal
from blocks.ports.changes import Change
from blocks.ports.runs import Step
from tasks.core.change import Order, done_before, perform
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


def fresh_step(*, retry: RetryPolicy, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A step that reads anew at every entry, because what it read before may not be true any more."""
    return _unkept(retry, run_name)


def record_step(*, retry: RetryPolicy, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A step whose effect is kept in the journal or in a ledger: run again after a crash, harmless twice."""
    return _unkept(retry, run_name)


def _unkept(retry: RetryPolicy, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
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


def change_step(*, retry: RetryPolicy, run_name: str) -> Callable[[Callable[P, Change]], Task[P, Step]]:
    """A step that changes the world: the function only says which change, for the `order` it is given.

    The function's parameter `order` is the step's `Order`. It may look at the world, and is not called for a step that
    is done: the steps after it may have changed what it would look at. The result is the journal's row of the step.
    """

    def decorate(function: Callable[P, Change]) -> Task[P, Step]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def carry_out(*args: P.args, **kwargs: P.kwargs) -> Step:
            order: Order = signature.bind(*args, **kwargs).arguments["order"]
            logger = get_run_logger()

            def say(said: str) -> None:
                logger.info("%s", said)

            with open_journal() as journal:
                done = done_before(journal, order, say)
                return perform(journal, order, function(*args, **kwargs), time, say) if done is None else done

        return record_step(retry=retry, run_name=run_name)(carry_out)

    return decorate
