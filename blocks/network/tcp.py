"""Does a port accept connections?

Open, close, nothing else: a port that accepts says that a process listens, not that it works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.network.course import Course, Outcome
from blocks.network.faults import from_os_error
from blocks.network.names import Names, dial, host_and_port

if TYPE_CHECKING:
    from blocks.catalogue.model import TcpCheck


async def measure_tcp(check: TcpCheck, names: Names, course: Course) -> Outcome:
    """Latency (ms) until the connection stands, or what is wrong. Raises `Retryable` when we could not look."""
    host, port = host_and_port(check.address)
    try:
        connection = await dial(names, host, port, course)
    except OSError as error:
        return Outcome((), from_os_error(error, check.address, course))
    latency = course.latency()
    connection.close()
    return Outcome((latency,))
