"""Telling people: one step, whatever there is to tell and whoever told part of it before.

The rule: nothing is lost and nothing is said twice. What must be told lies in the journal's ledger; a
channel that is down or throttled keeps its messages there, and the next sweep sends them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from prefect.logging import get_run_logger
from prefect.settings import get_current_settings

from blocks.catalogue.model import Customer, Platform
from blocks.clock import SystemClock
from blocks.errors import VigieError
from blocks.journal.block import open_journal
from blocks.ports.notifications import Messenger, Pager
from tasks.core.retries import JOURNAL
from tasks.core.step import Sealed, record_step
from tasks.health.plan import SweepPlan
from tasks.health.probers import load_block
from tasks.incidents.pictures import painter
from tasks.incidents.tell import DeliveryReport, deliver_due


@record_step(retry=JOURNAL, run_name="tell people")
async def tell(plan: Sealed[SweepPlan]) -> DeliveryReport:
    """Send everything that is due for this platform: the incident's message, its thread, the pager."""
    return await tell_of(plan.value.platform, plan.value.customer)


async def tell_of(platform: Platform, customer: Customer) -> DeliveryReport:
    """The same, inside whatever step."""
    async with AsyncExitStack() as opened:
        journal = opened.enter_context(open_journal())
        if not journal.may_be_due(platform.name):  # no door is opened for nothing
            return DeliveryReport(0, 0, (), journal.undelivered_count(platform.name))
        messenger: Messenger | None = await _open(opened, "Slack", customer.slack, _messenger)
        pager: Pager | None = await _open(opened, "the pager", customer.pager, _pager)
        report = await deliver_due(
            journal,
            messenger,
            pager,
            painter(journal, customer, platform, ui_url()),
            SystemClock(),
            platform=platform.name,
            channel=customer.channel,
        )
    get_run_logger().info("%s", report.sentence)
    for failure in report.failures:
        get_run_logger().warning("%s waits %s: %s", failure.channel, failure.retry_in, failure.reason)
    return report


def ui_url() -> str:
    """Where people open the Prefect UI; empty when nobody said."""
    settings = get_current_settings()
    return str(settings.ui_url or "").rstrip("/") or str(settings.api.url or "").removesuffix("/api").rstrip("/")


Door = Callable[[str], Awaitable[AbstractAsyncContextManager[Any]]]


async def _messenger(name: str) -> AbstractAsyncContextManager[Messenger]:
    from blocks.slack.block import SlackWorkspace

    return (await load_block(SlackWorkspace, name)).messenger()


async def _pager(name: str) -> AbstractAsyncContextManager[Pager]:
    from blocks.errors import Refused
    from blocks.pager.block import load_pager

    block = await load_pager(name)
    if block is None:
        raise Refused(f"no pager block named {name!r} is saved", next_step="create it in the Prefect UI")
    return block.pager()


async def _open(opened: AsyncExitStack, what: str, name: str | None, door: Door) -> Any:
    """A channel, or None when its block is absent or refuses: its messages then wait in the ledger."""
    if not name:
        return None
    try:
        return await opened.enter_async_context(await door(name))
    except VigieError as error:
        get_run_logger().error("%s cannot be opened, its messages wait: %s", what, error)
        return None
