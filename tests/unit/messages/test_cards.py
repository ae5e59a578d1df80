"""The card and the progress: enough in one line, in both languages, within every limit, safe, buttons only while they count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.ports.approvals import Bound, Choice, Guard, PlanStep, Standing
from blocks.ports.runs import SCHEDULE, Action, ActionKind, RunState
from blocks.ports.showing import Purpose, PurposeKind
from blocks.slack.cards import headline, render_approval, render_question
from blocks.slack.evidence import said_afterwards
from blocks.slack.markup import length
from blocks.slack.modals import answer_modal, link_modal, parameters_modal, parameters_of, question_modal
from blocks.slack.pieces import who_asked
from blocks.slack.progress import COMMIT, render_call, render_progress
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.approvals.card import card_markdown
from tasks.approvals.decide import judge
from tests.unit.approvals.asked import AT, POLICY, approval, decision, plan, said
from tests.unit.messages.runs import RUN, a_picture, a_question, a_run, a_step

EN, FR = Voice("en", "Europe/Paris"), Voice("fr", "Europe/Paris")


def flat(blocks) -> str:
    return json.dumps(blocks, ensure_ascii=False).replace("\u00a0", " ")


def actions_of(blocks) -> list[str]:
    return [element["action_id"] for block in blocks if block["type"] == "actions" for element in block["elements"]]


FULL = {
    "reason": "memory leak since the update",
    "expected_s": 240.0,
    "cost": "nothing",
    "known_wrong": ("device-api: latency over the limit",),
}


def test_the_first_line_is_enough_to_decide():
    asked = approval(plan=plan(**FULL))
    assert headline(EN, asked).replace("\u00a0", " ") == (
        "🟠 To approve · restart · hearth · device-api (4 min · no cost · 1 known fault): memory leak since the update"
    )
    assert (
        headline(FR, asked)
        .replace("\u00a0", " ")
        .startswith(
            "🟠 À approuver · redémarrage · hearth · device-api (4 min · sans coût · 1 défaut connu) : memory leak"
        )
    )


def test_the_card_holds_the_evidence():
    asked = approval(plan=plan(**FULL), differences=("candidate was a, is b",))
    text, blocks = render_approval(a_picture(asked), asked)
    for piece in (
        "memory leak", "restart instance i-1", "at most 50 requests, now 12 requests", "one at a time: 2 of 2 in service",
        "candidate was a, is b", "duty-operator, shift-lead and platform-engineer", "service-manager",
        "24 December at 04:30", "https://prefect.example", asked.digest[:12],
    ):  # fmt: skip
        assert piece in flat(blocks), piece
    assert text.startswith("🟠 To approve")


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.WAITING])
def test_a_settled_card_has_no_buttons_and_says_who_decided_what_when(standing):
    done = approval(
        standing=standing, settled_at=AT + timedelta(minutes=1), reason="approved by duty-operator",
        decisions=(decision("duty-operator"), decision("shift-lead", Choice.REJECT)),
    )  # fmt: skip
    for language, word in (("en", "approves"), ("fr", "approuve")):
        _, blocks = render_approval(a_picture(done, language=language), done)
        assert actions_of(blocks) == []
        assert word in flat(blocks)
        assert ("04:01" if language == "en" else "4 h 01") in flat(blocks)


def test_buttons_are_gone_when_the_time_is_over():
    asked = approval()
    for now, there in ((asked.expires_at - timedelta(seconds=1), True), (asked.expires_at, False)):
        _, blocks = render_approval(a_picture(asked, now=now), asked)
        assert bool(actions_of(blocks)) is there


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_question_whose_run_was_cancelled_offers_nothing_and_says_so(language):
    asked = approval()
    for state in RunState:
        text, blocks = render_approval(a_picture(asked, language=language, run=a_run(state=state)), asked)
        asks = state in {RunState.RUNNING, RunState.WAITING}
        assert bool(actions_of(blocks)) is asks
        assert ("🟠" in text) is asks
        assert ("Nobody needs to answer" in flat(blocks) or "Personne n'a à répondre" in flat(blocks)) is not asks


def test_buttons_carry_the_id_and_nothing_else():
    asked = approval()
    _, blocks = render_approval(a_picture(asked), asked)
    (row,) = [block for block in blocks if block["type"] == "actions"]
    values = [e.get("value") or e["options"][0]["value"] for e in row["elements"]]
    assert values == [str(asked.id)] * 4
    assert actions_of(blocks) == ["approval.approve", "approval.reject", "approval.ask", "approval.break_glass"]
    _, without = render_approval(a_picture(asked), replace(asked, policy=replace(POLICY, glass=())))
    assert "approval.break_glass" not in actions_of(without)


def test_questions_stand_on_the_card_and_in_the_thread():
    asked = approval()
    picture = a_picture(asked, actions=(a_question("is <@U1> told?"),))
    _, blocks = render_approval(picture, asked)
    _, thread = render_question(picture, picture.actions[0])
    assert "&lt;@U1&gt;" in flat(blocks)
    assert "duty-operator asks" in flat(thread)


NASTY = st.text(max_size=60) | st.sampled_from(
    ["<!channel>", "<@U123>", "*_`~", "&<>", "@here", "{{ 7*7 }}", "\u202e", "é" * 900]
)


@settings(max_examples=150)
@given(
    steps=st.lists(NASTY, max_size=120), sentences=st.lists(NASTY, max_size=30), word=NASTY,
    language=st.sampled_from(["en", "fr"]), standing=st.sampled_from(list(Standing)),
)  # fmt: skip
def test_any_plan_fits_and_can_neither_ring_nor_link(steps, sentences, word, language, standing):
    made = plan(
        steps=tuple(PlanStep(phase="p", item=str(n), text=text) for n, text in enumerate(steps)),
        bounds=tuple(Bound(name=text, at_most=1, measured=2, unit=word) for text in sentences),
        guards=tuple(Guard(name=text, holds=False, text=word) for text in sentences),
        known_wrong=tuple(sentences), reason=word, cost=word, subject=word, candidate=word,
        roles=dict.fromkeys(sentences, word), coverage=dict.fromkeys(sentences, word),
    )  # fmt: skip
    asked = approval(plan=made, standing=standing, differences=tuple(sentences), reason=word, requester=word)
    done = tuple(a_step(str(n), text=text, done=n % 3 != 0) for n, text in enumerate(steps))
    run = a_run(subject=word, reason=word, state=RunState.FAILED)
    picture = a_picture(asked, language=language, steps=done[:40], run=run, actions=tuple(map(a_question, sentences)))
    for text, blocks in (render_approval(picture, asked), render_progress(picture)):
        assert len(blocks) <= 50
        assert text.strip()
        check(blocks)
        checked = flat(blocks).replace("<https://prefect.example/runs/flow-run/2|", "")
        for forbidden in ("<!", "<@", "<#", "<http"):
            assert forbidden not in "".join(t for t in mrkdwn(blocks)).replace("<https://prefect.example", ""), checked


def mrkdwn(blocks):
    for block in blocks:
        for piece in (block.get("text"), *block.get("elements", ())):
            if isinstance(piece, dict) and piece.get("type") == "mrkdwn":
                yield piece["text"]


def check(blocks) -> None:
    for block in blocks:
        if block["type"] == "header":
            assert 0 < length(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert 0 < length(block["text"]["text"]) <= 3000
        elif block["type"] == "context":
            assert all(0 < length(element["text"]) <= 3000 for element in block["elements"])
        else:
            for element in block["elements"]:
                assert length(element.get("text", {"text": ""})["text"]) <= 75
                confirm = element.get("confirm")
                if confirm:
                    assert 0 < length(confirm["text"]["text"]) <= 300


# -- progress -----------------------------------------------------------------------------------------------


def test_progress_says_done_now_and_next():
    granted = approval(standing=Standing.GRANTED)
    picture = a_picture(granted, run=a_run(state=RunState.RUNNING), steps=(a_step("i-1"),))
    text, blocks = render_progress(picture)
    assert "1 of 2 steps done" in text
    assert "✅ *04:01* restart instance i-1 (20 s)" in flat(blocks)
    assert "▫️ restart instance i-2" in flat(blocks)
    working = replace(picture, steps=(*picture.steps, a_step("i-2", minutes=2, done=False)))
    assert "▶️ *04:02* restart instance i-2" in flat(render_progress(working)[1])


def test_a_run_that_is_done_has_done_all_that_it_had_to():
    """Steps of its plan that only look leave no step behind."""
    granted = approval(standing=Standing.GRANTED)
    picture = a_picture(granted, run=a_run(state=RunState.DONE), steps=(a_step("i-1"),))
    assert "1 of 1 steps done" in render_progress(picture)[0]


@pytest.mark.parametrize(
    ("state", "stopping", "buttons"),
    [
        (RunState.RUNNING, "", ["run.stop"]),
        (RunState.RUNNING, "shift-lead", []),
        (RunState.WAITING, "", []),
        (RunState.FAILED, "", ["run.continue"]),
        (RunState.PARKED, "", ["run.continue"]),
        (RunState.DONE, "", []),
        (RunState.REJECTED, "", []),
        (RunState.EXPIRED, "", []),
        (RunState.VOID, "", []),
    ],
)
def test_the_buttons_of_a_run(state, stopping, buttons):
    picture = a_picture(run=a_run(state=state, stop_requested_by=stopping))
    assert actions_of(render_progress(picture)[1]) == buttons


def test_the_pager_says_what_is_asked():
    call = render_call(Purpose(PurposeKind.ESCALATION, 1), a_picture(language="fr"))
    assert call.summary == "hearth · device-api\u00a0: personne n'a encore décidé pour redémarrage".replace(
        "\u00a0", " "
    )
    assert render_call(Purpose.of("page:3"), a_picture()).summary == "hearth · device-api: restart needs a person"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_is_about_a_platform_as_a_whole_names_it_once(language):
    run, question = (
        a_run(action="failover", subject="hearth"),
        approval(plan=replace(approval().plan, subject="hearth")),
    )
    picture = a_picture(question, run=run, language=language)
    said = [render_progress(picture)[0], render_call(Purpose.of("page:3"), picture).summary]
    said += [flat(render_approval(picture, question)[1]), run.title]
    assert not [each for each in said if "hearth · hearth" in each or "hearth on hearth" in each]
    assert run.title == "failover of hearth"
    assert a_run().title == "service-restart of device-api on hearth"


@pytest.mark.parametrize("state", list(RunState))
def test_who_was_rung_for_a_parked_run_is_left_alone_once_it_moves(state):
    call = render_call(Purpose.of("page:3"), a_picture(run=a_run(state=state)))
    assert call.is_over is (state is not RunState.PARKED)


@pytest.mark.parametrize("standing", list(Standing))
def test_who_was_rung_for_a_question_is_left_alone_once_it_is_settled(standing):
    call = render_call(Purpose(PurposeKind.ESCALATION, 1), a_picture(approval(standing=standing)))
    assert call.is_over is (standing is not Standing.WAITING)


# -- words ----------------------------------------------------------------------------------------------------


def test_every_refusal_of_the_rules_is_said_in_french():
    asked = approval(policy=replace(POLICY, needs_code=True, typed="hearth"))
    settled = approval(standing=Standing.GRANTED, settled_at=AT, reason="approved by shift-lead")
    refusals = [
        judge(settled, said(), AT).refusal,
        judge(asked, said(), asked.expires_at).refusal,
        judge(asked, said("stranger"), AT).refusal,
        judge(asked, said("duty-operator", Choice.BREAK_GLASS), AT).refusal,
        judge(approval(decisions=(decision("duty-operator"),)), said(), AT).refusal,
        judge(approval(requester="duty-operator"), said(), AT).refusal,
        judge(asked, said(), AT).refusal,
        judge(asked, said(code_step=1), AT).refusal,
        judge(asked, said("shift-lead", Choice.BREAK_GLASS, code_step=1, typed="hearth"), AT).refusal,
        "one of these may: duty-operator, shift-lead",
        "approvals.yaml names nobody who may",
    ]
    assert all(refusals)
    told = [retell(FR, refusal) for refusal in refusals]
    assert [french for refusal, french in zip(refusals, told, strict=True) if french == refusal] == []
    assert [retell(EN, refusal) for refusal in refusals] == refusals


@pytest.mark.parametrize(
    ("recorded", "french"),
    [
        ("restart app hearth-device-api", "redémarrer l'application hearth-device-api"),
        ("restart instance i-7 (1 of 3)", "redémarrer l'instance i-7 (1 sur 3)"),
        ("replace instance i-7 of shop-web", "remplacer l'instance i-7 de shop-web"),
        ("restart server standby may begin", "redémarrer le serveur standby : rien ne s'y oppose"),
        ("ready", "prêt"),
        ("stopped by shift-lead before: restart server standby", "arrêté par shift-lead avant : redémarrer le serveur standby"),
        ((
"web is Running, 2 of 2 instances ready, 2 processes; started anew. "
"Before: web is critical: health timed out; port 503. After: web is ok (5 checks)."
), (
"web est « Running », instances prêtes : 2 sur 2, processus : 2 ; démarré de nouveau. "
"Avant : web critique : health timed out ; port 503. Après : web bon (contrôles : 5)."
)),
        ("the doors work: shift-lead answered through slack after 3 s; nothing was changed",
         "les portes fonctionnent : réponse de shift-lead par slack après 3 s ; rien n'a été changé"),
    ],
)  # fmt: skip
def test_what_a_runbook_did_is_said_in_french(recorded, french):
    assert retell(FR, recorded).replace("\u00a0", " ") == french
    assert retell(EN, recorded) == recorded


@pytest.mark.parametrize(
    ("language", "word"), [("en", "somebody in the Prefect UI"), ("fr", "quelqu'un dans l'interface")]
)
def test_why_one_yes_more_is_needed_is_said(language, word):
    asked = approval(requester="unknown")
    picture = a_picture(asked, language=language, run=a_run(requested_by="unknown"))
    one, two = replace(picture, yes_needed={asked.id: 1}), replace(picture, yes_needed={asked.id: 2})
    more = "One yes more" if language == "en" else "Un oui de plus"
    assert more in flat(render_approval(two, asked)[1])
    assert more not in flat(render_approval(one, asked)[1])
    for blocks in (render_approval(two, asked)[1], render_progress(two)[1]):
        assert word in flat(blocks)
        assert "unknown" not in flat(blocks)


def test_a_parameter_is_labelled_in_the_readers_words_unless_its_author_gave_it_a_title():
    schema = {
        "properties": {
            "platform": {"title": "platform"},
            "reason": {"title": "What for"},
            "odd_one": {"title": "odd_one"},
        }
    }
    labels = [each["label"]["text"] for each in parameters_modal(FR, "t", schema, {})["blocks"][1:]]
    assert sorted(labels) == ["Plateforme", "What for", "odd_one"]


def test_a_failovers_form_asks_what_is_accepted_as_its_deployment_declares_it():
    from prefect.utilities.callables import parameter_schema

    from flows.failover import failover

    schema = parameter_schema(failover).model_dump()
    blocks = {each["block_id"]: each for each in parameters_modal(FR, "t", schema, {})["blocks"][1:]}
    rows, span = blocks["accept_rows"], blocks["accept_time"]
    assert (rows["label"]["text"], rows["element"]["type"]) == ("Lignes qui peuvent être perdues", "number_input")
    assert (span["label"]["text"], rows["optional"], span["optional"]) == ("Durée qui peut être perdue", True, True)
    assert all("what the plan allows" in each["hint"]["text"] for each in (rows, span)), "not cut"
    typed = {"platform": "hearth", "reason": "dark", "accept_rows": "5000", "accept_time": "10min"}
    values = {name: {"field": {"value": value}} for name, value in typed.items()}
    found, wrong = parameters_of(FR, {"state": {"values": values}}, schema)
    assert (found, wrong) == (typed | {"candidate": "", "accept_rows": 5000}, {})
    found, _ = parameters_of(FR, {"state": {"values": {name: values[name] for name in ("platform", "reason")}}}, schema)
    assert (found["accept_rows"], found["accept_time"]) == (0, "")


def test_a_french_card_of_a_restart_has_no_english_left():
    steps = (PlanStep(phase="restart", item="a", text="restart app web"),)
    guards = (Guard(name="ready", holds=True, text="restart app web may begin"),)
    asked = approval(plan=plan(steps=steps, guards=guards, bounds=(), cost="none", reason="ne répond plus"))
    said = flat(render_approval(a_picture(asked, language="fr"), asked)[1])
    said += flat(render_progress(a_picture(asked, language="fr", run=a_run(reason="waits for an approval")))[1])
    assert "sans coût" in said
    assert "0 étape terminée sur 1" in said
    assert [word for word in ("restart ", "may begin", "ready", "none", "waits") if word in said] == []


@pytest.mark.parametrize("voice", [EN, FR])
def test_modals_fit(voice):
    schema = {"properties": {"x" * 90: {"type": "string", "description": "d" * 400}}, "required": []}
    for view in (
        answer_modal(voice, "approve", {"approval": "1"}, code=True, typed="hearth"),
        answer_modal(voice, "break_glass", {}, code=True, typed=""),
        question_modal(voice, {}),
        link_modal(voice),
        parameters_modal(voice, "t" * 500, schema, {}),
    ):
        assert all(length(view[part]["text"]) <= 24 for part in ("title", "submit", "close"))
        for block in view["blocks"]:
            if block["type"] == "input":
                assert length(block["label"]["text"]) <= 75
                assert length(block.get("hint", {"text": ""})["text"]) <= 150


# -- what happens when nobody commits -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rolls_back", "french", "english"),
    [
        (True, "retour automatique, tant que rien ne s'y perd", "it goes back by itself, while that loses nothing"),
        (False, "pas de retour automatique", "it does not go back by itself"),
    ],
)
def test_what_happens_when_nobody_commits_stands_on_every_card(rolls_back, french, english):
    asked = approval(plan=plan(commit_within_s=14400.0, rolls_back=rolls_back))
    for language, voice, told in (("fr", FR, french), ("en", EN, english)):
        shown = flat(render_approval(a_picture(asked, language=language), asked)[1])
        assert told in shown
        assert "4 h" in shown
        assert told in card_markdown(asked, voice).replace("\\", "").replace("\u00a0", " ")
    nothing = approval()
    assert said_afterwards(EN, nothing.plan) == ""


def served(**data):
    due = {"commit_due_at": (AT + timedelta(hours=4)).isoformat()} | data
    return Action(run=RUN, number=8, at=AT, kind=ActionKind.MOVE_SERVES, text="served", data=due)


@pytest.mark.parametrize("state", [RunState.DONE, RunState.RUNNING, RunState.FAILED])
def test_a_move_that_serves_can_be_committed_from_its_message_until_somebody_did(state):
    done = a_picture(run=a_run(action="failover", state=state), actions=(served(),))
    shown = render_progress(done)[1]
    assert COMMIT in flat(shown)
    assert "To commit until" in flat(shown)
    check(shown)
    settled = replace(served(), number=9, kind=ActionKind.MOVE_SETTLED)
    over = render_progress(replace(done, actions=(served(), settled)))[1]
    assert COMMIT not in flat(over)
    assert "To commit until" not in flat(over)
    final = replace(served(), data={"site": "azure-west"})
    assert COMMIT not in flat(render_progress(replace(done, actions=(final,)))[1])


def test_a_share_that_was_watched_is_not_to_come_any_more():
    steps = (PlanStep(phase="shift", item="watch-clients:api:azure-west@5", text="watch 5 %"),)
    asked = approval(plan=plan(steps=steps), standing=Standing.GRANTED)
    picture = a_picture(asked, run=a_run(state=RunState.RUNNING))
    assert "watch 5 %" in flat(render_progress(picture)[1])
    data = {"item": steps[0].item, "next": "go on", "back_to": 0}
    judged = Action(run=RUN, number=8, at=AT, kind=ActionKind.SHARE_JUDGED, text="good", data=data)
    assert "watch 5 %" not in flat(render_progress(replace(picture, actions=(judged,)))[1])


def test_what_vigie_began_by_itself_says_so():
    assert who_asked(EN, SCHEDULE) == "vigie, by itself"
    assert who_asked(FR, SCHEDULE) == "vigie, automatiquement"
