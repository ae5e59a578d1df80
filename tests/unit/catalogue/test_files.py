"""Several files together: one broken file spoils no other, and a name is declared once in all."""

from __future__ import annotations

import pytest

from blocks.catalogue.loader import CatalogueInvalid, check_catalogue, load_catalogue

CUSTOMER = "customers:\n  acme:\n    language: en\n    time_zone: Europe/London\n    channel: acme-ops\n    pager: acme-pager\n"


def test_a_customer_may_stand_in_another_file(example):
    platforms = example.right[example.right.index("platforms:") :]
    assert example.check(people=CUSTOMER, shop=platforms) == ([], [])
    assert set(load_catalogue(example.folder).customers) == {"acme"}


def test_a_broken_file_is_one_mistake_and_the_others_are_still_checked(example):
    platforms = example.right[example.right.index("platforms:") :]
    spoiled = example.spoiled("role: recovery", "role: @@backup", platforms)
    found, places = example.check(people=CUSTOMER + "    x: @@'open", shop=spoiled)
    assert len(found) == 2
    assert [m[:3] for m in found if "shop" in m.file] == [p for p in places if "shop" in p[0]]
    assert any("not YAML" in m.text and "people" in m.file for m in found)


@pytest.mark.parametrize("word", ["customer", "platform"])
def test_a_name_declared_in_two_files_is_pointed_at_the_second_time(example, word):
    name = {"customer": "acme", "platform": "shop"}[word]
    found, places = example.check(a=example.right, b=f"{word}s:\n  @@{name}: {{}}\n")
    twice = [m for m in found if "already declared" in m.text]
    assert [m[:3] for m in twice] == places
    assert f"{word} {name!r} is already declared at a.yaml:" in twice[0].text


def test_an_empty_file_is_a_mistake(example):
    found, _ = example.check(shop=example.right, nothing="")
    assert ["the file is empty" in m.text for m in found] == [True]


def test_a_file_that_is_a_list_is_a_mistake(example):
    found, _ = example.check(shop=example.right, list="- a\n")
    assert ["expected the keys customers: and platforms:" in m.text for m in found] == [True]


@pytest.mark.parametrize("missing", [True, False])
def test_no_catalogue_is_never_an_empty_one(tmp_path, missing):
    folder = tmp_path / "catalogue"
    if not missing:
        folder.mkdir()
        (folder / "notes.txt").write_text("x")
    assert "at least one *.yaml" in check_catalogue(folder)[0].text
    with pytest.raises(CatalogueInvalid):
        load_catalogue(folder)


@pytest.mark.parametrize("text", ["{}", "customers: {}", CUSTOMER, "platforms: {}"])
def test_a_catalogue_without_platforms_watches_nothing_and_is_a_mistake(example, text):
    found, _ = example.check(shop=text)
    assert ["nothing would be watched" in m.text for m in found] == [True]
