"""What may a message about an answer contain?

An operator reads it at 3 a.m.: short, on one line, and nothing in it that a check was given in
confidence. Quotations from a server are cut, control characters are dropped, and whatever equals a
header value, a request body or a part of the address's query is blotted out *before* cutting, so
that no piece of a secret survives, even when the server echoes it back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from blocks.catalogue.model import Check

_LONGEST_QUOTATION = 80
_LONGEST_ADDRESS = 160
_LONGEST_INPUT = 4096
_SHORTEST_SECRET = 4


def quote(text: str, check: Check, limit_count: int = _LONGEST_QUOTATION) -> str:
    """One harmless line of at most about `limit_count` characters out of what a server said."""
    line = text[:_LONGEST_INPUT]
    for secret in _secrets(check):
        line = line.replace(secret, "***")
    return tidy(line, limit_count)


def tidy(text: str, limit_count: int = _LONGEST_QUOTATION) -> str:
    """One printable line, cut to `limit_count` characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_INPUT]).split())
    return line if len(line) <= limit_count else line[: limit_count - 1] + "…"


def plain_url(url: str) -> str:
    """An address as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
    except ValueError:
        return "an address that cannot be read"
    host = f"[{host}]" if ":" in host else host
    line = f"{parts.scheme}://{host}{port}{parts.path}" if host else parts.path
    return tidy(line, _LONGEST_ADDRESS)


def spoken(duration: timedelta) -> str:
    """A span as people say it: '3 days', '5 hours', '2.5 s', '300 ms'."""
    seconds = abs(duration.total_seconds())
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{round(seconds * 1000)} ms"


def _secrets(check: Check) -> list[str]:
    """Everything the check sends that only the service should know, longest first."""
    if check.kind != "http":
        return []
    sent = [*check.headers.values(), check.body or ""]
    parts = urlsplit(check.url)
    sent += [parts.username or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    pieces = {piece for text in sent for piece in (text, unquote(text), *text.split())}
    return sorted((piece for piece in pieces if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)
