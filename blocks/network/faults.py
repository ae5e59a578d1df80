"""What does this failure say: that the service is down, or that we could not look?

The rule: a `Finding` needs evidence from the service's side (it refused, it closed, it sent
garbage, it stayed silent after we reached out). Where our own machine failed (no route, no
resolver, no file handles) nothing was measured, and one of the three errors is raised instead,
which the sweep turns into `unknown`.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from datetime import timedelta
from typing import NoReturn

import aiohttp

from blocks.errors import Broken, Retryable
from blocks.network.course import Course, Stage
from blocks.network.wording import spoken
from blocks.ports.health import Finding, FindingCode, MissingCode

_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
_NO_ROUTE = {errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT}
_SILENT = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5), getattr(socket, "EAI_ADDRFAMILY", -9)}


def silence(where: str, course: Course) -> Finding:
    """The finding for a probe that ran out of time. Raises `Retryable` when our resolver was what stayed silent."""
    limit = spoken(course.timeout)
    if course.stage is Stage.NAME:
        raise Retryable(
            f"this machine's resolver gave no answer within {limit}",
            where=where,
            next_step="check name resolution on the worker",
            code=MissingCode.PROBE_FAILED,
        )
    said = {
        Stage.CONNECT: f"neither accepted nor refused a connection within {limit}",
        Stage.TLS: f"accepted the connection, but no TLS handshake was done within {limit}",
        Stage.HEADERS: f"took the request and sent no complete answer within {limit}",
        Stage.BODY: f"stopped half-way: {course.received_bytes} bytes of the body within {limit}, and no end",
    }[course.stage]
    code = FindingCode.HALF_BODY if course.stage is Stage.BODY else FindingCode.NO_ANSWER
    return Finding(code, f"{where} {said}")


def from_os_error(error: OSError, where: str, course: Course) -> Finding:
    """The finding for a connection that failed. Raises where the fault is this machine's."""
    if isinstance(error, socket.gaierror):
        return _from_name_error(error, where)
    if isinstance(error, ssl.SSLError):
        return from_ssl_error(error, where)
    number = _number(error)
    if number in _OURS or number in _NO_ROUTE:
        _fault_of_ours(error, number, where)
    if number == errno.ECONNREFUSED:
        return Finding(FindingCode.CONNECTION_REFUSED, f"{where} refused the connection: nothing listens there")
    if number in _SILENT:
        return Finding(FindingCode.NO_ANSWER, f"{where} cannot be reached: the network reports that the host is gone")
    if course.stage is Stage.BODY:
        return Finding(
            FindingCode.HALF_BODY, f"{where} dropped the connection after {course.received_bytes} bytes of the body"
        )
    in_handshake = course.stage is Stage.TLS or (course.stage is Stage.CONNECT and where.startswith("https:"))
    moment = "during the TLS handshake" if in_handshake else "before it answered"
    return Finding(FindingCode.CONNECTION_LOST, f"{where} dropped the connection {moment}")


def from_ssl_error(error: ssl.SSLError, where: str) -> Finding:
    """The finding for a TLS handshake that failed for another reason than the certificate."""
    reason = (error.reason or "").replace("_", " ").lower()
    said = {
        "wrong version number": "does not speak TLS (it answered something else)",
        "record layer failure": "does not speak TLS (it answered something else)",
        "unexpected eof while reading": "closed the connection during the TLS handshake",
        "tlsv13 alert certificate required": "wants a client certificate",
    }.get(reason, f"failed the TLS handshake ({reason or 'no reason given'})")
    return Finding(FindingCode.TLS_FAILED, f"{where} {said}")


def from_client_error(error: aiohttp.ClientError, where: str, course: Course) -> Finding:
    """The finding for what the HTTP client met. Raises `Broken` for what it was never meant to meet."""
    match error:
        case aiohttp.ClientConnectorError():
            return from_os_error(error.os_error, where, course)
        case aiohttp.ServerDisconnectedError():
            return Finding(FindingCode.CONNECTION_LOST, f"{where} closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return Finding(FindingCode.NOT_HTTP, f"{where} answered something that is not HTTP{_oversize(error)}")
        case aiohttp.ClientPayloadError():
            return Finding(
                FindingCode.HALF_BODY, f"{where} broke its body off, or garbled it, after {course.received_bytes} bytes"
            )
        case aiohttp.ClientOSError():
            cause = error.__cause__
            return from_os_error(cause if isinstance(cause, OSError) else error, where, course)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            raise Broken(
                "the check's address is not a usable http address",
                where=where,
                next_step="correct the check's url in the catalogue",
                code=MissingCode.PROBE_FAILED,
            ) from error
        case _:
            raise Broken(
                f"the probe met {type(error).__name__}, which it does not know",
                where=where,
                next_step="report this as a defect of vigie",
                code=MissingCode.PROBE_FAILED,
            ) from error


def _from_name_error(error: socket.gaierror, where: str) -> Finding:
    if error.errno in _NO_SUCH_NAME:
        return Finding(FindingCode.NAME_NOT_FOUND, f"the name in {where} leads nowhere: it has no address")
    raise Retryable(
        f"this machine's resolver could not say where it is ({error.strerror or 'no reason given'})",
        where=where,
        next_step="check name resolution on the worker, then the zone",
        code=MissingCode.PROBE_FAILED,
        retry_after=timedelta(seconds=5),
    ) from error


def _number(error: OSError) -> int | None:
    """The errno; where several addresses failed differently, the most telling one."""
    if error.errno is not None:
        return error.errno
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))]
    return min(numbers, key=lambda number: (number != errno.ECONNREFUSED, number in _NO_ROUTE), default=None)


def _fault_of_ours(error: OSError, number: int | None, where: str) -> NoReturn:
    if number in _NO_ROUTE:
        what, next_step = "this machine has no way to the network of the address", "check the worker's own network"
    else:
        what, next_step = f"this machine could not open a connection ({error.strerror})", "check the worker's limits"
    raise Retryable(what, where=where, next_step=next_step, code=MissingCode.PROBE_FAILED) from error


def _oversize(error: aiohttp.ClientResponseError) -> str:
    return " (headers larger than a client takes)" if "more than" in error.message.lower() else ""
