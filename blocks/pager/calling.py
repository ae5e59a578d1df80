"""The pager's address did not take the call: wait, stop, or call a person?

The rule: whatever may pass is `Retryable` and keeps the other side's wish for a pause; a key or an
address that says no is `Refused`; the rest is `Broken`. Neither keys nor full addresses (they may
hold a key) reach a message.
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    import aiohttp

_TIMEOUT_S = 10.0
_MOST_ANSWER_BYTES = 65_536
_LONGEST_WISH_S = 3600.0
_PASSING = {408, 409, 425, 429}


class Answer(NamedTuple):
    """What came back: the status, and the body where it was a JSON object."""

    status: int
    body: Mapping[str, object]


@asynccontextmanager
async def open_session(ca_file: str | None) -> AsyncGenerator[aiohttp.ClientSession]:
    """One connection pool with the authorities to trust. Raises `Broken` when `ca_file` cannot be read."""
    import aiohttp

    try:
        trusted = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        what = f"the certificate authorities cannot be read ({type(error).__name__})"
        step = "correct ca_file in the pager's block"
        raise Broken(what, where=ca_file or "the system's store", next_step=step, code=_OURS) from None
    connector = aiohttp.TCPConnector(ssl=trusted)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


async def call(session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST once, follow nothing, read a bounded answer; 2xx or one of the three errors."""
    import aiohttp

    where = f"pager at {urlsplit(url).hostname}"
    sent = {"Content-Type": "application/json", **headers}
    try:
        async with session.post(url, data=body, headers=sent, allow_redirects=False) as response:
            answer = Answer(response.status, _object(await response.content.read(_MOST_ANSWER_BYTES)))
            wish = _wish(response.headers.get("Retry-After", ""))
    except aiohttp.ClientSSLError:
        step = "check ca_file of the pager's block and the machine's clock"
        raise Broken("the pager's certificate is not trusted", where=where, next_step=step, code=_OURS) from None
    except aiohttp.InvalidURL:
        raise Broken(
            "the pager's address is none", where=where, next_step="correct it in the block", code=_OURS
        ) from None
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise Retryable(f"the pager does not answer ({type(error).__name__})", where=where, code=_AWAY) from None
    if error := _failure(answer, where, wish):
        raise error
    return answer


_AWAY = MissingCode.API_UNREACHABLE.value
_OURS = MissingCode.PROBE_FAILED.value


def _failure(answer: Answer, where: str, wish: timedelta | None) -> VigieError | None:
    status, said = answer.status, _errors(answer)
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return None
    if status in _PASSING:
        code = MissingCode.THROTTLED.value if status == 429 else _AWAY  # noqa: PLR2004 - Too Many Requests
        return Retryable("the pager asks us to slow down", where=where, code=code, retry_after=wish)
    if status >= 500:  # noqa: PLR2004 - the other side's failures
        return Retryable(
            f"the pager has a failure of its own (HTTP {status})", where=where, code=_AWAY, retry_after=wish
        )
    if status in {401, 403, 404, 410} or "routing_key" in said or "routing key" in said:
        step = "put the right key or address into the pager's block, then `vigie blocks check`"
        return Refused(
            f"the pager refuses us (HTTP {status})", where=where, next_step=step, code=MissingCode.CREDENTIALS.value
        )
    if status < 400:  # noqa: PLR2004 - redirects
        step = "put the new address into the pager's block"
        return Refused("the pager has moved", where=where, next_step=step, code=_OURS)
    step = "report this with the run's link: it is a defect of vigie"
    return Broken(
        f"the pager does not accept what we sent (HTTP {status})",
        where=where,
        next_step=step,
        code=MissingCode.UNEXPECTED_ANSWER.value,
    )


def _errors(answer: Answer) -> str:
    return json.dumps([answer.body.get("message"), answer.body.get("errors")]).lower()


def _object(body: bytes) -> Mapping[str, object]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _wish(text: str) -> timedelta | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return timedelta(seconds=min(math.ceil(seconds), _LONGEST_WISH_S)) if 0 <= seconds < math.inf else None
