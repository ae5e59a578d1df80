"""What does the journal cost: bytes a reading on disk, and seconds for 10,000 checks?

Run: python -m tests.benchmarks.bench_journal. The last line is JSON. The server is a real PostgreSQL
of its own with its usual durability (fsync on); readings are those of a mixed platform: four of five
checks measure latency and certificate over TLS, the rest one cloud metric; 2 % have a finding and
1 % are missing, with the sentences that go with them.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from blocks.journal.adapter import PostgresJournal
from blocks.journal.schema import upgrade
from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Mode,
    Reading,
    ServiceAssessment,
    SliSample,
    State,
    Unit,
)
from deployments.sandbox.postgres import PostgresServer

CHECKS = 10_000
SWEEPS = 12  # one hour of sweeps every five minutes
ROUNDS = 5
_START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def main() -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        server = PostgresServer.create(Path(folder) / "journal", name="bench-journal")
        try:
            dsn = server.start().ensure_database("journal")
            upgrade(dsn)
            with PostgresJournal(dsn) as journal:
                result = _measure(journal)
        finally:
            server.remove()
    sys.stdout.write(json.dumps(result) + "\n")


def _measure(journal: PostgresJournal) -> dict[str, object]:
    seeded = random.Random(20261123)
    recording = [_seconds(lambda n=n: _record(journal, n, seeded)) for n in range(SWEEPS)]
    count, size = journal.reading_storage()
    statuses = {CheckKey(f"service-{n}", "health"): _status(n) for n in range(CHECKS)}
    writing = [_seconds(lambda: _assess(journal, statuses)) for _ in range(ROUNDS)]
    loading = [_seconds(lambda: journal.load_statuses("hearth")) for _ in range(ROUNDS)]
    assert journal.load_statuses("hearth") == statuses
    return {
        "bench": "journal",
        "readings": count,
        "bytes_per_reading": round(size / count, 1),
        "record_10000_readings_s": round(statistics.median(recording), 3),
        "write_10000_statuses_s": round(statistics.median(writing), 3),
        "load_10000_statuses_s": round(statistics.median(loading), 3),
    }


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _record(journal: PostgresJournal, number: int, seeded: random.Random) -> None:
    sweep = uuid4()
    journal.start_sweep(sweep, "hearth", "digest")
    at = _START + number * timedelta(minutes=5)
    journal.record_readings(sweep, "hearth", [_reading(n, at, seeded) for n in range(CHECKS)])


def _reading(number: int, at: datetime, seeded: random.Random) -> Reading:
    elapsed = seeded.lognormvariate(3.0, 0.6)
    chance = seeded.random()
    measured: tuple[Measurement, ...] = (Measurement("value", seeded.uniform(0, 100), Unit.PERCENT),)
    if number % 5:
        certificate = Measurement("certificate", seeded.uniform(20, 90), Unit.DAYS)
        measured = (Measurement("latency", elapsed, Unit.MILLISECONDS), certificate)
    finding = missing = None
    if chance < 0.02:
        finding = Finding(
            FindingCode.WRONG_STATUS, f"https://service-{number}.hearth.example/health answered 503, not 200"
        )
    elif chance < 0.03:
        measured, missing = (
            (),
            Missing(MissingCode.THROTTLED, "Azure Monitor asked us to wait 12 s (429); asked 3 times"),
        )
    return Reading(
        service=f"service-{number}",
        check="health",
        started_at=at + timedelta(milliseconds=number),
        elapsed_ms=elapsed,
        measurements=measured,
        finding=finding,
        missing=missing,
    )


def _status(number: int) -> CheckStatus:
    state = State.CRITICAL if number % 50 == 0 else State.OK
    sentence = f"https://service-{number}.hearth.example/health answered in 23 ms; certificate 61 d"
    return CheckStatus(state=state, since=_START, hard_since=_START, checked_at=_START, sentence=sentence)


def _assess(journal: PostgresJournal, statuses: dict[CheckKey, CheckStatus]) -> None:
    sweep = uuid4()
    journal.start_sweep(sweep, "hearth", "digest")
    services = [
        ServiceAssessment(service=key.service, state=value.state, mode=Mode.HARD, since=_START, sentence=value.sentence)
        for key, value in statuses.items()
    ]
    journal.record_assessment(
        sweep,
        "hearth",
        statuses=statuses,
        services=services,
        samples=[SliSample(slo="availability", bucket=_START, good_count=9_800, bad_count=200)],
        verdict="critical",
        changes=[],
        channels=[],
        reopen_within=timedelta(minutes=30),
    )


if __name__ == "__main__":
    main()
