"""How does the gateway come up, and where does it listen?

Loopback unless told otherwise; a proxy that speaks TLS stands before it where Slack comes over HTTP, and with Socket
Mode nothing needs to reach it at all. The rule: whoever started it hears its address once it listens.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import configured_dsn
from blocks.orchestrator.client import PrefectOrchestrator
from deployments.gateway.app import create_app
from deployments.gateway.desk import Desk
from deployments.gateway.settings import Settings

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = "127.0.0.1"
_JOURNAL_ANSWERS_S = 2.0  # of the three seconds that Slack waits
_log = logging.getLogger("vigie.gateway")


def serve(host: str = LOOPBACK, port: int = 0, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT. `port` 0 takes a free one; `on_ready` gets `http://host:port`."""
    listener = listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    with (
        PostgresJournal(configured_dsn(), answer_within_s=_JOURNAL_ANSWERS_S) as journal,
        PrefectOrchestrator() as prefect,
    ):
        asyncio.run(_serve(Desk(journal, prefect, Settings()), listener, address, on_ready))


async def _serve(desk: Desk, listener: socket.socket, address: str, on_ready: Callable[[str], None]) -> None:
    server = make_server(desk)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.02)
    if server.started:
        on_ready(address)
    await serving


def make_server(desk: Desk) -> uvicorn.Server:
    """The server of a desk; it ends when its `should_exit` is set."""
    import uvicorn

    config = uvicorn.Config(
        create_app(desk),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        limit_concurrency=100,
        h11_max_incomplete_event_size=16 * 1024,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """The port that is wanted; a free one where none is."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    return listener
