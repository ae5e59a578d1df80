"""Where is what was seen, decided and done? In our own PostgreSQL, through this one door.

Each method is one short transaction that may be repeated safely. The rule: when the journal does not
answer, that is an error with a sentence, never an empty answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self, cast
from uuid import UUID

from blocks.journal import chain, heartbeats, incidents, outbox, readiness, sweeps
from blocks.journal import readings as stored
from blocks.journal import statuses as remembered
from blocks.journal.connections import Connections, translated
from blocks.journal.records import RunRecords
from blocks.journal.recovery_records import RecoveryRecords
from blocks.journal.statuses import aware
from blocks.ports.health import CheckKey, CheckStatus, Reading, ServiceAssessment, SliSample
from blocks.ports.incidents import Incident, IncidentChange, IncidentEvent
from blocks.ports.journal import StatePoint, SweepSummary
from blocks.ports.notifications import Channel, Delivery, Sent


class PostgresJournal(RunRecords, RecoveryRecords):
    """The `Journal` port on PostgreSQL, with those of runs, approvals, moves and drills.

    Safe between threads and after a fork; connects on first use.

    `answer_within_s` bounds the wait for a server that is frozen.
    """

    def __init__(self, dsn: str, *, answer_within_s: float = 30.0) -> None:
        self._connections = Connections(dsn, answer_within_s=answer_within_s)

    def __repr__(self) -> str:
        """Where, without the password."""
        return f"PostgresJournal({self._connections.where})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections; the next call opens new ones."""
        self._connections.close()

    def now(self) -> datetime:
        with self._connections.transaction() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        return cast("datetime", row[0] if row else None)

    # -- a sweep -------------------------------------------------------------------------------

    @contextmanager
    def sweep_lock(self, platform: str) -> Generator[bool]:
        with self._right(_lock_key(platform)) as granted:
            yield granted

    @contextmanager
    def readiness_lock(self, platform: str) -> Generator[bool]:
        with self._right(_lock_key(platform, "readiness")) as granted:
            yield granted

    @contextmanager
    def _right(self, key: int) -> Generator[bool]:
        with self._connections.own_session() as connection:
            with translated(self._connections.where):
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
            yield bool(row and row[0])

    def is_sweeping(self, platform: str) -> bool:
        """Does any session hold the right to sweep this platform, right now?"""
        high, low = divmod(_lock_key(platform) % 2**64, 2**32)
        with self._connections.transaction() as connection:
            return sweeps.lock_is_held(connection, high, low)

    def start_sweep(self, sweep: UUID, platform: str, catalogue_digest: str) -> None:
        with self._connections.transaction() as connection:
            sweeps.start(connection, sweep, platform, catalogue_digest)

    def load_statuses(self, platform: str) -> Mapping[CheckKey, CheckStatus]:
        with self._connections.transaction() as connection:
            return remembered.load_statuses(connection, platform)

    def load_services(self, platform: str) -> Sequence[ServiceAssessment]:
        """Every service as the newest assessed sweep left it."""
        with self._connections.transaction() as connection:
            return remembered.load_services(connection, platform)

    def record_readings(self, sweep: UUID, platform: str, readings: Sequence[Reading]) -> int:
        aware(*(reading.started_at for reading in readings))
        with self._connections.transaction() as connection:
            return stored.store_readings(connection, sweep, platform, readings)

    def record_assessment(
        self,
        sweep: UUID,
        platform: str,
        *,
        statuses: Mapping[CheckKey, CheckStatus],
        services: Sequence[ServiceAssessment],
        samples: Sequence[SliSample],
        verdict: str,
        changes: Sequence[IncidentChange],
        channels: Sequence[Channel],
        reopen_within: timedelta,
    ) -> Sequence[Incident]:
        assessed = sweeps.Assessed(
            statuses=statuses,
            services=services,
            samples=samples,
            verdict=verdict,
            changes=changes,
            channels=channels,
            reopen_within=reopen_within,
        )
        with self._connections.transaction() as connection:
            return sweeps.assess(connection, sweep, platform, assessed)

    def finish_sweep(self, sweep: UUID) -> SweepSummary:
        with self._connections.transaction() as connection:
            return sweeps.finish(connection, sweep)

    def latest_sweeps(self, platform: str | None = None, limit_count: int = 20) -> Sequence[SweepSummary]:
        with self._connections.transaction() as connection:
            return sweeps.latest(connection, platform, limit_count)

    def last_finished(self, platform: str) -> datetime | None:
        with self._connections.transaction() as connection:
            return sweeps.last_finished(connection, platform)

    # -- incidents -----------------------------------------------------------------------------

    def open_incidents(self, platform: str | None = None) -> Sequence[Incident]:
        with self._connections.transaction() as connection:
            return incidents.open_incidents(connection, platform)

    def recently_closed(self, platform: str, within: timedelta) -> Sequence[Incident]:
        with self._connections.transaction() as connection:
            return incidents.recently_closed(connection, platform, within)

    def incident(self, incident: UUID) -> tuple[Incident, Sequence[IncidentEvent]]:
        with self._connections.transaction() as connection:
            found = incidents.read_incident(connection, incident)
            return found, chain.read_events(connection, incident)

    def record_readiness(
        self,
        run: UUID,
        platform: str,
        *,
        changes: Sequence[IncidentChange],
        channels: Sequence[Channel],
        reopen_within: timedelta,
    ) -> Sequence[Incident]:
        with self._connections.transaction() as connection:
            return readiness.record(
                connection, run, platform, changes=changes, channels=channels, reopen_within=reopen_within
            )

    def acknowledge(self, incident: UUID, who: str, channels: Sequence[Channel]) -> Incident:
        with self._connections.transaction() as connection:
            ledger, held = incidents.hold_incident(connection, incident, channels)
            return ledger.acknowledge(held, who)

    def silence(self, incident: UUID, who: str, until: datetime, channels: Sequence[Channel]) -> Incident:
        aware(until)
        with self._connections.transaction() as connection:
            ledger, held = incidents.hold_incident(connection, incident, channels)
            return ledger.silence(held, who, until)

    def verify_chain(self, platform: str) -> int:
        with self._connections.transaction() as connection:
            return chain.verify_chain(connection, platform)

    # -- telling -------------------------------------------------------------------------------

    def claim_deliveries(self, platform: str, *, limit_count: int, lease: timedelta) -> Sequence[Delivery]:
        with self._connections.transaction() as connection:
            return outbox.claim(connection, platform, limit_count, lease)

    def mark_sent(self, delivery: UUID, sent: Sent) -> None:
        with self._connections.transaction() as connection:
            outbox.mark_sent(connection, delivery, sent)

    def mark_failed(self, delivery: UUID, reason: str, retry_in: timedelta) -> None:
        with self._connections.transaction() as connection:
            outbox.mark_failed(connection, delivery, reason, retry_in)

    def sent_reference(self, incident: UUID, channel: Channel) -> Sent | None:
        with self._connections.transaction() as connection:
            return outbox.sent_reference(connection, incident, channel)

    def may_be_due(self, platform: str) -> bool:
        with self._connections.transaction() as connection:
            return outbox.may_be_due(connection, platform)

    def undelivered_count(self, platform: str | None = None) -> int:
        with self._connections.transaction() as connection:
            return outbox.undelivered_count(connection, platform)

    # -- service levels, heartbeats, pictures --------------------------------------------------

    def sli_samples(self, platform: str, since: datetime) -> Sequence[SliSample]:
        with self._connections.transaction() as connection:
            return remembered.read_samples(connection, platform, since)

    def beat(self, platform: str, name: str, at: datetime | None = None) -> datetime:
        aware(*(() if at is None else (at,)))
        with self._connections.transaction() as connection:
            return heartbeats.beat(connection, platform, name, at)

    def last_beat(self, platform: str, name: str) -> datetime | None:
        with self._connections.transaction() as connection:
            return heartbeats.last_beat(connection, platform, name)

    def timeline(
        self, platform: str, since: datetime, *, most: int, also: Collection[CheckKey] = ()
    ) -> Sequence[StatePoint]:
        with self._connections.transaction() as connection:
            return stored.read_timeline(connection, platform, since, most, also)

    def last_good_answer(self, platform: str, services: Collection[str], noticed_at: datetime) -> datetime | None:
        with self._connections.transaction() as connection:
            return stored.last_good_answer(connection, platform, services, noticed_at)

    def silent_since(self, platform: str, keys: Collection[CheckKey]) -> datetime | None:
        with self._connections.transaction() as connection:
            return stored.silent_since(connection, platform, keys)

    def drop_old_readings(self, keep: timedelta) -> int:
        with self._connections.transaction() as connection:
            return stored.drop_old(connection, keep)

    # -- for whoever looks after the journal ---------------------------------------------------

    def platforms(self) -> Sequence[str]:
        """Every platform the journal knows, by name."""
        with self._connections.transaction() as connection:
            return [row[0] for row in connection.execute("SELECT name FROM platform ORDER BY name").fetchall()]

    def reading_storage(self) -> tuple[int, int]:
        """(readings kept, bytes they take on disk with their indexes)."""
        with self._connections.transaction() as connection:
            return stored.measure_storage(connection)


def _lock_key(platform: str, right: str = "sweep") -> int:
    """64 bits, so that two platforms practically never share a lock."""
    return int.from_bytes(hashlib.sha256(f"vigie {right} {platform}".encode()).digest()[:8], "big", signed=True)
