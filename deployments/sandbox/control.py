"""How is a component of the sandbox told to fail, and to stop failing?

Every simulator understands POST /_sandbox/break and POST /_sandbox/mend. This is the server side of
it for the components that have no HTTP of their own, and the client side for whoever breaks things.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from blocks.errors import Broken, Refused

Breaker = Callable[[str, str, dict[str, Any]], Awaitable[str]]
Mender = Callable[[str], Awaitable[str]]


async def serve_control(apply_break: Breaker, apply_mend: Mender) -> str:
    """Serve the two control routes on a loopback port of their own; its address."""

    async def break_(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            return web.json_response({"done": await apply_break(str(asked["target"]), str(asked["how"]), asked)})
        except (KeyError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def mend(request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response({"done": await apply_mend(str(asked.get("target", "*")))})

    app = web.Application()
    app.router.add_post("/_sandbox/break", break_)
    app.router.add_post("/_sandbox/mend", mend)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"127.0.0.1:{runner.addresses[0][1]}"


def tell(
    address: str, path: str, content: dict[str, Any], *, token: str = "", timeout_s: float = 20.0
) -> dict[str, Any]:
    """POST JSON to a component's control route and return its answer.

    The sandbox's own control traffic stays on loopback and goes over TLS where the component does; the
    certificate is not verified, since an expired one may be the very fault to be mended.
    Raises `Refused` when the component will not, `Broken` when it cannot be reached.
    """
    last = f"nobody listens at {address}"
    for scheme in ("https", "http"):
        try:
            return _post(f"{scheme}://{address}{path}", content, token, timeout_s)
        except urllib.error.HTTPError as error:
            raise Refused(_reason(error), where=address) from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            last = str(error)
    raise Broken(f"a component of the sandbox did not answer ({last})", where=address, next_step="vigie status")


def _post(url: str, content: dict[str, Any], token: str, timeout_s: float) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "X-Vigie-Sandbox": token}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers, method="POST")  # noqa: S310
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the public authorities: to read them takes long
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(request, timeout=timeout_s, context=context) as answer:  # noqa: S310
        body = answer.read()
    return json.loads(body) if body.strip() else {}


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")[:500]
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {text}"
