"""What is put into Slack is readable first, fits the published limits, and can ring nobody by accident."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.ports.incidents import EventKind, Severity
from blocks.slack.markup import escaped, length, link, plain
from blocks.slack.render import render_event, render_incident
from tests.unit.messages.pictures import OPENED_AT, a_picture, an_event

NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["<!here>", "@channel", "<@U123>", "&amp;", "<https://evil.example|click>", "a\nb", "😀", "&", "<", "_*`~"]
    ),
    st.integers(1, 4000).map(lambda n: "&<>" * n),
    st.integers(1, 4000).map(lambda n: "😀" * n),
    st.integers(1, 4000).map(lambda n: "x" * n),
)


def said(blocks) -> str:
    return json.dumps(blocks, ensure_ascii=False).replace("\u00a0", " ")


def texts(blocks):
    """(kind, text) of every text object in the blocks."""
    for block in blocks:
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part:
                yield part["type"], part["text"]


def test_first_line_says_how_bad_which_service_and_why():
    text, blocks = render_incident(a_picture())
    assert text.splitlines()[0] == "🔴 URGENT · hearth · device-api : connexion refusée"
    assert blocks[0]["type"] == "header"
    assert blocks[0]["text"]["text"] == "🔴 URGENT · hearth · device-api : connexion refusée"


def test_the_message_says_since_when_who_suffers_what_was_tried_and_where_to_click():
    picture = a_picture(tried=("redémarrage de hearth-device-api",), clients="les applications mobiles")
    _, blocks = render_incident(picture)
    words = said(blocks)
    assert "*Depuis* le 23 novembre à 23 h 14" in words
    assert "*En souffrent aussi* device-updates et message-ingestion" in words
    assert "*Qui le remarque* les applications mobiles" in words
    assert "*Déjà tenté* redémarrage de hearth-device-api" in words
    assert "*Pris en charge par* personne encore" in words
    assert "<https://prefect.example/runs/flow-run/1|Ouvrir l'exécution>" in words
    assert str(picture.incident.id) in words


def test_in_english_the_same():
    _, blocks = render_incident(a_picture(language="en", sentence="health: api.hearth.example refused the connection"))
    words = said(blocks)
    assert "🔴 URGENT · hearth · device-api: health: api.hearth.example refused the connection" in words
    assert "*Since* 23 November at 23:14" in words
    assert "*Tried* nothing yet" in words


def test_a_closed_incident_says_it_is_over_and_how_long_it_took():
    text, blocks = render_incident(a_picture(closed_at=OPENED_AT + timedelta(minutes=27)))
    assert text.startswith("✅ Rétabli · hearth · device-api (c'était : connexion refusée)")
    assert "*De* 23 h 14 *à* 23 h 41, le 23 novembre (27 min)" in said(blocks)
    _, blocks = render_incident(a_picture(closed_at=OPENED_AT + timedelta(hours=3)))
    assert "*Du* 23 novembre à 23 h 14 *au* 24 novembre à 2 h 14 (3 h)" in said(blocks)
    assert "personne encore" not in said(blocks)


def test_acknowledged_silenced_and_reopened_are_shown():
    picture = a_picture(
        acknowledged_by="alix", acknowledged_at=OPENED_AT + timedelta(minutes=3),
        silenced_until=OPENED_AT + timedelta(hours=2), silenced_by="alix", reopened_count=2, severity=Severity.TICKET,
    )  # fmt: skip
    text, blocks = render_incident(picture)
    assert text.startswith("🟠 À traiter")
    words = said(blocks)
    assert "*Pris en charge par* alix à 23 h 17" in words
    assert "*En silence jusqu'au* 24 novembre à 1 h 14 par alix" in words
    assert "*Rouvert* 2 fois" in words


def test_what_came_back_lasts_since_it_came_back():
    again, end = OPENED_AT + timedelta(hours=1), OPENED_AT + timedelta(hours=1, minutes=4)
    back = {"reopened_count": 1, "reopened_at": again}
    assert "23 h 14" not in said(render_incident(a_picture(**back))[1]).split("Rouvert")[0]
    assert "(4 min)" in said(render_incident(a_picture(closed_at=end, **back))[1])


def test_numbers_are_said_in_the_language_of_the_customer():
    event = an_event(text="latency 1.5 s over 500 ms", measurement="latency", value=1512.0, unit="ms", limit="> 0.5 s")
    text, _ = render_incident(a_picture(event))
    assert "latence 1 512 ms, limite > 0,5 s" in text.replace("\u00a0", " ").replace("&gt;", ">")


def test_a_burning_budget_and_the_monitoring_have_names():
    event = an_event(rate=14.4, budget_left_pct=62.5)
    assert "budget d'erreur « api »" in said(render_incident(a_picture(event, root="slo:api"))[1])
    assert "14,4 fois trop vite, reste 62 %" in said(render_incident(a_picture(event, root="slo:api"))[1])
    assert "la surveillance elle-même" in said(render_incident(a_picture(root="monitoring"))[1])


def test_without_a_code_the_sentence_is_passed_on_once():
    _, blocks = render_incident(a_picture(an_event(), sentence="something nobody foresaw"))
    assert said(blocks).count("something nobody foresaw") == 1


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_event_is_one_line_with_its_hour(kind, language):
    text, blocks = render_event(a_picture(language=language), an_event(kind, "why", 5, who="alix"))
    assert text.replace("\u00a0", " ").startswith("*23 h 19* " if language == "fr" else "*23:19* ")
    assert "alix" in text or "why" in text
    assert "\n" not in text
    assert len(blocks) == 1


def test_an_event_without_text_does_not_end_in_a_colon():
    text, _ = render_event(a_picture(), an_event(EventKind.CLOSED, "", 5))
    assert text.endswith("Clos")


def test_blocks_fit_the_published_limits(conformance):
    published = json.loads(conformance("slack/blockkit_limits_python_sdk.json").read_text())
    limits = published["limits"]
    most_blocks = next(r["max"] for r in published["message_limits"] if r["limit"] == "blocks per message")
    most_text = next(r["max"] for r in published["message_limits"] if r["limit"] == "chat text length")

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        sentence=NASTY, platform=NASTY, root=NASTY, who=NASTY, url=NASTY, clients=NASTY,
        affected=st.lists(NASTY, max_size=60), tried=st.lists(NASTY, max_size=60), closed=st.booleans(),
        code=st.one_of(st.just("connection_refused"), NASTY), kind=st.sampled_from(list(EventKind)),
    )  # fmt: skip
    def check(*, sentence, platform, root, who, url, clients, affected, tried, closed, code, kind):
        event = an_event(kind, sentence, code=code, who=who, measurement=who, value=1.0, unit="ms", limit=clients)
        picture = a_picture(
            event, sentence=sentence, platform=platform, root=root, affected=tuple(affected), tried=tuple(tried),
            acknowledged_by=who, acknowledged_at=OPENED_AT, silenced_by=who, silenced_until=OPENED_AT, clients=clients,
            closed_at=OPENED_AT if closed else None, run_url=f"https://x.example/{url}", reopened_count=3,
        )  # fmt: skip
        for text, blocks in (render_incident(picture), render_event(picture, event)):
            assert len(blocks) <= most_blocks
            assert 0 < length(text) <= min(most_text, 4000)
            for block in blocks:
                assert block["type"] in {"header", "section", "context"}
                if block["type"] == "header":
                    assert 0 < length(block["text"]["text"]) <= limits["HeaderBlock"]["text_max_length"]
                if block["type"] == "section":
                    assert 0 < length(block["text"]["text"]) <= limits["SectionBlock"]["text_max_length"]
                if block["type"] == "context":
                    assert len(block["elements"]) <= limits["ContextBlock"]["elements_max_length"]
            for kind_of_text, words in texts(blocks):
                assert kind_of_text == "plain_text" or harmless(words), words
            assert harmless(text)
            json.dumps(blocks).encode()

    check()


def harmless(words: str) -> bool:
    """No mention, no broken escape, and no link but one of ours."""
    without_ours = re.sub(r"<https://x\.example/[^<>|]*\|[^<>|]*>", "", words)
    broken = re.search(r"&(?!amp;|lt;|gt;)", without_ours)
    return (
        not re.search(r"[<>]", without_ours)
        and not broken
        and not re.search(r"@(channel|here|everyone)\b", words, re.IGNORECASE)
    )


def test_the_first_line_survives_whatever_follows():
    text, blocks = render_incident(
        a_picture(sentence="&" * 100_000, affected=("x" * 5000,) * 500, tried=("<" * 5000,) * 50)
    )
    assert text.startswith("🔴 URGENT · hearth · device-api : connexion refusée\n")
    assert blocks[0]["text"]["text"] == "🔴 URGENT · hearth · device-api : connexion refusée"
    assert "*Pris en charge par* personne encore" in said(blocks)


@given(st.text(alphabet="ab&<>😀…", max_size=60), st.integers(2, 40))
def test_cutting_never_cuts_an_escape(text, most):
    cut = escaped(text, most)
    assert length(cut) <= most
    assert not re.search(r"&(?!amp;|lt;|gt;)", cut)
    assert not re.search(r"[<>]", cut)
    if length(escaped(text, 10_000)) <= most:
        assert cut == escaped(text, 10_000)


def test_controls_and_line_breaks_do_not_reach_a_header():
    assert plain("a\x00b\r\n c\ud800", 50) == "ab c"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a.example/x|y", "https://a.example/ x", "", "https://a.example/>x"]
)
def test_an_address_that_is_none_becomes_no_link(url):
    assert link(url, "Open <it>") == "Open &lt;it&gt;"


def test_an_address_rings_nobody_either():
    assert link("https://a.example/@channel", "x") == "<https://a.example/%40channel|x>"


def test_rendering_is_pure():
    picture = a_picture()
    assert render_incident(picture) == render_incident(picture)
    assert UUID(re.search(r"`([0-9a-f-]{36})`", said(render_incident(picture)[1]))[1]) == picture.incident.id
