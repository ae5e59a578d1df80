"""How do people reach us without an open port? Over a connection that we open to Slack.

Socket Mode verifies nothing of a single message, and delivers one twice at times: app and workspace are checked, and
the envelope is claimed in the journal, before anything is done. A copy is not acknowledged a second time; what is
refused is, or Slack would send it again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from blocks.errors import Refused, VigieError
from deployments.gateway.desk import Desk
from deployments.gateway.reception import Reception, Repeated
from deployments.gateway.settings import Known

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 15.0
_LOOK_EVERY_S = 5.0
_log = logging.getLogger("vigie.gateway")


class SocketDoor:
    """Keeps one connection open while the settings hold an app-level token."""

    def __init__(self, desk: Desk, reception: Reception) -> None:
        self._desk = desk
        self._reception = reception
        self._handler: Any = None

    @property
    def is_connected(self) -> bool:
        """Is there a connection that Slack sends through?"""
        session = getattr(getattr(self._handler, "client", None), "current_session", None)
        return session is not None and not session.closed

    async def keep(self) -> None:
        """Until cancelled: connect, stay, connect anew when the settings changed."""
        wait_s = _FIRST_WAIT_S
        try:
            while True:
                try:
                    await self._stay()
                    wait_s = _FIRST_WAIT_S
                except VigieError as error:
                    _log.warning("Socket Mode waits: %s", error)
                except Exception as error:  # noqa: BLE001  the SDK's connection fails in many ways; each is tried again
                    _log.warning("Socket Mode is not connected (%s), trying again", type(error).__name__)
                await self._leave()
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        finally:
            await self._leave()

    async def _stay(self) -> None:
        """Connected until the settings change; returns then, or at once without a token."""
        known = await self._desk.settings.known()
        if known.app_token:
            await self._connect(known)
        while await self._desk.settings.known() == known:  # noqa: ASYNC110  Prefect has no event for it
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _connect(self, known: Known) -> None:
        from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
        from slack_sdk.socket_mode.response import SocketModeResponse

        reception, app = self._reception, await self._reception.slack_app()

        class Handler(AsyncSocketModeHandler):
            """The official handler behind our checks."""

            async def handle(self, client: Any, req: Any) -> None:
                key = f"socket {req.envelope_id}"
                try:
                    await reception.check(req.payload if isinstance(req.payload, dict) else {})
                    await reception.claim(key)
                except Repeated:
                    return
                except Refused as refused:
                    _log.warning("refused: %s", refused.what)
                    await client.send_socket_mode_response(SocketModeResponse(envelope_id=req.envelope_id))
                    return
                except VigieError as error:
                    _log.error("a message is not dealt with, Slack sends it again: %s", error)
                    return
                await super().handle(client, req)
                await reception.finish(key)

        self._handler = Handler(app, known.app_token)
        await self._handler.connect_async()

    async def _leave(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            await handler.close_async()
