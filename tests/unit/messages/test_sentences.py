"""The sentences that decisions record are retold in French: these tests hold the two together."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from blocks.catalogue.model import QueueCheck, TcpCheck
from blocks.ports.health import FindingCode, Measurement, Missing, MissingCode, Reading, Unit
from blocks.slack.voice import Voice
from tasks.health.decide import assess_reading

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "Europe/London")
AT = datetime(2026, 11, 23, tzinfo=UTC)
ENGLISH = re.compile(r"\b(over|under|the|limit of|not measured|after|checks|recovered|explained|was)\b")


def a_reading(*measurements: Measurement, **changes) -> Reading:
    return Reading(service="s", check="c", started_at=AT, elapsed_ms=1.0, measurements=measurements, **changes)


def limits(**values) -> dict:
    return {name: {"critical": limit} for name, limit in values.items()}


@pytest.mark.parametrize(
    ("check", "reading", "said"),
    [
        (TcpCheck(kind="tcp", address="a:1", **limits(latency="> 2 s")), a_reading(Measurement("latency", 2310, Unit.MILLISECONDS)), "latence 2 310 ms au-dessus de la limite de 2 000 ms"),
        (TcpCheck(kind="tcp", address="a:1", **limits(latency=">= 2.5 s")), a_reading(Measurement("latency", 2500, Unit.MILLISECONDS)), "latence 2 500 ms atteint ou dépasse la limite de 2 500 ms"),
        (QueueCheck(kind="queue", **limits(depth="> 1000 count")), a_reading(Measurement("depth", 1200, Unit.COUNT)), "messages en attente 1 200 au-dessus de la limite de 1 000"),
        (QueueCheck(kind="queue", **limits(depth="< 1 count")), a_reading(Measurement("depth", 0.5, Unit.COUNT)), "messages en attente 0,5 sous la limite de 1"),
        (QueueCheck(kind="queue", **limits(depth="> 1 count")), a_reading(missing=Missing(MissingCode.NO_DATA, "CloudWatch has none")), "non mesuré : CloudWatch has none"),
        (QueueCheck(kind="queue", **limits(depth="> 1 count")), a_reading(Measurement("age", 3, Unit.SECONDS)), "messages en attente non mesuré : sa limite ne dit rien"),
        (TcpCheck(kind="tcp", address="a:1", **limits(latency="> 2 s")), a_reading(Measurement("latency", 120, Unit.MILLISECONDS)), "latence 120 ms (limite 2 000 ms)"),
    ],
)  # fmt: skip
def test_what_a_reading_means_is_retold(check, reading, said):
    _, sentence = assess_reading(check, reading)
    assert EN.retell(sentence) == sentence
    assert FR.retell(sentence).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("recovered after 27min: all 3 checks ok", "rétabli après 27 min : les 3 contrôles sont bons"),
        ("explained by household-data: query: HTTP 503", "expliqué par household-data : query : HTTP 503"),
        (
            "flapping: health: latency 2.5 s over the limit of 2 s",
            "instable : health : latence 2,5 s au-dessus de la limite de 2 s",
        ),
        ("the measurement is valid again after 5min", "la mesure est de nouveau valable, après 5 min"),
        ("the budget is no longer spent too fast after 2h", "le budget n'est plus dépensé trop vite, après 2 h"),
        ("archive is no longer in the catalogue", "archive n'est plus dans le catalogue"),
        ("a: nothing checks this service; and 3 more", "a : rien ne contrôle ce service ; et 3 autres"),
        (
            "health: api.hearth.example:443 refused the connection",
            "health : api.hearth.example:443 refuse la connexion : rien n'y écoute",
        ),
        (
            "health: the goblins of api.hearth.example are on strike",
            "health : the goblins of api.hearth.example are on strike",
        ),
        ("", ""),
    ],
)
def test_our_other_sentences_are_retold_and_strange_ones_pass_unharmed(sentence, said):
    assert FR.retell(sentence).replace("\u00a0", " ") == said


def test_every_finding_has_words_of_its_own_in_french():
    assert all(FR.say(f"finding.{code.value}") != EN.say(f"finding.{code.value}") for code in FindingCode)
    assert not [code for code in MissingCode if ENGLISH.search(FR.say(f"missing.{code.value}"))]
