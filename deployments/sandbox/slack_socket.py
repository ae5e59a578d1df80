"""Does an app listen over Socket Mode, and has it acknowledged what we sent?

`apps.connections.open` gives an address with a ticket that works once and for thirty seconds. At most ten
connections; each envelope goes to one of them. As in Slack, nothing proves to the app who sent what.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from deployments.sandbox.slack_people import APP

_TICKET_LIFE_S, _MOST_CONNECTIONS, _PING_EVERY_S = 30.0, 10, 10.0
_HOST = "applink-sandbox"
Envelope = dict[str, Any]


class Sockets:
    """The open connections of the one app."""

    def __init__(self) -> None:
        self._tickets: dict[str, float] = {}
        self._open: list[web.WebSocketResponse] = []
        self._requests: dict[web.WebSocketResponse, web.Request] = {}
        self._awaited: dict[str, asyncio.Future[Any]] = {}
        self._turn = itertools.count()

    def __len__(self) -> int:
        return len(self._open)

    def ticket(self) -> str:
        """Admission for one connection."""
        name = secrets.token_urlsafe(24)
        self._tickets[name] = time.monotonic() + _TICKET_LIFE_S
        return name

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to its end."""
        if self._tickets.pop(request.query.get("ticket", ""), 0.0) < time.monotonic():
            return web.Response(status=403, text="ticket is unknown, used or too old")
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        if len(self._open) >= _MOST_CONNECTIONS:
            await socket.send_json(_disconnect("too_many_websockets", len(self._open)))
            await socket.close()
            return socket
        self._open.append(socket)
        self._requests[socket] = request
        pinging = asyncio.create_task(_ping(socket))
        try:
            await socket.send_json(_hello(len(self._open)))
            await self._listen(socket)
        finally:
            pinging.cancel()
            self._forget(socket)
            del self._requests[socket]
        return socket

    async def send(self, envelope: Envelope, *, times: int = 1) -> Any:
        """Send to one connection and await its acknowledgement: its payload, or None. Raises ConnectionError."""
        awaited = self._awaited.setdefault(envelope["envelope_id"], asyncio.get_running_loop().create_future())
        if awaited.done():
            awaited = self._awaited[envelope["envelope_id"]] = asyncio.get_running_loop().create_future()
        socket = self._next()
        for _ in range(times):
            await socket.send_json(envelope)
        return await awaited

    async def say_disconnect(self, reason: str) -> None:
        """`warning` or `refresh_requested`: the app should come back over a new connection."""
        for socket in list(self._open):
            with suppress(ConnectionError):
                await socket.send_json(_disconnect(reason, len(self._open)))
            self._forget(socket)  # it may still acknowledge, and gets nothing new

    def drop(self) -> None:
        """Cut every connection without a word."""
        for socket, request in list(self._requests.items()):
            self._forget(socket)
            if request.transport is not None:
                request.transport.abort()

    async def close(self) -> None:
        """The end of the simulator."""
        for socket in list(self._requests):
            with suppress(ConnectionError):
                await socket.close(code=1001)

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self._acknowledge(message.data)

    def _acknowledge(self, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        awaited = self._awaited.get(str(said.get("envelope_id"))) if isinstance(said, dict) else None
        if awaited is not None and not awaited.done():
            awaited.set_result(said.get("payload"))

    def _next(self) -> web.WebSocketResponse:
        if not self._open:
            raise ConnectionError("no connection is open")
        return self._open[next(self._turn) % len(self._open)]

    def _forget(self, socket: web.WebSocketResponse) -> None:
        if socket in self._open:
            self._open.remove(socket)


def envelope(kind: str, payload: dict[str, Any], *, answers: bool, retry: tuple[int, str] | None = None) -> Envelope:
    """A new envelope; events say which attempt this is."""
    again = {} if retry is None else {"retry_attempt": retry[0], "retry_reason": retry[1]}
    return {
        "envelope_id": str(uuid4()),
        "payload": payload,
        "type": kind,
        "accepts_response_payload": answers,
        **again,
    }


def _hello(count: int) -> dict[str, Any]:
    return {
        "type": "hello",
        "num_connections": count,
        "debug_info": {"host": _HOST, "build_number": 1, "approximate_connection_time": 18060},
        "connection_info": {"app_id": APP},
    }


def _disconnect(reason: str, count: int) -> dict[str, Any]:
    return {
        "type": "disconnect",
        "reason": reason,
        "num_connections": count,
        "debug_info": {"host": _HOST},
        "connection_info": {"app_id": APP},
    }


async def _ping(socket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError):
        while not socket.closed:
            await asyncio.sleep(_PING_EVERY_S)
            await socket.ping(f"Ping from {_HOST}".encode())
