"""A transaction is lost by where its commit lies, whole, and nothing else is counted."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from deployments.dbhost.waldump import begins_before, oldest, precedes, read_beyond

T, U = "1663/16385/16386", "1663/16385/16390"


def line(manager: str, xid: int, position: int, said: str) -> str:
    lsn = f"{position >> 32:X}/{position & 0xFFFFFFFF:08X}"
    return f"rmgr: {manager:<11} len (rec/tot):     61/    61, tx: {xid:>10}, lsn: {lsn}, prev 0/01AF8690, desc: {said}"


def change(xid: int, position: int, said: str = "INSERT off: 1, flags: 0x00", relation: str = T, block: int = 0) -> str:
    manager = "Heap2" if said.startswith("MULTI") else "Heap"
    return line(manager, xid, position, f"{said}, blkref #0: rel {relation} blk {block}")


def end(xid: int, position: int, what: str = "COMMIT", more: str = "", at: str = "12:00:00.5") -> str:
    return line("Transaction", xid, position, f"{what} 2026-11-28 {at} UTC{more}")


def test_it_counts_by_the_place_of_the_commit():
    found = read_beyond(
        [
            change(700, 90),  # began before, committed after: lost whole
            change(701, 91),
            end(701, 95, at="11:59:58"),  # committed before: not lost
            end(700, 100),
            change(702, 110, "UPDATE old_xmax: 702, old_off: 3, new_off: 4"),
            change(702, 111, "HOT_UPDATE old_xmax: 702, old_off: 3, new_off: 4"),
            change(702, 112, "INSERT+INIT off: 1", U),
            change(702, 113, "MULTI_INSERT+INIT ntuples: 4, flags: 0x02, offsets: [4, 5, 6, 7]", U),
            change(702, 114, "LOCK xmax: 702, off: 8"),
            change(702, 115, "INPLACE off: 3"),
            end(702, 120, at="12:00:03"),
            change(703, 121),
            end(703, 122, "ABORT"),
            change(704, 123),  # never ended
        ],
        100,
    )
    assert found.rows == {T: 3, U: 5}
    assert (found.commit_count, found.xids) == (2, {700, 702})
    assert found.last_shared == datetime(2026, 11, 28, 11, 59, 58, tzinfo=UTC)
    assert found.last_lost == datetime(2026, 11, 28, 12, 0, 3, tzinfo=UTC)


def test_what_subtransactions_changed_belongs_to_their_parent():
    found = read_beyond(
        [change(11, 1), change(12, 2), change(13, 3), end(12, 4, "ABORT"), end(10, 5, more="; subxacts: 11 13")], 0
    )
    assert found.rows == {T: 2}
    assert found.xids == {10, 11, 13}


def test_a_prepared_transaction_counts_when_it_is_committed():
    lines = [
        change(20, 1),
        line("Transaction", 20, 2, "PREPARE gid moved: 2026-11-28 12:00:00 UTC"),
        line("Transaction", 21, 3, "COMMIT_PREPARED 20: 2026-11-28 12:00:00 UTC"),
    ]
    assert read_beyond(lines, 0).rows == {T: 1}
    assert read_beyond(lines[:2], 0).rows == {}


def test_deleted_rows_are_told_by_their_place_and_rewrites_are_noted():
    found = read_beyond(
        [
            change(30, 1, "DELETE xmax: 30, off: 2, infobits: [KEYS_UPDATED], flags: 0x00", block=7),
            end(30, 2, more="; rels: base/16385/16392"),
        ],
        0,
    )
    assert [(each.xid, each.place) for each in found.removed] == [(30, "(7,2)")]
    assert found.rewriting_count == 1


def test_other_lines_are_nothing():
    assert (
        read_beyond(["", "pg_waldump: first record is after 0/0", line("XLOG", 0, 5, "CHECKPOINT_REDO")], 0).rows == {}
    )


def test_the_place_to_begin_is_before_every_record_of_the_oldest():
    def running(position: int, following: int) -> str:
        said = f"RUNNING_XACTS nextXid {following} latestCompletedXid {following - 1} oldestRunningXid {following}"
        return line("Standby", 0, position, said)

    lines = [running(10, 700), running(20, 705), running(30, 706), running(99, 700)]
    assert begins_before(lines, 705, 50) == 20
    assert begins_before(lines, 706, 50) == 30
    assert begins_before(lines, 699, 50) is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_numbers_that_went_round_are_still_in_order(xid, later):
    following = (xid + later) % 2**32
    assert precedes(xid, following)
    assert not precedes(following, xid)
    assert oldest([following, xid]) == xid


def test_nothing_has_no_oldest():
    assert oldest([]) is None
