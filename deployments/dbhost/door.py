"""Who may tell the database host something, and how is it answered?

    GET  /v1/status                     how the server is                                   reader, operator
    POST /v1/look {addresses}           which of the allowed addresses answer from here     reader, operator
    POST /v1/orders/{verb} {token, ...} an order, once per token                            operator (count: reader)
    GET  /v1/orders/{verb}/{token}      what became of it                                   reader, operator
    GET  /v1/evidence/{name}            rows that were saved                                operator

The rules: TLS always, a bearer token compared in constant time, bodies of a few kilobytes, and nothing but this list.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from blocks.errors import Broken, Refused, VigieError
from deployments.dbhost.orders import FOR_READERS

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper

_BODY_BYTES = 16 * 1024
_WAIT_S = 10.0
_LOOK_S = 2.0
_MOST_ADDRESSES = 20
_TOKEN = re.compile(r"[0-9a-f]{16,64}")
_EVIDENCE = re.compile(r"beyond-[0-9a-z-]{1,80}\.jsonl")


class Door(threading.Thread):
    """The door on a thread of its own; `address` is known once it is `open`."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(name="vigie-door", daemon=True)
        self.address = ""
        self.open = threading.Event()
        self.error: Exception | None = None
        self._keeper = keeper
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  whoever waits for the door raises it
            self.error = error
        finally:
            self.open.set()

    def await_open(self) -> str:
        """Where it listens. Raises `Broken` when it could not open."""
        self.open.wait(30)
        if self.error is not None or not self.address:
            raise Broken(f"the door does not open: {self.error}", where=self._keeper.config.listen)
        return self.address

    def close(self) -> None:
        """Serve nobody any more."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._told.set)
        self.join(5)

    async def _serve(self) -> None:
        config = self._keeper.config
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(config.certificate)
        runner = web.AppRunner(make_app(self._keeper), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        host, _, port = config.listen.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=tls).start()
            self._loop = asyncio.get_running_loop()
            self.address = f"{host}:{runner.addresses[0][1]}"
            self.open.set()
            await self._told.wait()
        finally:
            await runner.cleanup()


def make_app(keeper: Keeper) -> web.Application:
    """The routes."""
    app = web.Application(client_max_size=_BODY_BYTES, middlewares=[_explaining, _guarding(keeper)])

    async def status(_request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(keeper.status))

    async def look(request: web.Request) -> web.Response:
        asked = await _body(request)
        return web.json_response(await _look(keeper, asked.get("addresses")))

    async def order(request: web.Request) -> web.Response:
        asked = await _body(request)
        verb, token = request.match_info["verb"], str(asked.pop("token", ""))
        if verb not in FOR_READERS:
            _require_operator(request)
        if not _TOKEN.fullmatch(token):
            raise Refused("an order needs a token of 16 to 64 hexadecimal digits")
        operation = await asyncio.to_thread(keeper.submit, verb, token, asked)
        operation = await asyncio.to_thread(keeper.await_end, operation, _WAIT_S)
        return web.json_response(asdict(operation), status=200 if operation.is_over else 202)

    async def outcome(request: web.Request) -> web.Response:
        verb, token = request.match_info["verb"], request.match_info["token"]
        operation = keeper.memory.operation(token, verb) if _TOKEN.fullmatch(token) and verb.isalpha() else None
        if operation is None:
            return web.json_response({"error": "no such order"}, status=404)
        return web.json_response(asdict(operation))

    async def evidence(request: web.Request) -> web.StreamResponse:
        _require_operator(request)
        path = keeper.memory.evidence / request.match_info["name"]
        if not _EVIDENCE.fullmatch(path.name) or not path.exists():
            return web.json_response({"error": "no such evidence"}, status=404)
        return web.FileResponse(path)

    app.router.add_get("/v1/status", status)
    app.router.add_post("/v1/look", look)
    app.router.add_post("/v1/orders/{verb}", order)
    app.router.add_get("/v1/orders/{verb}/{token}", outcome)
    app.router.add_get("/v1/evidence/{name}", evidence)
    return app


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        content = await request.json()
    except ValueError:
        raise Refused("the body is no JSON") from None
    if not isinstance(content, dict):
        raise Refused("the body is no JSON object")
    return dict(content)  # pyright: ignore[reportUnknownArgumentType]


async def _look(keeper: Keeper, addresses: Any) -> Mapping[str, Any]:
    """Address -> does something accept a TCP connection there? Only what the configuration names is tried."""
    wanted = [str(each) for each in addresses] if isinstance(addresses, list) else []
    strange = [each for each in wanted if each not in keeper.config.looks_at]
    if not wanted or strange or len(wanted) > _MOST_ADDRESSES:
        raise Refused(
            f"only configured addresses are looked at, not {', '.join(strange) or 'none'}",
            where=keeper.config.name,
            next_step="add them to `looks_at` of the database host's configuration",
        )
    answers = await asyncio.gather(*(_answers(keeper, address) for address in wanted))
    return {"answers": dict(zip(wanted, answers, strict=True))}


async def _answers(keeper: Keeper, address: str) -> bool:
    _, place, port = keeper.config.lead(address)
    try:
        async with asyncio.timeout(_LOOK_S):
            _, writer = await asyncio.open_connection(place, port)
    except OSError:
        return False
    writer.close()
    return True


Handler = "Callable[[web.Request], Awaitable[web.StreamResponse]]"


def _guarding(keeper: Keeper) -> Any:
    secrets = keeper.secrets

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        operates = hmac.compare_digest(shown, secrets.operator.encode())
        reads = hmac.compare_digest(shown, secrets.reader.encode())
        if not operates and not reads:
            return web.json_response({"error": "this token opens nothing here"}, status=401)
        request["operates"] = operates
        return await handler(request)

    return guard


@web.middleware
async def _explaining(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except _NotAllowedError as error:
        return web.json_response({"error": str(error)}, status=403)
    except Refused as error:
        return web.json_response({"error": str(error)}, status=422)
    except VigieError as error:
        return web.json_response({"error": str(error)}, status=500)


class _NotAllowedError(Exception):
    """A reader's token tried what is an operator's."""


def _require_operator(request: web.Request) -> None:
    if not request["operates"]:
        raise _NotAllowedError("this token may look and give no orders")
