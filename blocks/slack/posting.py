"""How does a message get into Slack, and how do we know that it arrived?

Each posted message carries its delivery id in Slack's message metadata, so a sender that died
between posting and recording is followed by one that finds the message instead of repeating it.
The rule: nothing here repeats a call by itself (the SDK's own silent retry is switched off): only the
ledger decides that something is said again.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass
from uuid import UUID

from blocks.clock import Clock
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.health import MissingCode
from blocks.ports.notifications import Sent
from blocks.slack.failures import MessageGone, slack_call

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

_CHANNEL_ID = re.compile(r"^[CGD][A-Z0-9]{7,}$")
_EVENT_TYPE = "vigie_delivery"
_CALL_TIMEOUT = timedelta(seconds=10)
_LOOK_BACK = timedelta(days=2)
_PAGE_COUNT = 200
_MOST_PAGES = 20


@asynccontextmanager
async def open_client(token: str, *, base_url: str, ca_file: str | None = None) -> AsyncGenerator[AsyncWebClient]:
    """The SDK's client without its own retries. Raises `Broken` when `ca_file` cannot be read."""
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

    timeout = aiohttp.ClientTimeout(total=_CALL_TIMEOUT.total_seconds())
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = AsyncWebClient(token=token, base_url=base_url, ssl=trust(ca_file), session=session, retry_handlers=[])
        if proxy_bypass(urlsplit(base_url).hostname or "") or _is_loopback(base_url):
            client.proxy = None  # the SDK takes HTTPS_PROXY and overlooks NO_PROXY
        yield client


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The authorities to trust: `ca_file`'s, or the system's. Raises `Broken` when it cannot be read."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        step = "correct ca_file in the block"
        raise Broken(
            f"the certificate authorities cannot be read ({type(error).__name__})",
            where=ca_file or "the system's store",
            next_step=step,
            code=MissingCode.PROBE_FAILED.value,
        ) from None


async def whisper(client: AsyncWebClient, response_url: str, text: str, blocks: Any = None) -> None:
    """Answer one person where they pressed or typed; nobody else sees it, and the message stays as it is."""
    from slack_sdk.webhook.async_client import AsyncWebhookClient

    webhook = AsyncWebhookClient(response_url, ssl=client.ssl, session=client.session)
    webhook.proxy = client.proxy  # it would take one from the environment
    with slack_call("response_url", ""):
        answer = await webhook.send(text=text, blocks=blocks, response_type="ephemeral", replace_original=False)
    if answer.status_code != 200:  # noqa: PLR2004 - HTTP OK
        raise Retryable(f"Slack did not take the answer to one person (HTTP {answer.status_code})")


class SlackPosts:
    """One message each: posted with what it is about, changed, found again. `about` becomes its metadata."""

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._ids: dict[str, str] = {}

    async def post(
        self, channel: str, text: str, blocks: Any, about: Mapping[str, str], thread: str | None = None
    ) -> Sent:
        """Say it, under `thread` where one is given."""
        with slack_call("chat.postMessage", channel):
            answer = await self._client.chat_postMessage(
                channel=channel,
                text=text,
                blocks=blocks,
                metadata={"event_type": _EVENT_TYPE, "event_payload": dict(about)},
                thread_ts=thread,
                unfurl_links=False,
                unfurl_media=False,
            )
        posted: Any = answer.data
        if not posted.get("ts") or not posted.get("channel"):
            raise Broken(
                "Slack says ok without saying where",
                where=f"Slack chat.postMessage ({channel})",
                code="unexpected_answer",
            )
        return Sent(str(posted["ts"]), str(posted["channel"]))

    async def update(self, sent: Sent, text: str, blocks: Any, about: Mapping[str, str]) -> Sent:
        """Keep it current; where someone deleted it, post it anew and return the new place."""
        channel = sent.channel_reference
        try:
            with slack_call("chat.update", channel):
                await self._client.chat_update(channel=channel, ts=sent.reference, text=text, blocks=blocks)
        except MessageGone:
            return await self.post(channel, text, blocks, about)
        return sent

    async def find(self, channel: str, delivery: UUID, parent: Sent | None = None) -> Sent | None:
        """The message that carries `delivery`, among those of the last two days (4,000 at most)."""
        where = parent.channel_reference if parent else await self._channel_id(channel)
        cursor = ""
        for _ in range(_MOST_PAGES):
            page = await self._page(where, parent, cursor)
            for message in page.get("messages") or []:
                if _carries(message, delivery):
                    return Sent(str(message["ts"]), where)
            cursor = _next_cursor(page)
            if not cursor:
                return None
        return None

    async def _page(self, channel: str, parent: Sent | None, cursor: str) -> dict[str, Any]:
        oldest = str((self._clock.now() - _LOOK_BACK).timestamp())
        asked: dict[str, Any] = {"channel": channel, "limit": _PAGE_COUNT, "include_all_metadata": True}
        if cursor:
            asked["cursor"] = cursor
        if parent:
            with slack_call("conversations.replies", channel):
                answer = await self._client.conversations_replies(ts=parent.reference, **asked)
        else:
            with slack_call("conversations.history", channel):
                answer = await self._client.conversations_history(oldest=oldest, **asked)
        return _object(answer.data)

    async def _channel_id(self, channel: str) -> str:
        if _CHANNEL_ID.match(channel):
            return channel
        name, cursor = channel.removeprefix("#"), ""
        while name not in self._ids:
            asked = {"cursor": cursor} if cursor else {}
            with slack_call("conversations.list", channel):
                answer = await self._client.conversations_list(
                    types="public_channel,private_channel", exclude_archived=True, limit=_PAGE_COUNT, **asked
                )
            page = _object(answer.data)
            self._ids |= {str(c["name"]): str(c["id"]) for c in page.get("channels") or []}
            cursor = _next_cursor(page)
            if not cursor:
                break
        if name not in self._ids:
            step = "invite the app to the channel, or correct `channel` of the customer in the catalogue"
            raise Refused(
                "Slack shows us no such channel", where=channel, next_step=step, code=MissingCode.PROBE_FAILED.value
            )
        return self._ids[name]


def _carries(message: dict[str, Any], delivery: UUID) -> bool:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return metadata.get("event_type") == _EVENT_TYPE and payload.get("delivery") == str(delivery)


def _object(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _next_cursor(page: dict[str, Any]) -> str:
    return str((page.get("response_metadata") or {}).get("next_cursor") or "")


def _is_loopback(base_url: str) -> bool:
    return urlsplit(base_url).hostname in {"127.0.0.1", "localhost", "::1"}
