"""Does the app hear of what a person did, and does it acknowledge it in three seconds?

Over a Socket Mode connection where one is open (mode `auto`), else as a signed POST to the app's request
URL; `socket` and `http` insist. Interactions are sent once, as Slack does; events up to four times. The
signature is Slack's v0: HMAC-SHA256 over "v0:<timestamp>:<body>" with the signing secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from deployments.sandbox.slack_faults import Faults
from deployments.sandbox.slack_receiver import Receiver
from deployments.sandbox.slack_socket import Sockets, envelope

ACKNOWLEDGE_S = 3.0
_STALE_S, _MOST_RECORDS = 6 * 60, 500
_RETRY_AFTER_S = (0.0, 60.0, 300.0)
_KINDS = {
    "interactivity": "interactive",
    "options": "interactive",
    "commands": "slash_commands",
    "events": "events_api",
}


@dataclass(slots=True)
class Sent:
    """One delivery as it left: a POST's bytes and headers or an envelope, and what came back."""

    kind: str
    via: str
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    envelope: dict[str, Any] = field(default_factory=dict[str, Any])
    said: str = "sent"
    status: int = 0
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Was it acknowledged (`trouble` is empty), and with what: nothing, a text or an object."""

    trouble: str = ""
    answer: Any = None
    status: int = 0


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's signature of a request."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={digest.hexdigest()}"


class Delivery:
    """Slack's side of the way to one app."""

    def __init__(self, receiver: Receiver, sockets: Sockets, faults: Faults, secret: str, own_ca: str = "") -> None:
        self._receiver = receiver
        self._sockets = sockets
        self._faults = faults
        self._secret = secret
        self._own_ca = own_ca
        self._running: set[asyncio.Task[Any]] = set()
        self.sent: deque[Sent] = deque(maxlen=_MOST_RECORDS)

    async def deliver(self, kind: str, payload: dict[str, Any], *, answers: bool = True) -> Outcome:
        """Send once; what the person sees after three seconds at most, whatever is still under way."""
        if self._faults.take("lose"):
            self.sent.append(Sent(kind, "nothing", said="lost on purpose"))
            return Outcome("timeout")
        running = self._run(self._late(kind, payload, answers=answers))
        done, _ = await asyncio.wait({running}, timeout=ACKNOWLEDGE_S)
        return running.result() if done else Outcome("timeout")

    def announce(self, payload: dict[str, Any]) -> None:
        """An event: nobody waits for it, and what is not acknowledged is sent again up to three times."""
        if len(self._sockets) or self._receiver.url("events"):
            self._run(self._insist(payload))

    async def replay(self, index: int) -> tuple[int, Any]:
        """Send a former delivery again, to the last byte; the status and answer that came back."""
        former = self.sent[index]
        if former.via == "socket":
            answer = await asyncio.wait_for(self._sockets.send(former.envelope), ACKNOWLEDGE_S)
            return 200, answer
        return await self._post(former)

    async def close(self) -> None:
        """The end of the simulator."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _run(self, work: Any) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _late(self, kind: str, payload: dict[str, Any], *, answers: bool) -> Outcome:
        fault = self._faults.take("late")
        if fault:
            await asyncio.sleep(float(fault.get("seconds", 4)))
        return await self._send(kind, payload, answers=answers)

    async def _insist(self, payload: dict[str, Any]) -> Outcome:
        outcome = await self._send("events", payload, answers=False)
        for number, pause_s in enumerate(_RETRY_AFTER_S, 1):
            if not outcome.trouble:
                break
            await asyncio.sleep(pause_s)
            reason = "http_timeout" if outcome.trouble == "timeout" else "http_error"
            outcome = await self._send("events", payload, answers=False, retry=(number, reason))
        return outcome

    async def _send(
        self, kind: str, payload: dict[str, Any], *, answers: bool, retry: tuple[int, str] | None = None
    ) -> Outcome:
        mode = self._receiver.settings["mode"]
        if mode == "socket" or (mode == "auto" and len(self._sockets)):
            retry = (retry or (0, "")) if kind == "events" else None
            return await self._over_socket(Sent(kind, "socket"), payload, answers=answers, retry=retry)
        return await self._over_http(kind, payload, retry)

    async def _over_socket(
        self, sent: Sent, payload: dict[str, Any], *, answers: bool, retry: tuple[int, str] | None
    ) -> Outcome:
        sent.envelope = envelope(_KINDS[sent.kind], payload, answers=answers, retry=retry)
        self.sent.append(sent)
        times = 2 if self._faults.take("duplicate") else 1
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                answer = await self._sockets.send(sent.envelope, times=times)
        except TimeoutError:
            sent.said = "timeout"
            return Outcome("timeout")
        except ConnectionError:
            sent.said = "no connection"
            return Outcome("unset" if not len(self._sockets) else "connection")
        sent.said = "acknowledged"
        if self._faults.take("redeliver"):
            self._run(self._over_socket(Sent(sent.kind, "socket"), payload, answers=answers, retry=retry))
        return Outcome(answer=answer)

    async def _over_http(self, kind: str, payload: dict[str, Any], retry: tuple[int, str] | None) -> Outcome:
        url = self._receiver.url(kind)
        if not url:
            self.sent.append(Sent(kind, "nothing", said="no request URL"))
            return Outcome("unset")
        sent = self._signed(kind, url, payload, retry)
        self.sent.append(sent)
        times = 2 if self._faults.take("duplicate") else 1
        try:
            status, answer = await self._post(sent)
            for _ in range(1, times):
                await self._post(sent)
        except TimeoutError:
            sent.said = "timeout"
            return Outcome("timeout")
        except (aiohttp.ClientError, OSError) as error:
            sent.said = f"{type(error).__name__}: {error}"
            return Outcome("connection")
        if self._faults.take("redeliver"):
            self._run(self._over_http(kind, payload, retry))
        return Outcome(answer=answer) if status == 200 else Outcome("status", answer, status)

    def _signed(self, kind: str, url: str, payload: dict[str, Any], retry: tuple[int, str] | None) -> Sent:
        """The request as it will leave, with what was asked to be wrong with it."""
        body = _body(kind, payload)
        stale = self._faults.take("stale")
        timestamp = str(int(time.time()) - (int(stale.get("seconds", _STALE_S)) if stale else 0))
        signature = sign(self._secret, timestamp, body.encode())
        if self._faults.take("tamper-signature"):
            signature = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        if self._faults.take("tamper-body"):
            body += "&tampered=1" if kind != "events" else " "
        headers = {
            "Content-Type": "application/json" if kind == "events" else "application/x-www-form-urlencoded",
            "Accept": "application/json,*/*",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature,
        }
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        return Sent(kind, "http", url, headers, body)

    async def _post(self, sent: Sent) -> tuple[int, Any]:
        """Raises TimeoutError, `aiohttp.ClientError`, OSError."""
        timeout = aiohttp.ClientTimeout(total=ACKNOWLEDGE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                sent.url,
                data=sent.body.encode(),
                headers=sent.headers,
                ssl=self._trust(sent.url),
                allow_redirects=False,
            ) as answer,
        ):
            text = await answer.text()
            sent.status, sent.said = answer.status, "acknowledged" if answer.status == 200 else f"HTTP {answer.status}"
            return answer.status, _understood(text, answer.content_type)

    def _trust(self, url: str) -> ssl.SSLContext | bool:
        ca_file = self._receiver.ca_file or self._own_ca
        if urlsplit(url).scheme != "https" or not ca_file:
            return True
        return ssl.create_default_context(cafile=ca_file)


def _body(kind: str, payload: dict[str, Any]) -> str:
    if kind == "events":
        return json.dumps(payload)
    return urlencode(payload if kind == "commands" else {"payload": json.dumps(payload)})


def _understood(text: str, content_type: str) -> Any:
    if not text.strip():
        return None
    if content_type != "application/json":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
