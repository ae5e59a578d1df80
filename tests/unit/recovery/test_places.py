"""Where vigie lives, and what clients would be shown in the other site: both read from the plan as it is written."""

from __future__ import annotations

from contextvars import ContextVar

from blocks.catalogue.recovery import ControlPart
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
