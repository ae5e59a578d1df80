"""Whom does the gateway believe, and in whose language does it answer?

Out of the saved blocks, looked at again every half minute. The rules: while Prefect does not answer, what was read
before holds; before anything could be read, nobody is believed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from blocks.approvals.block import KEY_NAME, RULES_NAME, ApprovalRulesBlock, ApproverKey
from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.model import Customer
from blocks.errors import Broken, VigieError
from blocks.ports.approvals import Policy
from blocks.slack.app import APP_NAME, SlackApp
from blocks.slack.block import SlackWorkspace
from blocks.slack.voice import Voice
from tasks.approvals.codes import Unseal
from tasks.health.probers import load_block

Load = Callable[[type[Any], str], Awaitable[Any]]
"""Gives a saved block by its class and name; raises `VigieError` when there is none."""

_FRESH_S = 30.0
_log = logging.getLogger("vigie.gateway")


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is read before somebody can be believed."""

    app_id: str
    team_id: str
    signing_secret: str = field(repr=False)
    app_token: str = field(repr=False)  # "" without Socket Mode
    bot_token: str = field(repr=False)
    base_url: str = ""
    ca_file: str | None = None
    language: str = "en"


@dataclass(slots=True)
class _Kept:
    value: Any
    read_at: float


class Settings:
    """The saved blocks, each read at most every half minute."""

    def __init__(self, load: Load = load_block) -> None:
        self.load = load
        self._kept: dict[str, _Kept] = {}
        self._reading = asyncio.Lock()

    async def known(self) -> Known:
        """Raises `VigieError` as long as it could never be read."""
        return await self._fresh("known", lambda: _read_known(self.load))

    async def unseal(self) -> Unseal:
        """What opens the approvers' secrets."""
        key: ApproverKey = await self._fresh("key", lambda: self.load(ApproverKey, KEY_NAME))
        return key.unseal

    async def customer(self, platform: str) -> Customer:
        """Whose platform it is. Raises `VigieError` when `vigie apply` never saved it."""
        block: PlatformBlock = await self._fresh(f"platform {platform}", lambda: self.load(PlatformBlock, platform))
        return block.customer()

    async def voice(self, platform: str = "") -> Voice:
        """How the platform's customer is spoken to; the app's own language where that is not known."""
        try:
            if platform:
                customer = await self.customer(platform)
                return Voice(customer.language, customer.time_zone)
            return Voice((await self.known()).language)
        except VigieError as error:
            _log.warning("the language of %s is not known: %s", platform or "the app", error)
            return Voice()

    async def policy(self, customer: str, platform: str, action: str) -> Policy:
        """Who may decide about this. Raises `Refused` where no rule fits."""
        rules = await self._fresh("rules", lambda: self.load(ApprovalRulesBlock, RULES_NAME))
        return rules.rules().policy_for(customer, platform, action)

    async def _fresh(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept.read_at < _FRESH_S:
            return kept.value
        async with self._reading:
            try:
                value = await _read(read)
            except VigieError as error:
                if kept is None:
                    raise
                _log.warning("%s could not be read again, what was known holds: %s", name, error)
                value = kept.value
            self._kept[name] = _Kept(value, time.monotonic())
            return value


async def _read(read: Callable[[], Awaitable[Any]]) -> Any:
    import httpx

    try:
        return await read()
    except httpx.HTTPError as error:
        raise Broken(f"Prefect does not answer ({type(error).__name__})", where="the saved blocks") from error


async def _read_known(load: Load) -> Known:
    app: SlackApp = await load(SlackApp, APP_NAME)
    workspace: SlackWorkspace = await load(SlackWorkspace, app.workspace)
    return Known(
        app_id=app.app_id,
        team_id=app.team_id,
        signing_secret=app.signing_secret.get_secret_value(),
        app_token=app.app_token.get_secret_value() if app.app_token else "",
        bot_token=workspace.bot_token.get_secret_value(),
        base_url=workspace.base_url,
        ca_file=workspace.ca_file,
        language=app.language,
    )
