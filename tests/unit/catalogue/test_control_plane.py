"""Where vigie itself lives is declared once, reaches every platform, and a mistake in it is told at its place."""

from __future__ import annotations

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.serialised import platform_from_json, platform_to_json

HOUSE = "control_plane:\n  journal: attic\n  worker: attic\n"


def loaded(example, **files):
    mistakes, _ = example.check(**files)
    assert mistakes == []
    return load_catalogue(example.folder)


def test_every_platform_holds_it_and_a_part_of_its_own_instead(example):
    own = example.spoiled("    customer: acme\n", "    customer: acme\n    control_plane: {worker: cellar}\n")
    catalogue = loaded(example, shop=own, house=HOUSE)
    assert catalogue.control_plane == {"journal": "attic", "worker": "attic"}
    shop = catalogue.platforms["shop"]
    assert shop.control_plane == {"journal": "attic", "worker": "cellar"}
    assert platform_from_json(platform_to_json(shop)) == shop


def test_it_may_stand_beside_platforms_and_is_part_of_the_version(example):
    without = loaded(example, shop=example.right)
    assert without.platforms["shop"].control_plane == {}
    beside = loaded(example, shop=HOUSE + example.right)
    assert beside.platforms["shop"].control_plane["journal"] == "attic"
    assert beside.digest != without.digest


@pytest.mark.parametrize(
    ("house", "said"),
    [
        ("control_plane:\n  @@jornal: attic\n", "expected one of 'journal'"),
        ("control_plane:\n  journal: @@Attic Room\n", "lower-case"),
        ("control_plane: @@attic\n", "expected a map"),
    ],
)
def test_what_is_no_part_or_no_place_is_a_mistake(example, house, said):
    found, places = example.check(shop=example.right, vigie=house)
    assert [mistake[:3] for mistake in found] == places
    assert said in found[0].text


def test_a_part_that_is_declared_twice_is_a_mistake(example):
    found, places = example.check(a=HOUSE, b="control_plane:\n  @@journal: cellar\n", shop=example.right)
    assert [mistake[:3] for mistake in found] == places
    assert "'journal' is already declared at a.yaml:2" in found[0].text
