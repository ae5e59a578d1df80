"""Has what should report in reported in time?

Makes heartbeat checks: the age of the newest beat, by the journal's own clock on both ends, against
the check's deadline. The rule: something that never reported at all is not late but unknown, because
nobody can tell a dead sender from one that was never set up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from blocks.catalogue.model import HeartbeatCheck
from blocks.catalogue.quantities import format_duration
from blocks.errors import Broken
from blocks.journal.opening import open_journal
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, Probe, Reading, Unit
from blocks.threads import Answer, Threads

if TYPE_CHECKING:
    from blocks.clock import Clock
    from blocks.journal.adapter import PostgresJournal
    from blocks.journal.block import JournalDatabase
    from blocks.ports.health import Prober
    from blocks.ports.network import Routes

_THREAD_COUNT = 4


def open_prober(block: JournalDatabase | None, *, routes: Routes, clock: Clock) -> Prober:  # noqa: ARG001  one signature for all
    """A prober for heartbeats in the block's journal, or in the configured one; use it with `async with`."""
    return HeartbeatProber(block, clock)


class HeartbeatProber:
    """Reads beats in a few threads; the journal is opened on entry and closed on leaving."""

    def __init__(self, block: JournalDatabase | None, clock: Clock) -> None:
        self._block = block
        self._threads = Threads("heartbeat", clock=clock, limit=_THREAD_COUNT)
        self._journal: PostgresJournal | None = None

    async def __aenter__(self) -> Self:
        """Raises `Broken` when no journal is configured."""
        self._journal = open_journal() if self._block is None else self._block.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.close()
        if self._journal is not None:
            self._journal.close()

    async def probe(self, probe: Probe) -> Reading:
        """The age of the newest beat in seconds; late when it is over the deadline."""
        check, journal = probe.check, self._journal
        if not isinstance(check, HeartbeatCheck):
            raise Broken(f"the journal cannot make a {check.kind} check", where="/".join(probe.key))
        if journal is None:
            raise Broken("the heartbeat prober was not entered", where="/".join(probe.key))

        def read() -> Answer:
            at = journal.last_beat(probe.platform.name, check.beat)
            return _judge(check, at, journal.now())

        return await self._threads.reading(probe, read, where="journal")


def _judge(check: HeartbeatCheck, at: datetime | None, now: datetime) -> Answer:
    if at is None:
        text = f"{check.beat} has never reported; is its sender set up (`vigie beat`)?"
        return Answer(missing=Missing(MissingCode.NO_DATA, text))
    age = max(now - at, timedelta())
    measurements = (Measurement("age", age.total_seconds(), Unit.SECONDS),)
    if age <= check.deadline:
        return Answer(measurements)
    allowed = format_duration(check.deadline)
    last = format_duration(timedelta(seconds=round(age.total_seconds())))
    text = f"{check.beat} last reported {last} ago, more than the {allowed} allowed"
    return Answer(measurements, Finding(FindingCode.LATE, text))
