"""An item is written one way only, and read back as what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Broken
from tasks.recovery.items import SHARED, Item, Verb, parse_item

NAMES = st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True)


@given(verb=st.sampled_from(Verb), thing=NAMES, site=NAMES, share=st.integers(1, 100))
def test_there_and_back(verb, thing, site, share):
    item = Item(verb, thing, site, share if verb in SHARED else None)
    assert parse_item(str(item)) == item


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("fence-database:household:azure-west", Item(Verb.FENCE_DATABASE, "household", "azure-west")),
        ("shift-traffic:api:dc-west@100", Item(Verb.SHIFT_TRAFFIC, "api", "dc-west", 100)),
        (
            "verify-clients:https://api.hearth.example:443/health:dc-west",
            Item(Verb.VERIFY_CLIENTS, "https://api.hearth.example:443/health", "dc-west"),
        ),
    ],
)
def test_as_they_stand_in_plans(text, item):
    assert parse_item(text) == item
    assert str(item) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fence-database",
        "fence-database:household",
        "fence:household:azure-west",
        "fence-database::azure-west",
        "fence-database:household:",
        "fence-database:household:azure-west@5",
        "shift-traffic:api:dc-west",
        "shift-traffic:api:dc-west@",
        "shift-traffic:api:dc-west@0",
        "shift-traffic:api:dc-west@101",
        "shift-traffic:api:dc-west@05",
        "shift-traffic:api:dc-west@²",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Broken, match="expected an item such as"):
        parse_item(text)
