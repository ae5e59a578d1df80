"""What do hearth's and storefront's clients really talk to?

Each service is one process with its own TLS certificate, so that it can be killed, started and
asked like any other: `python -m deployments.sandbox.sites --state DIR --name device-api`.
The device API reads and writes household rows in a real PostgreSQL, its site's first, and says 503 with
the reason when it cannot. It says in `X-Site` which site answered, because both serve one name.

The rule: a health answer is the result of having done the work, never a constant.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.control import serve_control
from deployments.sandbox.household import Household, UnavailableError
from deployments.sandbox.state import State

HOWS = ("expired-cert", "wrong-body")
VERSION = "3.4.1"
_AT_ONCE = 8  # rows that may wait for the database at once: a stuck database must not use up its own connections
_UNDER_CONSTRUCTION = "<html><body>Welcome! This page is under construction.</body></html>"
_MANIFEST = {"product": "hearth-hub", "version": VERSION, "url": f"https://updates.hearth.example/hub-{VERSION}.bin"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Site:
    """A service: the names in its certificate and the routes it answers."""

    names: tuple[str, ...]
    routes: Callable[[State, web.Application], None]


@dataclass(slots=True)
class Conduct:
    """How the service misbehaves right now."""

    hows: set[str] = field(default_factory=set[str])

    async def apply_break(self, _target: str, how: str, _request: dict[str, Any]) -> str:
        """Misbehave as `how` says, until mended."""
        if how not in HOWS:
            raise ValueError(f"a site can fail as {', '.join(HOWS)}, not {how}")
        self.hows.add(how)
        return how

    async def apply_mend(self, _target: str) -> str:
        """Behave again."""
        self.hows.clear()
        return "mended"


def device_api(site: str) -> Callable[[State, web.Application], None]:
    """The device API of a site, on its own database while that takes writes, else on the other site's."""

    def routes(state: State, app: web.Application) -> None:
        household, room = Household(state, site), asyncio.Semaphore(_AT_ONCE)

        async def sign(_request: web.Request, answer: web.StreamResponse) -> None:
            answer.headers["X-Site"] = site

        async def health(_request: web.Request) -> web.Response:
            try:
                device_count = await household.count()
            except UnavailableError as error:
                failed = {"status": "failing", "database": str(error), "version": VERSION}
                return web.json_response(failed, status=503)
            return web.json_response(
                {"status": "ok", "database": "ok", "version": VERSION, "device_count": device_count}
            )

        async def read(request: web.Request) -> web.Response:
            found = await household.read(request.match_info["device"])
            return web.json_response(
                found if found is not None else {"error": "no such device"}, status=200 if found else 404
            )

        async def write(request: web.Request) -> web.Response:
            written = await household.write(request.match_info["device"], await request.json())
            return web.json_response({"written": written}, status=200 if written else 404)

        async def add(request: web.Request) -> web.Response:
            try:
                asked = await request.json()
                row, number = UUID(asked["id"]), int(asked["number"])
            except (ValueError, KeyError, TypeError, AttributeError):
                return web.json_response({"error": "a row has an id (a UUID) and a number"}, status=400)
            if room.locked():
                raise UnavailableError("too many rows wait for the database")
            async with room:
                is_new = await household.add_row(row, number)
            return web.json_response({"id": str(row), "site": site, "new": is_new}, status=201 if is_new else 200)

        app.on_response_prepare.append(sign)
        app.router.add_post("/rows", add)
        app.router.add_get("/health", health)
        app.router.add_get("/devices/{device}/state", read)
        app.router.add_put("/devices/{device}/state", write)

    return routes


def answers(path: str, content: dict[str, Any]) -> Callable[[State, web.Application], None]:
    """A service that serves one document."""

    async def document(_request: web.Request) -> web.Response:
        return web.json_response(content)

    def routes(_state: State, app: web.Application) -> None:
        app.router.add_get(path, document)
        if path != "/health":
            app.router.add_get("/health", document)

    return routes


SITES = {
    "device-api": Site(("api.azure-west.hearth.example", "api.hearth.example"), device_api("azure-west")),
    "device-api-recovery": Site(("api.dc-west.hearth.example", "api.hearth.example"), device_api("dc-west")),
    "device-updates": Site(("updates.hearth.example",), answers("/manifest.json", _MANIFEST)),
    "shop": Site(("shop.storefront.example",), answers("/health", {"status": "ok", "version": VERSION})),
}


async def serve(state: State, name: str, port: int) -> None:
    """Serve one site over TLS until told to stop."""
    site, conduct = SITES[name], Conduct()
    app = web.Application(middlewares=[_misbehaving(conduct), _unavailable])
    site.routes(state, app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=_certificates(state, site, conduct)).start()
    control = await serve_control(conduct.apply_break, conduct.apply_mend)
    state.write_ready(name, f"127.0.0.1:{runner.addresses[0][1]}", control=control)
    await _until_told()
    await runner.cleanup()


def _certificates(state: State, site: Site, conduct: Conduct) -> ssl.SSLContext:
    """The good certificate; each new connection gets the expired one while that is the fault."""
    authority = ensure_authority(state.home)
    names = (*site.names, "localhost", "127.0.0.1")
    good, expired = _context(authority.issue(*names)), _context(authority.issue(*names, expires_in=timedelta(days=-2)))

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = expired if "expired-cert" in conduct.hows else good

    good.sni_callback = choose  # pyright: ignore[reportAttributeAccessIssue]
    return good


def _context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.num_tickets = 0  # no session resumed: every connection sees the certificate of now
    return context


def _misbehaving(conduct: Conduct) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "wrong-body" in conduct.hows:
            return web.Response(text=_UNDER_CONSTRUCTION, content_type="text/html")
        return await handler(request)

    return middleware


@web.middleware
async def _unavailable(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except UnavailableError as error:
        return web.json_response({"error": str(error)}, status=503)


async def _until_told() -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


def main() -> None:
    """Run one site in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(SITES), required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(serve(State.at(arguments.state), arguments.name, arguments.port))


if __name__ == "__main__":
    main()
