"""What an operator sees of a sweep in the Prefect UI: its steps, its report, its tables, its form."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.ui.browser import PATIENCE_MS, wait_for_picture
from tests.ui.night import ROOT, deployment_of, newest_artifact

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [
    pytest.mark.ui,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]


def ui(sandbox, path: str) -> str:
    return sandbox.environment["PREFECT_UI_URL"] + path


async def test_the_prefect_ui_opens_on_its_second_version(sandbox, page):
    await page.goto(ui(sandbox, "/"))
    await expect(page).to_have_url(re.compile(r"/v2/dashboard"))
    await expect(page.get_by_role("link", name="Deployments")).to_be_visible()


async def test_a_run_is_named_after_what_it_did_and_shows_its_steps_by_name(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/runs/flow-run/{night.sweep}?tab=TaskRuns"))
    await expect(page.get_by_text("sweep hearth").first).to_be_visible()
    await expect(page.get_by_text("Completed").first).to_be_visible()
    await page.get_by_role("tab", name="Task Runs").click()
    for step in (
        "load hearth from catalogue and journal",
        "probe every check",
        "recheck, attempt 2",
        "judge the measurement",
        "assess and record",
        "tell people",
        "report",
    ):
        await expect(page.get_by_role("link", name=step, exact=True)).to_be_visible()


async def test_the_log_of_a_run_names_the_root_cause(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/runs/flow-run/{night.sweep}"))
    await page.get_by_role("tab", name="Logs").click()
    await expect(page.get_by_text(f"root cause {ROOT}").first).to_be_visible()


async def test_the_report_is_in_the_customers_language_and_its_picture_is_drawn(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/artifacts/artifact/{newest_artifact(sandbox, 'sweep-hearth')}"))
    await expect(page.get_by_role("heading", name=re.compile(r"hearth : tournée du"))).to_be_visible()
    await expect(page.get_by_role("heading", name="Services")).to_be_visible()
    await expect(page.get_by_role("cell", name=ROOT, exact=True).first).to_be_visible()
    await wait_for_picture(page)


async def test_what_the_run_wrote_is_found_from_the_run(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/runs/flow-run/{night.sweep}"))
    await page.get_by_role("tab", name="Artifacts").click()
    for key in ("sweep-hearth", "services-hearth", "platforms", "incidents"):
        await expect(page.get_by_text(key, exact=True).first).to_be_visible()


async def test_the_incident_table_shows_the_root_before_the_long_sentence(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/artifacts/artifact/{newest_artifact(sandbox, 'incidents')}"))
    row = page.get_by_role("row").filter(has_text="hearth").filter(has_text=ROOT)
    await expect(row).to_be_visible()
    cells = await row.get_by_role("cell").all_inner_texts()
    assert "URGENT" in cells[0]
    assert cells[1:3] == ["hearth", ROOT]
    assert str(night.incident)[:8] in cells


async def test_the_tables_of_services_and_platforms_are_worst_first(sandbox, night, page):
    await page.goto(ui(sandbox, f"/v2/artifacts/artifact/{newest_artifact(sandbox, 'services-hearth')}"))
    await expect(page.get_by_role("row").nth(10)).to_be_attached()
    rows = await page.get_by_role("row").all_inner_texts()
    assert ["critique" in row for row in rows[1:4]] == [True, True, False]
    await page.goto(ui(sandbox, f"/v2/artifacts/artifact/{newest_artifact(sandbox, 'platforms')}"))
    await expect(page.get_by_role("row").filter(has_text="hearth").filter(has_text="critique")).to_be_visible()


async def test_a_custom_run_offers_the_platforms_of_the_catalogue(sandbox, page):
    await page.goto(ui(sandbox, f"/v2/deployments/deployment/{deployment_of(sandbox)}/run"))
    await page.get_by_role("button", name="Select").click()
    await expect(page.get_by_role("option")).to_have_text(["hearth", "storefront"])
