"""An item is written one way only, and read back as what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Broken
from tasks.recovery.items import AS_OF, SHARED, Item, Verb, parse_item, without_moment

NAMES = st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True)


@given(
    verb=st.sampled_from(Verb),
    thing=NAMES,
    site=NAMES,
    share=st.integers(1, 100),
    moment=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_there_and_back(verb, thing, site, share, moment):
    item = Item(verb, thing, site, share if verb in SHARED else None, moment if verb in AS_OF else None)
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


def test_a_moment_is_the_same_in_every_time_zone_and_is_no_part_of_what_was_done():
    at = datetime(2026, 11, 28, 3, 10, tzinfo=timezone(timedelta(hours=1)))
    item = Item(Verb.ADOPT_RESTORED, "household", "dc-west", moment=at)
    assert str(item) == "adopt-restored:household:dc-west@20261128T021000.000000Z"
    assert without_moment(str(item)) == "adopt-restored:household:dc-west"
    assert without_moment("shift-traffic:api:dc-west@5") == "shift-traffic:api:dc-west@5"


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
        "restore-database:household:dc-west",
        "restore-database:household:dc-west@5",
        "restore-database:household:dc-west@20261328T000000.000000Z",
        "restore-database:household:dc-west@20261128T000000Z",
        "fence-database:household:dc-west@20261128T000000.000000Z",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Broken, match="expected an item such as"):
        parse_item(text)
