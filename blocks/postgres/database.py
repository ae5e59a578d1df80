"""Can one log in and ask, and how full is the server?

`latency` is a login plus one question, which is what a client's first request costs. `connections`
counts the sessions of all databases against max_connections; it needs no special right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.network.course import Course, Outcome
from blocks.ports.health import Measurement, Unit
from blocks.postgres.session import ask, first_question

if TYPE_CHECKING:
    from blocks.postgres.session import Connection

_CONNECTIONS = """
    SELECT sum(numbackends)::float, current_setting('max_connections')::float FROM pg_stat_database
"""


async def measure_database(connection: Connection, course: Course) -> Outcome:
    """Latency (ms) and connections (%). Raises psycopg.Error."""
    await first_question(connection, course)
    latency = course.latency()
    course.measurements = (latency,)
    ((used, most),) = await ask(connection, _CONNECTIONS)
    return Outcome((latency, Measurement("connections", 100 * used / most, Unit.PERCENT)))
