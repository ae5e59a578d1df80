"""What does a handler of the gateway have at hand?

The journal, Prefect, the saved settings and Slack, and the few things every handler does: find out who it is, say
something to one person, open a modal. The rule: the journal and Prefect are asked in threads, so that a slow one
lets nobody miss Slack's three seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from blocks.errors import Refused, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.ports.approvals import Approval, Approver
from blocks.ports.orchestration import Orchestrator
from blocks.slack.failures import slack_call
from blocks.slack.markup import escaped
from blocks.slack.pieces import button, section
from blocks.slack.posting import whisper
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from deployments.gateway.origin import Person
from deployments.gateway.settings import Settings

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

T = TypeVar("T")
LINK_BUTTON = "account.link"
_log = logging.getLogger("vigie.gateway")


@dataclass(slots=True)
class Desk:
    """`bell` is rung when something changed that people should see."""

    journal: PostgresJournal
    orchestrator: Orchestrator
    settings: Settings
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def approver(self, person: Person) -> Approver | None:
        """Whose account this is; None when nobody linked it."""
        return await aside(lambda: self.journal.approver_of(person.team, person.user))

    async def approval(self, written: str) -> Approval:
        """The question with this id. Raises `VigieError` when there is none."""
        try:
            wanted = UUID(written)
        except ValueError:
            raise Refused("the button carries no id of ours") from None
        return await aside(lambda: self.journal.approval(wanted))

    async def wake(self, run: UUID) -> None:
        """The run has its answer. What fails here the keeper does again in a moment."""
        try:
            await aside(lambda: self.orchestrator.resume(run))
        except VigieError as error:
            _log.warning("run %s is not woken yet, it is tried again: %s", run, error)


@dataclass(frozen=True, slots=True)
class Counter:
    """A desk with its Slack client: one person is served here."""

    desk: Desk
    client: AsyncWebClient

    async def say(self, person: Person, text: str, blocks: Any = None) -> None:
        """To this person alone. That it did not arrive changes nothing of what was done."""
        if not person.response_url and not person.channel:
            return
        try:
            if person.response_url:
                await whisper(self.client, person.response_url, text, blocks)
                return
            with slack_call("chat.postEphemeral", person.channel):
                await self.client.chat_postEphemeral(channel=person.channel, user=person.user, text=text, blocks=blocks)
        except VigieError as error:
            _log.warning("an answer did not reach its reader: %s", error)

    async def ask_to_link(self, person: Person, voice: Voice) -> None:
        """Nobody knows whose account this is."""
        _log.warning("refused: Slack account %s of %s is linked to nobody", person.user, person.team)
        text = voice.say("answer.link_first")
        link = button(voice.say("button.link"), LINK_BUTTON, "link", style="primary")
        await self.say(person, text, [section(text), {"type": "actions", "elements": [link]}])

    async def open(self, trigger: str, view: Mapping[str, Any]) -> None:
        """Show a modal; a trigger lives three seconds and works once."""
        with slack_call("views.open", ""):
            await self.client.views_open(trigger_id=trigger, view=dict(view))


async def aside(work: Callable[[], T]) -> T:
    """In a thread."""
    return await asyncio.to_thread(work)


def why(voice: Voice, error: VigieError) -> str:
    """What a person reads about a refusal or a failure, escaped."""
    if isinstance(error, Refused):
        _log.warning("refused: %s", error.what)
        return voice.say("answer.refused", why=escaped(retell(voice, error.what), 600))
    _log.error("failed: %s", error)
    return voice.say("answer.failed", why=escaped(retell(voice, error.what), 600))


def short_why(voice: Voice, error: VigieError) -> str:
    """The same below a field of a modal: plain text."""
    _log.warning("refused: %s", error.what)
    return retell(voice, error.what)[:150]
