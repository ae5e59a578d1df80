"""Is the certificate at this port right, and for how long?

A full handshake with verification of chain and name, as a client would do; nothing is sent after it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from blocks.network.certificate import days_left, explain
from blocks.network.course import Course, Outcome, Stage
from blocks.network.faults import from_os_error
from blocks.network.names import Names, dial, host_and_port

if TYPE_CHECKING:
    from blocks.catalogue.model import TlsCheck


async def measure_tls(check: TlsCheck, names: Names, trust: ssl.SSLContext, course: Course) -> Outcome:
    """Certificate (d left) and latency (ms) until the handshake is done, or what is wrong.

    Raises `Retryable` when this machine could not look.
    """
    host, port = host_and_port(check.address)
    server_name = check.server_name or host
    try:
        connection = await dial(names, host, port, course)
        course.stage = Stage.TLS
        _, writer = await asyncio.open_connection(sock=connection, ssl=trust, server_hostname=server_name)
    except ssl.SSLCertVerificationError as error:
        await explain(error, names, (host, port), server_name, course)
        return Outcome(course.measurements, course.finding)
    except OSError as error:
        return Outcome((), from_os_error(error, check.address, course))
    latency = course.latency()
    certificate = days_left(writer.get_extra_info("peercert"), course.clock)
    writer.close()
    return Outcome((certificate, latency))
