"""What may be asked of the sandbox's Azure that the real one does not have? To break, to mend, and to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from deployments.sandbox.azure_faults import Faults, Traffic


def control_routes(
    faults: Faults, traffic: Traffic, shares: Callable[[], dict[str, dict[str, float]]]
) -> list[web.RouteDef]:
    """The routes below /_sandbox; `shares` says where clients are sent now."""

    async def break_(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            return web.json_response({"done": faults.apply(str(asked["target"]), str(asked["how"]), asked)})
        except (KeyError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def mend(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            return web.json_response({"done": faults.mend(str(asked.get("target", "*")))})
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    async def exchanges(_: web.Request) -> web.Response:
        return web.json_response(traffic.shown())

    async def traffic_shares(_: web.Request) -> web.Response:
        return web.json_response(shares())

    return [
        web.post("/_sandbox/break", break_),
        web.post("/_sandbox/mend", mend),
        web.get("/_sandbox/traffic", exchanges),
        web.get("/_sandbox/traffic-shares", traffic_shares),
    ]
