"""`vigie drills` in a terminal: one fact a line, and what is due says how it is begun."""

from __future__ import annotations

import pytest

from blocks.catalogue.model import Customer
from blocks.errors import Refused
from deployments.commands.drills import _of, _print
from tests.unit.reports.test_calendar import NOW, a_platform, drilled, restored

HEARTH = Customer(name="hearth", language="fr", time_zone="Europe/Paris", channel="hearth-ops")


def test_what_is_due_says_how_it_is_begun(capsys):
    well = a_platform(drilled(10), restores=[restored(10)])
    late = a_platform(drilled(100), restores=[restored(10)], name="attic")
    _print({HEARTH: [well, late, a_platform(name="garden")]}, NOW)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["hearth, hours of Europe/Paris:", "  garden"]
    assert "    Next drill due       now: never done" in said
    assert [line for line in said if "Next:" in line] == [
        "    Next: prefect deployment run recovery-drill/rehearse -p platform=garden -p from_backup=true",
        "    Next: prefect deployment run recovery-drill/rehearse -p platform=attic",
    ]
    assert all(line.count(";") == 0 for line in said)


def test_a_customer_that_there_is_not_is_refused_with_the_nearest():
    found = {HEARTH: [a_platform()]}
    assert _of(found, "hearth") == _of(found, "") == found
    with pytest.raises(
        Refused, match="no customer 'hart' has a platform with a recovery plan; the nearest is 'hearth'"
    ) as no:
        _of(found, "hart")
    assert no.value.next_step == "those who have one: hearth"
    assert _of({}, "hart") == {}, "where none is known nothing can be said of this one"


def test_the_command_refuses_it_too(vigie, journal, applied):
    journal.beat("hearth", "nightly-export")
    result = vigie("drills", "--customer", "hart")
    assert (result.exit_code, "the nearest is 'hearth'" in result.output) == (1, True)
    assert "hearth, hours of Europe/Paris:" in vigie("drills", "--customer", "hearth").output


def test_without_any_it_says_so(capsys):
    _print({}, NOW)
    assert "no platform with a recovery plan" in capsys.readouterr().out
