"""What may the reader's role do on this server?

The rule: what a probe needs is asked for by name, and whatever lets the role change something is
reported as allowed, loudly, because least privilege is the server's business and not our promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.clock import SystemClock
from blocks.errors import Retryable
from blocks.network.course import Course
from blocks.network.names import Names
from blocks.ports.capabilities import Capability
from blocks.ports.health import Finding, MissingCode
from blocks.ports.network import Routes
from blocks.postgres.session import ask, bounded, first_question, log_in

if TYPE_CHECKING:
    from datetime import timedelta

    from blocks.postgres.block import PostgresOperator, PostgresReader

_OPERATOR = """
    SELECT has_parameter_privilege('synchronous_standby_names', 'ALTER SYSTEM'),
           has_parameter_privilege('default_transaction_read_only', 'ALTER SYSTEM'),
           has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE'),
           has_function_privilege('pg_reload_conf()', 'EXECUTE'),
           pg_has_role(current_user, 'pg_signal_backend', 'usage'),
           pg_has_role(current_user, 'pg_monitor', 'usage')
"""
_OPERATOR_ACTIONS = (
    "change whom commits wait for",
    "drain and release",
    "promote",
    "reload the configuration",
    "end clients' sessions",
    "see sessions and standbys",
)
_RIGHTS = """
    SELECT pg_has_role(current_user, 'pg_monitor', 'usage'),
           rolsuper, rolcreaterole OR rolcreatedb OR rolreplication,
           rolsuper OR pg_has_role(current_user, 'pg_write_all_data', 'usage')
               OR EXISTS (SELECT FROM pg_class
                           WHERE relkind IN ('r', 'p') AND relnamespace NOT IN ('pg_catalog'::regnamespace,
                                 'information_schema'::regnamespace)
                             AND has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE')),
           rolconnlimit
      FROM pg_roles WHERE rolname = current_user
"""


async def examine_role(
    reader: PostgresReader, address: str, database: str, routes: Routes | None, patience: timedelta
) -> tuple[Capability, ...]:
    """What the role may do in one database.

    Raises `Refused` when it may not log in, `Retryable` when nothing answers.
    """
    names = Names(routes or Routes())
    where = f"{address}/{database}"
    try:
        return await bounded(_examine(reader, names, address, database, patience), patience.total_seconds())
    except OSError as error:  # a TimeoutError and a name that leads nowhere among them
        raise Retryable(
            "the database did not answer",
            where=where,
            next_step="see whether it runs and can be reached from here",
            code=MissingCode.API_UNREACHABLE,
        ) from error
    finally:
        await names.close()


async def _examine(
    reader: PostgresReader, names: Names, address: str, database: str, patience: timedelta
) -> tuple[Capability, ...]:
    clock = SystemClock()
    course = Course(clock, clock.monotonic(), patience)
    connection = await log_in(reader, names, address, database, course)
    if isinstance(connection, Finding):
        raise Retryable(
            connection.text, next_step="see how the database is, then check again", code=MissingCode.API_UNREACHABLE
        )
    try:
        await first_question(connection, course)
        ((monitors, is_super, administers, writes, most),) = await ask(connection, _RIGHTS)
    finally:
        await connection.close()
    return (
        Capability(f"log in to {address}/{database}", allowed=True, detail=_limit(most)),
        Capability("read pg_stat_replication", allowed=monitors, detail="" if monitors else "GRANT pg_monitor"),
        Capability("write to tables", allowed=writes, detail="a reader should not: REVOKE it" if writes else ""),
        Capability("administer the server", allowed=is_super or administers, detail=_too_much(is_super, administers)),
    )


def _limit(most: int) -> str:
    return "no connection limit: ALTER ROLE ... CONNECTION LIMIT 10" if most < 0 else f"at most {most} at once"


def _too_much(is_super: bool, administers: bool) -> str:
    if is_super:
        return "it is a superuser: use a role of its own"
    return "it may create roles or databases, or replicate: ALTER ROLE it down" if administers else ""


def examine_operator(
    operator: PostgresOperator, address: str, database: str, routes: Routes | None
) -> tuple[Capability, ...]:
    """What the operator's role may do on one server. Raises `Refused`, `Retryable`."""
    from blocks.postgres.calls import session

    with session(operator, routes or Routes(), address, database) as connection:
        (may,) = connection.execute(_OPERATOR).fetchall()
        ((_, is_super, administers, writes, most),) = connection.execute(_RIGHTS).fetchall()
    needed = (Capability(action, allowed=bool(right)) for action, right in zip(_OPERATOR_ACTIONS, may, strict=True))
    return (
        Capability(f"log in to {address}/{database}", allowed=True, detail=_limit(most)),
        *needed,
        Capability("write to tables", allowed=writes, detail="an operator need not: REVOKE it" if writes else ""),
        Capability("administer the server", allowed=is_super or administers, detail=_too_much(is_super, administers)),
    )
