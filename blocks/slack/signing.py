"""Did Slack send this, now, and exactly these bytes?

Slack's own scheme: `v0=` and the hexadecimal HMAC-SHA256 of `v0:timestamp:body` with the app's signing secret, at
most five minutes old. The rule: it is verified over the raw bytes before anybody parses them, and whatever is odd
about the headers is a refusal, never an error. Source: Slack, "Verifying requests from Slack".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from blocks.errors import Refused

MOST_AGE = timedelta(minutes=5)
_TIMESTAMP = re.compile(r"^[0-9]{1,12}$", re.ASCII)
_SIGNATURE = re.compile(r"^v0=[0-9a-f]{64}$", re.ASCII)


def verify(secret: str, timestamp: str, signature: str, body: bytes, now: datetime) -> None:
    """Raises `Refused` unless this very body was signed with the secret within the last five minutes."""
    if not secret:
        raise Refused("no signing secret is known, so nothing can be believed")
    if not _TIMESTAMP.match(timestamp) or not _SIGNATURE.match(signature):
        raise Refused("the request is not signed as Slack signs")
    if abs(now.timestamp() - int(timestamp)) > MOST_AGE.total_seconds():
        raise Refused("the signature is more than five minutes away from now: an old request, or a wrong clock")
    if not hmac.compare_digest(sign(secret, timestamp, body), signature):
        raise Refused("the signature is not that of this request")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body."""
    return f"v0={hmac.new(secret.encode(), f'v0:{timestamp}:'.encode() + body, hashlib.sha256).hexdigest()}"
