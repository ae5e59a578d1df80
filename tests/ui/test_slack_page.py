"""A person at the sandbox's Slack: presses a button, fills a modal, is corrected, chooses who they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from deployments.sandbox.listening import listening
from deployments.sandbox.slack import SlackSimulator
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.state import State
from tests.contract.slack.conftest import KNOWN, Slack
from tests.contract.slack.receiver import CARD, over_socket
from tests.ui.browser import PATIENCE_MS

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.ui, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
async def slack(tmp_path: Path):
    state = State.at(tmp_path)
    simulator = SlackSimulator(Workspace(tmp_path / "slack", ["#hearth-night"]), KNOWN, state)
    async with listening(simulator.app(), state, "slack", "slack.com") as (address, page):
        yield Slack(simulator, address, page, str(tmp_path / "tls" / "ca.pem"))


async def test_a_person_presses_a_button_and_fills_a_modal(slack, page):
    async with over_socket(slack) as receiver:
        await receiver.client.chat_postMessage(channel="#hearth-night", text="Fail over?", blocks=CARD)
        await page.goto(slack.page)
        await page.get_by_label("You are").select_option("manager")
        await page.get_by_role("button", name="Ask").click()
        await page.get_by_role("dialog", name="Sure?").get_by_role("button", name="Yes").click()
        modal = page.get_by_role("dialog", name="Start a runbook")
        await expect(modal.get_by_label("Platform")).to_be_focused()
        await modal.get_by_label("Platform").select_option("Hearth")
        await modal.get_by_role("button", name="Start").click()
        await expect(modal.get_by_text("Please complete this required field.")).to_be_visible()
        await modal.get_by_label("Reason").fill("the pumps are down")
        await modal.get_by_role("button", name="Start").click()
        await expect(modal).to_be_hidden()
        (body,) = receiver.bodies("start")
        assert body["user"]["id"] == "U0MANAGER00"
        assert body["view"]["state"]["values"]["reason"]["typed"]["value"] == "the pumps are down"
        await page.get_by_role("button", name="Approve").press("Enter")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await expect(page.get_by_role("article")).to_contain_text("(edited)")


async def test_a_command_is_answered_to_the_person_who_typed_it(slack, page):
    async with over_socket(slack):
        await page.goto(slack.page)
        await page.get_by_label("You are").select_option("operator")
        await page.get_by_label("Message, ou /commande").fill("/vigie status")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Visible de vous seulement")).to_be_visible()
        await page.get_by_label("Vous êtes").select_option("engineer")
        await expect(page.get_by_label("You are")).to_be_visible()
        await expect(page.get_by_text("on it")).to_have_count(0)


async def test_an_app_that_does_not_answer_leaves_a_warning_beside_the_button(slack, page):
    async with over_socket(slack) as receiver:
        await receiver.client.chat_postMessage(channel="#hearth-night", text="Fail over?", blocks=CARD)
        await page.goto(slack.page)
        await page.get_by_role("button", name="Silent").click()
        await expect(page.get_by_role("alert")).to_contain_text("Apps need to respond within 3 seconds")
