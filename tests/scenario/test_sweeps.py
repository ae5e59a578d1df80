"""Whole sweeps on the running sandbox: found, explained, told once, closed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from blocks.evidence.pack import unpack_evidence
from blocks.journal.block import open_journal
from blocks.ports.events import FINISHED, resource_of
from blocks.ports.health import State

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]


async def sweep(platform: str):
    from flows.health_sweep import health_sweep

    return await health_sweep(platform)


def start_well(sandbox):
    """Nothing is broken and nothing is remembered: no earlier test's incident, flapping or telling."""
    sandbox.mend()
    sandbox.forget()
    with open_journal() as journal:
        journal.beat("hearth", "nightly-export")


def incidents(platform):
    with open_journal() as journal:
        return list(journal.open_incidents(platform))


def timeline_of(incident):
    with open_journal() as journal:
        return journal.incident(incident.id)


def report_of_life(sandbox, platform, report, within_s=30):
    """The event that says this very sweep has finished; Prefect keeps events in batches."""
    wanted = {"event": {"name": [FINISHED]}, "resource": {"id": [resource_of(platform)]}}
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for event in sandbox.call("/events/filter", {"filter": wanted, "limit": 50})["events"]:
            if f"prefect.flow-run.{report.sweep}" in json.dumps(event["related"]):
                return event["payload"] == {"verdict": report.verdict}
        time.sleep(0.3)
    return False


STEPS = Counter(["load_plan", "probe_platform", "validate_measurement", "assess_and_record", "tell", "report"])
MAY_DOUBT = Counter(recheck=2)  # on a busy machine


def steps_of(sandbox, report, within_s=30):
    """The task runs of a sweep; Prefect writes them down a little later than they happen."""
    wanted = {"task_runs": {"flow_run_id": {"any_": [str(report.sweep)]}}}
    deadline = time.monotonic() + within_s
    while True:
        rows = sandbox.call("/task_runs/filter", wanted)
        found = Counter(row["task_key"].partition("-")[0] for row in rows)
        if found >= STEPS or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def evidence_of(report):
    return unpack_evidence(Path(report.evidence).read_bytes())


def message_of(sandbox, incident):
    return [m for m in sandbox.slack_messages() if str(incident.id)[:8] in json.dumps(m)]


async def test_a_healthy_platform_is_measured_completely(sandbox):
    start_well(sandbox)
    reports = [await sweep(platform) for platform in ("hearth", "storefront")]
    assert [report.verdict for report in reports] == ["ok", "ok"], [report.sentence for report in reports]
    with open_journal() as journal:
        for platform in ("hearth", "storefront"):
            statuses = journal.load_statuses(platform)
            assert all(status.fresh and status.state is State.OK for status in statuses.values()), statuses
    for report, platform in zip(reports, ("hearth", "storefront"), strict=True):
        rows = sandbox.call("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [str(report.sweep)]}}})
        assert {row["key"] for row in rows} == {f"sweep-{platform}", f"services-{platform}", "platforms", "incidents"}
        assert report_of_life(sandbox, platform, report), "what the dead-man's switch waits for"
        assert steps_of(sandbox, report) - MAY_DOUBT == STEPS, "however many checks there are"
        about, readings = evidence_of(report)
        assert about["sweep"] == str(report.sweep)
        assert len({reading.key for reading in readings}) == report.check_count > 10


async def test_a_killed_service_is_found_told_once_and_closed_by_evidence(sandbox):
    start_well(sandbox)
    sandbox.break_("hearth/device-api", "kill")
    report = await sweep("hearth")
    assert report.verdict == "critical"
    (incident,) = incidents("hearth")
    assert incident.root == "device-api"
    assert incident.severity == "page"
    assert "refused the connection" in incident.sentence
    (message,) = message_of(sandbox, incident)
    assert message["channel_name"] == "hearth-ops"
    assert "URGENT" in json.dumps(message, ensure_ascii=False)
    assert f"/runs/flow-run/{report.sweep}" in json.dumps(message)
    rings = [e for e in sandbox.pager_events() if e["dedup_key"] == str(incident.id)]
    assert [e["action"] for e in rings] == ["trigger"]

    await sweep("hearth")  # still broken: nothing is opened or told again
    assert [i.id for i in incidents("hearth")] == [incident.id]
    assert len(message_of(sandbox, incident)) == 1
    assert len([e for e in sandbox.pager_events() if e["dedup_key"] == str(incident.id)]) == 1

    sandbox.mend()
    await sweep("hearth")
    assert not incidents("hearth")
    closed, events = timeline_of(incident)
    assert [e.kind.value for e in events] == ["opened", "closed"]
    assert closed.closed_at is not None
    (message,) = message_of(sandbox, incident)
    assert "Rétabli" in json.dumps(message, ensure_ascii=False)
    actions = [e["action"] for e in sandbox.pager_events() if e["dedup_key"] == str(incident.id)]
    assert actions == ["trigger", "resolve"]


async def test_one_incident_for_the_root_cause_lists_who_suffers(sandbox):
    start_well(sandbox)
    sandbox.break_("hearth/household-data", "refuse")
    await sweep("hearth")
    found = incidents("hearth")
    assert [i.root for i in found] == ["household-data"]
    assert "device-api" in found[0].affected


BUDGET = "device-api/availability"
AN_HOUR_OF_BAD = """
    INSERT INTO sli_bucket AS b (platform_id, slo, bucket, good_count, bad_count)
    SELECT p.id, %s, date_bin('5 min', now(), 'epoch'::timestamptz) - n * interval '5 min', 0, 1
    FROM platform p, generate_series(-1, 11) n WHERE p.name = 'hearth'
    ON CONFLICT (platform_id, bucket, slo) DO UPDATE SET bad_count = b.bad_count + 1
"""
LONG_WELL = "UPDATE check_status SET since = since - interval '1 day', hard_since = hard_since - interval '1 day'"
"""Nobody is paged for the budget of a service that was mended a moment ago."""


async def test_a_budget_that_burned_for_an_hour_pages_though_every_check_is_well_now(sandbox):
    """What burned is read from the journal: this sweep alone sees nothing wrong. It may fall into the next bucket."""
    start_well(sandbox)
    await sweep("hearth")
    with psycopg.connect(sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        connection.execute(AN_HOUR_OF_BAD, (BUDGET,))
    for _ in range(3):  # a check that is measured twice on a busy machine counts as mended a moment ago
        with psycopg.connect(sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
            connection.execute(LONG_WELL)
        assert (await sweep("hearth")).verdict == "ok"
        if incidents("hearth"):
            break
    (incident,) = incidents("hearth")
    assert (incident.root, incident.severity) == (f"slo:{BUDGET}", "page")
    assert [e["action"] for e in sandbox.pager_events() if e["dedup_key"] == str(incident.id)] == ["trigger"]

    with psycopg.connect(sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        connection.execute("DELETE FROM sli_bucket WHERE bad_count > 0")
    await sweep("hearth")
    assert not incidents("hearth")


async def test_a_throttled_cloud_is_unknown_with_the_reason_and_harms_no_other(sandbox):
    start_well(sandbox)
    sandbox.break_("hearth/azure-west", "throttle")
    await sweep("hearth")
    with open_journal() as journal:
        statuses = journal.load_statuses("hearth")
    states = Counter(status.state for status in statuses.values())
    assert states[State.UNKNOWN] >= 5
    assert statuses[("device-api", "health")].state is State.OK
    assert statuses[("household-data", "login")].state is State.OK
    assert any("throttl" in s.sentence.lower() for s in statuses.values() if s.state is State.UNKNOWN)
    assert not any(s.state is State.CRITICAL for s in statuses.values())


async def test_sweeps_of_one_platform_never_overlap_and_the_late_one_says_why(sandbox):
    start_well(sandbox)
    with open_journal() as journal, journal.sweep_lock("storefront") as granted:
        assert granted
        run = sandbox.run_deployment("storefront")
        state = await asyncio.to_thread(sandbox.wait_for, run)
    assert state["type"] == "CANCELLED"
    assert "Another sweep of storefront is still running" in state["message"]
    assert sandbox.call(f"/flow_runs/{run}")["name"] == "sweep storefront"


# What the killed process said last: it had loaded, was about to measure again, had judged, had recorded, had told.
LAST_WORDS = (" checks of ", "rechecking", "judge the measurement' - Finished", "incident opened", "tell people' - Fin")


async def test_a_sweep_killed_at_any_moment_leaves_no_double_and_the_next_starts_clean(sandbox):
    """kill -9 of the process that runs the flow, once in each of its phases."""
    start_well(sandbox)
    sandbox.break_("storefront/orders-db", "kill")
    for words in LAST_WORDS:
        await sweep_until(sandbox, "storefront", words)
    report = await sweep("storefront")
    assert report.verdict == "critical"
    (incident,) = incidents("storefront")
    assert incident.root == "orders-db"
    assert len(message_of(sandbox, incident)) == 1
    triggers = [e for e in sandbox.pager_events() if e["dedup_key"] == str(incident.id) and e["action"] == "trigger"]
    assert len(triggers) == 1
    with open_journal() as journal:
        assert journal.verify_chain("storefront") > 0
    sandbox.mend()
    assert (await sweep("storefront")).verdict == "ok"
    assert not incidents("storefront")


async def sweep_until(sandbox, platform, words):
    """A sweep in a process of its own, killed the moment it has said these words."""
    code = f"import asyncio; from flows.health_sweep import health_sweep; asyncio.run(health_sweep('{platform}'))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=os.environ | sandbox.environment, stderr=asyncio.subprocess.PIPE
    )
    said = []
    try:
        async for line in process.stderr:
            said.append(line.decode())
            if words in said[-1]:
                return
        pytest.fail(f"the sweep ended without saying {words!r}: {''.join(said)}")
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.communicate()


async def test_slack_down_loses_nothing_and_is_caught_up_once(sandbox):
    start_well(sandbox)
    sandbox.break_("slack", "kill")
    sandbox.break_("hearth/device-updates", "wrong-body")
    sandbox.break_("hearth/device-updates", "kill")
    report = await sweep("hearth")
    (incident,) = incidents("hearth")
    assert report.undelivered_count >= 1
    sandbox.mend()
    sandbox.break_("hearth/device-updates", "kill")
    deadline = time.monotonic() + 90
    while report.undelivered_count and time.monotonic() < deadline:
        await asyncio.sleep(5)
        report = await sweep("hearth")
    assert report.undelivered_count == 0
    assert len(message_of(sandbox, incident)) == 1


async def test_the_journal_down_in_the_middle_is_waited_for_and_nothing_is_lost(sandbox):
    start_well(sandbox)
    dsn = sandbox.environment["VIGIE_JOURNAL_DSN"]
    superuser = sandbox.state.read_ready("control-database").get("dsn", dsn.rpartition("/")[0] + "/postgres")

    def outage():  # in a thread: a step that waits for the journal holds the run's loop
        with open_journal() as journal:
            while not journal.latest_sweeps("storefront", 1):
                time.sleep(0.02)
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("ALTER DATABASE journal ALLOW_CONNECTIONS false")
            try:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'journal'")
                time.sleep(8)
            finally:
                connection.execute("ALTER DATABASE journal ALLOW_CONNECTIONS true")

    report, _ = await asyncio.gather(sweep("storefront"), asyncio.to_thread(outage))
    assert report.verdict == "ok"
    with open_journal() as journal:
        latest = journal.latest_sweeps("storefront", 1)[0]
    assert latest.id == report.sweep
    assert latest.finished_at is not None


async def test_an_unknown_platform_is_refused_by_name(sandbox):
    from blocks.errors import Refused

    with pytest.raises(Refused, match="no platform named 'nowhere' is registered"):
        await sweep("nowhere")


async def test_a_measurement_at_fault_is_reported_as_such_and_moves_no_state(sandbox):
    """A prober that answers in a unit its kind does not have: a fault of the monitoring, not of the service."""
    from datetime import UTC, datetime, timedelta

    from blocks.ports.health import Measurement, Unit

    start_well(sandbox)
    assert (await sweep("storefront")).verdict == "ok"
    with open_journal() as journal:
        before = journal.load_statuses("storefront")
    report = await sweep_with(sandbox, "storefront", lambda r: _in_wrong_unit(r, Measurement, Unit))
    assert report.verdict == "monitoring_fault"
    with open_journal() as journal:
        assert journal.load_statuses("storefront") == before
    assert [i.root for i in incidents("storefront")] == ["monitoring"]
    assert datetime.now(UTC) - incidents("storefront")[0].opened_at < timedelta(minutes=1)
    assert (await sweep("storefront")).verdict == "ok"  # measured rightly again: closed by evidence
    assert not incidents("storefront")


def _in_wrong_unit(readings, measurement, unit):
    import dataclasses

    first, *others = readings
    return [dataclasses.replace(first, measurements=(measurement("latency", 1.0, unit.BYTES),)), *others]


async def sweep_with(sandbox, platform, change):
    """The same steps as the flow, with readings changed between probing and judging."""
    from prefect import flow

    from tasks.core.step import Sealed
    from tasks.health.steps import assess_and_record, load_plan, probe_platform, right_to_sweep, validate_measurement
    from tasks.incidents.steps import tell
    from tasks.reports.steps import report

    @flow(name="health-sweep-with-a-defect", flow_run_name="defect {platform}")
    async def defective(platform: str):
        with right_to_sweep(platform):
            plan = await load_plan(platform)
            readings = Sealed(change((await probe_platform(plan)).value))
            verdict = validate_measurement(plan, readings)
            outcome = assess_and_record(plan, readings, verdict)
            return await report(plan, readings, outcome, await tell(plan))

    return await defective(platform)
