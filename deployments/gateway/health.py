"""Could somebody approve something right now? What the gateway needs, and whether it answers; no secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from blocks.errors import VigieError
from blocks.slack.failures import slack_call
from blocks.slack.posting import open_client
from deployments.gateway.desk import Desk, aside

_PATIENCE_S = 3.0
_log = logging.getLogger("vigie.gateway")


async def health_of(desk: Desk) -> dict[str, str]:
    """`ok`, or `down`, for the journal, Prefect, the settings and Slack."""
    checks: dict[str, Callable[[], Awaitable[object]]] = {
        "journal": lambda: aside(desk.journal.now),
        "prefect": lambda: aside(desk.orchestrator.startables),
        "settings": desk.settings.known,
        "slack": lambda: _slack(desk),
    }
    found = await asyncio.gather(*(_answers(name, check) for name, check in checks.items()))
    return dict(zip(checks, found, strict=True))


async def _answers(name: str, check: Callable[[], Awaitable[object]]) -> str:
    try:
        await asyncio.wait_for(asyncio.ensure_future(check()), _PATIENCE_S)
    except (VigieError, TimeoutError) as error:
        _log.warning("%s is down: %s", name, error or "no answer in time")
        return "down"
    return "ok"


async def _slack(desk: Desk) -> None:
    known = await desk.settings.known()
    async with open_client(known.bot_token, base_url=known.base_url, ca_file=known.ca_file) as client:
        with slack_call("auth.test", ""):
            await client.auth_test()
