"""What people are told, as they see it: Slack's channel, the pager, and the way from there to the run."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.ui.browser import PATIENCE_MS
from tests.ui.night import ROOT, become_well

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.ui, pytest.mark.filterwarnings("ignore")]


async def hearth_ops(sandbox, page) -> None:
    await page.goto(sandbox.page("Slack"))
    await page.get_by_role("link", name=re.compile("hearth-ops")).click()
    await expect(page.get_by_role("heading", name="# hearth-ops")).to_be_visible()


def messages_of(page, night):
    return page.get_by_role("article").filter(has_text=str(night.incident)[:8])


async def test_slack_shows_the_incidents_one_message_in_french(sandbox, night, page):
    await hearth_ops(sandbox, page)
    message = messages_of(page, night)
    await expect(message).to_have_count(1)
    await expect(message.get_by_role("heading")).to_contain_text(f"URGENT · hearth · {ROOT}")
    await expect(message.get_by_role("heading")).to_contain_text("refuse la connexion")
    for words in ("Depuis", "En souffrent aussi", "Pris en charge par", "personne encore"):
        await expect(message).to_contain_text(words)


async def test_the_message_leads_to_the_run(sandbox, night, page):
    await hearth_ops(sandbox, page)
    link = messages_of(page, night).get_by_role("link", name="Ouvrir l'exécution")
    await expect(link).to_have_attribute("href", re.compile(f"/runs/flow-run/{night.sweep}$"))
    await page.goto(await link.get_attribute("href"))
    await expect(page.get_by_text("sweep hearth").first).to_be_visible()


async def test_the_pager_shows_what_rings(sandbox, night, page):
    await page.goto(sandbox.page("Pager"))
    await expect(page.get_by_role("heading", name="It rings")).to_be_visible()
    await expect(page.locator(".card.ringing").filter(has_text=f"hearth · {ROOT}")).to_be_visible()


async def test_once_mended_the_same_message_says_so_and_nothing_rings(sandbox, night, page):
    await become_well(sandbox)
    await hearth_ops(sandbox, page)
    message = messages_of(page, night)
    await expect(message).to_have_count(1)
    await expect(message.get_by_role("heading").first).to_contain_text("Rétabli")
    await expect(message.locator(".thread")).to_be_visible()
    await page.goto(sandbox.page("Pager"))
    await expect(page.locator(".card.ringing").filter(has_text="hearth")).to_have_count(0)
