"""What was seen, decided and done, and where is it kept?

The journal is our own PostgreSQL database. Event tables only grow; incidents are hash-chained per
platform; readings are not, and are dropped after their retention. All methods are synchronous and
short; each is one transaction, idempotent under repetition with the same arguments, and raises
`Retryable` when the database does not answer, `Broken` when it answers what it must not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from blocks.ports.health import CheckKey, CheckStatus, Reading, ServiceAssessment, SliSample
from blocks.ports.incidents import Incident, IncidentChange, IncidentEvent
from blocks.ports.notifications import Channel, Delivery, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """One finished or unfinished sweep of a platform. `verdict`: ok, warning, critical, unknown or monitoring_fault."""

    id: UUID
    platform: str
    started_at: datetime
    finished_at: datetime | None
    catalogue_digest: str
    verdict: str
    check_count: int
    problem_count: int
    missing_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePoint:
    """For pictures: a check's state at a time, with its primary measurement where there was one."""

    key: CheckKey
    at: datetime
    state: str
    value: float | None
    unit: str


class Journal(Protocol):
    """The journal as steps see it. `open_journal()` in blocks/journal/block.py gives one."""

    def now(self) -> datetime: ...

    # -- a sweep ---------------------------------------------------------------
    def sweep_lock(self, platform: str) -> AbstractContextManager[bool]:
        """Hold the right to sweep a platform; yields False at once when another process holds it.

        A PostgreSQL session lock: gone with the connection, so a killed sweep blocks nobody.
        """
        ...

    def start_sweep(self, sweep: UUID, platform: str, catalogue_digest: str) -> None: ...
    def load_statuses(self, platform: str) -> Mapping[CheckKey, CheckStatus]: ...
    def record_readings(self, sweep: UUID, platform: str, readings: Sequence[Reading]) -> int:
        """Store readings, all attempts; repeated calls store nothing twice. Returns the rows added."""
        ...

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
        """One transaction: statuses, SLI buckets, incident events, and the outbox rows that tell them.

        Repeated with the same sweep it changes nothing and returns the same incidents. A sweep that
        started before the newest assessed one of the platform moves no status and no incident.
        An open incident of the same root is changed instead of opened; one closed less than
        `reopen_within` ago is reopened.
        """
        ...

    def finish_sweep(self, sweep: UUID) -> SweepSummary: ...
    def latest_sweeps(self, platform: str | None = None, limit_count: int = 20) -> Sequence[SweepSummary]: ...
    def last_finished(self, platform: str) -> datetime | None: ...

    # -- incidents -------------------------------------------------------------
    def open_incidents(self, platform: str | None = None) -> Sequence[Incident]: ...
    def recently_closed(self, platform: str, within: timedelta) -> Sequence[Incident]: ...
    def incident(self, incident: UUID) -> tuple[Incident, Sequence[IncidentEvent]]: ...
    def readiness_lock(self, platform: str) -> AbstractContextManager[bool]:
        """Hold the right to judge a platform's recovery plan, as `sweep_lock` is held for a sweep."""
        ...

    def record_readiness(
        self,
        run: UUID,
        platform: str,
        *,
        changes: Sequence[IncidentChange],
        channels: Sequence[Channel],
        reopen_within: timedelta,
    ) -> Sequence[Incident]:
        """One transaction: incident events of roots that begin with `readiness:`, and what tells them.

        Repeated it changes nothing; opening, changing and reopening are as in `record_assessment`. Raises `Broken`
        for any other root.
        """
        ...

    def acknowledge(self, incident: UUID, who: str, channels: Sequence[Channel]) -> Incident: ...
    def silence(self, incident: UUID, who: str, until: datetime, channels: Sequence[Channel]) -> Incident: ...
    def verify_chain(self, platform: str) -> int:
        """Events checked; raises `Broken` naming the first event whose hash does not follow."""
        ...

    # -- telling ---------------------------------------------------------------
    def claim_deliveries(self, platform: str, *, limit_count: int, lease: timedelta) -> Sequence[Delivery]:
        """Take due deliveries, in sequence per incident and channel; a claim lapses after `lease`."""
        ...

    def mark_sent(self, delivery: UUID, sent: Sent) -> None: ...
    def mark_failed(self, delivery: UUID, reason: str, retry_in: timedelta) -> None: ...
    def sent_reference(self, incident: UUID, channel: Channel) -> Sent | None: ...
    def may_be_due(self, platform: str) -> bool: ...  # False: nothing can be claimed now
    def undelivered_count(self, platform: str | None = None) -> int: ...

    # -- service levels, heartbeats, pictures ----------------------------------
    def sli_samples(self, platform: str, since: datetime) -> Sequence[SliSample]: ...
    def beat(self, platform: str, name: str, at: datetime | None = None) -> datetime: ...
    def last_beat(self, platform: str, name: str) -> datetime | None: ...
    def timeline(
        self, platform: str, since: datetime, *, most: int, also: Collection[CheckKey] = ()
    ) -> Sequence[StatePoint]: ...  # of the `most` checks that fared worst since then, and of those in `also`
    def drop_old_readings(self, keep: timedelta) -> int: ...
