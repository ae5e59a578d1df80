"""The report of a move: its parts add up, nothing unknown is told as zero, and it reads on a phone and on paper."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blocks.ports.approvals import PlanStep
from blocks.ports.changes import Evidence, EvidenceKind
from blocks.ports.drills import OldSideCount
from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import Action, ActionKind
from blocks.ports.showing import Purpose, PurposeKind
from blocks.slack.markup import length
from blocks.slack.moves import SUMMARY, render_reminder, render_report
from blocks.slack.moves_told import facts_of, stopwatch, title_of
from blocks.slack.runs import render
from blocks.slack.voice import Voice
from tasks.recovery.fences import NOT_CONFIRMED
from tasks.reports.moves.build import build_report, critical_path, together
from tasks.reports.moves.page import render_html, render_markdown
from tasks.reports.moves.picture import MOST_BARS, MOST_BYTES, draw_move, worth_a_bar
from tasks.reports.moves.values import Bar, Wait
from tests.unit.messages.runs import a_picture
from tests.unit.reports.moves import (
    BOUND,
    DECIDED,
    DETECTED,
    EXACT,
    OUTAGE,
    RUN,
    SERVING,
    STEPS,
    a_drill,
    a_move,
    a_run,
    a_step,
    later,
    moved,
    question,
    recorded,
    steps,
)

EN, FR = Voice("en", "Europe/Paris"), Voice("fr", "Europe/Paris")
TOOK = {phase: timedelta(seconds=s) for phase, s in (("prepare", 3000), ("promote", 5), ("verify-data", 7))}
HOSTILE = '<script>alert(1)</script>|"><img src=x onerror=y> `a` [b](http://c)'


def said(voice: Voice, **changes) -> dict[str, str]:
    facts = facts_of(voice, build_report(recorded(**changes)).summary)
    return {fact.label: fact.text.replace("\u00a0", " ") for fact in facts}


# -- numbers -----------------------------------------------------------------------------------


def test_the_parts_add_up_to_the_time_without_service():
    summary = build_report(recorded()).summary
    assert summary.detection_s + summary.decision_s + summary.execution_s == pytest.approx(summary.rto_s)
    assert summary.rto_s == (SERVING - OUTAGE).total_seconds() == pytest.approx(238.9)


@pytest.mark.parametrize(
    ("changes", "rto", "parts"),
    [
        ({}, "3 min 59 s, target 15 min: met", "detection 1 min 14 s, decision 2 min 33 s, execution 12 s"),
        ({"rto": timedelta(seconds=238.9)}, "3 min 59 s, target 3 min 59 s: met", None),
        ({"rto": timedelta(seconds=238)}, "3 min 59 s, target 3 min 58 s: missed", None),
        ({"move": a_move(detected_at=None)}, None, "detection not known, decision not known, execution 12 s"),
        ({"move": a_move(serving_at=None, state=MoveState.ABANDONED)}, "clients were not served by it", None),
        (
            {"move": a_move(kind=MoveKind.SWITCHOVER, outage_at=None, detected_at=None)},
            "no outage; 12 s from the decision, target 15 min: met",
            "execution 12 s",
        ),
        (
            {"move": a_move(outage_at=None, detected_at=None, decided_at=None), "approvals": ()},
            "not known",
            None,
        ),
        (
            {"move": None, "drill": a_drill(durations=TOOK)},
            "promotion and data checks took 12 s, target of the whole move 15 min: met",
            "execution 12 s",
        ),
        ({"move": None, "drill": a_drill(durations={"prepare": TOOK["prepare"]})}, "not known", None),
    ],
)
def test_what_is_said_of_the_time_without_service(changes, rto, parts):
    told = said(EN, **changes)
    assert rto is None or told["RTO"] == rto
    assert parts is None or told["of which"] == parts


def test_the_decision_is_that_of_the_last_granted_question_where_the_move_does_not_know():
    summary = build_report(recorded(move=a_move(decided_at=None))).summary
    assert summary.decided_at == DECIDED
    assert summary.decision_s == (DECIDED - DETECTED).total_seconds()


@pytest.mark.parametrize(
    ("losses", "rpo", "lost"),
    [
        ((), "nothing was counted yet", None),
        ((BOUND,), "at most 4 s, target 1 min: met", "household: at most 2,000 rows, 4 s (bound)"),
        (
            (EXACT,),
            "3.2 s, target 1 min: met",
            "household: 412 rows, 3.2 s (counted exactly), kept in evidence/beyond.jsonl.gz",
        ),
        ((EXACT, replace(BOUND, data="archive", seconds=90)), "at most 1 min 30 s, target 1 min: missed", None),
        ((replace(EXACT, rows=0, seconds=0, saved_in=""),), "0 s, target 1 min: met", "household: 0 rows, 0 s (counted exactly)"),
    ],
)  # fmt: skip
def test_a_loss_is_never_told_without_its_label(losses, rpo, lost):
    told = said(EN, move=a_move(losses=losses))
    assert told["RPO"] == rpo
    assert lost is None or told["Lost"] == lost


def test_what_a_restore_leaves_behind_was_approved_and_is_no_promise_that_was_missed():
    far = replace(EXACT, seconds=600)
    told = said(EN, move=a_move(kind=MoveKind.RESTORE, losses=(far,)))
    assert told["RPO"] == "10 min, as it was approved"
    assert told["Left behind"] == "household: 412 rows, 10 min (counted exactly), kept in evidence/beyond.jsonl.gz"
    french = said(FR, move=a_move(kind=MoveKind.RESTORE, losses=(replace(BOUND, seconds=600),)))
    assert french["RPO"] == "au plus 10 min, comme approuvé"
    assert french["Laissé derrière"].endswith("(majorant)")


def test_steps_that_were_approved_and_not_begun_are_counted():
    told = said(
        EN, steps=[a_step(*each) for each in STEPS[:3]], move=a_move(serving_at=None, state=MoveState.UNDER_WAY)
    )
    assert told["Steps"].startswith("3 of 10 done")


def test_a_move_that_went_well_is_wholly_done_though_its_looks_leave_no_row():
    changes = [a_step(*each) for each in STEPS if not each[0].startswith("verify")]
    assert len(changes) < len(STEPS)
    assert said(EN, steps=changes)["Steps"].startswith("10 of 10 done")


def test_clients_of_the_old_side_and_left_overs():
    assert said(EN)["Old side"] == "at most 38 clients, the last at 03:07:36"
    assert said(EN, old_side=())["Old side"] == "no client was seen there"
    assert said(EN, old_side=(OldSideCount(at=DECIDED, client_count=0),))["Old side"] == "no client was seen there"
    drill = {"move": None, "drill": a_drill(leftovers=("server copy-1",))}
    assert said(EN, **drill)["Left over"] == "server copy-1"
    assert said(FR, move=None, drill=a_drill())["Restes"] == "rien n'est resté"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3599, "59 min 59 s"),
        (3900, "1 h 05 min"),
        (-3, "0 s"),
    ],
)
def test_a_time_is_told_to_the_second(seconds, text):
    assert stopwatch(EN, seconds).replace("\u00a0", " ") == text


# -- the critical path -------------------------------------------------------------------------


def bar(key: str, begin: float, end: float | None, phase: str = "start") -> Bar:
    return Bar(key=key, phase=phase, item=key, text=key, begin=later(begin), end=None if end is None else later(end))


@pytest.mark.parametrize(
    ("bars", "path"),
    [
        ((), ""),
        ((bar("a", 0, None),), ""),
        ((bar("a", 0, 2),), "a"),
        ((bar("a", 0, 2), bar("b", 0, 1), bar("c", 2, 3)), "ac"),
        ((bar("a", 0, 2), bar("b", 1, 5), bar("c", 2.02, 3)), "b"),  # nothing ended before b began
        ((bar("a", 0, 2), bar("b", 2, 2), bar("c", 9, 10)), "abc"),
    ],
)
def test_the_path_goes_back_from_the_last_step(bars, path):
    assert critical_path(bars) == set(path)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=30))
def test_a_path_never_takes_longer_than_the_whole_and_ends_with_its_last_step(spans):
    bars = [bar(str(n), begin, begin + took) for n, (begin, took) in enumerate(spans)]
    path = [each for each in bars if each.key in critical_path(bars)]
    whole = max(each.end for each in bars) - min(each.begin for each in bars)
    assert sum((each.end - each.begin for each in path), timedelta(0)) <= whole
    assert max(each.end for each in path) == max(each.end for each in bars)


def test_clients_do_not_wait_for_the_settling():
    critical = {each.item for each in build_report(recorded()).bars if each.is_critical}
    assert "verify:device-api:dc-west" in critical
    assert "protect-database:household:dc-west" not in critical
    of_a_drill = build_report(recorded(move=None, drill=a_drill()))
    assert critical == {each.item for each in of_a_drill.bars if each.is_critical}


# -- waits -------------------------------------------------------------------------------------


def wait(begin: float, end: float) -> Wait:
    return Wait(kind="approval", begin=later(begin), end=later(end))


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [((), 0), ((wait(0, 5),), 5), ((wait(0, 5), wait(3, 8)), 8), ((wait(0, 9), wait(1, 2)), 9), ((wait(7, 9), wait(0, 1)), 3)],
)  # fmt: skip
def test_two_that_are_waited_for_at_once_cost_one_wait(waits, seconds):
    assert together(waits).total_seconds() == seconds


def test_a_stopped_run_waits_for_a_person_until_it_goes_on():
    history = [moved("running", 1), moved("parked", 2), moved("running", 7), moved("failed", 9)]
    report = build_report(recorded(approvals=(), actions=history))
    assert [(w.kind, (w.end - w.begin).total_seconds()) for w in report.waits] == [("stopped", 5), ("stopped", 51)]


# -- the picture -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"old_side": ()},
        {"move": None, "drill": a_drill(), "approvals": ()},
        {"move": a_move(outage_at=None, detected_at=None, serving_at=None), "steps": [a_step(*STEPS[0][:4], None)]},
        {"actions": [moved("parked", 3), moved("running", 9000)], "at": later(9100)},
    ],
)
def test_any_move_is_a_picture_that_a_phone_shows(language, changes):
    picture = draw_move(build_report(recorded(**changes)), language=language, time_zone="Europe/Paris")
    assert 3_000 < len(picture) < MOST_BYTES
    with Image.open(io.BytesIO(picture)) as image:
        assert image.width < 1000


def test_without_a_step_there_is_no_picture():
    assert draw_move(build_report(recorded(steps=())), language="fr", time_zone="UTC") == b""


def test_of_very_many_steps_the_critical_ones_are_drawn():
    bars = [replace(bar(f"k{n}", n, n + 1), is_critical=n == 3) for n in range(40)] + [bar("open", 5, None)]
    shown = worth_a_bar(bars)
    assert len(shown) == MOST_BARS
    assert {"k3", "open"} <= {each.key for each in shown}
    assert [each.begin for each in shown] == sorted(each.begin for each in shown)


def test_the_colours_of_the_parts_and_the_dark_edge_of_the_path_are_there():
    picture = draw_move(build_report(recorded()), language="en", time_zone="UTC")
    with Image.open(io.BytesIO(picture)) as image, image.convert("RGB") as flat:
        colours = {colour for _, colour in flat.getcolors(1 << 24)}
    for wanted in ((242, 177, 52), (138, 99, 210), (18, 100, 163), (217, 45, 32), (31, 35, 40)):
        assert any(all(abs(a - b) <= 8 for a, b in zip(colour, wanted, strict=True)) for colour in colours), wanted


# -- pages -------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def hostile():
    said_so = replace(question().decisions[0], reason=HOSTILE)
    steps = [a_step("fence", "a:b:c", HOSTILE, 0, 1, outcome=HOSTILE, evidence=None, by_hand=HOSTILE)]
    loss = replace(EXACT, data=HOSTILE, saved_in=HOSTILE)
    return recorded(
        steps=steps, approvals=(question(decisions=(said_so,)),), move=a_move(losses=(loss,), from_site=HOSTILE)
    )


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("given", [recorded(), hostile()])
def test_the_page_stands_alone_and_nothing_in_it_is_carried_out(language, given):
    text = render_html(build_report(given), picture=b"png", language=language, time_zone="Europe/Paris")
    page = Page(text)
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "dl", "dt", "dd", "p", "img", "div", "table",
        "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert page.addresses == ["data:image/png;base64,cG5n"]
    assert f'<html lang="{language}">' in text
    if given.steps[0].text == HOSTILE:
        assert page.text.count("alert(1)") >= 4


def test_the_page_says_what_proves_each_step_and_who_decided():
    page = Page(render_html(build_report(recorded()), picture=b"", language="fr", time_zone="Europe/Paris"))
    for expected in (
        "Bascule d'urgence de hearth, de azure-west à dc-west : les clients sont servis",
        "fence-database:household:azure-west took effect (version timeline 4)",
        "shift-lead",
        "approuve (Slack) go",
        "28\u00a0novembre 03:03:12",
    ):
        assert expected in page.text
    assert "img" not in page.tags


def test_what_proves_a_step_is_said_in_the_readers_language():
    proof = Evidence(kind=EvidenceKind.GENERATION, reference="timeline 4", text="household-data left timeline 3 for 4")
    report = build_report(recorded(steps=[a_step(*STEPS[0], evidence=proof)]))
    said = {
        "en": "household-data left timeline 3 for 4 (generation timeline 4)",
        "fr": "household-data a quitté la ligne de temps 3 pour la 4 (version timeline 4)",
    }
    for language, proven in said.items():
        assert proven in Page(render_html(report, picture=b"", language=language, time_zone="UTC")).text


def test_a_step_by_hand_or_entered_again_is_told_so():
    step = a_step(*STEPS[0], by_hand="shift-lead", entered_count=3)
    page = Page(render_html(build_report(recorded(steps=[step])), picture=b"", language="en", time_zone="UTC"))
    assert "by hand: shift-lead; " in page.text
    assert "entered 3 times" in page.text


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_artifact_marks_the_critical_path_and_draws_nothing_of_others(language):
    report = build_report(recorded())
    text = render_markdown(report, picture=b"png", kept_in="e/r.html", language=language, time_zone="UTC")
    assert "](data:image/png;base64,cG5n)" in text
    assert sum(line.count("**") > 4 for line in text.splitlines()) == sum(each.is_critical for each in report.bars)
    assert text.rstrip().endswith("`e/r.html`")
    bad = render_markdown(build_report(hostile()), picture=b"", kept_in="`x`", language=language, time_zone="UTC")
    assert "<script" not in bad
    assert "](http" not in bad.replace("\\](", "")


# -- what nobody could confirm -----------------------------------------------------------------


def exposed(*actions, **changes):
    """The failover with two fences that were accepted unconfirmed, and what came of them."""
    back = tuple(PlanStep(phase=phase, item=item, text=text) for phase, item, text, *_ in STEPS[:2])
    not_confirmed = dict.fromkeys((step.item for step in back), NOT_CONFIRMED)
    coverage = not_confirmed | {
        "shift-traffic:api:dc-west@100": NOT_CONFIRMED,
        STEPS[2][1]: "confirmed by its provider",
    }
    plan = replace(question().plan, coverage=coverage, when_back=back)
    return recorded(approvals=(question(plan=plan),), actions=actions, **changes)


def fenced_late(item, seconds):
    data = {"item": item, "from": "2026-11-28T02:00:00+00:00", "to": later(seconds).isoformat()}
    return Action(run=RUN, number=5, at=later(seconds), kind=ActionKind.FENCED_LATE, text="", data=data)


def test_what_was_not_fenced_is_timed_from_the_first_promotion_until_its_fence_is_written_down():
    summary = build_report(exposed(fenced_late(STEPS[1][1], 754.2))).summary
    worker, database = summary.exposures
    assert (worker.begin, worker.end) == (later(3.2), None)
    assert (database.begin, database.end) == (later(3.2), later(754.2))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["fence household in azure-west: at 02:19:33, after at most 12 min 31 s without it", "not yet, open since"]),
        ("fr", ["isoler household à azure-west : à 3 h 19 min 33 s, après au plus 12 min 31 s sans l'être", "pas encore, exposé"]),
    ],
)  # fmt: skip
def test_slack_the_page_and_the_artifact_say_since_when_it_is_fenced(language, told):
    given = exposed(fenced_late(STEPS[1][1], 754.2))
    approval = given.approvals[0]
    plan = replace(approval.plan, when_back=tuple(
        replace(step, text=text)
        for step, text in zip(
            approval.plan.when_back, ("stop worker digest in azure-west", "fence household in azure-west"), strict=True
        )
    ))  # fmt: skip
    given = replace(given, approvals=(replace(approval, plan=plan),))
    zone = "Europe/Paris" if language == "fr" else "UTC"
    report = build_report(given)
    facts = [fact.text.replace("\u00a0", " ") for fact in facts_of(Voice(language, zone), report.summary)]
    assert all(any(each in fact for fact in facts) for each in told), facts
    page = Page(render_html(report, picture=b"", language=language, time_zone=zone)).text.replace("\u00a0", " ")
    assert told[0] in page
    _, blocks = render_report(replace(picture_of(given, language), time_zone=zone))
    assert told[0] in json.dumps(blocks, ensure_ascii=False).replace("\u00a0", " ")


def test_before_a_promotion_and_in_a_drill_nothing_is_exposed():
    assert build_report(exposed(steps=steps()[:3])).summary.exposures == ()
    assert build_report(exposed(move=None, drill=a_drill())).summary.exposures == ()


# -- Slack -------------------------------------------------------------------------------------


def picture_of(given, language="fr", kept_in="evidence/9.html"):
    summary = build_report(given).summary
    facts = {"summary": SUMMARY.dump_python(summary, mode="json"), "kept_in": kept_in}
    line = Action(run=RUN, number=8, at=SERVING, kind=ActionKind.REPORTED, text="", data=json.loads(json.dumps(facts)))
    return a_picture(run=a_run(), actions=(line,), language=language)


def test_slack_says_the_same_as_the_page():
    report = build_report(recorded())
    text, blocks = render(Purpose(PurposeKind.REPORT), picture_of(recorded()))
    assert blocks[0]["text"]["text"] == title_of(FR, report.summary)
    written = json.dumps(blocks, ensure_ascii=False)
    for fact in facts_of(FR, report.summary):
        assert fact.text.replace("\u00a0", " ") in written
    assert "evidence/9.html" in written
    assert "RTO" in text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.integers(0, 60), st.sampled_from(["fr", "en"]))
def test_whatever_it_holds_the_message_fits(text, count, language):
    loss = replace(EXACT, data=text, saved_in=text * 8)
    given_ = recorded(move=a_move(losses=tuple(replace(loss, data=f"{n}{text}") for n in range(count)), to_site=text))
    shown, blocks = render_report(picture_of(given_, language, kept_in=text))
    assert len(blocks) <= 50
    assert length(shown) <= 3000
    assert 0 < length(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        texts = [block["text"]] if "text" in block else block["elements"]
        assert all(0 < length(each["text"]) <= 3000 for each in texts)


def reminder(**data):
    facts = {"site": "dc-west", "since": OUTAGE.isoformat(), "cost": "12 € a day", **data}
    line = Action(
        run=RUN, number=9, at=OUTAGE + timedelta(days=2, hours=4), kind=ActionKind.REMINDED, text="", data=facts
    )
    return a_picture(run=a_run(), actions=(line,), language="fr")


def test_the_reminder_says_how_long_at_what_cost_and_what_is_missing():
    text, blocks = render(Purpose(PurposeKind.REMINDER, 9), reminder(missing=["no standby in azure-west"]))
    assert blocks[0]["text"]["text"].replace("\u00a0", " ") == "🟠 hearth tourne sur dc-west depuis 2 j 4 h"
    written = json.dumps(blocks, ensure_ascii=False)
    assert "12 € a day" in written
    assert "• no standby in azure-west" in written
    assert "Rien ne manque" not in written
    assert "28" in text
    assert "`vigie plan failback hearth`" in written
    assert "failback/failback" in written
    _, unpriced = render_reminder(reminder(cost=""), reminder(cost="").actions[0])
    assert "non déclaré dans le catalogue" in json.dumps(unpriced, ensure_ascii=False)
    _, ready = render_reminder(reminder(), reminder().actions[0])
    assert "Rien ne manque pour le retour" in json.dumps(ready, ensure_ascii=False)


@pytest.mark.parametrize(
    ("language", "title", "why"),
    [
        ("fr", "🟠 hearth : bascule d'urgence vers dc-west à valider", "household à azure-west ne suit pas"),
        ("en", "🟠 hearth: nobody committed the failover to dc-west", "household in azure-west does not follow"),
    ],
)
def test_a_move_that_nobody_committed_says_what_keeps_it_and_how_to_commit_it(language, title, why):
    kept = "going back to azure-west by itself would not be lossless: household in azure-west does not follow"
    picture = replace(reminder(kind="failover", why=kept), language=language)
    text, blocks = render(Purpose(PurposeKind.REMINDER, 9), picture)
    assert blocks[0]["text"]["text"] == title
    written = json.dumps(blocks, ensure_ascii=False)
    assert why in written
    assert "`vigie commit hearth`" in written
    assert title in text
    assert why in text


def test_a_question_in_the_middle_is_a_wait_for_people_and_no_decision_about_the_move():
    asked = question()
    middle = replace(
        asked,
        id=uuid4(),
        number=2,
        plan=replace(asked.plan, confirms="ask:told:dc-west", steps=()),
        asked_at=DECIDED + timedelta(seconds=10),
        settled_at=DECIDED + timedelta(seconds=70),
    )
    given = recorded(approvals=(asked, middle), move=a_move(decided_at=None))
    report = build_report(given)
    assert report.summary.decided_at == DECIDED
    waited = report.summary.people_s - build_report(recorded(approvals=(asked,))).summary.people_s
    assert waited == 60
    page = render_html(report, picture=b"", language="en", time_zone="Europe/Paris")
    assert "says that it is done" in page.replace("\u00a0", " ")
