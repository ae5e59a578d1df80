"""What the catalogue bounds is bounded in the running sweep: its deadline, its checks at once, and who is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from blocks.journal.block import open_journal
from blocks.ports.health import State
from tests.deploy.told import apply, with_lantern
from tests.sandbox_fixture import quiet

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]

CHECKS = 6
DARK = """
platforms:
  lantern:
    customer: hearth
    description: A host that says nothing, asked one question at a time, in a window of work
    sweep_every: 1d
    sweep_deadline: 3s
    {bound}: 1
    sites:
      anywhere: {{provider: azure, region: westeurope, role: primary, credentials: azure-hearth-reader}}
    services:
      updates:
        kind: web
        site: anywhere
        criticality: critical
        checks:
{checks}
    maintenance:
      work:
        begin: {begin}
        duration: 2h
"""
CHECK = "          c{n}: {{kind: http, url: 'https://updates.hearth.example/{n}', timeout: 2s, attempts: 1}}"


@pytest.fixture(params=["probes_per_host", "probes_at_once"])
def dark(sandbox, tmp_path, request):
    """Lantern, all of whose checks ask one host that is cut off from the network, one at a time by either bound."""
    sandbox.forget()
    folder = with_lantern(tmp_path / "catalogue")
    begin = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    checks = "\n".join(CHECK.format(n=n) for n in range(CHECKS))
    (folder / "lantern.yaml").write_text(DARK.format(bound=request.param, checks=checks, begin=begin))
    apply(folder)
    sandbox.break_("hearth/device-updates", "partition")
    yield sandbox
    sandbox.mend()
    apply()
    quiet(sandbox)


def test_the_deadline_ends_it_one_question_at_a_time_and_maintenance_is_told_to_nobody(dark):
    from flows.health_sweep import health_sweep

    before = len(dark.slack_messages()), len(dark.pager_events())
    report = asyncio.run(health_sweep("lantern"))
    with open_journal() as journal:
        statuses = journal.load_statuses("lantern")
        opened = journal.open_incidents("lantern")
    states = Counter(status.state for status in statuses.values())
    assert states == {State.CRITICAL: 1, State.UNKNOWN: CHECKS - 1}, (
        "one was asked, its silence took two seconds of three"
    )
    unreached = [status.sentence for status in statuses.values() if status.state is State.UNKNOWN]
    assert set(unreached) == {"not measured: not reached before the sweep's deadline of 3 s"}
    assert report.verdict == "critical"
    assert report.missing_count == CHECKS - 1
    assert opened == []
    assert (len(dark.slack_messages()), len(dark.pager_events())) == before
