"""Does a database take logins and answer, and does its standby follow?

Makes database and replication checks through one reader's role. The rule: our role being refused is
`unknown`, never a verdict on the database; everything the server itself does wrong is a finding.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from blocks.catalogue.model import DatabaseCheck, ReplicationCheck
from blocks.errors import Broken, VigieError
from blocks.network.course import Course, Outcome, Stage
from blocks.network.faults import from_os_error, silence
from blocks.network.names import Names
from blocks.network.wording import spoken
from blocks.ports.health import Finding, FindingCode, MissingCode, Reading
from blocks.postgres.database import measure_database
from blocks.postgres.faults import query_failed
from blocks.postgres.replication import measure_replication
from blocks.postgres.session import bounded, log_in

if TYPE_CHECKING:
    from blocks.clock import Clock
    from blocks.ports.health import Probe, Prober
    from blocks.ports.network import Routes
    from blocks.postgres.block import PostgresReader


def open_prober(block: PostgresReader, *, routes: Routes, clock: Clock) -> Prober:
    """A prober for database and replication checks; use it with `async with`."""
    return PostgresProber(block, routes, clock)


class PostgresProber:
    """One reader's role; one login a probe."""

    def __init__(self, reader: PostgresReader, routes: Routes, clock: Clock) -> None:
        self._reader = reader
        self._names = Names(routes)
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._names.close()

    async def probe(self, probe: Probe) -> Reading:
        """One reading; `Refused` when our role was turned away, `Retryable` or `Broken` when we could not look."""
        check = probe.check
        if not isinstance(check, DatabaseCheck | ReplicationCheck):
            raise Broken(
                f"checks of kind {check.kind} are not made by the PostgreSQL prober",
                next_step="report this as a defect of vigie",
                code=MissingCode.PROBE_FAILED,
            )
        started_at = self._clock.now()
        course = Course(self._clock, self._clock.monotonic(), check.timeout)
        try:
            outcome = await self._outcome(check, course)
        except VigieError:
            raise
        except Exception as error:
            raise Broken(
                f"the probe itself failed with {type(error).__name__}",
                where="/".join(probe.key),
                next_step="report this as a defect of vigie",
                code=MissingCode.PROBE_FAILED,
            ) from error
        return Reading(
            service=probe.service.name,
            check=check.name,
            started_at=started_at,
            elapsed_ms=course.elapsed_ms(),
            measurements=outcome.measurements,
            finding=outcome.finding,
            attempt=probe.attempt,
        )

    async def _outcome(self, check: DatabaseCheck | ReplicationCheck, course: Course) -> Outcome:
        try:
            return await bounded(self._measure(check, course), course.timeout.total_seconds())
        except socket.gaierror as error:
            return Outcome((), from_os_error(error, check.address, course))
        except TimeoutError:
            return Outcome(course.measurements, _silence(check, course))

    async def _measure(self, check: DatabaseCheck | ReplicationCheck, course: Course) -> Outcome:
        import psycopg

        connection = await log_in(self._reader, self._names, check.address, check.database, course)
        if isinstance(connection, Finding):
            return Outcome((), connection)
        try:
            if isinstance(check, DatabaseCheck):
                return await measure_database(connection, course)
            return await measure_replication(check, connection, course)
        except psycopg.Error as error:
            return Outcome(course.measurements, query_failed(error, f"{check.address}/{check.database}"))
        finally:
            await connection.close()


def _silence(check: DatabaseCheck | ReplicationCheck, course: Course) -> Finding:
    if course.stage is Stage.NAME:
        return silence(check.address, course)
    limit = spoken(course.timeout)
    said = "let us in, but did not answer" if course.stage is Stage.BODY else "let nobody in"
    return Finding(FindingCode.NO_ANSWER, f"{check.address}/{check.database} {said} within {limit}")
