"""What may be removed as a copy, and what is real and stays, whatever an order or a journal says."""

from __future__ import annotations

from pathlib import PurePosixPath
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.copies import bears_the_mark, copy_name, keeps_it, place_of, reference_of

ROOM = PurePosixPath("/srv/copies")
NAME = "vigie-drill-0123456789abcdef"
REAL = (PurePosixPath("/var/lib/postgresql/18/main"), PurePosixPath("/var/lib/vigie-dbhost"))


def keeps(folder=ROOM / NAME, mark=None, room=ROOM, precious=REAL, is_link=False):
    return keeps_it(
        folder, {"copy": folder.name} if mark is None else mark, room=room, precious=precious, is_link=is_link
    )


def test_a_copy_with_its_mark_may_go():
    assert keeps() == ""


@pytest.mark.parametrize(
    ("why", "case"),
    [
        ("is not in", {"folder": PurePosixPath("/srv") / NAME}),
        ("is not in", {"folder": ROOM / "deeper" / NAME}),
        ("no name of a copy", {"folder": ROOM / "data"}),
        ("no name of a copy", {"folder": ROOM / f"{NAME}0"}),
        ("no name of a copy", {"folder": ROOM / NAME.upper()}),
        ("is a link", {"is_link": True}),
        ("bears no mark", {"mark": {}}),
        ("bears no mark", {"mark": {"copy": copy_name(UUID(int=1), "household")}}),
        ("which is real", {"precious": (ROOM / NAME / "data",)}),
        ("which is real", {"precious": (ROOM / NAME,)}),
        ("which is real", {"precious": (ROOM,)}),
    ],
)
def test_what_is_kept_and_why(why, case):
    assert why in keeps(**case)


@given(st.text(max_size=60))
def test_no_other_name_bears_the_mark(text):
    wanted = text.startswith("vigie-drill-") and len(text) == 28 and set(text[12:]) <= set("0123456789abcdef")
    assert bears_the_mark(text) == wanted


@given(st.uuids(), st.text(min_size=1, max_size=20))
def test_a_run_and_its_data_have_one_name(run, data):
    assert copy_name(run, data) == copy_name(run, data)
    assert bears_the_mark(copy_name(run, data))
    assert copy_name(run, data) != copy_name(uuid4(), data)


@given(st.lists(st.sampled_from(["srv", "copies", "data", NAME, "..", "x"]), max_size=4), st.booleans())
def test_whatever_may_go_is_a_copy_in_its_room(parts, marked):
    folder = PurePosixPath("/").joinpath(*parts)
    if not keeps(folder, {"copy": folder.name} if marked else {}):
        assert folder == ROOM / NAME
        assert marked


def test_a_reference_leads_back_to_its_door_and_name():
    assert place_of(reference_of("db2.example:8443", NAME)) == ("db2.example:8443", NAME)


@pytest.mark.parametrize(
    "reference",
    ["", NAME, f"db2.example/{NAME}", "db2.example:8443/data", f"db2.example:8443/{NAME}/data", f"a b:1/{NAME}"],
)
def test_anything_else_is_nobodys_copy(reference):
    assert place_of(reference) is None
