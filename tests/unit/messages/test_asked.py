"""A question in the middle of a plan: told apart from an approval, in both languages, at every place that shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.ports.approvals import Choice, Plan, PlanStep, Standing
from blocks.ports.runs import RunState
from blocks.slack.cards import headline, render_approval
from blocks.slack.progress import render_progress
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.approvals.card import card_markdown
from tests.unit.approvals.asked import AT, POLICY, approval, decision
from tests.unit.messages.runs import a_picture, a_run, a_step
from tests.unit.messages.test_cards import flat

EN, FR = Voice("en", "Europe/Paris"), Voice("fr", "Europe/Paris")
ITEM = "ask:told:dc-west"
MOVE = Plan(
    action="failover", platform="hearth", subject="azure-west → dc-west", candidate="dc-west",
    steps=(
        PlanStep(phase="shift", item=ITEM, text="ask a person: is the warehouse told?"),
        PlanStep(phase="shift", item="shift-traffic:api:dc-west@100", text="send 100 % of api to dc-west"),
    ),
)  # fmt: skip
PLAN = Plan(
    action="failover", platform="hearth", subject="azure-west → dc-west", reason="is the warehouse told?",
    steps=(replace(MOVE.steps[0], item=f"{ITEM}@abc#1"),), confirms=ITEM,
)  # fmt: skip
GRANTED = approval(plan=MOVE, standing=Standing.GRANTED)
ASKED = approval(plan=PLAN, number=2, policy=replace(POLICY, requester_may_approve=True))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("voice", "line"),
    [
        (EN, "🟠 Is it done? · failover · hearth · azure-west → dc-west: is the warehouse told?"),
        (FR, "🟠 Est-ce fait ? · bascule d'urgence · hearth · azure-west → dc-west : is the warehouse told?"),
    ],
)
def test_the_first_line_is_the_question(voice, line):
    assert plain(headline(voice, ASKED)) == line


@pytest.mark.parametrize(
    ("language", "yes", "no"), [("en", "It is done", "No, stop here"), ("fr", "C'est fait", "Non, arrêter ici")]
)
def test_the_card_asks_whether_it_is_done_and_says_what_each_answer_does(language, yes, no):
    _, blocks = render_approval(a_picture(GRANTED, ASKED, language=language), ASKED)
    said = plain(flat(blocks))
    buttons = [
        e["text"]["text"] for block in blocks if block["type"] == "actions" for e in block["elements"] if "text" in e
    ]
    assert [plain(each) for each in buttons[:2]] == [yes, no]
    assert ("nothing is undone" in said) or ("rien n'est défait" in said)
    for foreign in ("Known to be wrong", "En défaut", "1 step", "étape*"):
        assert foreign not in said


@pytest.mark.parametrize(
    ("standing", "choice", "english", "french"),
    [
        (Standing.GRANTED, Choice.APPROVE, "says that it is done", "dit que c'est fait"),
        (Standing.REJECTED, Choice.REJECT, "says no", "dit non"),
        (Standing.GRANTED, Choice.BREAK_GLASS, "breaks the glass and says", "brise la glace et dit"),
    ],
)
def test_what_was_said_is_no_approval(standing, choice, english, french):
    said = replace(decision("shift-lead"), choice=choice)
    settled = replace(ASKED, standing=standing, settled_at=AT + timedelta(minutes=1), decisions=(said,))
    for language, words in (("en", english), ("fr", french)):
        shown = plain(flat(render_approval(a_picture(GRANTED, settled, language=language), settled)))
        assert words in shown
        assert words in plain(card_markdown(settled, Voice(language, "Europe/Paris")))
        assert "approves" not in shown
        assert "approuve " not in shown


def test_the_form_asks_the_same():
    english, french = (plain(card_markdown(ASKED, voice)) for voice in (EN, FR))
    assert "**In the middle of it** is the warehouse told?" in english
    assert "nothing is undone" in english
    assert "**En cours de route** is the warehouse told?" in french
    assert "1. " not in english, "it has no steps of its own"


def test_the_progress_says_that_it_waits_for_a_person_and_what_comes_next():
    asking = a_step(ITEM, done=False, phase="shift", text=MOVE.steps[0].text)
    picture = a_picture(GRANTED, ASKED, run=a_run(action="failover", state=RunState.WAITING), steps=(asking,))
    text, blocks = render_progress(picture)
    assert "waits for a person" in text
    said = plain(flat(blocks))
    assert "0 of 2 steps done" in said
    assert "▫️ send 100 % of api to dc-west" in said
    first = replace(picture, approvals=(replace(GRANTED, standing=Standing.WAITING),), steps=())
    assert "waits for approval" in render_progress(first)[0]


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("ask a person: is the warehouse told?", "demander à quelqu'un : is the warehouse told?"),
        (
            "tell: POST https://partner.example/told answers 200/202 [0a1b2c3d]",
            "tell : POST https://partner.example/told répond 200/202 [0a1b2c3d]",
        ),
        ('warm: run caches/warm with site="dc-west" [0a1b2c3d]', 'warm : lancer caches/warm [0a1b2c3d] site="dc-west"'),
        (
            "look whether one could do this: ask a person: is it so?",
            "voir si l'on pourrait faire ceci : demander à quelqu'un : is it so?",
        ),
        ("step warm", "étape warm"),
        ("can be done", "faisable"),
        ("nobody could look whether it can be done", "personne n'a pu voir si c'est faisable"),
        ("Prefect has no deployment caches/warm", "Prefect n'a pas de déploiement caches/warm"),
        ("caches/warm has no parameter sight", "caches/warm n'a pas de paramètre sight"),
        ("caches/warm cannot be started without site", "caches/warm ne peut être lancé sans site"),
        (
            "caches/warm asks for an approval of its own and may change a platform: it is no step of another move",
            "caches/warm demande sa propre approbation et peut changer une plateforme : ce n'est pas une étape d'une bascule",
        ),
        (
            "ben may not decide about failover on hearth. Next: one of these may: anna, chloe",
            "ben ne peut pas décider pour failover on hearth. Ensuite : l'une de ces personnes le peut : anna, chloe",
        ),
        ("waits for a person: is it so?", "attend quelqu'un : is it so?"),
        ("anna says no: is it so? (it rains)", "anna dit non : is it so? (it rains)"),
        ("anna says no", "anna dit non"),
        ("nobody answered in time: is it so?", "personne n'a répondu à temps : is it so?"),
        ("nobody answered in time", "personne n'a répondu à temps"),
        ("anna said that it is done", "anna dit que c'est fait"),
        ("anna said that it is done; it cannot be read back", "anna dit que c'est fait ; cela ne peut être relu"),
        ("https://partner.example/told answered as expected in 43 ms", "https://partner.example/told a répondu comme prévu en 43 ms"),
        ("run brave-otter of caches/warm ended well", "l'exécution brave-otter de caches/warm s'est bien terminée"),
        (
            "run brave-otter of caches/warm ended as Failed: no cache",
            "l'exécution brave-otter de caches/warm s'est terminée « Failed » no cache",
        ),
    ],
)  # fmt: skip
def test_what_is_recorded_is_said_in_french(english, french):
    assert plain(retell(FR, english)) == french
    assert retell(EN, english) == english
