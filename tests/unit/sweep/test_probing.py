"""Making all checks at once: bounds, deadline, and one reading a check whatever happens."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from blocks.catalogue.model import HttpCheck, Platform, Service, Site
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.health import Measurement, MissingCode, Probe, Reading, Unit
from tasks.health.probing import host_of, take_readings


def platform_of(count, hosts=1):
    services = {
        f"s{i}": Service(
            name=f"s{i}",
            kind="web",
            site="here",
            checks={"c": HttpCheck(name="c", kind="http", url=f"https://h{i % hosts}.example/{i}", timeout="1s")},
        )
        for i in range(count)
    }
    site = Site(name="here", provider="azure", region="x", role="primary", credentials="a-reader")
    return Platform(name="p", customer="c", sites={"here": site}, services=services)


def probes_of(platform):
    return [Probe(platform, s, c) for s in platform.services.values() for c in s.checks.values()]


class Scripted:
    """A prober that behaves as told a service, and counts how many run at once, overall and a host."""

    def __init__(self, behave=None, takes_s=0.01):
        self.behave = behave or {}
        self.takes_s = takes_s
        self.running, self.most, self.per_host, self.most_per_host = 0, 0, {}, 0

    async def open(self, _probe):
        return self

    async def probe(self, probe):
        host = host_of(probe)
        self.running += 1
        self.per_host[host] = self.per_host.get(host, 0) + 1
        self.most = max(self.most, self.running)
        self.most_per_host = max(self.most_per_host, self.per_host[host])
        try:
            await asyncio.sleep(self.takes_s)
            action = self.behave.get(probe.service.name)
            if isinstance(action, Exception):
                raise action
            if action == "hang":
                await asyncio.sleep(60)
        finally:
            self.running -= 1
            self.per_host[host] -= 1
        return Reading(
            service=probe.service.name,
            check=probe.check.name,
            started_at=datetime.now(UTC),
            elapsed_ms=1.0,
            measurements=(Measurement("latency", 1.0, Unit.MILLISECONDS),),
        )


async def take(prober, probes, **how):
    how = {"at_once": 16, "per_host": 4, "within": timedelta(seconds=20)} | how
    return await take_readings(probes, prober.open, **how)


async def test_every_check_has_exactly_one_reading_in_order():
    probes = probes_of(platform_of(50, hosts=10))
    readings = await take(Scripted(), probes)
    assert [r.key for r in readings] == [p.key for p in probes]
    assert all(r.missing is None for r in readings)


async def test_limits_overall_and_per_host_hold_and_are_used():
    prober = Scripted()
    await take(prober, probes_of(platform_of(200, hosts=20)))
    assert prober.most == 16
    assert prober.most_per_host <= 4
    alone = Scripted()
    began = time.monotonic()
    await take(alone, probes_of(platform_of(40, hosts=1)), within=timedelta(seconds=40))
    assert alone.most == 4
    assert time.monotonic() - began < 20, "whoever waits for a turn goes home when there is none left"


async def test_what_the_deadline_cuts_off_is_missing_and_not_ok():
    readings = await take(
        Scripted(takes_s=0.3), probes_of(platform_of(40, hosts=40)), within=timedelta(seconds=0.5), at_once=8
    )
    late = [r for r in readings if r.missing]
    assert len(readings) == 40
    assert late
    assert len(late) < 40
    assert {r.missing.code for r in late} == {MissingCode.DEADLINE}
    assert late[0].missing.text == "not reached before the sweep's deadline of 0.5 s"
    assert all(0 <= r.elapsed_ms < 60_000 for r in late)
    assert all(timedelta() <= datetime.now(UTC) - r.started_at < timedelta(minutes=1) for r in late)


async def test_a_probe_is_given_the_time_to_end_when_the_deadline_comes():
    tidied = []

    class Tidy(Scripted):
        async def probe(self, probe):
            try:
                return await super().probe(probe)
            finally:
                await asyncio.sleep(0.05)
                tidied.append(probe.key)

    await take(Tidy({"s0": "hang"}), probes_of(platform_of(1)), within=timedelta(seconds=0.2))
    assert len(tidied) == 1


async def test_the_three_errors_and_a_defect_become_reasons_and_harm_nobody_else():
    told = []
    behave = {
        "s0": Retryable("throttled", where="arm", code="throttled"),
        "s1": Refused("no permission", where="arm", code="credentials"),
        "s2": Broken("what is this", where="arm", code="unexpected_answer"),
        "s3": ZeroDivisionError("secret=hunter2"),
        "s4": "hang",
    }
    readings = await take(
        Scripted(behave),
        probes_of(platform_of(8, hosts=8)),
        on_defect=lambda probe, error: told.append((probe.key, error)),
    )
    codes = [r.missing.code if r.missing else None for r in readings]
    assert codes[:5] == [
        MissingCode.THROTTLED,
        MissingCode.CREDENTIALS,
        MissingCode.UNEXPECTED_ANSWER,
        MissingCode.PROBE_FAILED,
        MissingCode.PROBE_FAILED,
    ]
    assert codes[5:] == [None, None, None]
    assert "hunter2" not in readings[3].missing.text
    assert [key.service for key, _ in told] == ["s3"]
    assert all(0 < r.elapsed_ms < 60_000 for r in readings)
    assert readings[4].elapsed_ms >= 3000, "its timeout of 1 s and the grace of 2 s"
    assert datetime.now(UTC) - readings[4].started_at >= timedelta(seconds=3), "when it began, not when it ended"


async def test_progress_is_told_while_it_takes_long():
    seen = []
    await take(
        Scripted(takes_s=1.0),
        probes_of(platform_of(12, hosts=12)),
        at_once=4,
        tell_progress=lambda done, everything: seen.append((done, everything)),
    )
    done, everything = seen[0]
    assert everything == 12
    assert done in (0, 4, 8), "not only at the end"
