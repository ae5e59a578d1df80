"""Each sentence about a recovery plan is told in French to its last word, and so is its table."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.catalogue.recovery import Promise
from blocks.ports.incidents import EventKind, IncidentEvent
from blocks.ports.notifications import IncidentPicture
from blocks.ports.recovery import MoveState
from blocks.slack.render import render_incident
from blocks.slack.voice import Voice
from blocks.slack.words import headline
from tasks.recovery.readiness import findings
from tasks.recovery.ready import Judged
from tasks.recovery.unready import plan_unready, why_still
from tasks.reports.readiness import lines_of, render_readiness
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, NOW, PRIMARY, STANDBY, a_move, dark, database, quiet
from tests.unit.recovery.test_readiness import TABLE, ready
from tests.unit.recovery.test_unready import finding, incident

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "Europe/London")
ENGLISH = re.compile(
    r"\b(the|of|is|are|was|nobody|could|would|days|behind|over|Next|clients wait|every|used|seen|left|ago|opens)\b"
)
SAID = {name: findings(HEARTH, ready(**changes))[0].sentence for name, (changes, *_) in TABLE.items()}
SAID |= {
    "no reservation": "the quota of dc-west would do, but quota is not capacity and nothing is reserved. "
    "Next: reserve it, or accept the risk by name in the catalogue",
    "no promise": "household promises zero loss, and no commit waits for the other site. "
    "Next: protect it again, or promise less",
    "no promise of some": "household promises zero loss, and some commits may not wait for hearth_db2. "
    "Next: let all wait for it alone, with synchronous_commit on, and after a failover bring it home",
    "patient clients": "clients wait 4min for a dead connection, over a quarter of the rto of 15min. "
    "Next: shorten their timeout",
    "over": plan_unready([], [incident()], at=NOW)[0].sentence,
    "a night": why_still(HEARTH, dark()),
    "a move": why_still(HEARTH, quiet(moves=(a_move(state=MoveState.UNDER_WAY),))),
}


@pytest.mark.parametrize("sentence", SAID.values(), ids=SAID)
def test_every_sentence_is_whole_in_french(sentence):
    told = FR.retell_whole(sentence)
    assert told is not None, sentence
    assert not ENGLISH.search(told), told
    assert EN.retell(sentence) == sentence


def test_the_sentences_here_are_those_that_are_recorded():
    plan = HEARTH.recovery
    household = plan.data["household"].model_copy(update={"promise": Promise.ZERO_LOSS})
    needs = plan.capacity[CELLAR].model_copy(update={"risk_accepted_by": ""})
    changed = {"data": {"household": household}, "capacity": {CELLAR: needs}, "client_timeout": timedelta(minutes=4)}
    spoiled = HEARTH.model_copy(update={"recovery": plan.model_copy(update=changed)})
    said = {each.sentence for each in findings(spoiled, ready())}
    assert said == {SAID["no reservation"], SAID["no promise"], SAID["patient clients"]}


def test_figures_and_spans_are_written_as_the_french_do():
    told = FR.retell(SAID["over the rpo"]).replace("\u00a0", " ")
    assert told.startswith("household dans dc-west a 301 s de retard, plus que le RPO de 5 min. Ensuite : ")
    assert "durée de vie" in FR.retell(SAID["clients that stay"])


def test_on_a_card_it_stands_among_what_is_known_to_be_wrong():
    known = f"readiness:certificate-a:443: {SAID['a certificate that ends now']}"
    told = FR.retell_whole(known)
    assert told is not None
    assert told.startswith("plan de reprise « certificate-a:443 » : le certificat de a:443 dans dc-west est valable")


def test_the_message_says_which_plan_and_what_next():
    found = incident()
    event = IncidentEvent(incident=found.id, at=NOW, kind=EventKind.OPENED, text=SAID["no room"])
    picture = IncidentPicture(
        incident=replace(found, sentence=SAID["no room"]),
        events=(event,),
        customer="hearth",
        language="fr",
        time_zone="Europe/Paris",
        run_url="",
    )
    assert headline(picture).startswith("🟠 À traiter · hearth · plan de reprise « capacity-dc-west » : dc-west ne")
    text, blocks = render_incident(picture)
    assert "plan de reprise" in text
    assert "Ensuite : faire relever le quota" in str(blocks).replace("\u00a0", " ")


# -- the table in the run ----------------------------------------------------------------------


def judged(evidence, still=""):
    return Judged(at=NOW, findings=findings(HEARTH, evidence), still=still, changed=(), open=())


def rows(evidence, voice=EN):
    """What was looked at -> (verdict, seen, limit)."""
    page = render_readiness(HEARTH, evidence, judged(evidence), voice)
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {what: (verdict, seen, limit) for verdict, what, seen, limit in cells[2:]}


def test_each_thing_is_seen_measured_against_something_and_judged():
    found = rows(ready(last_drill_at=None))
    assert all(verdict.endswith("ok") for what, (verdict, _, _) in found.items() if what != "last drill")
    assert found["last drill"] == ("🟡 warning", "never", "every 90 d")
    assert found["household follows in dc-west"] == ("🟢 ok", "1 s behind", "at most 5 min")
    assert found["room in dc-west"] == ("🟢 ok", "16 cores free", "4 cores")
    assert found["both sides of household alike"][1] == "1 of 1 the same"
    assert found["clients of api follow"] == ("🟢 ok", "within 1 min", "at most 3 min")
    assert found["credential dns-hearth-operator"] == ("🟢 ok", "opens", "must open")
    assert found["predicted RTO"] == ("🟢 ok", "14 min", "at most 15 min")
    assert found["vigie's journal"] == ("🟢 ok", "dc-north", "not azure-west")
    assert len(found) == len(lines_of(HEARTH, ready(), EN))


def test_the_worst_comes_first_and_what_nobody_saw_is_no_good_news():
    behind = {("household", AZURE): database(PRIMARY), ("household", CELLAR): database(STANDBY, behind_s=400)}
    found = rows(ready(databases=behind, credentials={}, follow_within={}))
    verdicts = [verdict.split()[1] for verdict, _, _ in found.values()]
    assert verdicts == sorted(verdicts, key=["critical", "unknown", "warning", "ok"].index)
    assert found["household follows in dc-west"][0] == "🔴 critical"
    assert found["credential dns-hearth-operator"] == ("🟣 unknown", "not seen", "must open")
    assert found["clients of api follow"][:2] == ("🟣 unknown", "not seen")


def test_every_finding_stands_in_a_row_of_its_own_kind():
    """Whatever is found wanting, some row is not ok."""
    for changes, *_ in TABLE.values():
        evidence = ready(**changes)
        assert any(not verdict.endswith("ok") for verdict, _, _ in rows(evidence).values()), changes


def test_the_page_is_french_for_the_french():
    evidence = ready(last_drill_at=None, follow_within={}, credentials={})
    page = render_readiness(HEARTH, evidence, judged(evidence), FR)
    assert "points ne fonctionneraient pas" in page
    assert not ENGLISH.search(page), page


def test_a_night_is_said_before_anything_else():
    page = render_readiness(HEARTH, ready(), judged(ready(), why_still(HEARTH, dark())), EN)
    assert "**Not judged: household takes no writes in azure-west, where clients are.**" in page
    assert judged(ready()).sentence == "the recovery plan would work tonight"
    assert judged(ready(last_drill_at=None, predicted=None)).sentence == "findings: 1 unknown, 1 warning"
    assert finding().severity == "critical"
