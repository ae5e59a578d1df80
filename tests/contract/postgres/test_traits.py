"""What must be alike on both servers: read from a real pair, and seen where it is not."""

from __future__ import annotations

import pytest

from blocks.errors import Retryable
from blocks.postgres.traits import SETTINGS
from tests.contract.postgres.hosts import running_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("traits")) as opened:
        yield opened


def test_a_standby_has_the_traits_of_its_primary_as_long_as_nobody_changes_one(pair):
    west, east = (pair.member(host).read_traits() for host in (pair.west, pair.east))
    assert west == east
    assert set(SETTINGS) < set(west)
    assert west["server version"].startswith("18.")
    assert west["max_connections"] == "40"
    assert west["extensions"] == "plpgsql 1.0"


def test_a_setting_that_one_side_lacks_is_seen(pair):
    pair.east.rows("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
    pair.east.rows("SELECT pg_reload_conf()")
    west, east = (pair.member(host).read_traits() for host in (pair.west, pair.east))
    assert {name for name in west if west[name] != east[name]} == {"max_slot_wal_keep_size"}
    assert east["max_slot_wal_keep_size"] == "64 MB"


def test_a_side_that_is_gone_is_said_to_be(pair):
    pair.east.kill()
    with pytest.raises(Retryable):
        pair.member(pair.east).read_traits()
    assert pair.member(pair.west).read_traits()
