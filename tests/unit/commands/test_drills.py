"""`vigie drills` in a terminal: one fact a line, and what is due says how it is begun."""

from __future__ import annotations

from blocks.catalogue.model import Customer
from deployments.commands.drills import _print
from tests.unit.reports.test_calendar import NOW, a_platform, drilled, restored

HEARTH = Customer(name="hearth", language="fr", time_zone="Europe/Paris", channel="hearth-ops")


def test_what_is_due_says_how_it_is_begun(capsys):
    well = a_platform(drilled(10), restores=[restored(10)])
    late = a_platform(drilled(100), restores=[restored(10)], name="attic")
    _print({HEARTH: [well, late, a_platform(name="garden")]}, NOW)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["hearth:", "  garden"]
    assert "    Next drill due       now: never done" in said
    assert [line for line in said if "Next:" in line] == [
        "    Next: prefect deployment run recovery-drill/rehearse -p platform=garden -p from_backup=true",
        "    Next: prefect deployment run recovery-drill/rehearse -p platform=attic",
    ]
    assert all(line.count(";") == 0 for line in said)


def test_without_any_it_says_so(capsys):
    _print({}, NOW)
    assert "no platform with a recovery plan" in capsys.readouterr().out
