"""`/vigie`: everybody looks, who is linked starts, and who started it is remembered before it begins."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from blocks.ports.orchestration import Startable
from blocks.slack.modals import parameters_of
from blocks.slack.voice import Voice
from tests.contract.gateway.conftest import TEAM

OPERATOR, STRANGER = "U0OPERATOR", "U0STRANGER"
SCHEMA = {
    "type": "object",
    "properties": {
        "platform": {"title": "platform", "type": "string", "enum": ["hearth", "storefront"], "position": 0},
        "service": {"title": "service", "type": "string", "position": 1, "description": "which one"},
        "at_most": {"title": "at_most", "type": "integer", "default": 2, "position": 2},
        "gently": {"title": "gently", "type": "boolean", "default": True, "position": 3},
        "reason": {"title": "reason", "anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "position": 4},
    },
    "required": ["platform", "service"],
}
RESTART = Startable(
    id=uuid4(),
    name="service-restart/restart",
    flow="service-restart",
    description="d",
    tags=("runbook",),
    schema=SCHEMA,
)


@pytest.fixture
def offering(gateway):
    gateway.prefect.offered = [
        Startable(id=uuid4(), name="health-sweep/sweep", flow="health-sweep", description="", tags=(), schema=SCHEMA),
        RESTART,
    ]
    gateway.enrol("duty-operator", OPERATOR)
    return gateway


def chosen(value: str) -> dict:
    return {"type": "static_select", "selected_option": {"value": value}}


async def test_choose_fill_in_start(offering):
    await offering.command("", OPERATOR)
    await offering.until(lambda: len(offering.slack.views) == 1)
    options = offering.slack.views[0]["blocks"][0]["element"]["options"]
    assert options[0]["value"] == str(RESTART.id)  # runbooks first
    answer = await offering.submit(offering.slack.views[0], OPERATOR, action=chosen(str(RESTART.id)))
    view = answer.json()["view"]
    fields = {block["block_id"]: block["element"]["type"] for block in view["blocks"] if block["type"] == "input"}
    assert fields == {
        "platform": "static_select", "service": "plain_text_input", "at_most": "number_input",
        "gently": "checkboxes", "reason": "plain_text_input",
    }  # fmt: skip
    await offering.submit(
        view, OPERATOR, platform=chosen("hearth"), service="{{ 7*7 }}", at_most="3",
        gently={"type": "checkboxes", "selected_options": []}, other="x",
    )  # fmt: skip
    await offering.until(lambda: len(offering.prefect.released) == 1)
    deployment, parameters, run = offering.prefect.started[0]
    wanted = {"platform": "hearth", "service": "{{ 7*7 }}", "at_most": 3, "gently": False, "reason": None}
    assert (deployment, parameters) == (RESTART.id, wanted)
    noted = offering.journal.run(run)
    assert (noted.requested_by, noted.subject, dict(noted.parameters)) == ("duty-operator", "{{ 7*7 }}", wanted)
    await offering.until(lambda: offering.journal.sent_message(run, "progress") is not None)


async def test_the_shortcut_opens_the_same_modal_and_what_it_starts_is_remembered(offering):
    assert (await offering.shortcut(OPERATOR)).status_code == 200
    await offering.until(lambda: len(offering.slack.views) == 1)
    assert offering.slack.views[0]["blocks"][0]["element"]["options"][0]["value"] == str(RESTART.id)
    view = (await offering.submit(offering.slack.views[0], OPERATOR, action=chosen(str(RESTART.id)))).json()["view"]
    await offering.submit(view, OPERATOR, platform=chosen("hearth"), service="device-api")
    await offering.until(lambda: len(offering.prefect.released) == 1)
    assert offering.journal.run(offering.prefect.started[0][2]).requested_by == "duty-operator"


async def test_a_shortcut_that_is_not_ours_opens_nothing(offering):
    assert (await offering.shortcut(OPERATOR, name="vigie2")).status_code == 404
    assert (await offering.shortcut(OPERATOR, secret="f" * 32)).status_code == 401
    assert (await offering.shortcut(OPERATOR, api_app_id="A0OTHER000")).status_code == 401
    assert offering.slack.views == []


async def test_who_is_not_linked_looks_and_starts_nothing(offering):
    await offering.command("", STRANGER)
    await offering.until(lambda: any("I do not know" in each["text"] for each in offering.slack.whispers))
    for word, says in (
        ("now", "No open incident"),
        ("runs", "Nothing runs"),
        ("help", "`/vigie now`"),
        ("?", "`/vigie now`"),
    ):
        await offering.command(word, STRANGER)
        await offering.until(lambda says=says: any(says in each["text"] for each in offering.slack.whispers), says)
    assert offering.prefect.started == []


async def test_a_stranger_who_sends_the_filled_in_modal_starts_nothing(offering):
    about = json.dumps({"deployment": str(RESTART.id)})
    view = {"type": "modal", "callback_id": "modal.parameters", "private_metadata": about, "blocks": []}
    answer = await offering.submit(view, STRANGER, platform=chosen("hearth"), service="device-api")
    assert answer.json()["response_action"] == "errors"
    assert offering.prefect.started == []


@pytest.mark.parametrize("about", ["", "{", "[]", "null", '{"deployment": "x"}', '{"deployment": null}'])
async def test_odd_private_metadata_starts_nothing(offering, about):
    view = {"type": "modal", "callback_id": "modal.parameters", "private_metadata": about, "blocks": []}
    answer = await offering.submit(view, OPERATOR)
    assert answer.json()["response_action"] == "errors"
    assert offering.prefect.started == []


async def test_what_is_no_number_or_missing_is_said_below_its_field(offering):
    about = json.dumps({"deployment": str(RESTART.id)})
    view = {"type": "modal", "callback_id": "modal.parameters", "private_metadata": about, "blocks": []}
    answer = await offering.submit(view, OPERATOR, platform=chosen("hearth"), at_most="many")
    assert set(answer.json()["errors"]) == {"at_most", "service"}
    assert offering.prefect.started == []


async def test_a_choice_that_the_schema_does_not_name_is_none(offering):
    view = {"state": {"values": {"platform": {"field": chosen("elsewhere")}, "service": {"field": {"value": "a"}}}}}
    found, wrong = parameters_of(Voice(), view, SCHEMA)
    assert (set(wrong), "platform" in found) == ({"platform"}, False)


async def test_link_once_by_name_and_code(gateway):
    gateway.enrol("duty-operator")
    await gateway.command("link", OPERATOR)
    await gateway.until(lambda: len(gateway.slack.views) == 1)
    view = gateway.slack.views[0]
    wrong = await gateway.submit(view, OPERATOR, name="duty-operator", code="000000")
    assert "code" in wrong.json()["errors"]
    assert gateway.journal.approver_of(TEAM, OPERATOR) is None
    code = gateway.code("duty-operator")
    right = await gateway.submit(view, OPERATOR, name="duty-operator", code=code)
    assert right.json()["response_action"] == "update"
    assert gateway.journal.approver_of(TEAM, OPERATOR).name == "duty-operator"
    again = await gateway.submit(view, STRANGER, name="duty-operator", code=code)
    assert "used before" in json.dumps(again.json())
    assert gateway.journal.approver_of(TEAM, STRANGER) is None
    gateway.enrol("shift-lead")
    stolen = await gateway.submit(view, OPERATOR, name="shift-lead", code=gateway.code("shift-lead"))
    assert "linked to duty-operator" in json.dumps(stolen.json())
