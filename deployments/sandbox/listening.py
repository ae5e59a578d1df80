"""How does a simulator that people also look at come up, stay findable and go down?

It answers over TLS with a certificate of the sandbox's authority, and its page also over plain HTTP,
so that a browser shows it without questions. After a restart it takes its old ports again where they
are free, because blocks and open browser tabs remember them.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.state import State

_LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def listening(
    app: web.Application, state: State, component: str, *names: str, port: int = 0, **extras: Any
) -> AsyncGenerator[tuple[str, str]]:
    """Serve `app` for `names` while the context lasts; yields (TLS address, page's address) once ready is written."""
    authority = ensure_authority(state.home)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.issue(_LOOPBACK, "localhost", *names))
    before = state.read_ready(component)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        secure = await _bind(runner, port or _port_of(before.get("address", "")), tls)
        page = f"http://{await _bind(runner, _port_of(before.get('page', '')), None)}/"
        state.write_ready(component, secure, page=page, ca_file=str(authority.ca_file), **extras)
        yield secure, page
    finally:
        await runner.cleanup()


async def serve_until_told(
    app: web.Application, state: State, component: str, *names: str, port: int = 0, **extras: Any
) -> None:
    """`listening` until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(app, state, component, *names, port=port, **extras):
        await stop.wait()


async def _bind(runner: web.AppRunner, wanted: int, tls: ssl.SSLContext | None) -> str:
    """Listen on `wanted`, or on a free port where it is taken; the address."""
    for port in (wanted, 0) if wanted else (0,):
        site = web.TCPSite(runner, _LOOPBACK, port, ssl_context=tls)
        try:
            await site.start()
        except OSError:
            if port == 0:
                raise
            await site.stop()
            continue
        return f"{_LOOPBACK}:{runner.addresses[-1][1]}"
    raise OSError("no free port")


def _port_of(address: str) -> int:
    number = address.rstrip("/").rpartition(":")[2]
    return int(number) if number.isdigit() else 0
