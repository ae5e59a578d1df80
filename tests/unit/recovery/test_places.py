"""Where vigie lives, and what clients would be shown in the other site: both read from the plan as it is written."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from blocks.catalogue.recovery import ControlPart
from blocks.errors import Broken, Refused, Retryable
from tasks.recovery.certificates import shown_in
from tasks.recovery.control_plane import place_parts
from tasks.recovery.looking import Looks
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH

DOOR = "db2.dc-west.hearth.example:8443"
THERE = "api.dc-west.hearth.example:443"


def test_a_part_lives_where_it_is_declared():
    found = place_parts(HEARTH, {})
    assert found == {part.value: "dc-north" for part in ControlPart}


def test_an_address_of_a_site_is_stronger_than_what_is_declared():
    found = place_parts(HEARTH, {ControlPart.JOURNAL: "db1.hearth.example", ControlPart.PREFECT_SERVER: "127.0.0.1"})
    assert (found["journal"], found["prefect-server"]) == (AZURE, "dc-north")
    assert place_parts(HEARTH, {ControlPart.JOURNAL: "db2.dc-west.hearth.example"})["journal"] == CELLAR


def test_a_part_that_nobody_declared_is_not_known():
    silent = HEARTH.model_copy(update={"control_plane": {ControlPart.JOURNAL: "dc-north"}})
    found = place_parts(silent, {})
    assert found["journal"] == "dc-north"
    assert {place for part, place in found.items() if part != "journal"} == {""}


def test_the_other_site_shows_its_own_certificates_and_that_of_the_name_clients_keep():
    assert [(each.called, each.address, each.name) for each in shown_in(HEARTH, CELLAR)] == [
        (DOOR, DOOR, None),
        (THERE, THERE, None),
        (f"api.hearth.example at {THERE}", THERE, "api.hearth.example"),
    ]


def test_at_home_the_name_that_moves_is_no_certificate_of_its_own():
    """Once the platform runs elsewhere: the name leads away, and nothing else of home is known to answer to it."""
    assert [each.called for each in shown_in(HEARTH, AZURE)] == [
        "db1.hearth.example:8443",
        "updates.hearth.example:443",
    ]


def test_a_platform_without_a_plan_shows_what_its_checks_name():
    alone = HEARTH.model_copy(update={"recovery": None})
    assert [each.called for each in shown_in(alone, CELLAR)] == [THERE]
    assert "api.hearth.example:443" in [each.called for each in shown_in(alone, AZURE)]


def test_looks_that_are_taken_side_by_side_are_taken_with_the_settings_of_who_asks():
    asked = ContextVar("asked", default="nobody")
    asked.set("a run")
    assert Looks().take({"a": asked.get, "b": asked.get}) == {"a": "a run", "b": "a run"}


def test_a_defect_in_one_look_hides_no_other():
    def broken():
        raise KeyError("gone")

    looks = Looks()
    assert looks.take({"a": lambda: 1, "b": broken}) == {"a": 1}
    assert looks.missed == ["b cannot be seen: a defect of vigie (KeyError: 'gone')"]


class Provider:
    """It turns a look away as often as it is told, and counts."""

    def __init__(self, *errors):
        self.errors, self.asked = list(errors), 0

    def look(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "seen"


@pytest.mark.parametrize(
    ("errors", "at_once_s", "asked", "is_seen"),
    [
        ((), 60.0, 1, True),
        ((Retryable("busy"),), 60.0, 2, True),
        ((Retryable("busy"), Retryable("busy")), 60.0, 2, False),
        ((Retryable("silent"),), 0.0, 1, False),
        ((Refused("not allowed"),), 60.0, 1, False),
        ((Broken("wrong credential"),), 60.0, 1, False),
    ],
    ids=["seen", "busy once", "busy twice", "silent for long", "refused", "broken"],
)
def test_who_turned_us_away_at_once_is_asked_once_more_and_nobody_else(errors, at_once_s, asked, is_seen):
    provider, looks = Provider(*errors), Looks(at_once_s=at_once_s, pause_s=0.0)
    assert looks.take({"a": provider.look}) == ({"a": "seen"} if is_seen else {})
    assert provider.asked == asked
    assert len(looks.missed) == (not is_seen)
