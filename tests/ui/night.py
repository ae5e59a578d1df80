"""A night to look at: hearth is well, its household database refuses everybody, one sweep finds it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

from tests.sandbox_fixture import Sandbox

PATIENCE_S = 600  # a budget that burned in a slow night burns for minutes after it
PLATFORM, ROOT, HOW = "hearth", "household-data", "refuse"


@dataclass(frozen=True)
class Night:
    """The sweep that found the fault, and the incident that it opened."""

    sweep: UUID
    incident: UUID


async def break_and_sweep(sandbox: Sandbox) -> Night:
    """Nothing broken and nothing remembered first; then one fault, one sweep, one incident."""
    sandbox.forget()
    await become_well(sandbox)
    sandbox.break_(f"{PLATFORM}/{ROOT}", HOW)
    report = await _sweep()
    (incident,) = open_incidents()
    assert incident.root == ROOT
    return Night(report.sweep, incident.id)


async def become_well(sandbox: Sandbox) -> None:
    """Mend everything, and sweep until nothing of hearth is open any more."""
    from blocks.journal.block import open_journal

    sandbox.mend()
    with open_journal() as journal:
        journal.beat(PLATFORM, "nightly-export")
    give_up = time.monotonic() + PATIENCE_S
    while True:
        report = await _sweep()
        left = [each.root for each in open_incidents()]
        if report.verdict == "ok" and not left:
            return
        assert time.monotonic() < give_up, f"{report.sentence}; still open: {left}"
        await asyncio.sleep(2)


def open_incidents():
    from blocks.journal.block import open_journal

    with open_journal() as journal:
        return list(journal.open_incidents(PLATFORM))


async def _sweep():
    from flows.health_sweep import health_sweep

    return await health_sweep(PLATFORM)


def newest_artifact(sandbox: Sandbox, key: str) -> str:
    """The id of what the newest sweep wrote under this key."""
    (row,) = [row for row in sandbox.call("/artifacts/latest/filter", {}) if row["key"] == key]
    return row["latest_id"]


def deployment_of(sandbox: Sandbox) -> str:
    return sandbox.call("/deployments/name/health-sweep/sweep")["id"]
