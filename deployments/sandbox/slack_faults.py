"""What is to go wrong with Slack now?

Faults of calls hold for the Web API (`method` narrows them to one), faults of deliveries for what Slack
sends to the app. Each holds for `times` occasions, or until mended.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

CALL_FAULTS = ("throttle", "drop", "drop-after", "error", "garbage", "slow", "token")
DELIVERY_FAULTS = ("late", "lose", "duplicate", "redeliver", "tamper-signature", "tamper-body", "stale")
SOCKET_FAULTS = ("drop-socket", "warn-socket", "refresh-socket")
HOWS = (*CALL_FAULTS, *DELIVERY_FAULTS, *SOCKET_FAULTS, "unreachable")


class Faults:
    """What was broken on purpose, by how (and method)."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, asked: dict[str, Any]) -> None:
        """Break; the newest wish of a kind holds."""
        self._held[asked["how"], str(asked.get("method", ""))] = dict(asked)

    def clear(self) -> None:
        """Mend all."""
        self._held.clear()

    def holds(self, how: str) -> bool:
        """Is it broken in this way (without counting an occasion)?"""
        return (how, "") in self._held

    def take(self, how: str, method: str = "") -> dict[str, Any] | None:
        """The fault for this occasion, counted; None when there is none."""
        for key in ((how, method), (how, "")):
            fault = self._held.get(key)
            if fault is None:
                continue
            if "times" in fault:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    del self._held[key]
            return fault
        return None


def spoiled(how: str, fault: dict[str, Any], request: web.Request) -> web.StreamResponse:
    """The answer that a broken Slack gives."""
    if how == "throttle":
        wish = str(int(fault.get("retry_after", 2)))
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": wish})
    if how == "error":
        return web.Response(status=503, text="upstream connect error", content_type="text/plain")
    if how == "garbage":
        return web.Response(text="<html>proxy login</html>", content_type="application/json")
    return hang_up(request)


def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
