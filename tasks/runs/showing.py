"""Do people see how the run stands?

The step that shows it, and what opens a customer's doors. Nothing is lost and nothing is said twice: what people
should see lies in the journal's ledger; a door that is down keeps it waiting there, and whoever shows things next
(another step, the gateway, the resumer) sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.model import Customer
from blocks.clock import SystemClock
from blocks.errors import Refused, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.health.probers import load_block
from tasks.runs.tell import Doors, OpenDoors, Shown, show_due

Door = Callable[[str], Awaitable[AbstractAsyncContextManager[Any]]]
Load = Callable[[type[Any], str], Awaitable[Any]]


@record_step(retry=JOURNAL, run_name="show how it stands")
def show_run(run: UUID, platform: str) -> int:
    """Send what is due for this run; returns how many messages still wait, of all runs."""
    logger = get_run_logger()
    with open_journal() as journal:
        shown = asyncio.run(_show(journal, run, lambda said: logger.warning("%s", said)))
    logger.info("%d shown for %s, %d wait", shown.sent_count, platform, shown.waiting_count)
    for failure in shown.failures:
        logger.warning("%s", failure)
    return shown.waiting_count


@record_step(retry=JOURNAL, run_name="show what still waits")
def show_waiting() -> int:
    """Send what is due of all runs: what a door that was down kept back. Returns how many messages still wait."""
    logger = get_run_logger()
    with open_journal() as journal:
        shown = asyncio.run(_show(journal, None, lambda said: logger.warning("%s", said)))
    logger.info("%d shown, %d wait", shown.sent_count, shown.waiting_count)
    return shown.waiting_count


async def _show(journal: PostgresJournal, run: UUID | None, say: Callable[[str], None]) -> Shown:
    from blocks.orchestrator.client import run_page

    async with opening_doors(say) as doors:
        return await show_due(journal, doors, SystemClock(), run=run, page_of=run_page)


@asynccontextmanager
async def opening_doors(say: Callable[[str], None], load: Load = load_block) -> AsyncGenerator[OpenDoors]:
    """Open each platform's doors once, when they are first needed, and close all at the end."""
    async with AsyncExitStack() as stack:
        known: dict[str, Doors] = {}

        async def doors(platform: str) -> Doors:
            if platform not in known:
                known[platform] = await _opened(stack, platform, say, load)
            return known[platform]

        yield doors


async def _opened(stack: AsyncExitStack, platform: str, say: Callable[[str], None], load: Load) -> Doors:
    block = await load(PlatformBlock, platform)
    customer: Customer = block.customer()

    async def messenger(name: str) -> AbstractAsyncContextManager[Any]:
        from blocks.slack.block import SlackWorkspace

        return (await load(SlackWorkspace, name)).run_messenger()

    return Doors(
        customer=customer,
        messenger=await _open(stack, "Slack", customer.slack, messenger, say),
        pager=await _open(stack, "the pager", customer.pager, _pager, say),
    )


async def _pager(name: str) -> AbstractAsyncContextManager[Any]:
    from blocks.pager.block import load_pager

    block = await load_pager(name)
    if block is None:
        raise Refused(f"no pager block named {name!r} is saved", next_step="create it in the Prefect UI")
    return block.pager()


async def _open(stack: AsyncExitStack, what: str, name: str | None, door: Door, say: Callable[[str], None]) -> Any:
    """A door, or None when its block is absent or refuses: its messages then wait in the ledger."""
    if not name:
        return None
    try:
        return await stack.enter_async_context(await door(name))
    except VigieError as error:
        say(f"{what} cannot be opened, its messages wait: {error}")
        return None
