"""What rings in the sandbox?

Takes PagerDuty's Events API v2 at /v2/enqueue and any webhook at /ring, checks what it is sent as the
real ones would, rings once for a key however often it is told, and shows it: a page at `page`, JSON at
GET /events. `python -m deployments.sandbox.pager --state DIR`.

Faults: POST /_sandbox/break {"target": "pager", "how": ..., "times": N}, N calls or until mended:
throttle (429, "retry_after" seconds), drop, drop-after (rung, but the answer is lost), error (503), key.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from deployments.sandbox.listening import serve_until_told
from deployments.sandbox.state import State, read_json, write_json

HOWS = ("throttle", "drop", "drop-after", "error", "key")
_ACTIONS = ("trigger", "acknowledge", "resolve")
_MOST = {"summary": 1024, "source": 255, "component": 255, "group": 255, "class": 255}
_SEVERITIES = ("critical", "error", "warning", "info")
_KEY_LENGTH = 32
_MOST_BYTES = 512 * 1024


class PagerSink:
    """Keeps every event it took, and what rings because of them."""

    def __init__(self, folder: Path, routing_key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "events.jsonl"
        self.routing_key = routing_key
        self._faults: dict[str, dict[str, Any]] = {}
        self.refused: list[dict[str, Any]] = []
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self.events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("}")]

    def app(self) -> web.Application:
        """The routes: two doors in, the page, the controls."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_post("/v2/enqueue", self._enqueue)
        app.router.add_post("/ring", self._ring)
        app.router.add_get("/", self._page)
        app.router.add_get("/events", self._events)
        app.router.add_post("/_sandbox/break", self._break)
        app.router.add_post("/_sandbox/mend", self._mend)
        app.router.add_get("/_sandbox/traffic", self._events)
        return app

    @property
    def ringing(self) -> list[dict[str, Any]]:
        """What rings or was acknowledged now: one entry a key, with how often somebody was rung."""
        now: dict[str, dict[str, Any]] = {}
        for event in self.events:
            key = event["dedup_key"]
            if event["action"] == "trigger":
                rung = now.get(key, {"rung_count": 0, "state": "resolved"})
                rings = rung["state"] == "resolved"
                state = "ringing" if rings else rung["state"]
                now[key] = {**event, "state": state, "rung_count": rung["rung_count"] + int(rings)}
            elif key in now and now[key]["state"] != "resolved":
                now[key]["state"] = "acknowledged" if event["action"] == "acknowledge" else "resolved"
        return list(now.values())

    # -- the two doors ----------------------------------------------------------------------------

    async def _enqueue(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if isinstance(fault, web.StreamResponse):
            return fault
        event = await _json(request)
        objections = check_event(event, "" if "key" in self._faults else self.routing_key)
        if objections:
            self.refused.append({"event": event, "errors": objections})
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": objections}
            return web.json_response(answer, status=400)
        key = str(event.get("dedup_key") or secrets.token_hex(16))
        payload = event.get("payload", {})
        said = {name: payload.get(name, "") for name in ("summary", "severity")}
        self._take(request, key=key, action=event["event_action"], body=event, **said)
        if fault == "drop-after":
            return _hang_up(request)
        return web.json_response({"status": "success", "message": "Event processed", "dedup_key": key}, status=202)

    async def _ring(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if isinstance(fault, web.StreamResponse):
            return fault
        event = await _json(request)
        if event.get("action") not in _ACTIONS or not event.get("summary"):
            self.refused.append({"event": event, "errors": ["action and summary are needed"]})
            return web.json_response({"message": "action and summary are needed"}, status=422)
        once = request.headers.get("Idempotency-Key", "")
        if not once or once not in {event["idempotency_key"] for event in self.events}:
            key = str(event.get("dedup_key") or secrets.token_hex(16))
            said = {"summary": event["summary"], "severity": event.get("severity", "")}
            self._take(request, key=key, action=event["action"], body=event, once=once, **said)
        return _hang_up(request) if fault == "drop-after" else web.json_response({"ok": True})

    def _take(
        self,
        request: web.Request,
        *,
        key: str,
        action: str,
        summary: str,
        severity: str,
        body: dict[str, Any],
        once: str = "",
    ) -> None:
        kept = {name: value for name, value in body.items() if name != "routing_key"}
        event = {
            "at": time.time(),
            "door": request.path,
            "dedup_key": key,
            "action": action,
            "summary": summary,
            "severity": severity,
            "idempotency_key": once,
            "signature": request.headers.get("X-Vigie-Signature", ""),
            "body": kept,
        }
        with self._file.open("a") as file:
            file.write(json.dumps(event) + "\n")
        self.events.append(event)

    # -- looking and breaking ---------------------------------------------------------------------

    async def _events(self, _: web.Request) -> web.Response:
        return web.json_response({"ringing": self.ringing, "events": self.events, "refused": self.refused})

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=render_page(self.ringing, self.events), content_type="text/html")

    async def _break(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("how") not in HOWS:
            return web.json_response({"error": f"how is one of {', '.join(HOWS)}"}, status=400)
        self._faults[asked["how"]] = asked
        return web.json_response({"done": f"pager: {asked['how']}"})

    async def _mend(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({"done": "pager: whole again"})

    def _fault(self, request: web.Request) -> web.StreamResponse | str:
        for how, fault in list(self._faults.items()):
            if how == "key":
                continue
            if "times" in fault:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    del self._faults[how]
            return how if how == "drop-after" else _spoiled(how, fault, request)
        return ""


def check_event(event: dict[str, Any], routing_key: str) -> list[str]:
    """What PagerDuty would object to; empty when nothing."""
    found: list[str] = []
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != _KEY_LENGTH:
        found.append(f"Length of 'routing_key' is incorrect (should be {_KEY_LENGTH} characters)")
    elif key != routing_key:
        found.append("'routing_key' is invalid")
    action = event.get("event_action")
    if action not in _ACTIONS:
        found.append(f"'event_action' must be one of {', '.join(_ACTIONS)}")
    if len(str(event.get("dedup_key", ""))) > 255:
        found.append("'dedup_key' is too long (maximum is 255 characters)")
    if action in {"acknowledge", "resolve"} and not event.get("dedup_key"):
        found.append("'dedup_key' is missing or blank")
    known = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
    found += [f"'{name}' is unknown" for name in event.keys() - known]
    return found + (_check_payload(event.get("payload")) if action == "trigger" else [])


def _check_payload(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    found = [
        f"'payload.{name}' is missing or blank" for name in ("summary", "source", "severity") if not payload.get(name)
    ]
    found += [
        f"'payload.{n}' is too long (maximum is {most} characters)"
        for n, most in _MOST.items()
        if len(str(payload.get(n, ""))) > most
    ]
    if payload.get("severity") not in _SEVERITIES:
        found.append(f"'payload.severity' must be one of {', '.join(_SEVERITIES)}")
    try:
        datetime.fromisoformat(str(payload.get("timestamp", "2026-01-01T00:00:00+00:00")))
    except ValueError:
        found.append("'payload.timestamp' is invalid")
    return found


def render_page(ringing: list[dict[str, Any]], events: list[dict[str, Any]]) -> str:
    """What rings, then what came in, newest first; it asks for itself again."""
    order = {"ringing": 0, "acknowledged": 1, "resolved": 2}
    cards = "".join(map(_card, sorted(ringing, key=lambda entry: (order[entry["state"]], -entry["at"]))))
    rows = "".join(
        f"<tr><td>{_clock(e['at'])}</td><td>{e['action']}</td>"
        f"<td>{html.escape(e['summary'] or e['dedup_key'])}</td></tr>"
        for e in reversed(events[-50:])
    )
    loud = any(entry["state"] == "ringing" for entry in ringing)
    title = "It rings" if loud else "Quiet"
    return _PAGE.format(title=title, bell="🔔" if loud else "🔕", cards=cards or "<p>Nothing has rung.</p>", rows=rows)


def _card(entry: dict[str, Any]) -> str:
    times = f"rung {entry['rung_count']} time{'s' if entry['rung_count'] != 1 else ''}"
    return (
        f'<div class="card {entry["state"]}"><b>{html.escape(entry["summary"])}</b>'
        f"<span>{entry['state']} · {html.escape(entry['severity'])} · {times} · {_clock(entry['at'])}</span></div>"
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} (pager, sandbox)</title><style>
:root{{color-scheme:light dark}}body{{font:16px/1.5 "DejaVu Sans","Noto Color Emoji",sans-serif;max-width:820px;
margin:24px auto;padding:0 16px}}.card{{border-left:8px solid #888;background:#8881;border-radius:6px;margin:10px 0;
padding:10px 14px}}.card span{{display:block;font-size:13px;opacity:.75}}
.ringing{{border-color:#d92d20;background:#d92d2022}}
.acknowledged{{border-color:#e8912d}}.resolved{{border-color:#2e9e5b;opacity:.7}}table{{border-collapse:collapse;
font-size:13px;width:100%}}td{{padding:3px 10px 3px 0;border-bottom:1px solid #8883;vertical-align:top}}
</style></head><body><h1>{bell} {title}</h1>{cards}<h2>What came in</h2><table>{rows}</table></body></html>"""


def _spoiled(how: str, fault: dict[str, Any], request: web.Request) -> web.StreamResponse:
    if how == "throttle":
        wish = str(int(fault.get("retry_after", 2)))
        return web.json_response({"status": "throttle exceeded"}, status=429, headers={"Retry-After": wish})
    if how == "error":
        return web.Response(status=503, text="upstream connect error")
    return _hang_up(request)


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _routing_key(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    known = read_json(folder / "secrets.json")
    if not known:
        known = {"routing_key": secrets.token_hex(_KEY_LENGTH // 2)}
        write_json(folder / "secrets.json", known)
    return str(known["routing_key"])


async def serve(state: State, port: int) -> None:
    """Run until told to stop."""
    folder = state.home / "pager"
    sink = PagerSink(folder, _routing_key(folder))
    await serve_until_told(
        sink.app(),
        state,
        "pager",
        "events.pagerduty.com",
        port=port,
        routing_key=sink.routing_key,
        events_path="/v2/enqueue",
    )


def main() -> None:
    """Start from the command line."""
    parser = argparse.ArgumentParser(description="Something that rings, on loopback.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(State.at(options.state), options.port))


if __name__ == "__main__":
    main()
