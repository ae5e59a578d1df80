"""The ledger's promise kept through the real adapters: one message, whatever the answer was."""

from __future__ import annotations

from uuid import uuid4

import pytest

from blocks.clock import SystemClock
from blocks.ports.incidents import EventKind
from tasks.incidents.tell import deliver_due
from tests.unit.telling.ledgers import FakeClock, FakeLedger, FakePager


@pytest.mark.parametrize("how", ["drop-after", "drop", "error", "garbage", "throttle"])
async def test_one_message_and_its_history_whatever_slack_does_meanwhile(slack, how):
    clock = FakeClock()
    ledger, pager = FakeLedger(clock), FakePager()

    incident = uuid4()
    for kind in (EventKind.OPENED, EventKind.CLOSED):
        ledger.add(incident, kind)
    await slack.control("break", target="slack", how=how, times=1, retry_after=1)
    async with slack.messenger() as messenger:
        for _ in range(6):
            await deliver_due(
                ledger, messenger, pager, ledger.picture, clock, platform="hearth", channel="#hearth-night"
            )
            clock.passed += 301
    assert ledger.undelivered_count() == 0
    assert [m.get("thread_ts") for m in slack.said()] == [None, slack.said()[0]["ts"], slack.said()[0]["ts"]]
    assert slack.said()[0]["text"].startswith("✅")
    assert pager.rung == [str(incident)]


async def test_at_the_real_pace_slack_never_has_to_slow_us_down(slack):
    clock = FakeClock()
    ledger = FakeLedger(clock)

    for _ in range(3):
        ledger.add(uuid4(), EventKind.OPENED)
    async with slack.messenger() as messenger:
        report = await deliver_due(
            ledger, messenger, FakePager(), ledger.picture, SystemClock(), platform="hearth", channel="#hearth-night"
        )
    assert report.failures == ()
    assert "ratelimited" not in {call["answer"] for call in slack.simulator.traffic}
    assert len(slack.said()) == 6
