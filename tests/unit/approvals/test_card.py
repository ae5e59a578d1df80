"""The Prefect form's card: how to answer, the first line, every fact, in the reader's language; nothing is interpreted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.approvals import Guard, PlanStep
from blocks.slack.voice import Voice
from tasks.approvals.card import card_markdown, escaped
from tests.unit.approvals.asked import approval, decision, plan

EN, FR = Voice("en", "Europe/Paris"), Voice("fr", "Europe/Paris")
ASKED = approval(
    plan=plan(
        reason="memory leak",
        cost="none",
        expected_s=120.0,
        known_wrong=("device-api: health timed out",),
        steps=(PlanStep(phase="restart", item="a", text="restart app web"),),
        guards=(Guard(name="ready", holds=True, text="restart app web may begin"),),
    ),
    requester="unknown",
    differences=("candidate was a, is b",),
    decisions=(decision("shift-lead"),),
)


@pytest.mark.parametrize(
    ("voice", "pieces"),
    [
        (
            EN,
            (
                "**🟠 To approve · restart · hearth · device-api (2 min · no cost · 1 known fault): memory leak**",
                "Without name and code **Resume** decides nothing",
                "1. restart app web",
                "at most 50 requests, now 12",
                "candidate was a, is b",
                "**Asked by** somebody in the Prefect UI on 24 December at 04:00",
                "(2 yes needed)",
                "One yes more than usual",
                "**Until** 24 December at 04:30",
                "**04:01** shift-lead approves through Slack",
            ),
        ),
        (
            FR,
            (
                "**🟠 À approuver · redémarrage · hearth · device-api (2 min · sans coût · 1 défaut connu) : memory leak**",
                "Sans nom ni code, **Resume** ne décide rien",
                "1. redémarrer l'application web",
                "au plus 50 requests, mesuré 12",
                "quelqu'un dans l'interface Prefect",
                "(2 oui nécessaires)",
                "Un oui de plus",
                "**Jusqu'au** 24 décembre à 4 h 30",
            ),
        ),
    ],
)
def test_the_form_holds_what_the_card_holds_in_both_languages(voice, pieces):
    said = card_markdown(ASKED, voice).replace("\\", "").replace("\u00a0", " ")
    assert [piece for piece in pieces if piece not in said] == []
    assert "unknown" not in said


def test_why_the_last_answer_did_not_count_comes_first():
    refused = "the name or its one-time code is wrong. Next: is the phone's clock right? Who never enrolled runs: x"
    assert card_markdown(ASKED, EN, refused=refused).startswith("**The last answer did not count: the name or its")
    first = card_markdown(ASKED, FR, refused=refused).splitlines()[0]
    assert "le nom ou son code est faux. Ensuite" in first
    assert "clock" not in first


@given(text=st.text(alphabet="ab*_`<>[]()#!{}|\\\n ", max_size=40))
def test_what_people_typed_is_shown_and_never_interpreted(text):
    """Every sign that Markdown reads stands behind a backslash, on one line."""
    shown = escaped(text)
    assert "\n" not in shown
    for position, sign in enumerate(shown):
        if sign in "*_`<>[]()#!{}|":
            assert shown[position - 1] == "\\"
    card = card_markdown(approval(plan=plan(reason=text, subject=text)), FR)
    assert shown in card


MOVED = approval(
    plan=plan(
        action="failover",
        candidate="dc-west",
        roles={"dc-west": "active", "azure-west": "fenced, not confirmed"},
        coverage={"fence-database:household:azure-west": "NOT confirmed: nothing there answers us"},
    )
)


@pytest.mark.parametrize(
    ("voice", "pieces"),
    [
        (
            EN,
            (
                "**Takes over** dc-west",
                "azure-west becomes fenced, not confirmed",
                "fence-database:household:azure-west (NOT confirmed: nothing there answers us)",
            ),
        ),
        (
            FR,
            (
                "**Prend le relais** dc-west",
                "azure-west devient isolé, sans confirmation",
                "isoler la base household à azure-west (NON confirmé : rien n'y répond)",
            ),
        ),
    ],
    ids=["en", "fr"],
)
def test_who_takes_over_and_what_nobody_confirms_is_accepted_by_name(voice, pieces):
    told = card_markdown(MOVED, voice).replace("\u00a0", " ").replace("\\", "")
    assert [piece for piece in pieces if piece not in told] == []
