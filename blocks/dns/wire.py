"""What did the name server say, and what does its silence mean?

Questions and changes go over TCP, one at a time, within five seconds.

    no answer, connection lost, SERVFAIL        Retryable   the server may answer differently soon
    unsigned where a signature was due          Broken      somebody else may have answered
    key unknown, signature wrong, not allowed   Refused     credentials
    clocks differ by more than five minutes     Broken      TSIG needs clocks that agree (RFC 8945, 5.2.3)
    another value stands there than expected    Refused     precondition, said by the caller

The rule: a change is sent once. When its answer is lost nobody knows whether it was made, so it is looked for.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.network.names import host_and_port

if TYPE_CHECKING:
    from blocks.ports.network import Routes

SECONDS = 5.0
_DENIED = {dns.rcode.REFUSED, dns.rcode.NOTAUTH}
_SOON = {dns.rcode.SERVFAIL}
_EXPECTED = {dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.NXRRSET, dns.rcode.YXRRSET}


def exchange(message: dns.message.Message, server: str, routes: Routes, where: str) -> dns.message.Message:
    """The server's answer to a question or a change. Raises the three errors; of rcodes only those nobody expects."""
    address = routes.lead(*host_and_port(server, 53))
    try:
        with socket.create_connection(address, SECONDS) as connection:
            connection.settimeout(0)  # dnspython waits itself
            reply = dns.query.tcp(message, address[0], SECONDS, sock=connection)
    except Exception as error:  # everything that socket and dnspython can raise ends here, with a name
        raise _explained(error, where, signed=message.had_tsig) from error
    if reply.rcode() in _DENIED:
        raise _denied(dns.rcode.to_text(reply.rcode()), where)
    if reply.rcode() in _SOON:
        raise Retryable(f"the name server answered {dns.rcode.to_text(reply.rcode())}", where=where, next_step=_SEE)
    if reply.rcode() not in _EXPECTED:
        raise Broken(f"the name server answered {dns.rcode.to_text(reply.rcode())}", where=where, next_step=_ZONE)
    return reply


_SEE = "see whether the name server is up and reachable from the worker over TCP"
_ZONE = "check zone, record and server of the switch in the catalogue"


def _explained(error: Exception, where: str, *, signed: bool) -> VigieError:
    if isinstance(error, dns.tsig.PeerBadTime | dns.tsig.BadTime):
        return Broken(
            "the clocks of the name server and of the worker differ by more than TSIG allows",
            where=where,
            next_step="set both by NTP, then retry the run",
        )
    if isinstance(error, dns.tsig.PeerError):
        return _denied(type(error).__name__.removeprefix("Peer"), where)
    if isinstance(error, dns.tsig.BadSignature | dns.message.UnknownTSIGKey):
        return Broken("the answer's signature is wrong: somebody else may have answered", where=where, next_step=_SEE)
    if isinstance(error, dns.exception.Timeout | OSError | EOFError):
        return Retryable(_silence(error), where=where, next_step=_SEE)
    said = "the name server's answer makes no sense" + (", or is not signed as it must be" if signed else "")
    return Broken(f"{said} ({type(error).__name__})", where=where, next_step=_SEE)


def _silence(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout | TimeoutError):
        return f"the name server gave no answer within {SECONDS:.0f} s"
    if isinstance(error, socket.gaierror):
        return "the name server's own name could not be resolved"
    return f"the name server could not be reached, or broke the connection ({type(error).__name__})"


def _denied(said: str, where: str) -> Refused:
    return Refused(
        f"the name server does not accept our key for this ({said})",
        where=where,
        next_step="compare the TSIG key block with the server's key, and its update-policy with docs/recovery-dns.md",
        code="credentials",
    )
