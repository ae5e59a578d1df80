"""Who is rung through anything that takes a POST, and can it trust that it was us?

A plain JSON body. `Idempotency-Key` is the same for the same event of an incident, so a repeated call
can be recognised; with a signing secret, `X-Vigie-Signature: v1=<hex>` is the HMAC-SHA256 of the body
(the scheme of PagerDuty's and GitHub's webhooks).
The address may hold a key: it is opened here only and never shown.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from blocks.pager.calling import call
from blocks.pager.pagerduty import summary_of
from blocks.ports.notifications import IncidentPicture, PagerAction, Sent
from blocks.ports.showing import Call
from blocks.slack.words import story_of

if TYPE_CHECKING:
    import aiohttp

SIGNATURE = "X-Vigie-Signature"


class WebhookCaller:
    """Implements `Pager` and `RunPager` with one POST an event."""

    def __init__(self, session: aiohttp.ClientSession, url: str, signing_secret: str | None) -> None:
        self._session = session
        self._url = url
        self._signing_secret = signing_secret

    async def send(self, action: PagerAction, picture: IncidentPicture, dedup_key: str) -> Sent:
        key = idempotency_key(action, picture, dedup_key)
        return await self._post(webhook_body(action, picture, dedup_key), key)

    async def ring(self, call_: Call, dedup_key: str) -> Sent:
        """Ring for a run: nobody decided yet, or a person is needed. Stop when that is over."""
        event = f"{dedup_key}|{_action(call_).value}|{call_.since.isoformat()}"
        return await self._post(run_body(call_, dedup_key), hashlib.sha256(event.encode()).hexdigest())

    async def _post(self, content: dict[str, Any], key: str) -> Sent:
        body = json.dumps(content).encode()
        headers = {"Idempotency-Key": key}
        if self._signing_secret:
            headers[SIGNATURE] = sign(body, self._signing_secret)
        await call(self._session, self._url, body, headers)
        return Sent(key)


def webhook_body(action: PagerAction, picture: IncidentPicture, dedup_key: str) -> dict[str, Any]:
    """What the receiver gets: words in the customer's language, codes and times for programs."""
    incident = picture.incident
    return {
        "action": action.value,
        "dedup_key": dedup_key,
        "summary": summary_of(picture),
        "severity": incident.severity.value,
        "customer": picture.customer,
        "platform": incident.platform,
        "root": incident.root,
        "sentence": story_of(picture),
        "affected": list(incident.affected),
        "clients": picture.clients,
        "tried": list(picture.tried),
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "run_url": picture.run_url,
        "language": picture.language,
    }


def run_body(call_: Call, dedup_key: str) -> dict[str, Any]:
    """What the receiver gets about a run; the same names as for an incident where they mean the same."""
    return {
        "action": _action(call_).value,
        "dedup_key": dedup_key,
        "summary": call_.summary,
        "severity": "page",
        "customer": call_.customer,
        "platform": call_.platform,
        "root": call_.subject,
        "sentence": call_.sentence,
        "opened_at": None if call_.is_over else call_.since.isoformat(),
        "closed_at": call_.since.isoformat() if call_.is_over else None,
        "run_url": call_.run_url,
        "language": call_.language,
    }


def _action(call_: Call) -> PagerAction:
    return PagerAction.RESOLVE if call_.is_over else PagerAction.TRIGGER


def idempotency_key(action: PagerAction, picture: IncidentPicture, dedup_key: str) -> str:
    """The same for the same event however often it is sent; another for the next one (a reopening rings again)."""
    latest = picture.events[-1].at.isoformat() if picture.events else ""
    return hashlib.sha256(f"{dedup_key}|{action.value}|{latest}".encode()).hexdigest()


def sign(body: bytes, secret: str) -> str:
    """`v1=` and the hexadecimal HMAC-SHA256 of the raw body."""
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
