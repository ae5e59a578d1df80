"""A catalogue with twenty different mistakes: twenty lines, each at its place, and nothing of it is used."""

from __future__ import annotations

import pytest

from blocks.catalogue.loader import CatalogueInvalid, load_catalogue

MISTAKES = [
    ("language: en", "language: @@english", "expected one of 'en' or 'fr'"),
    ("time_zone: Europe/London", "time_zone: @@Europe/Lundon", "unknown time zone"),
    ("customer: acme", "customer: @@acne", "unknown customer"),
    ("credentials: acme-azure", "credentials: @@Pa55/word+", "looks like a secret"),
    ("region: eu-west-1", "@@regoin: eu-west-1", "unknown key 'regoin'"),
    ("role: recovery", "role: @@backup", "expected one of 'primary' or 'recovery'"),
    ("[front, front-two]", "[front, @@front-tow]", "unknown service 'front-tow'"),
    ("criticality: critical", "criticality: @@1", "expected one of 'critical'"),
    ("depends_on: [data]", "depends_on: [@@date]", "unknown service 'date'"),
    ("url: https://shop", "url: @@gopher://shop", "expected an http://"),
    ('critical: "> 1 s"', 'critical: @@"> 1 ms"', "expected critical beyond warning"),
    ("deadline: 26h", "deadline: @@26", "expected a number with its unit"),
    ("objective: 99.9 %", "objective: @@99.9 s", "expected a percentage"),
    ("kind: tcp", "kind: @@tpc", "unknown check kind 'tpc'"),
    ("database: shop", "database: shop\n            @@address: x:1", "duplicate key 'address'"),
    ('age: {critical: "> 10 min"}', 'age: {critical: @@"> 10 %"}', "'age' is measured in 's'"),
    ("kind: azure.virtual_machine", "kind: @@azure.machine", "unknown service kind"),
    ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=SOMETIMES", "expected FREQ="),
    ("services: [data]", "services: @@data", "expected a list"),
]


@pytest.fixture
def twenty(example):
    text = example.right
    for old, new, _ in MISTAKES:
        text = example.spoiled(old, new, text)
    text = text.replace("        @@regoin", "        region: eu-west-1\n        @@regoin")
    found, places = example.check(shop=text, torn="customers:\n  other: @@[en\n")
    return found, places


def test_twenty_mistakes_are_twenty_lines_in_reading_order(twenty):
    found, _ = twenty
    assert len(found) == 20, "\n".join(map(str, found))
    assert found == sorted(found)


def test_each_is_at_its_place(twenty):
    found, places = twenty
    assert [mistake[:3] for mistake in found if "torn" not in mistake.file] == [p for p in places if "torn" not in p[0]]


def test_each_says_what_was_expected(twenty):
    found, _ = twenty
    for _, _, text in MISTAKES:
        assert sum(text in mistake.text for mistake in found) == 1, text
    assert sum("not YAML" in mistake.text for mistake in found) == 1


def test_nothing_of_it_is_used_and_the_error_carries_all_of_them(twenty, example):
    with pytest.raises(CatalogueInvalid) as raised:
        load_catalogue(example.folder)
    assert list(raised.value.mistakes) == twenty[0]
    assert str(raised.value).count(".yaml:") == 20
