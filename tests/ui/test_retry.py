"""What failed is started again by a click, once what it lacked is there: a sweep, and a restart from its failed step."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from playwright.async_api import expect

from blocks.ports.runs import ActionKind, RunState
from tests.sandbox_fixture import environment_of
from tests.ui.browser import PATIENCE_MS
from tests.ui.night import deployment_of

expect.set_options(timeout=PATIENCE_MS)
LOOK, RESTART = "look at device-api before", "restart app hearth-device-api"
UNTIL_WELL = "look at device-api until it is well"
pytestmark = [pytest.mark.ui, pytest.mark.filterwarnings("ignore")]


async def test_a_failed_run_is_retried_from_the_ui_and_completes(sandbox, page):
    forget_platform(sandbox, "storefront")
    try:
        run = await start_from_the_form(sandbox, page, "storefront")
        state = await asyncio.to_thread(sandbox.wait_for, run)
        assert state["type"] == "FAILED", state
        assert "no platform named 'storefront' is registered" in state["message"]
        await page.goto(f"{sandbox.environment['PREFECT_UI_URL']}/v2/runs/flow-run/{run}")
        await expect(page.get_by_text("Failed").first).to_be_visible()
        await expect(page.get_by_text("run `vigie apply`").first).to_be_visible()  # the page says what to do
    finally:
        register_platforms(sandbox)
    await retry(page)
    state = await asyncio.to_thread(wait_until_completed, sandbox, run)
    assert state["type"] == "COMPLETED", state
    await expect(page.get_by_text("Completed").first).to_be_visible()
    assert sandbox.call(f"/flow_runs/{run}")["run_count"] == 2


async def test_a_failed_restart_is_retried_from_the_ui_and_only_the_failed_step_and_those_after_it_run(desk, page):
    before = desk.restarts()
    run = await asyncio.to_thread(fail_at_the_restart, desk)
    assert desk.restarts() == before
    assert desk.kinds(run)[-3:] == [ActionKind.STEP_FAILED, ActionKind.LEASE_RELEASED, ActionKind.RUN_MOVED]
    recorded = len(desk.kinds(run))
    first = ended(desk, run, execution=1)
    assert [first[name] for name in ("plan the restart of device-api", LOOK, RESTART)] == [
        "Completed",
        "Completed",
        "Failed",
    ]
    assert UNTIL_WELL not in first

    await page.goto(f"{desk.sandbox.environment['PREFECT_UI_URL']}/v2/runs/flow-run/{run}")
    await expect(page.get_by_text("Failed").first).to_be_visible()
    await page.get_by_role("combobox", name="log sort order").click()
    await page.get_by_role("option", name="Newest to oldest").click()
    await expect(page.get_by_text(desk.run(run).reason).first).to_be_visible()  # the page says what was refused
    await retry(page)
    await asyncio.to_thread(desk.until, lambda: desk.run(run).state is RunState.DONE, "the retry ends well")
    await asyncio.to_thread(desk.state, run, "Completed")
    await page.reload()
    await expect(page.get_by_text("Completed").first).to_be_visible()

    second = ended(desk, run, execution=2)
    assert second.pop(LOOK) == "Cached"
    second.pop("show how it stands")
    assert second == {RESTART: "Completed", UNTIL_WELL: "Completed"}
    assert desk.restarts() == before + 1
    kinds = desk.kinds(run)
    assert kinds.count(ActionKind.STEP_INTENDED) == kinds.count(ActionKind.STEP_DONE) == 1
    assert ActionKind.APPROVAL_ASKED not in kinds[recorded:], "a retry never asks twice"
    assert [step.is_done for step in desk.steps(run)] == [True]
    assert desk.journal.lease("hearth") is None


def fail_at_the_restart(desk):
    """Approved, looked at, and refused by Azure at the one call that would change something."""
    run = desk.start("service-restart/restart", platform="hearth", service="device-api", reason="it does not answer")
    desk.asleep(run)
    with desk.refused_operator():
        desk.approve(run, "shift-lead", "platform-engineer")
        assert desk.state(run)["name"] == "Failed"
    desk.until(lambda: desk.has_left(run), "the process leaves")
    return run


def ended(desk, run, *, execution: int) -> dict[str, str]:
    """How each step of this execution of the run ended, by name; the last of those with one name."""
    rows = [row for row in desk.task_runs(run) if row["flow_run_run_count"] == execution]
    return {row["name"]: row["state"]["name"] for row in sorted(rows, key=lambda row: row["state"]["timestamp"])}


async def start_from_the_form(sandbox, page, platform: str) -> str:
    deployment = deployment_of(sandbox)
    before = {row["id"] for row in runs_of(sandbox, deployment)}
    await page.goto(f"{sandbox.environment['PREFECT_UI_URL']}/v2/deployments/deployment/{deployment}/run")
    await page.get_by_role("button", name="Select").click()
    await page.get_by_role("option", name=platform).click()
    await page.get_by_role("button", name="Submit").click()
    await page.wait_for_url(lambda url: not url.endswith("/run"))
    (started,) = [row for row in runs_of(sandbox, deployment) if row["id"] not in before]
    assert started["parameters"] == {"platform": platform}
    return started["id"]


async def retry(page) -> None:
    await page.get_by_role("button", name="Open menu").first.click()
    await page.get_by_role("menuitem", name="Retry").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Retry").click()
    await expect(page.get_by_role("alertdialog")).to_have_count(0)


def wait_until_completed(sandbox, run: str):
    """The run was final before: first it leaves that state, then it ends anew."""
    import time

    deadline = time.monotonic() + 60
    while sandbox.call(f"/flow_runs/{run}")["state"]["type"] == "FAILED" and time.monotonic() < deadline:
        time.sleep(0.2)
    return sandbox.wait_for(run)


def runs_of(sandbox, deployment: str):
    return sandbox.call("/flow_runs/filter", {"flow_runs": {"deployment_id": {"any_": [deployment]}}})


def forget_platform(sandbox, name: str) -> None:
    for document in sandbox.call("/block_documents/filter", {}):
        if (document["block_type"]["slug"], document["name"]) == ("vigie-platform", name):
            sandbox.call(f"/block_documents/{document['id']}", method="DELETE")


def register_platforms(sandbox) -> None:
    command = [sys.executable, "-c", "from deployments.cli import main; main()", "apply"]
    done = subprocess.run(command, env=environment_of(sandbox), capture_output=True, text=True, timeout=180, check=True)
    assert "create platform storefront" in done.stdout, done.stdout
