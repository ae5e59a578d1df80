"""Does an address answer what it should, as a client would see it?

One shared session and one TLS context a prober, a new connection a probe (a pooled one would hide a
listener that no longer accepts). Redirects are followed by hand, so that a circle is told from a
long chain, and so that what the check sends in confidence never goes to another origin.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Self

import aiohttp
from yarl import URL

from blocks.network.answer import judge_body, judge_status
from blocks.network.body import read_body
from blocks.network.certificate import days_left, explain
from blocks.network.course import Course, Outcome, Stage, current
from blocks.network.faults import from_client_error, from_os_error
from blocks.network.wording import plain_url
from blocks.ports.health import Finding, FindingCode

if TYPE_CHECKING:
    import asyncio

    from aiohttp.connector import Connection

    from blocks.catalogue.model import HttpCheck
    from blocks.network.names import Names

_REDIRECTS = {301, 302, 303, 307, 308}
_KEEPS_METHOD = {307, 308}
_HEADER_LINE_BYTES = 16_384


class Answer(aiohttp.ClientResponse):
    """A response that tells its probe's course which connection it came over."""

    async def start(self, connection: Connection) -> Self:
        """Note the connection and its certificate, then read the headers."""
        course = current.get()
        if course is not None:
            course.line, course.answer = _line_of(connection.transport), self
            course.stage = Stage.HEADERS
            _note_certificate(course, connection.transport)
        await super().start(connection)
        return self


class HttpProbe:
    """Makes http checks over one session; `close` ends it."""

    def __init__(self, names: Names, trust: ssl.SSLContext) -> None:
        self._names = names
        connector = aiohttp.TCPConnector(
            limit=0, force_close=True, ssl=trust, resolver=names, use_dns_cache=False, socket_factory=_noted_socket
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            response_class=Answer,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            headers={"User-Agent": "vigie", "Accept-Encoding": "gzip, deflate"},
            max_line_size=_HEADER_LINE_BYTES,
            max_field_size=_HEADER_LINE_BYTES,
        )

    async def close(self) -> None:
        """Close the session and every connection left."""
        await self._session.close()

    async def measure(self, check: HttpCheck, course: Course) -> Outcome:
        """Latency (ms) to the end of the body and, over TLS, certificate (d left); a finding where something is wrong.

        Raises `Retryable` or `Broken` when this machine could not look.
        """
        token = current.set(course)
        try:
            return await self._follow(check, course)
        except aiohttp.ClientConnectorCertificateError as error:
            return await self._refused_certificate(error, course)
        except aiohttp.ClientError as error:
            return Outcome(course.measurements, from_client_error(error, plain_url(check.url), course))
        except OSError as error:
            return Outcome(course.measurements, from_os_error(error, plain_url(check.url), course))
        finally:
            current.reset(token)
            course.drop()  # no polite end of TLS: where the loop ends first, nobody would see it through

    async def _follow(self, check: HttpCheck, course: Course) -> Outcome:
        ask = _Ask(check)
        while True:
            answer = await self._session.request(
                ask.method, ask.url, headers=ask.headers, data=ask.body, allow_redirects=False
            )
            target = ask.redirected_by(answer)
            if target is None:
                return await _judge(check, answer, course)
            course.drop()
            if isinstance(target, Finding):
                return Outcome((course.latency(), *course.measurements), target)
            ask.turn_to(target, answer.status)

    async def _refused_certificate(self, error: aiohttp.ClientConnectorCertificateError, course: Course) -> Outcome:
        cause = error.certificate_error
        if isinstance(cause, ssl.SSLCertVerificationError):
            await explain(cause, self._names, (error.host, error.port or 443), error.host, course)
            return Outcome(course.measurements, course.finding)
        where = f"{error.host}:{error.port}"
        said = f"the certificate of {where} cannot be checked"
        return Outcome((), Finding(FindingCode.CERTIFICATE_UNTRUSTED, said))


class _Ask:
    """The request to make next, and where it has been."""

    def __init__(self, check: HttpCheck) -> None:
        self._check = check
        self.method = check.method
        self.url = URL(check.url)
        self.headers = check.headers or None
        self.body = check.body
        self._been = {self.url}

    def redirected_by(self, answer: aiohttp.ClientResponse) -> URL | Finding | None:
        """Where the answer sends us; a finding where that is no place to go; None when it is not to be followed."""
        check = self._check
        if not check.max_redirects or answer.status not in _REDIRECTS or answer.status in check.expect_status:
            return None
        where = plain_url(check.url)
        target = _target(self.url, answer.headers.get("Location", ""))
        if target is None:
            return Finding(FindingCode.WRONG_STATUS, f"{where} answered {answer.status} without a usable Location")
        if target in self._been:
            return Finding(FindingCode.REDIRECT_LOOP, f"{where} redirects in a circle, back to {_shown(target)}")
        if len(self._been) > check.max_redirects:
            said = f"{where} redirects more than {check.max_redirects} times, at last to {_shown(target)}"
            return Finding(FindingCode.REDIRECT_LOOP, said)
        return target

    def turn_to(self, target: URL, status: int) -> None:
        """Go there; what was given in confidence stays with its origin."""
        if target.origin() != self.url.origin():
            self.headers, self.body = None, None
        if status not in _KEEPS_METHOD and self.method not in {"GET", "HEAD"}:
            self.method, self.body = "GET", None
        self.url = target
        self._been.add(target)


async def _judge(check: HttpCheck, answer: aiohttp.ClientResponse, course: Course) -> Outcome:
    wrong = judge_status(check, answer.status, answer.reason)
    if wrong is not None or not check.max_body_bytes or check.method == "HEAD":
        return Outcome((course.latency(), *course.measurements), wrong)
    course.stage = Stage.BODY
    body = await read_body(check, answer, course)
    latency = course.latency()
    if isinstance(body, Finding):
        return Outcome((latency, *course.measurements), body)
    return Outcome((latency, *course.measurements), judge_body(check, body))


def _line_of(transport: asyncio.Transport | None) -> asyncio.Transport | None:
    """What is under TLS: asyncio's TLS transport, once it was closed twice, aborts nothing any more."""
    return getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport


def _note_certificate(course: Course, transport: asyncio.Transport | None) -> None:
    """Days left, from the connection just used; over several hops the shortest counts."""
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    if certificate:
        found = days_left(certificate, course.clock)
        known = course.measurements
        course.measurements = (min(found, *known, key=lambda m: m.value),) if known else (found,)


def _noted_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """The client's socket, remembered so that silence can be told apart from refusal to talk."""
    opened = socket.socket(info[0], info[1], info[2])
    course = current.get()
    if course is not None:
        course.socket = opened
        course.stage = Stage.CONNECT
    return opened


def _target(url: URL, location: str) -> URL | None:
    try:
        target = url.join(URL(location))
    except ValueError:
        return None
    return target if location and target.scheme in {"http", "https"} and target.host else None


def _shown(target: URL) -> str:
    return plain_url(str(target))
