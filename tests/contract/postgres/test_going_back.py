"""Wrong rows were replicated: the other site goes back to the moment before, what is left behind is counted and kept.

Each host keeps its own base backups and its own archive; the standby's are what one goes back with.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from blocks.errors import Broken, Refused
from blocks.ports.backups import History, choose
from blocks.ports.recovery import DatabaseRole
from tests.contract.postgres.hosts import OPERATOR, Writer, carry_out, eventually, mark_for, running_pair

OWN = {"every": 1000.0, "kept": 2, "log_mib": 64, "leaves_mib": 16, "begins_after": 0.2}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("back"), own_backups=OWN) as opened:
        for host in (opened.west, opened.east):
            eventually(lambda host=host: opened.member(host).read_kept().backups, host.log)
        yield opened


def now_of(host):
    """A moment on the clock that stamps commits, with something committed on both sides of it."""
    (at,) = host.rows("SELECT clock_timestamp()")[0]
    return at


def beat(pair, since):
    """A heartbeat after that moment is in the other site: whatever came before it is there, too."""
    east = pair.member(pair.east)
    eventually(lambda: (east.look().heartbeat_at or datetime.min.replace(tzinfo=UTC)) > since, pair.east.log)


def recycle(host):
    """The server throws away all log that its settings let it."""
    host.rows("ALTER SYSTEM SET wal_keep_size = 0")
    host.rows("SELECT pg_reload_conf()")
    first = min(segments(host))
    for _ in range(3):
        host.rows("SELECT pg_logical_emit_message(true, 'test', 'x')")
        host.rows("SELECT pg_switch_wal()")

    def gone():
        host.rows("CHECKPOINT")
        return first not in segments(host)

    eventually(gone, host.log)


def segments(host):
    return {path.name for path in (host.server.place.data_dir / "pg_wal").iterdir() if len(path.name) == 24}


def test_both_hosts_make_a_backup_by_themselves_and_say_where_it_lies(pair):
    for host in (pair.west, pair.east):
        (kept,) = pair.member(host).read_kept().backups
        assert kept.timeline == 1
        assert kept.gap == ""
        assert kept.end_bytes > 0
        assert abs(datetime.now(UTC) - kept.ended_at) < timedelta(minutes=5)


def test_back_to_before_the_mistake_counted_kept_and_followed_again(pair):
    west, east = pair.member(pair.west), pair.member(pair.east)
    pair.west.rows("INSERT INTO devices (id, state) VALUES (7000, 'right')")
    moment = now_of(pair.west)
    beat(pair, moment)
    writer = Writer(pair.west.server.dsn("household", "app"))
    writer.start()
    mistake = "WITH done AS (UPDATE devices SET state = 'WRONG' RETURNING id) SELECT count(*) FROM done"
    ((wrong,),) = pair.west.rows(mistake)  # the 51, and the writer's so far
    eventually(lambda: len(writer.acknowledged) > 20)
    pair.west.rows("SELECT pg_switch_wal()")  # part of the log is in the archive, part of it is not
    eventually(lambda: len(writer.acknowledged) > 60)
    writer.end()
    recycle(pair.west)  # what is left behind is in the archive only
    eventually(lambda: pair.east.rows("SELECT count(*) FROM devices WHERE state = 'right'") == [(0,)])
    beat(pair, datetime.now(UTC))
    seen = east.read_beats(moment)
    assert seen[0].at <= moment < seen[1].at, "from the newest beat that is not after it"
    with pytest.raises(Broken, match="not reached"):
        pair.east.hostdoor(OPERATOR).order("restore", "a" * 64, moment="2126-01-01T00:00:00+00:00", timeline=1)
    with pytest.raises(Refused, match=r"none of \d base backups had ended"):
        pair.east.hostdoor(OPERATOR).order("restore", "b" * 64, moment="2026-01-01T00:00:00+00:00", timeline=1)
    with pytest.raises(Refused, match="holds no folder as of"):
        east.adopt(moment)

    _, _, seen = carry_out(east.restore(moment, 1))
    assert "devices 51" in seen.text
    too_early = east.adopt(moment)
    mark = mark_for(too_early)
    with pytest.raises(Refused, match="takes writes: what is restored must not start beside it"):
        too_early.act(mark)
    assert east.look().role is DatabaseRole.STANDBY, "nothing is touched while the other one writes"

    carry_out(west.fence())
    carry_out(east.adopt(moment))
    look = east.look()
    assert look.is_closed
    assert (look.timeline, look.left_at[1] > 0) == (2, True)
    assert pair.east.rows("SELECT state, count(*) FROM devices GROUP BY 1 ORDER BY 1") == [("auto", 50), ("right", 1)]
    kept = next(pair.east.server.place.data_dir.parent.glob("*.before-*"))
    assert (kept / "PG_VERSION").exists(), "the present state is kept whole"
    carry_out(east.open())
    pair.east.rows("INSERT INTO devices (id, state) VALUES (7001, 'since')")

    left_in = f"00000001{look.left_at[1] >> 32:08X}{(look.left_at[1] & 0xFFFFFFFF) >> 24:08X}"
    assert left_in not in segments(pair.west), "the log of the mistake is not in the server's own folder any more"
    carry_out(west.save_beyond(east.look(), "save-beyond:household:west"))
    loss = west.count_beyond(east.look())
    assert wrong >= 51
    assert loss.by_table["devices"] == wrong + len(writer.acknowledged), "each row change, and no other"
    saved = [json.loads(line) for line in west.ordering().evidence(loss.saved_in.rpartition("/")[2]).splitlines()]
    rows = {each["row"]["id"]: each["row"]["state"] for each in saved[1:] if each["change"] == "row"}
    assert set(writer.acknowledged) <= rows.keys(), "every row that somebody was told is safe"
    assert rows[7000] == "WRONG"
    carry_out(west.follow(east))
    eventually(lambda: pair.west.rows("SELECT count(*) FROM devices WHERE id = 7001") == [(1,)])
    assert pair.west.rows("SELECT count(*) FROM devices WHERE state = 'WRONG'") == [(0,)]


def test_afterwards_what_was_made_before_the_moment_leads_on_and_what_was_made_after_it_does_not(pair):
    """So much log was written that a backup was due in the middle of the mistake: nothing goes on from that one."""
    east = pair.member(pair.east)
    look = east.look()
    line, kept = History(timeline=look.timeline, left_at=look.left_at), east.read_kept().backups
    assert look.timeline == 2
    leading = [backup for backup in kept if line.has(backup)]
    assert leading
    assert all(backup.timeline == 2 or backup.end_bytes <= look.left_at[1] for backup in leading)
    assert choose(kept, datetime.now(UTC), line) in leading
    assert all(backup.gap == "" for backup in leading)


def test_killed_between_the_two_renames_the_host_comes_up_with_the_exchange_done(pair):
    west, east = pair.member(pair.west), pair.member(pair.east)
    at = now_of(pair.east)
    eventually(lambda: (west.look().heartbeat_at or at) > at, pair.west.log)
    time.sleep(1.1)
    carry_out(west.restore(at, 2))
    folder = west.adopt(at).arguments["folder"]
    data_dir = pair.west.server.place.data_dir
    pair.west.stop()
    former = f"{data_dir.name}.before-0123456789abcdef"
    told = {"folder": folder, "former": former}
    (pair.west.folder / "state" / "adopting.json").write_text(json.dumps(told))
    data_dir.rename(data_dir.with_name(former))
    pair.west.start(wait=False)
    eventually(lambda: pair.west.status()["timeline"] == 3 and not data_dir.with_name(folder).exists(), pair.west.log)
    assert (data_dir / "PG_VERSION").exists()
    assert not pair.west.status()["takes_writes"] or not east.look().takes_writes
