"""The gateway over HTTP: Slack's requests, a page an approval, and health.

The rules: a body is read up to a limit and refused beyond it; what is refused is logged with its reason and
answered without one; what nobody asked for does not exist.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from blocks.errors import Broken, Refused, VigieError
from blocks.orchestrator.client import run_page
from deployments.gateway.desk import Desk, aside
from deployments.gateway.health import health_of
from deployments.gateway.keeping import Keeper
from deployments.gateway.pages import HEADERS, approval_page
from deployments.gateway.reception import Post, Reception, Repeated
from deployments.gateway.socket_door import SocketDoor
from tasks.runs.tell import paint

MOST_BODY_BYTES = 64 * 1024
_PATIENCE_S = 2.9  # Slack gives up after three seconds
_log = logging.getLogger("vigie.gateway")


def create_app(desk: Desk) -> FastAPI:
    """The application of one gateway; its rounds and its socket live as long as it does."""
    reception = Reception(desk)
    door = SocketDoor(desk, reception)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncGenerator[None]:
        rounds = [asyncio.create_task(Keeper(desk).keep()), asyncio.create_task(door.keep())]
        for task in rounds:
            task.add_done_callback(_ended)
        yield
        for task in rounds:
            task.cancel()
        for task in rounds:
            with suppress(asyncio.CancelledError):
                await task
        await reception.close()

    app = FastAPI(title="vigie gateway", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)

    @app.post("/slack/{kind}")
    async def slack(kind: Literal["events", "interactive", "commands"], request: Request) -> Response:
        return await _slack(reception, kind, request)

    @app.get("/health")
    async def health() -> JSONResponse:
        found = await health_of(desk) | {"socket": "connected" if door.is_connected else "not connected"}
        needed = (found["journal"], found["prefect"], found["settings"])
        return JSONResponse(found, status_code=200 if set(needed) == {"ok"} else 503)

    @app.get("/approvals/{approval}")
    async def approval(approval: UUID) -> HTMLResponse:
        return await _approval(desk, approval)

    return app


async def _slack(reception: Reception, kind: str, request: Request) -> Response:
    try:
        body = await _limited(request)
        answer = await asyncio.wait_for(reception.receive(_post(request, body)), _PATIENCE_S)
    except Repeated as repeated:
        raise _refusal(409, kind, repeated) from None
    except Refused as refused:
        raise _refusal(401, kind, refused) from None
    except (VigieError, TimeoutError) as error:
        _log.error("/slack/%s cannot be dealt with: %s", kind, error or "it took too long")
        raise HTTPException(503, "not now") from None
    headers = {name: values[0] for name, values in answer.headers.items() if values}
    if answer.status >= 400:  # noqa: PLR2004  an HTTP error
        _log.warning("refused: nobody answers this on /slack/%s (%d)", kind, answer.status)
    return Response(content=answer.body or "", status_code=answer.status, headers=headers)


def _post(request: Request, body: bytes) -> Post:
    return Post(
        body=body,
        content_type=request.headers.get("content-type", ""),
        timestamp=request.headers.get("x-slack-request-timestamp", ""),
        signature=request.headers.get("x-slack-signature", ""),
    )


async def _limited(request: Request) -> bytes:
    """The body. Raises 413 as soon as it is too long, whatever it says of its length."""
    said = request.headers.get("content-length", "0")
    found = bytearray()
    if not said.isdecimal() or int(said) > MOST_BODY_BYTES:
        raise HTTPException(413, "too long")
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BODY_BYTES:
            raise HTTPException(413, "too long")
    return bytes(found)


def _refusal(status: int, kind: str, error: Refused) -> HTTPException:
    _log.warning("refused on /slack/%s: %s", kind, error.what)
    return HTTPException(status, "refused")


async def _approval(desk: Desk, approval: UUID) -> HTMLResponse:
    try:
        question = await aside(lambda: desk.journal.approval(approval))
        customer = await desk.settings.customer(question.platform)
        picture = await aside(lambda: paint(desk.journal, question.run, customer, run_page(question.run)))
    except Broken:
        raise HTTPException(404, "there is no such approval") from None
    except VigieError as error:
        _log.error("the page of an approval cannot be shown: %s", error)
        raise HTTPException(503, "not now") from None
    return HTMLResponse(approval_page(picture, question), headers=HEADERS)


def _ended(task: asyncio.Task[None]) -> None:
    """A round that ends by itself is a defect: say it, do not go on in silence."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("the gateway's rounds ended", exc_info=task.exception())
