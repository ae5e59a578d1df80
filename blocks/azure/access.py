"""How does a step that may block look at Azure, and act there once?

The rules: all looking is the reader's; the operator's credential is opened by an act and by nothing else; each
look and each act ends in time; a change goes out once, and what the SDK would wait for is read back instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from blocks.azure.activity import request_id
from blocks.azure.connection import Connection
from blocks.azure.failures import explained
from blocks.azure.policies import deadline
from blocks.errors import Retryable
from blocks.ports.changes import Evidence, EvidenceKind
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.clock import Clock
    from blocks.ports.changes import Mark

T = TypeVar("T")
_LOOK_S, _WAIT_S, _ACT_S = 60.0, 20.0, 60.0  # a look, of which waiting for a throttled Azure; an act


@dataclass(frozen=True, slots=True)
class Access:
    """Both identities of one site: `reader` looks, `operator` is called only when something is changed."""

    reader: AzureReader
    operator: Callable[[], AzureOperator]
    ca_file: str | None
    clock: Clock

    def look(self, where: object, read: Callable[[Connection], Awaitable[T]]) -> T:
        """One reading as the reader, bounded in time. Raises the three errors, which say `where`."""

        async def looking() -> T:
            deadline.set(self.clock.monotonic() + _WAIT_S)
            async with asyncio.timeout(_LOOK_S), Connection(self.reader, self.ca_file, self.clock) as azure:
                return await read(azure)

        with explained(str(where)):
            return _waited(looking)

    def act(self, where: object, mark: Mark, text: str, send: Callable[[Connection, dict[str, Any]], Any]) -> Evidence:
        """Send one change as the operator; `send` gives the options that it gets to the SDK.

        Sent once: the chain has no retry policy, and without a deadline nobody waits out a throttled answer.
        Raises the three errors; `Retryable` when the answer was lost.
        """
        ours: dict[str, Any] = {"request_id": request_id(mark), "cls": _correlation}

        async def acting() -> str:
            async with asyncio.timeout(_ACT_S), Connection(self.operator(), self.ca_file, self.clock) as azure:
                return await send(azure, ours)

        with explained(str(where)):
            correlation = _waited(acting)
        return Evidence(
            kind=EvidenceKind.OPERATION if correlation else EvidenceKind.CLIENT_TOKEN,
            reference=correlation or request_id(mark),
            text=f"Azure accepted to {text}",
        )


def _correlation(response: Any, _nothing: object, _headers: object) -> str:
    """Azure's own name for what it accepted; empty where it gave none."""
    return str(response.http_response.headers.get("x-ms-correlation-request-id", ""))


def _waited(work: Callable[[], Any]) -> Any:
    """Run on a loop and a thread of its own: a step may be called from inside another loop."""
    try:
        with ThreadPoolExecutor(1, "azure-access") as pool:
            return pool.submit(lambda: asyncio.run(work())).result()
    except TimeoutError as error:
        raise Retryable(
            "Azure's interface did not answer in time",
            next_step="look at the Azure status page; what was asked may have happened, which the next try finds out",
            code=MissingCode.API_UNREACHABLE,
        ) from error
