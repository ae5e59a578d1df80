"""A wrong DELETE is on both servers within a second: the data comes back from a backup and the archived log."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from blocks.errors import Broken, Refused
from tests.contract.postgres.hosts import OPERATOR, carry_out, eventually, running_pair


def test_back_to_the_moment_before_the_mistake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restore")
    with running_pair(folder, rooms=("archive", "backups")) as pair:
        west, door = pair.west, pair.west.hostdoor(OPERATOR)
        room = west.server.place.data_dir.parent
        west.rows("ALTER SYSTEM SET archive_mode = 'on'")
        west.rows(f"ALTER SYSTEM SET archive_command = 'cp %p {room}/archive/%f'")
        west.stop()
        west.start()
        with pytest.raises(Refused, match="none of 0 base backups"):
            door.order("restore", "0" * 64, moment=datetime.now(UTC).isoformat())
        door.order("backup", "1" * 64)
        west.rows("INSERT INTO devices (id, state) VALUES (7000, 'after the backup')")
        time.sleep(0.2)
        moment = datetime.now(UTC)
        time.sleep(0.2)
        west.rows("DELETE FROM devices")  # the mistake
        eventually(lambda: pair.east.rows("SELECT count(*) FROM devices") == [(0,)])
        west.rows("SELECT pg_switch_wal()")
        eventually(
            lambda: west.rows("SELECT archived_count > 0 AND last_archived_wal IS NOT NULL FROM pg_stat_archiver")[0][0]
        )
        time.sleep(1.0)
        with pytest.raises(Broken, match=r"not reached|did not start"):
            door.order("restore", "2" * 64, moment=datetime(2126, 1, 1, tzinfo=UTC).isoformat())
        restored = door.order("restore", "3" * 64, moment=moment.isoformat())["result"]
        assert restored["timeline"] == 2
        assert west.rows("SELECT count(*) FROM devices") == [(0,)], "nothing is touched before it is adopted"
        with pytest.raises(Refused, match="fence it first"):
            door.order("adopt", "4" * 64, folder=restored["folder"])

        primary, standby = pair.member(west), pair.member(pair.east)
        carry_out(primary.fence())
        kept = door.order("adopt", "5" * 64, folder=restored["folder"])["result"]["kept"]
        carry_out(primary.release())
        assert west.rows("SELECT count(*), count(*) FILTER (WHERE id = 7000) FROM devices") == [(51, 1)]
        assert (room / kept / "PG_VERSION").exists()
        carry_out(standby.follow(primary))
        eventually(lambda: pair.east.rows("SELECT count(*) FROM devices") == [(51,)])
