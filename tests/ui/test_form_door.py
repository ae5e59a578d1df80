"""Prefect's door, end to end in Chromium: the suspended run's form is filled in, corrected, and the run goes on."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, Page, expect

from blocks.ports.approvals import Door, Standing
from blocks.ports.runs import RunState
from tests.ui.browser import PATIENCE_MS

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.ui, pytest.mark.filterwarnings("ignore")]
FIELDS = {
    "fr": ("Approbateur", "Code à usage unique", "Réponse", "Motif"),
    "en": ("Approver", "One-time code", "Answer", "Reason"),
}


async def open_form(desk, page: Page, run) -> Locator:
    """The run's page, its menu, Resume."""
    await asyncio.to_thread(desk.asleep, run)
    await page.goto(f"{desk.sandbox.environment['PREFECT_UI_URL']}/v2/runs/flow-run/{run}")
    await expect(page.get_by_text("Suspended").first).to_be_visible()
    await page.get_by_role("button", name="Open menu").first.click()
    await page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog", name="Resume Flow Run")
    await expect(form.get_by_role("textbox").first).to_be_visible()
    return form


async def fill_in(page: Page, form: Locator, language: str, *, name: str, code: str, answer: str, reason: str) -> None:
    approver, code_field, answer_field, reason_field = FIELDS[language]
    await choose(page, form, approver, name)
    await form.get_by_role("textbox", name=code_field).fill(code)
    await choose(page, form, answer_field, answer)
    await form.get_by_role("textbox", name=reason_field).fill(reason)
    await form.get_by_role("button", name="Resume").click()
    await expect(form).to_have_count(0)


async def choose(page: Page, form: Locator, field: str, option: str) -> None:
    await form.get_by_role("button", name=f"Select {field}").click()
    await page.get_by_role("option", name=option, exact=True).click()


async def test_two_people_approve_a_restart_in_the_form_and_a_wrong_code_is_said_on_the_next(desk, page):
    before = desk.restarts()
    run = desk.start("service-restart/restart", platform="hearth", service="device-api", reason="ne répond plus")
    form = await open_form(desk, page, run)
    for words in (
        "À approuver · redémarrage · hearth · device-api",
        "Sans nom ni code, Resume ne décide rien",
        "redémarrer l'application hearth-device-api",
        "2 oui nécessaires",
        "Un oui de plus que d'habitude",
    ):
        await expect(form).to_contain_text(words)
    right = desk.code("shift-lead")
    wrong = "000000" if right != "000000" else "111111"
    await fill_in(page, form, "fr", name="shift-lead", code=wrong, answer="approve", reason="")
    (question,) = desk.journal.approvals(run)
    await asyncio.to_thread(desk.until, lambda: desk.journal.form_refusal(question.id), "it was read")

    form = await open_form(desk, page, run)
    await expect(form).to_contain_text("La dernière réponse n'a pas compté : le nom ou son code est faux")
    assert desk.journal.approval(question.id).decisions == ()
    code = desk.code("shift-lead")  # a slow machine outlives a code
    await fill_in(page, form, "fr", name="shift-lead", code=code, answer="approve", reason="les pompes attendent")
    await asyncio.to_thread(desk.until, lambda: desk.journal.approval(question.id).decisions, "it counts")

    form = await open_form(desk, page, run)
    await expect(form).to_contain_text("shift-lead approuve via l'interface Prefect")
    await expect(form).not_to_contain_text("n'a pas compté")
    code = desk.code("platform-engineer")
    await fill_in(page, form, "fr", name="platform-engineer", code=code, answer="approve", reason="")
    await expect(page.get_by_text("Completed").first).to_be_visible()
    await asyncio.to_thread(desk.until, lambda: desk.run(run).state is RunState.DONE, "it is done")
    assert desk.restarts() == before + 1
    decisions = desk.journal.approval(question.id).decisions
    assert [(each.approver, each.door) for each in decisions] == [
        ("shift-lead", Door.PREFECT),
        ("platform-engineer", Door.PREFECT),
    ]
    assert decisions[0].reason == "les pompes attendent"


async def test_a_no_in_the_english_form_ends_the_run_with_a_name_of_its_own(desk, page):
    run = desk.start("approval-drill/drill", platform="storefront", reason="practice")
    form = await open_form(desk, page, run)
    await expect(form).to_contain_text("To approve · approval drill · storefront")
    await expect(form).to_contain_text("Without name and code Resume decides nothing")
    code = desk.code("duty-operator")
    await fill_in(page, form, "en", name="duty-operator", code=code, answer="reject", reason="not tonight")
    await expect(page.get_by_text("Rejected").first).to_be_visible()
    await asyncio.to_thread(desk.until, lambda: desk.run(run).state is RunState.REJECTED, "it is over")
    (question,) = desk.journal.approvals(run)
    assert question.standing is Standing.REJECTED
    assert question.decisions[0].reason == "not tonight"
