"""Is this request Slack's, ours, and new? Then it is dealt with, once.

Both doors meet here. Over HTTP: the signature over the raw bytes, then app and workspace, then the claim. Over
Socket Mode: app and workspace, then the claim. The rules: nothing is parsed before it is verified; a request is
claimed in the journal before it is dealt with, so without a journal nothing is; one that was acknowledged is never
dealt with again, and one whose first receiver died before that is, because it may be the only one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused
from blocks.slack.posting import open_client
from blocks.slack.signing import verify
from deployments.gateway.desk import Counter, Desk, aside
from deployments.gateway.origin import check_origin, parse
from deployments.gateway.settings import Known

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.response import BoltResponse

CLAIM_LEASE = timedelta(seconds=10)
_log = logging.getLogger("vigie.gateway")


class Repeated(Refused):
    """This very request was dealt with, or is being dealt with."""


@dataclass(frozen=True, slots=True)
class Post:
    """A request as it came over HTTP."""

    body: bytes
    content_type: str
    timestamp: str
    signature: str


@dataclass(frozen=True, slots=True)
class _Open:
    known: Known
    app: AsyncApp
    stack: AsyncExitStack


class Reception:
    """The Slack app of the settings of now; made anew when they change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: _Open | None = None

    async def receive(self, post: Post) -> BoltResponse:
        """Verify, claim, deal with it. Raises `Refused` for what is not to be believed, `Repeated` for a copy."""
        from slack_bolt.request.async_request import AsyncBoltRequest

        known = await self._desk.settings.known()
        now = await aside(self._desk.journal.now)
        verify(known.signing_secret, post.timestamp, post.signature, post.body, now)
        check_origin(parse(post.body, post.content_type), known)
        key = f"http {post.signature}"
        await self.claim(key)
        headers = {
            "content-type": post.content_type,
            "x-slack-request-timestamp": post.timestamp,
            "x-slack-signature": post.signature,
        }
        app = await self.slack_app()
        answer = await app.async_dispatch(AsyncBoltRequest(body=post.body.decode(), headers=dict(headers)))
        await aside(lambda: self._desk.journal.finish_request(key))
        return answer

    async def check(self, payload: Mapping[str, Any]) -> None:
        """For a payload that came over our own connection: raises `Refused` for another app or workspace."""
        check_origin(payload, await self._desk.settings.known())

    async def claim(self, key: str) -> None:
        """Raises `Repeated` unless it is ours to deal with."""
        if not await aside(lambda: self._desk.journal.claim_request(key, CLAIM_LEASE)):
            raise Repeated("this very request came before")

    async def finish(self, key: str) -> None:
        """It was acknowledged."""
        await aside(lambda: self._desk.journal.finish_request(key))

    async def slack_app(self) -> AsyncApp:
        """The app; opened on first use, and anew when the saved settings have changed."""
        from deployments.gateway.slack_app import build_slack_app

        known = await self._desk.settings.known()
        if self._open is not None and self._open.known == known:
            return self._open.app
        await self.close()
        stack = AsyncExitStack()
        client = await stack.enter_async_context(
            open_client(known.bot_token, base_url=known.base_url, ca_file=known.ca_file)
        )
        self._open = _Open(known, build_slack_app(known, Counter(self._desk, client)), stack)
        return self._open.app

    async def close(self) -> None:
        """Give the connections back."""
        if self._open is not None:
            opened, self._open = self._open, None
            await opened.stack.aclose()
