"""`python -m tests.ui.screenshots`: the pictures of docs/pictures/, taken from a real night in the sandbox.

Starts a sandbox of its own (or uses the one VIGIE_TEST_SANDBOX names), sweeps for a while, breaks the
household database, and photographs what an operator sees: the night, then a restart from its question to its end.
Pictures are small: 1,280 pixels, 256 colours.
"""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from playwright.async_api import Page, expect

from blocks.ports.runs import RunState
from tests.sandbox_fixture import Sandbox, quiet
from tests.scenario.runs.conftest import Desk
from tests.ui.browser import PATIENCE_MS, open_browser, open_page, wait_for_picture
from tests.ui.night import Night, become_well, break_and_sweep, deployment_of, newest_artifact
from tests.ui.test_form_door import open_form

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_QUIET_SWEEPS, _BROKEN_SWEEPS, _BETWEEN_S = 4, 2, 10
_PATIENCE_S = 180
_MOST_BYTES = 300_000
_GRAPH_DRAWN_MS = 8_000  # a canvas: nothing in the page says when it is done


@dataclass(frozen=True)
class _Told:
    """A message of Slack's, who looks at it, and how much of the page is shown."""

    person: str
    channel: str
    words: str
    height: int


def main() -> None:
    from deployments.sandbox.lifecycle import bring_up, take_down
    from deployments.sandbox.state import State

    running = os.environ.get("VIGIE_TEST_SANDBOX")
    with tempfile.TemporaryDirectory(prefix="vigie-pictures-", ignore_cleanup_errors=True) as folder:
        home = Path(running or folder)
        bring_up(home, tied=not running)
        try:
            sandbox = Sandbox(home, State.at(home))
            os.environ.update(sandbox.environment)  # before Prefect is imported
            asyncio.run(_photograph(sandbox))
        finally:
            if not running:
                take_down(home)


async def _photograph(sandbox: Sandbox) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    quiet(sandbox)
    await asyncio.to_thread(_wait_for_what_runs, sandbox)
    night = await _live_through_a_night(sandbox)
    try:
        async with open_browser() as browser:
            page = await open_page(browser)
            await _prefect_pages(sandbox, night, page)
            await _told_pages(sandbox, page)
            await _runbook_pages(sandbox, page)
    finally:
        sandbox.mend()


async def _live_through_a_night(sandbox: Sandbox) -> Night:
    from flows.health_sweep import health_sweep

    await health_sweep("storefront")
    for _ in range(_QUIET_SWEEPS):
        await become_well(sandbox)
        await asyncio.sleep(_BETWEEN_S)
    night = await break_and_sweep(sandbox)
    for _ in range(_BROKEN_SWEEPS):
        await asyncio.sleep(_BETWEEN_S)
        await health_sweep("hearth")
    return night


def _wait_for_what_runs(sandbox: Sandbox) -> None:
    """A sweep that the schedule began is let end: one sweep a platform at a time."""
    going_on = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
    give_up = time.monotonic() + _PATIENCE_S
    while sandbox.call("/flow_runs/filter", going_on):
        assert time.monotonic() < give_up, f"something runs for {_PATIENCE_S} s"
        time.sleep(0.5)


async def _prefect_pages(sandbox: Sandbox, night: Night, page: Page) -> None:
    ui = sandbox.environment["PREFECT_UI_URL"] + "/v2"
    await page.goto(f"{ui}/runs/flow-run/{night.sweep}")
    await expect(page.get_by_text("Beginning flow run")).to_be_visible()
    await page.wait_for_timeout(_GRAPH_DRAWN_MS)
    await _take(page, "run")

    await page.goto(f"{ui}/artifacts/artifact/{newest_artifact(sandbox, 'sweep-hearth')}")
    await wait_for_picture(page)
    await _take(page, "report", down_to="État de chaque contrôle")

    await page.goto(f"{ui}/artifacts/artifact/{newest_artifact(sandbox, 'incidents')}")
    await expect(page.get_by_role("row").nth(1)).to_be_visible()
    await _take(page, "incidents", height=460)

    await page.goto(f"{ui}/deployments/deployment/{deployment_of(sandbox)}/run")
    await page.get_by_role("button", name="Select").click()
    await expect(page.get_by_role("option").first).to_be_visible()
    await _take(page, "custom-run", height=660)


async def _told_pages(sandbox: Sandbox, page: Page) -> None:
    await page.goto(sandbox.page("Slack"))
    await page.get_by_role("link", name="hearth-ops").click()
    await expect(page.get_by_role("article").first).to_be_visible()
    await _take(page, "slack", height=460)

    await page.goto(sandbox.page("Pager"))
    await expect(page.locator(".card.ringing").first).to_be_visible()
    await _take(page, "pager", height=460)


async def _runbook_pages(sandbox: Sandbox, page: Page) -> None:
    """Asked for in Slack while the incident is open, mended, answered in the Prefect form, carried out."""
    from blocks.journal.opening import open_journal

    with open_journal() as journal:
        desk = Desk(sandbox, journal)
        restart = await asyncio.to_thread(_ask, desk, "hearth", "device-api", "ne répond plus depuis la mise à jour")
        await _take_message(sandbox, page, "card-fr", _Told("operator", "hearth-ops", "Qui peut décider", 860))
        other = await asyncio.to_thread(_ask, desk, "storefront", "web-fleet", "the shop answers slowly")
        await _take_message(sandbox, page, "card-en", _Told("engineer", "storefront-ops", "Who may decide", 740))
        await open_form(desk, page, restart)
        await _take(page, "form", height=1180)

        sandbox.mend()
        await asyncio.to_thread(desk.approve, restart, "shift-lead")
        await asyncio.to_thread(desk.until, lambda: desk.run(restart).state is RunState.DONE, "it is done", 300)
        await page.goto(f"{sandbox.environment['PREFECT_UI_URL']}/v2/runs/flow-run/{restart}")
        await page.get_by_role("tab", name="Task Runs").click()
        await expect(page.get_by_role("link", name="restart app hearth-device-api")).to_be_visible()
        await page.wait_for_timeout(_GRAPH_DRAWN_MS)
        await _take(page, "runbook", height=1000)
        await _take_message(sandbox, page, "progress-fr", _Told("operator", "hearth-ops", "1 étape terminée", 860))
        said = {"approver": "shift-lead", "code": desk.code("shift-lead"), "answer": "reject", "reason": "a picture"}
        await asyncio.to_thread(desk.fill, other, **said)


def _ask(desk: Desk, platform: str, service: str, reason: str) -> UUID:
    """As `/vigie` starts it for the operator on duty; returns when it sleeps."""
    from blocks.orchestrator.client import PrefectOrchestrator
    from tasks.runs.starting import start_run

    with PrefectOrchestrator() as orchestrator:
        (restart,) = [each for each in orchestrator.startables() if each.flow == "service-restart"]
        given = {"platform": platform, "service": service, "reason": reason}
        who, customer = "duty-operator", platform
        run = start_run(desk.journal, orchestrator, restart, given, who=who, customer=customer)
    desk.asleep(run)
    return run


async def _take_message(sandbox: Sandbox, page: Page, name: str, told: _Told) -> None:
    """The newest message with these words; in one stroke, because the page draws itself again when something changes."""
    await page.set_viewport_size({"width": 1280, "height": told.height})
    await page.goto(f"{sandbox.page('Slack')}/?as={told.person}&channel={told.channel}")
    message = page.get_by_role("article").filter(has_text=told.words).last
    await expect(message).to_be_visible()
    await page.wait_for_timeout(1500)
    await message.evaluate("message => message.scrollIntoView({block: 'end'})")
    await _take(page, name, height=told.height)


async def _take(page: Page, name: str, *, height: int = 860, down_to: str = "") -> None:
    """One picture; `down_to` makes it as high as it takes to show the picture of that name."""
    from PIL import Image

    await page.set_viewport_size({"width": 1280, "height": 3000 if down_to else height})
    await page.wait_for_timeout(1500)  # the page arranges itself anew
    if down_to:
        box = await page.get_by_role("img", name=down_to).bounding_box()
        assert box, f"{down_to} is not shown"
        height = round(box["y"] + box["height"]) + 16
    taken, small = await page.screenshot(), io.BytesIO()
    with Image.open(io.BytesIO(taken)) as image:
        shown = image.convert("RGB").crop((0, 0, image.width, height))
        shown.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    assert len(small.getvalue()) < _MOST_BYTES, f"{name} is too big: {len(small.getvalue())} bytes"
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(small.getvalue())
    print(f"docs/pictures/{name}.png", len(small.getvalue()))  # noqa: T201 - says what was made


if __name__ == "__main__":
    main()
