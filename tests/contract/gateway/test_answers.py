"""Somebody presses a button in Slack: what counts is recorded once, the run wakes, the card says who decided."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.approvals.block import ApproverKey
from blocks.ports.approvals import Choice, Door, Standing
from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import ActionKind, RunState
from tasks.approvals.answer import Answer, record_answer
from tests.contract.gateway.conftest import POLICY, running
from tests.unit.approvals.asked import plan

OPERATOR, LEAD, STRANGER = "U0OPERATOR", "U0LEAD0000", "U0STRANGER"


@pytest.fixture
def people(gateway):
    gateway.enrol("duty-operator", OPERATOR)
    gateway.enrol("shift-lead", LEAD)
    return gateway


def recorded(gateway, question) -> list[tuple[str, str, str]]:
    after = gateway.journal.approval(question.id)
    return [(each.approver, each.choice.value, each.door.value) for each in after.decisions]


async def test_a_yes_is_recorded_wakes_the_run_and_the_card_says_who(people):
    question = await people.asked()
    assert '"approval.approve"' in people.shown(question)
    answer = await people.press(question, "approval.approve", OPERATOR)
    assert answer.status_code == 200
    await people.until(lambda: people.prefect.woken == [question.run])
    assert recorded(people, question) == [("duty-operator", "approve", "slack")]
    await people.until(lambda: "approved by duty-operator" in people.shown(question))
    assert "approval.approve" not in people.shown(question)


async def test_a_no_asks_for_a_reason_and_ends_it(people):
    question = await people.asked()
    await people.press(question, "approval.reject", OPERATOR)
    await people.until(lambda: len(people.slack.views) == 1)
    assert recorded(people, question) == []
    await people.submit(people.slack.views[0], OPERATOR, reason="not in the evening")
    await people.until(lambda: people.prefect.woken == [question.run])
    assert people.journal.approval(question.id).reason == "rejected by duty-operator: not in the evening"


async def test_what_is_dangerous_asks_for_the_word_and_the_code(people):
    question = await people.asked(replace(POLICY, typed="hearth", needs_code=True))
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: len(people.slack.views) == 1)
    view = people.slack.views[0]
    assert {block["block_id"] for block in view["blocks"]} == {"reason", "typed", "code"}
    wrong = await people.submit(view, OPERATOR, typed="storefront", code=people.code("duty-operator"))
    assert wrong.json()["response_action"] == "errors"
    assert "typed" in wrong.json()["errors"]
    right = await people.submit(view, OPERATOR, typed="hearth", code=people.code("duty-operator", 1))
    assert right.text == ""
    assert people.journal.approval(question.id).standing is Standing.GRANTED


async def test_breaking_the_glass_needs_the_code_and_a_reason(people):
    question = await people.asked()
    await people.press(question, "approval.break_glass", LEAD)
    await people.until(lambda: len(people.slack.views) == 1)
    view = people.slack.views[0]
    short = await people.submit(view, LEAD, reason="now", code=people.code("shift-lead"))
    assert "reason" in short.json()["errors"]
    await people.submit(view, LEAD, reason="everybody else sleeps", code=people.code("shift-lead", 1))
    assert recorded(people, question) == [("shift-lead", "break_glass", "slack")]


async def test_a_question_stands_in_the_thread_and_in_the_history_and_decides_nothing(people):
    question = await people.asked()
    await people.press(question, "approval.ask", OPERATOR)
    await people.until(lambda: len(people.slack.views) == 1)
    await people.submit(people.slack.views[0], OPERATOR, question="who <!channel> is connected?")
    card = people.card(question)
    await people.until(lambda: any(m.get("thread_ts") == card.reference for m in people.slack.messages.values()))
    asked = [each for each in people.journal.actions(question.run) if each.kind is ActionKind.QUESTION]
    assert [(each.who, each.text) for each in asked] == [("duty-operator", "who <!channel> is connected?")]
    assert "<!channel>" not in json.dumps(people.slack.messages, ensure_ascii=False)
    assert people.journal.approval(question.id).standing is Standing.WAITING


# -- refused: logged, said to that person alone, nothing changed --------------------------------------


async def refused(gateway, question, *, says: str) -> None:
    await gateway.until(lambda: any(says in each["text"] for each in gateway.slack.whispers), says)
    assert gateway.prefect.woken == []
    assert all(each["response_type"] == "ephemeral" for each in gateway.slack.whispers)


async def test_somebody_nobody_knows_is_asked_to_link_and_nothing_is_done(people):
    question = await people.asked()
    await people.press(question, "approval.approve", STRANGER)
    await refused(people, question, says="I do not know whose Slack account this is")
    assert recorded(people, question) == []


async def test_a_display_name_is_no_identity(people):
    """The stranger's payload says `shift-lead` where Slack puts the display name."""
    question = await people.asked()
    pressed = people.pressing(question, "approval.approve", STRANGER)
    assert pressed["user"]["name"] == "shift-lead"
    await people.send("interactive", pressed)
    await refused(people, question, says="I do not know")
    assert recorded(people, question) == []


async def test_the_same_user_id_of_another_workspace_is_somebody_else(people):
    question = await people.asked()
    elsewhere = {"id": OPERATOR, "team_id": "T0ELSEWHER", "name": "x"}
    await people.send("interactive", people.pressing(question, "approval.approve", OPERATOR) | {"user": elsewhere})
    await refused(people, question, says="I do not know")
    assert recorded(people, question) == []


async def test_who_asked_does_not_approve_himself(people):
    question = await people.asked(requester="duty-operator")
    await people.press(question, "approval.approve", OPERATOR)
    await refused(people, question, says="cannot approve it himself")
    assert recorded(people, question) == []


async def test_the_same_person_once_through_each_door_counts_once(people):
    question = await people.asked(replace(POLICY, quorum=2))
    answer = Answer(
        approver="duty-operator", choice=Choice.APPROVE, door=Door.PREFECT, code=people.code("duty-operator")
    )
    record_answer(people.journal, people.blocks[ApproverKey].unseal, question.id, answer)
    await people.press(question, "approval.approve", OPERATOR)
    await refused(people, question, says="answered at")
    assert recorded(people, question) == [("duty-operator", "approve", "prefect")]


async def test_one_yes_through_each_door_makes_a_quorum_of_two(people):
    question = await people.asked(replace(POLICY, quorum=2))
    answer = Answer(approver="shift-lead", choice=Choice.APPROVE, door=Door.PREFECT, code=people.code("shift-lead"))
    assert not record_answer(people.journal, people.blocks[ApproverKey].unseal, question.id, answer).is_settled
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: people.prefect.woken == [question.run])
    assert recorded(people, question) == [("shift-lead", "approve", "prefect"), ("duty-operator", "approve", "slack")]
    assert people.journal.approval(question.id).standing is Standing.GRANTED


async def test_a_wrong_code_is_said_below_its_field(people):
    question = await people.asked(replace(POLICY, needs_code=True))
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: len(people.slack.views) == 1)
    wrong = await people.submit(people.slack.views[0], OPERATOR, code="000000")
    assert "code" in wrong.json()["errors"]
    assert recorded(people, question) == []


async def test_a_code_is_used_once(people):
    first, second = await people.asked(replace(POLICY, needs_code=True)), people.ask(replace(POLICY, needs_code=True))
    await people.until(lambda: people.card(second) is not None)
    code = people.code("duty-operator")
    for number, question in enumerate((first, second)):
        await people.press(question, "approval.approve", OPERATOR)
        await people.until(lambda: len(people.slack.views) == number + 1)  # noqa: B023
        last = await people.submit(people.slack.views[number], OPERATOR, code=code)
    assert "used before" in last.json()["errors"]["code"]
    assert recorded(people, first)
    assert recorded(people, second) == []


async def test_after_its_time_nobody_answers(people):
    question = await people.asked(replace(POLICY, expires_after_s=1.0))
    await asyncio.sleep(1.1)
    await people.press(question, "approval.approve", OPERATOR)
    await refused(people, question, says="expired at")
    assert recorded(people, question) == []


@pytest.mark.parametrize("standing", [Standing.VOID, Standing.EXPIRED])
async def test_what_is_over_is_not_answered(people, standing):
    question = await people.asked()
    people.journal.settle(question.id, standing, reason="the plan changed")
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: any(f"already {standing.value}" in each["text"] for each in people.slack.whispers))
    assert recorded(people, question) == []


async def test_a_plan_that_changed_meanwhile_voids_the_card_that_was_shown(people):
    question = await people.asked()
    after = people.journal.ask(
        question.run, plan=plan(candidate="standby-2"), policy=POLICY, requester="x", differences=("candidate changed",)
    )
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: any("already void" in each["text"] for each in people.slack.whispers))
    assert recorded(people, after) == []
    await people.until(lambda: people.card(after) is not None)
    assert "candidate changed" in people.shown(after)


async def test_a_click_after_the_decision_changes_nothing(people):
    question = await people.asked()
    await people.press(question, "approval.approve", OPERATOR)
    await people.until(lambda: people.prefect.woken == [question.run])
    await people.press(question, "approval.approve", LEAD)
    await people.until(lambda: any("already granted" in each["text"] for each in people.slack.whispers))
    assert recorded(people, question) == [("duty-operator", "approve", "slack")]
    assert people.prefect.woken == [question.run]


async def test_two_people_who_click_opposite_buttons_at_once_have_one_winner(people):
    question = await people.asked()
    await people.press(question, "approval.reject", LEAD)
    await people.until(lambda: len(people.slack.views) == 1)
    await asyncio.gather(
        people.press(question, "approval.approve", OPERATOR),
        people.submit(people.slack.views[0], LEAD, reason="no"),
    )
    await people.until(lambda: people.journal.approval(question.id).standing is not Standing.WAITING)
    await people.until(lambda: people.prefect.woken == [question.run])
    assert len(recorded(people, question)) == 1


async def test_a_button_of_another_runs_message_does_not_count(people):
    one, other = await people.asked(), await people.asked()
    forged = people.pressing(one, "approval.approve", OPERATOR)
    forged["actions"][0]["value"] = str(other.id)
    await people.send("interactive", forged)
    await refused(people, other, says="another message")
    assert recorded(people, one) == recorded(people, other) == []


@pytest.mark.parametrize("value", ["", "no uuid", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --", "{{ 7*7 }}"])
async def test_an_id_that_is_none_of_ours_changes_nothing(people, value):
    question = await people.asked()
    pressed = people.pressing(question, "approval.approve", OPERATOR)
    pressed["actions"][0]["value"] = value
    assert (await people.send("interactive", pressed)).status_code == 200
    await people.until(lambda: people.slack.whispers != [])
    assert recorded(people, question) == []


@pytest.mark.parametrize(
    "nasty", ["{{ 7 * 7 }}", "{% for x in range(9) %}x{% endfor %}", "<!channel> *b* `c` <http://x|y>"]
)
async def test_templates_and_markup_stay_text(people, nasty):
    question = await people.asked()
    await people.press(question, "approval.reject", OPERATOR)
    await people.until(lambda: len(people.slack.views) == 1)
    await people.submit(people.slack.views[0], OPERATOR, reason=nasty)
    await people.until(lambda: people.journal.approval(question.id).standing is Standing.REJECTED)
    assert people.journal.approval(question.id).decisions[0].reason == nasty
    await people.until(lambda: "approval.approve" not in people.shown(question))
    assert "<!channel>" not in people.shown(question)
    assert "<http://x|y>" not in people.shown(question)


async def test_an_unknown_action_is_refused(people):
    question = await people.asked()
    assert (await people.press(question, "approval.delete_everything", OPERATOR)).status_code == 404
    assert recorded(people, question) == []


# -- a run's own buttons --------------------------------------------------------------------------------


async def steering(people, run, action: str, user: str, shown_for=None):
    """A press on the progress message of `shown_for`, the run itself where nothing else is said."""
    place = people.journal.sent_message((shown_for or run).run, "progress")
    pressed = people.pressing(run, "x", user) | {
        "container": {"type": "message", "message_ts": place.reference, "channel_id": place.channel_reference}
    }
    pressed["actions"] = [
        {"action_id": action, "block_id": "b", "type": "button", "action_ts": "1.0", "value": str(run.run)}
    ]
    assert (await people.send("interactive", pressed)).status_code == 200


async def in_progress(people):
    question = await people.asked()
    people.journal.want_message(question.run, "progress")
    await people.until(lambda: people.journal.sent_message(question.run, "progress") is not None)
    return question


async def test_stop_safely_and_go_on_from_the_progress_message(people):
    question = await in_progress(people)
    await steering(people, question, "run.stop", OPERATOR)
    await people.until(lambda: people.journal.run(question.run).stop_requested_by == "duty-operator")
    people.journal.move_run(question.run, RunState.PARKED, reason="stopped")
    await steering(people, question, "run.continue", OPERATOR)
    await people.until(lambda: people.prefect.retried == [question.run])


async def test_a_move_is_committed_from_its_progress_message(people):
    question = await in_progress(people)
    token = people.journal.take_lease(question.run).token
    people.journal.begin_move(
        question.run, token, platform="hearth", kind=MoveKind.FAILOVER, from_site="azure-west", to_site="dc-west",
        outage_at=None, detected_at=None, decided_at=None,
    )  # fmt: skip
    people.journal.move_serves(question.run, token, commit_within=timedelta(hours=4), rolls_back=True)
    people.journal.move_run(question.run, RunState.DONE, reason="served")
    await steering(people, question, "run.commit", OPERATOR)
    await people.until(lambda: people.journal.move(question.run).state is MoveState.COMMITTED)
    assert people.journal.move(question.run).settled_by == "duty-operator"


@pytest.mark.parametrize("action", ["run.stop", "run.continue", "run.commit"])
@pytest.mark.parametrize(
    ("user", "says"),
    [(STRANGER, "I do not know whose"), ("U0MANAGER0", "service-manager may not steer"), (OPERATOR, "another message")],
    ids=["stranger", "not entitled", "another run's message"],
)
async def test_a_run_is_steered_by_who_may_from_its_own_message_only(people, action, user, says):
    people.enrol("service-manager", "U0MANAGER0")
    one, other = await in_progress(people), await in_progress(people)
    people.journal.move_run(one.run, RunState.PARKED, reason="stopped")
    await steering(people, one, action, user, shown_for=other if user == OPERATOR else one)
    await refused(people, one, says=says)
    assert people.journal.run(one.run).stop_requested_by == ""
    assert people.journal.run(one.run).state is RunState.PARKED
    assert people.prefect.retried == []


# -- who died, and what was away ------------------------------------------------------------------------


async def test_a_gateway_that_died_between_recording_and_waking_wakes_the_run_when_it_is_back(parts):
    question = parts.ask()
    parts.journal.move_run(question.run, RunState.WAITING, reason="waits")
    parts.enrol("duty-operator", OPERATOR)
    answer = Answer(approver="duty-operator", choice=Choice.APPROVE, door=Door.SLACK)
    record_answer(parts.journal, parts.blocks[ApproverKey].unseal, question.id, answer)
    assert parts.prefect.woken == []
    async with running(parts) as back:
        await back.until(lambda: back.prefect.woken == [question.run])


async def test_while_slack_is_away_the_other_door_works_and_one_message_catches_up(parts):
    parts.slack.down = True
    async with running(parts) as gateway:
        question = gateway.ask()
        gateway.enrol("duty-operator")
        answer = Answer(
            approver="duty-operator", choice=Choice.APPROVE, door=Door.TERMINAL, code=gateway.code("duty-operator")
        )
        record_answer(gateway.journal, parts.blocks[ApproverKey].unseal, question.id, answer)
        await asyncio.sleep(1)
        gateway.slack.down = False
        await gateway.until(lambda: gateway.card(question) is not None)
        await gateway.until(lambda: gateway.journal.waiting_messages() == 0)
    cards = [each for each in gateway.slack.of("chat.postMessage") if "approval:1" in json.dumps(each)]
    assert len(cards) == 1
    assert "approved by duty-operator" in gateway.shown(question)
