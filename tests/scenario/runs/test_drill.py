"""hearth's failover is rehearsed for real on a copy: clients and the pair notice nothing, and nothing is left over.

A writer goes on all the while. A drill that is cancelled is cleaned up after, one that is killed goes on to its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.drills import DrillVerdict
from blocks.ports.runs import ActionKind, RunState
from deployments.sandbox.client_log import between, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, present_ids, reader_dsn
from flows.settle_moves import settle_moves
from tasks.recovery.opening import parts_of

pytestmark = [pytest.mark.scenario, pytest.mark.long, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).resolve().parents[3]
HOME, AWAY = "azure-west", "dc-west"
DRILL = "recovery-drill/rehearse"
PEOPLE = ("platform-engineer", "shift-lead", "service-manager")


def approve(desk, run, **more):
    """As many as the question asks for, each with a code."""
    for name in PEOPLE:
        desk.asleep(run)
        assert desk.fill(run, approver=name, code=desk.code(name), answer="approve", **more) == "ACCEPT"
        desk.until(lambda name=name: name in answered(desk, run), f"the answer of {name} counts")
        if desk.journal.approvals(run)[-1].standing is Standing.GRANTED:
            return
    pytest.fail(f"{', '.join(PEOPLE)} were not enough")


def answered(desk, run):
    return [each.approver for each in desk.journal.approvals(run)[-1].decisions]


def pair():
    """How the real servers stand, by their own word and their hosts'."""
    parts = parts_of("hearth")
    looks = {site: parts.member("household", site).look() for site in (HOME, AWAY)}
    return {site: (look.role, look.timeline, dict(look.slots)) for site, look in looks.items()}


def vigie(desk, *words):
    """What the command says, whatever it thinks of it."""
    command = [sys.executable, "-c", "from deployments.cli import main; main()", *words]
    given = os.environ | desk.sandbox.environment
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False, cwd=ROOT).stdout


def copies():
    return parts_of("hearth").member("household", AWAY).copy("vigie-drill-0000000000000000").look()


def written(desk, since):
    return between(read_writes(desk.sandbox.home / "clients"), since, datetime.now(UTC))


def lost(desk, writes):
    found = present_ids(reader_dsn(desk.sandbox.state, DATABASES[HOME]), [write.id for write in writes])
    return lost_ids(writes, found)


def test_a_game_day_asks_as_the_failover_would_and_changes_nothing_that_serves(desk):
    before, began = pair(), datetime.now(UTC)
    desk.until(lambda: len(written(desk, began)) > 3, "the writer writes")
    run = desk.start(DRILL, platform="hearth", reason="autumn game day", game_day=True)
    approve(desk, run, confirmation="hearth")
    state = desk.state(run, patience_s=400)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"

    (approval,) = desk.journal.approvals(run)
    assert (approval.policy.typed, approval.policy.needs_code) == ("hearth", True)
    assert {guard.name for guard in approval.plan.guards} >= {"drill", "game day"}
    drill = desk.journal.drill(run)
    assert (drill.verdict, drill.leftovers) == (DrillVerdict.PASSED, ()), drill.text
    assert set(drill.durations) == {"prepare", "promote", "verify-data", "start", "settle"}
    steps = {step.item.partition(":")[0]: step for step in desk.steps(run)}
    assert set(steps) == {"copy-database", "promote-copy", "open-copy", "halt-copy", "discard-copy"}
    assert all(step.is_done and step.evidence for step in steps.values())
    assert steps["halt-copy"].outcome.startswith("0 row changes")
    assert ActionKind.REPORTED in desk.kinds(run)

    assert pair() == before
    assert copies().there == ""
    assert desk.journal.leased_resources(run) == []
    assert desk.journal.active_site("hearth") in ("", HOME)
    assert desk.journal.moves("hearth") == []
    writes = written(desk, began)
    assert {write.site for write in writes} == {HOME}
    assert lost(desk, writes) == []

    planned = json.loads(vigie(desk, "plan", "failover", "hearth", "--suppose-gone", "--json"))
    by = {step["item"]: step["expected_from"] for step in planned["steps"]}
    assert by[f"promote-database:household:{AWAY}"] == by[f"verify-data:household:{AWAY}"] == "drill"
    assert by[f"open-database:household:{AWAY}"] == "drill"
    assert by[f"stand-alone:household:{AWAY}"] == ""
    (shown,) = [
        each for each in json.loads(vigie(desk, "drills", "--json"))["platforms"] if each["platform"] == "hearth"
    ]
    assert (shown["verdict"], shown["restore_due_at"], shown["is_due"]) == ("passed", None, True)


def test_a_drill_that_is_cancelled_is_cleaned_up_after(desk):
    from flows.leak_sweep import leak_sweep

    before = pair()
    run = desk.start(DRILL, platform="hearth", reason="to be cancelled")
    approve(desk, run)
    desk.when(run, ActionKind.STEP_INTENDED, patience_s=240)
    desk.sandbox.call(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
    desk.until(lambda: desk.has_left(run), "its process ends", patience_s=120)

    def cancelled():
        desk.look_after()
        return desk.run(run).state is RunState.CANCELLED

    desk.until(cancelled, "the journal knows that it was cancelled", patience_s=120, pause_s=2)
    desk.until(lambda: not leak_sweep().leftovers and not desk.journal.leased_resources(run), "nothing leaks", 240, 2)
    assert copies().there == ""
    drill = desk.journal.drill(run)
    assert (drill.verdict, drill.leftovers) == (DrillVerdict.STOPPED, ())
    assert pair() == before


def test_a_drill_that_is_killed_goes_on_and_leaves_nothing(desk):
    before = pair()
    run = desk.start(DRILL, platform="hearth", reason="to be killed")
    approve(desk, run)
    desk.when(run, ActionKind.STEP_DONE, patience_s=240)
    desk.kill(run)

    def ended():
        desk.look_after()
        return desk.run(run).state in (RunState.DONE, RunState.FAILED)

    desk.until(ended, "somebody goes on with it", patience_s=400, pause_s=2)
    assert desk.run(run).state is RunState.DONE, desk.logs(run)
    assert desk.journal.drill(run).verdict is DrillVerdict.PASSED
    assert copies().there == ""
    assert pair() == before


def test_each_customers_calendar_is_shown_once_a_day_though_nobody_drills(desk):
    def shown():
        return [row for row in desk.sandbox.call("/artifacts/filter", {}) if row["key"] == "drills-hearth"]

    settle_moves()
    first = shown()
    assert first
    assert "hearth" in first[0]["data"]
    settle_moves()
    assert [row["id"] for row in shown()] == [row["id"] for row in first]


def test_a_drill_from_the_backup_that_the_host_keeps_is_the_tested_restore(desk):
    member = parts_of("hearth").member("household", AWAY)
    desk.until(lambda: member.read_kept().backups, "the host has made its base backup", patience_s=300)
    before = pair()
    run = desk.start(DRILL, platform="hearth", reason="can it be restored?", from_backup=True)
    approve(desk, run)
    state = desk.state(run, patience_s=400)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"
    assert desk.journal.drill(run).verdict is DrillVerdict.PASSED
    restored = desk.journal.restore_tests("hearth")[0]
    assert restored.passed
    assert restored.restored_to > member.read_kept().backups[0].ended_at - timedelta(hours=1)
    assert pair() == before
    assert copies().there == ""
    (shown,) = [
        each for each in json.loads(vigie(desk, "drills", "--json"))["platforms"] if each["platform"] == "hearth"
    ]
    assert shown["restore_due_at"] is not None
