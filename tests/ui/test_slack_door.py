"""Slack's door, end to end in Chromium: started by one person, approved by another, carried out, and told."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest
from playwright.async_api import expect

from blocks.ports.approvals import Door
from blocks.ports.runs import RunState
from tests.scenario.runs.slack_people import Slack
from tests.ui.browser import PATIENCE_MS
from tests.ui.slack_desk import SlackDesk

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.ui, pytest.mark.filterwarnings("ignore")]
DECIDE = ("Approuver", "Refuser", "Demander", "Approve", "Reject", "Ask")


@pytest.fixture
def people(desk):
    """Two approvers whose phones are enrolled; nobody has a modal open."""
    people = Slack(desk, {})
    people.act("mend")
    people.act("app", mode="auto")
    for user in ("operator", "manager"):
        people.act("close", user=user, all=True)
    for name in ("duty-operator", "shift-lead"):
        people.enrol(name)
    return people


def known_faults(desk, platform: str) -> str:
    count = len(desk.journal.open_incidents(platform))
    return f"{count or 'aucun'} défaut{'s' if count > 1 else ''} connu"


async def test_one_person_starts_a_restart_and_another_approves_it_in_french(desk, people, page):
    before, reason = desk.restarts(), f"ne répond plus, appel {uuid4().hex[:6]}"
    slack = SlackDesk(desk.sandbox, page)
    await slack.sit_down("manager", "hearth-ops")
    await slack.link("shift-lead", people.code("shift-lead"))
    await slack.sit_down("operator", "hearth-ops")
    await slack.link("duty-operator", people.code("duty-operator"))

    await slack.start("restart (service-restart/restart)", "hearth", "device-api", reason)
    card = slack.message(reason, "Qui peut décider")
    first = card.get_by_role("heading").first
    for word in (
        "À approuver",
        "redémarrage",
        "hearth",
        "device-api",
        "sans coût",
        known_faults(desk, "hearth"),
        reason,
    ):
        await expect(first).to_contain_text(word)
    await expect(card).to_contain_text("redémarrer l'application hearth-device-api")
    await expect(card).to_contain_text(re.compile("Demandé par duty-operator"))

    await slack.sit_down("manager", "hearth-ops")
    modal = await slack.press(card.get_by_role("button", name="Approuver"), "Approuver")
    await modal.get_by_label("Motif").fill("oui, les pompes attendent")
    code = people.code("shift-lead", shift=1)
    await modal.get_by_label("Code à usage unique").fill("000000" if code != "000000" else "111111")
    await modal.get_by_role("button", name="Approuver").click()
    await expect(modal.get_by_text("le nom ou son code est faux")).to_be_visible()
    await modal.get_by_label("Code à usage unique").fill(code)
    await modal.get_by_role("button", name="Approuver").click()
    await expect(modal).to_be_hidden()

    decided = slack.message(reason, "shift-lead approuve via Slack : oui, les pompes attendent")
    await expect(decided.get_by_role("heading").first).to_contain_text("Approuvé")
    for name in DECIDE:
        await expect(decided.get_by_role("button", name=name)).to_have_count(0)
    (run,) = [each for each in desk.journal.runs() if each.parameters.get("reason") == reason]
    await asyncio.to_thread(desk.until, lambda: desk.run(run.id).state is RunState.DONE, "it is done")
    progress = slack.message(re.compile("Ouvrir l'exécution"), "terminé", "Avant", "Après").last
    await expect(progress).to_contain_text("1 étape terminée sur 1")
    await expect(progress.get_by_role("link", name="Ouvrir l'exécution")).to_have_attribute(
        "href", re.compile(f"{run.id}$")
    )
    assert desk.restarts() == before + 1
    (decision,) = desk.journal.approvals(run.id)[-1].decisions
    assert (decision.approver, decision.door) == ("shift-lead", Door.SLACK)
    assert run.requested_by == "duty-operator"


async def test_who_asked_is_refused_and_a_no_ends_it_in_english(desk, people, page):
    reason = f"slow since noon, call {uuid4().hex[:6]}"
    slack = SlackDesk(desk.sandbox, page)
    await slack.sit_down("manager", "storefront-ops")
    await slack.link("shift-lead", people.code("shift-lead"))
    await slack.start("restart (service-restart/restart)", "storefront", "web-fleet", reason)
    card = slack.message(reason, "Who may decide")
    first = card.get_by_role("heading").first
    for word in ("To approve", "restart", "storefront", "web-fleet", "no cost", "known fault", reason):
        await expect(first).to_contain_text(word)

    await card.get_by_role("button", name="Approve").click()
    await page.get_by_role("dialog", name="Sure?").get_by_role("button", name="Approve").click()
    await expect(slack.message("shift-lead asked for this and cannot approve it himself").last).to_be_visible()
    await expect(card.get_by_role("button", name="Approve")).to_be_visible()

    await slack.sit_down("operator", "storefront-ops")
    await slack.link("duty-operator", people.code("duty-operator"))
    modal = await slack.press(card.get_by_role("button", name="Reject"), "Reject")
    await modal.get_by_label("Reason").fill("the customer is testing")
    await modal.get_by_role("button", name="Reject").click()
    await expect(modal).to_be_hidden()
    decided = slack.message(reason, "duty-operator rejects through Slack: the customer is testing")
    await expect(decided.get_by_role("heading").first).to_contain_text("Rejected")
    for name in DECIDE:
        await expect(decided.get_by_role("button", name=name)).to_have_count(0)
    (run,) = [each for each in desk.journal.runs() if each.parameters.get("reason") == reason]
    state = await asyncio.to_thread(desk.state, run.id, "Rejected")
    assert (state["type"], state["name"]) == ("CANCELLED", "Rejected")
    assert desk.steps(run.id) == []
    assert desk.journal.lease("storefront") is None
