"""How long is the certificate good for, and what is wrong with it?

Days left are read from the very connection that was made. When verification fails, one more
handshake on the same address, without verification and without a request, is made only to say what
the certificate is (since when expired, for which names, by whom issued); nothing is sent over it
and nothing else is believed of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from blocks.errors import Broken
from blocks.network.names import Names, dial
from blocks.network.wording import spoken, tidy
from blocks.ports.health import Finding, FindingCode, Measurement, MissingCode, Unit

if TYPE_CHECKING:
    from cryptography import x509

    from blocks.clock import Clock
    from blocks.network.course import Course

_DAY_S = 86400.0
_MOST_NAMES = 3
# OpenSSL's verification results (x509_vfy.h).
_EXPIRED, _NOT_YET_VALID = 10, 9
_WRONG_NAME = {62, 64}
_UNTRUSTED = {
    18: "it is signed by itself",
    19: "its authority is not among the trusted ones",
    20: "its authority is not among the trusted ones",
    21: "its authority is not among the trusted ones, or an intermediate certificate is missing",
    23: "it has been revoked",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What an unverified look at a certificate showed."""

    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    issuer: str


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The one TLS context of a prober. Raises `Broken` when the file of authorities cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Broken(
            f"the file of trusted authorities cannot be read ({type(error).__name__})",
            where=str(ca_file),
            next_step="correct ca_file of the probe network block",
            code=MissingCode.PROBE_FAILED,
        ) from error


def days_left(peer_certificate: dict[str, object], clock: Clock) -> Measurement:
    """`certificate` in days, from a verified connection's certificate as Python's ssl gives it."""
    ends_s = _seconds(str(peer_certificate["notAfter"]))
    return Measurement("certificate", (ends_s - clock.now().timestamp()) / _DAY_S, Unit.DAYS)


_seconds = lru_cache(4096)(ssl.cert_time_to_seconds)  # many endpoints, few certificates; parsing is slow


async def explain(
    error: ssl.SSLCertVerificationError, names: Names, address: tuple[str, int], server_name: str, course: Course
) -> None:
    """Put into `course` the finding for a refused certificate, first plainly, then with what a look shows."""
    where = f"{server_name}:{address[1]}"
    course.finding = _finding(error, where, None, course.clock.now())
    with contextlib.suppress(OSError, ValueError):
        seen = await _look(names, address, server_name, course)
        now = course.clock.now()
        course.finding = _finding(error, where, seen, now)
        course.measurements = (Measurement("certificate", (seen.ends - now).total_seconds() / _DAY_S, Unit.DAYS),)


def _finding(error: ssl.SSLCertVerificationError, where: str, seen: Seen | None, now: datetime) -> Finding:
    number = error.verify_code
    if number == _EXPIRED:
        return Finding(FindingCode.CERTIFICATE_EXPIRED, f"the certificate of {where} {_since(seen, now)}")
    if number in _WRONG_NAME:
        named = f"; it is for {_listed(seen.names)}" if seen else ""
        return Finding(FindingCode.CERTIFICATE_WRONG_NAME, f"the certificate of {where} is not for that name{named}")
    if number == _NOT_YET_VALID:
        begins = f" before {seen.begins:%Y-%m-%d %H:%M} UTC" if seen else " yet"
        return Finding(FindingCode.CERTIFICATE_UNTRUSTED, f"the certificate of {where} is not valid{begins}")
    why = _UNTRUSTED.get(number, error.verify_message)
    issuer = f" (issued by {seen.issuer})" if seen and seen.issuer else ""
    return Finding(FindingCode.CERTIFICATE_UNTRUSTED, f"the certificate of {where} is not trusted: {why}{issuer}")


def _since(seen: Seen | None, now: datetime) -> str:
    if seen is None:
        return "has expired"
    if seen.ends > now:
        return "stands on an authority's certificate that has expired (its own has not)"
    return f"expired {spoken(now - seen.ends)} ago, on {seen.ends:%Y-%m-%d %H:%M} UTC"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown or "no name at all"


async def _look(names: Names, address: tuple[str, int], server_name: str, course: Course) -> Seen:
    """A handshake that believes everything, sends nothing, and is cut at once."""
    sock = await dial(names, *address, course)
    _, writer = await asyncio.open_connection(sock=sock, ssl=_unverified(), server_hostname=server_name)
    try:
        return _decoded(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    finally:
        writer.transport.abort()


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _decoded(der: bytes) -> Seen:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_der_x509_certificate(der)
    organisations = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) or (
        certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )
    return Seen(
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        names=_alternative_names(certificate),
        issuer=tidy(str(organisations[0].value)) if organisations else "",
    )


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    found = [*extension.get_values_for_type(x509.DNSName), *extension.get_values_for_type(x509.IPAddress)]
    return tuple(tidy(str(name)) for name in found)
