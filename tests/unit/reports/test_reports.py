"""What people read of a sweep afterwards: verdict first, worst first, nothing that draws or links by itself."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.ports.health import State
from blocks.ports.incidents import Severity
from blocks.ports.journal import SweepSummary
from tasks.reports.sweep import cell, render_sweep_report
from tasks.reports.tables import render_incidents, render_overview, render_platforms
from tasks.reports.timeline import draw_timeline
from tests.unit.messages.pictures import a_picture
from tests.unit.reports.sweeps import AT, a_service, history, missing_reading, services


def a_report(**changes) -> str:
    values = {
        "incidents": [], "at": AT, "verdict": "critical", "language": "fr", "time_zone": "Europe/Paris",
    }  # fmt: skip
    found = changes.pop("services", services())
    readings = changes.pop("readings", [missing_reading()])
    picture = draw_timeline(changes.pop("timeline", []), language="fr", time_zone="Europe/Paris")
    values |= changes
    return render_sweep_report("hearth", found, readings, picture=picture, **values).replace("\u00a0", " ")


def test_the_verdict_comes_first():
    lines = a_report().splitlines()
    assert lines[0] == "# hearth : tournée du 23 novembre à 23 h 14"
    assert lines[2].startswith(
        "**🔴 4 services sur 5 ne vont pas bien : device-api, household-data, private-cloud et message-ingestion"
    )


def test_all_well_is_said_in_one_line():
    report = a_report(services=[a_service()], readings=[], verdict="ok", language="en", time_zone="Europe/London")
    assert "**🟢 1 service, all well**" in report
    assert "No open incident." in report


def test_no_evidence_is_never_good_news():
    assert "🟣 Aucun service évalué : on ne sait rien" in a_report(services=[], readings=[], verdict="ok")
    fault = a_report(verdict="monitoring_fault", fault="3 of 40 checks have no reading")
    assert "🛠️ la mesure elle-même a échoué" in fault
    assert "3 of 40 checks have no reading" in fault


def test_services_come_worst_first_with_state_hour_and_cause():
    rows = render_overview(services(), language="fr", time_zone="Europe/Paris")
    assert [row["Service"] for row in rows] == [
        "device-api",
        "household-data",
        "private-cloud",
        "message-ingestion",
        "archive",
    ]
    assert rows[0]["État"] == "🔴 critique"
    assert rows[0]["Depuis"].replace("\u00a0", " ") == "23 novembre à 22 h 14"
    assert rows[0]["Pourquoi"] == "health : HTTP 503; à cause de household-data"
    assert rows[2]["État"] == "🟣 inconnu, pas encore confirmé"
    assert rows[3]["Pourquoi"].replace("\u00a0", " ") == "rate : latence 2 310 ms au-dessus de la limite de 2 000 ms"


def test_muted_and_unstable_are_said():
    (row,) = render_overview(
        [a_service(state=State.CRITICAL, muted="weekly", flapping=True)], language="en", time_zone="UTC"
    )
    assert row["State"] == "🔴 critical, unstable, muted: weekly"


def test_of_many_services_only_the_troubled_are_listed():
    many = [a_service(f"s{i}") for i in range(300)] + [a_service("bad", State.CRITICAL)]
    report = a_report(services=many)
    assert "1 service sur 301 ne va pas bien : bad" in report
    assert "| s7 |" not in report
    assert "| bad |" in report


def test_what_could_not_be_measured_is_named_with_its_reason():
    report = a_report()
    assert "1 contrôle n'a pas pu être mesuré" in report
    assert "non mesurable : accès refusé" in report
    assert "keystone answered 401 to vigie-reader" in report


def test_incidents_are_listed_open_and_loud_first():
    closed = a_picture(closed_at=AT, root="old").incident
    ticket = a_picture(severity=Severity.TICKET, root="lesser").incident
    page = a_picture(acknowledged_by="Alix", root="worst").incident
    rows = render_incidents([closed, ticket, page], language="fr", time_zone="Europe/Paris")
    assert [row["Service"] for row in rows] == ["worst", "lesser", "old"]
    assert list(rows[0])[-1] == "Quoi"  # the long sentence does not push the others out of sight
    assert str(page.id).startswith(rows[0]["Incident"])
    assert [row["Gravité"] for row in rows] == ["🔴 URGENT", "🟠 À traiter", "✅ Rétabli"]
    assert rows[0]["Qui"] == "pris par Alix"
    assert "worst" in a_report(incidents=[page])


def test_platforms_without_a_sweep_are_unknown():
    sweep = SweepSummary(
        id=a_picture().incident.id, platform="hearth", started_at=AT, finished_at=AT + timedelta(seconds=40),
        catalogue_digest="d", verdict="critical", check_count=40, problem_count=3, missing_count=1,
    )  # fmt: skip
    rows = render_platforms(
        {"storefront": None, "hearth": sweep}, [a_picture().incident], language="en", time_zone="UTC"
    )
    assert [(row["Platform"], row["State"], row["Open incidents"]) for row in rows] == [
        ("hearth", "🔴 critical", "1"), ("storefront", "🟣 unknown", "0"),
    ]  # fmt: skip
    assert rows[1]["Last sweep"] == "never"


def test_the_picture_and_the_evidence_are_in_the_report():
    report = a_report(timeline=history(2), evidence="https://store.example/evidence/1.jsonl.gz")
    assert re.search(r"!\[État de chaque contrôle[^\]]*\]\(data:image/png;base64,[A-Za-z0-9+/=]{1000,}\)", report)
    assert "[Toutes les mesures de cette tournée](https://store.example/evidence/1.jsonl.gz)" in report
    assert len(report) < 300_000
    assert "Pas encore d'historique." in a_report()


@pytest.mark.parametrize(
    "address", ["/var/lib/vigie/evidence/1.gz", "javascript:alert(1)", "https://x.example/a)[b](c", "https://x/`|"]
)
def test_an_address_that_is_none_becomes_no_link(address):
    report = a_report(evidence=address)
    assert "[Toutes les mesures" not in report
    assert re.search(r"Toutes les mesures de cette tournée: `[^`]+`", report)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60) | st.sampled_from(["a|b", "<script>", "![x](http://evil)", "`x`", "\n# head", "a\\|b"]))
def test_words_from_outside_neither_draw_nor_link_nor_break_a_table(words):
    report = a_report(services=[a_service(words or "x", State.CRITICAL, sentence=words)], readings=[])
    assert "<script" not in report
    assert not re.search(r"(?<!\\)\]\(", report)
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {5}
    assert "\n" not in cell(words)
