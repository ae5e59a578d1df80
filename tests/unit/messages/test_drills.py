"""A drill is never taken for the real thing, in either language, at either door; and what it says is French whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blocks.slack.cards import render_approval
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.approvals.card import card_markdown
from tasks.drills.decide import plan_drill
from tests.unit.approvals.asked import approval
from tests.unit.drills.test_decide import COPIES
from tests.unit.messages.runs import a_picture
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, UNREACHABLE, database, quiet, with_database

FR = Voice("fr", "Europe/Paris")
SAID = {
    ("en", False): "This is a drill.",
    ("en", True): "This is a drill: game day.",
    ("fr", False): "Ceci est un exercice.",
    ("fr", True): "Ceci est un exercice grandeur nature.",
}


def asked(*, game_day):
    plan = plan_drill(HEARTH, quiet(), COPIES, game_day=game_day, reason="autumn")
    return replace(approval(), plan=plan, digest=plan.digest)


@pytest.mark.parametrize(("language", "game_day"), list(SAID))
def test_the_card_says_first_that_it_is_a_drill(language, game_day):
    question, said = asked(game_day=game_day), SAID[language, game_day]
    text, blocks = render_approval(a_picture(question, language=language), question)
    assert said in text.splitlines()[1]
    assert said in blocks[1]["text"]["text"].splitlines()[0]
    form = card_markdown(question, Voice(language, "Europe/Paris"))
    assert form.index(said) < form.index("1. ")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_real_move_never_says_so(language):
    text, blocks = render_approval(a_picture(approval(), language=language), approval())
    assert "drill" not in text + str(blocks) + card_markdown(approval(), Voice(language, "UTC"))
    assert "exercice" not in text + str(blocks)


def sentences():
    for facts, copies in (
        (quiet(), COPIES),
        (quiet(), {}),
        (with_database(quiet(), AZURE, None), COPIES),
        (with_database(quiet(), CELLAR, database(UNREACHABLE)), COPIES),
    ):
        plan = plan_drill(HEARTH, facts, copies, game_day=True)
        yield from (step.text for step in plan.steps)
        yield from (text for guard in plan.guards for text in (guard.name, guard.text))
    yield "look whether dc-west has room"
    yield "restore the newest backup of household in dc-west for the drill"
    yield (
        "the failover of hearth to dc-west was rehearsed: 1 copies promoted and verified, 9 looks found nothing in its "
        "way, no row was written and nothing is left over"
    )
    yield "2 of 9 looks found what would stop a failover of hearth to dc-west: look whether dc-west has room: no"
    yield "gave way to failover of hearth (run 00000000-0000-4000-8000-000000000001)"
    yield "a leftover stays: db2.example:8443/vigie-drill-0123456789abcdef could not be removed: no"
    yield "its leftovers are removed"
    yield "the drill ended without a word (cancelled: cancelled in Prefect)"
    yield "vigie-drill-0123456789abcdef at db2:5433 follows nobody, archives nothing, and nobody follows it"
    yield "0 row changes in 0 transactions were made on vigie-drill-0123456789abcdef"
    yield "vigie-drill-0123456789abcdef is gone"
    yield "this drill is over: its leftovers are removed"


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_what_a_drill_records_is_retold(sentence):
    told = retell(FR, sentence)
    assert told != sentence
    for english in (" the ", " of ", " was ", "could", "copy of", " is ", " for the "):
        assert english not in told, told
