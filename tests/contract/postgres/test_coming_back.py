"""What comes back alone waits for a person; what was let go too early gives way as soon as it hears of a newer one."""

from __future__ import annotations

import pytest

from blocks.errors import Refused
from blocks.ports.recovery import DatabaseRole
from tests.contract.postgres.hosts import OPERATOR, carry_out, eventually, mark_for, running_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("back"), starts_alone=False) as opened:
        yield opened


def test_the_whole_story(pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)

    # both lose their power; the primary comes back first and hears nobody
    east.stop()
    west.kill()
    west.start()
    alone = primary.look()
    assert (alone.role, alone.fenced_by) == (DatabaseRole.FENCED, "itself")
    assert "none of 1 peers answers" in alone.text
    carry_out(primary.release())  # a person knows that no other took over
    east.start()
    eventually(lambda: primary.look().followers.get("east_db") == 0)

    # the primary dies, the standby takes over, and then nobody hears of it
    west.kill()
    carry_out(standby.promote())
    carry_out(standby.open())
    east.rows("INSERT INTO devices (state) VALUES ('newer')")
    east.kill()
    west.start()
    carry_out(primary.release())  # a person who was wrong
    west.rows("INSERT INTO devices (state) VALUES ('stale')")

    # the promoted one comes back: it waits, the stale one gives way, and at no moment both take writes
    east.start(wait=False)
    both = 0

    def newer_serves() -> bool:
        nonlocal both
        looks = (primary.look(), standby.look())
        both += all(look.takes_writes for look in looks)
        return looks[1].takes_writes

    eventually(newer_serves, east.log)
    assert both == 0
    stale = primary.look()
    assert (stale.role, stale.fenced_by) == (DatabaseRole.FENCED, "itself")
    assert "wants to take writes on timeline 2" in stale.text
    with pytest.raises(Refused, match="must not take writes"):
        west.hostdoor(OPERATOR).order("release", "d" * 64)
    assert primary.count_beyond(standby.look()).by_table == {"devices": 1}
    carry_out(primary.save_beyond(standby.look(), "Wrong release!"))
    carry_out(primary.follow(standby))


def test_one_that_writes_gives_way_to_one_that_was_promoted_and_is_closed(pair):
    old, new = pair.member(pair.east), pair.member(pair.west)
    assert old.look().takes_writes
    carry_out(new.promote())
    eventually(lambda: old.look().fenced_by == "itself")
    assert "wants to take writes on timeline 3" in old.look().text
    fenced = new.fence()
    carry_out(fenced)
    with pytest.raises(Refused, match="needs a primary, and data-west is fenced"):
        new.open().check()
    carry_out(new.release())  # a person's own decision opens it too
    loss = old.count_beyond(new.look())
    if loss.rows:
        carry_out(old.save_beyond(new.look(), "gave way"))
    carry_out(old.follow(new))


def test_only_a_fenced_primary_is_counted(pair):
    follower, primary = pair.member(pair.east), pair.member(pair.west)
    with pytest.raises(Refused, match="never left timeline"):
        follower.count_beyond(primary.look())
    with pytest.raises(Refused, match="is not fenced"):
        pair.west.hostdoor().order("count", "e" * 64, timeline=3, position_bytes=0)


def test_only_configured_servers_are_followed(pair):
    door = pair.east.hostdoor(OPERATOR)
    with pytest.raises(Refused, match="may not follow"):
        door.order("follow", "f" * 64, source="db9.test.example:5432")
    assert pair.member(pair.east).look().role is DatabaseRole.STANDBY


def test_an_order_that_failed_may_be_given_again(pair):
    follow = pair.member(pair.east).follow(pair.member(pair.west))
    mark = mark_for(follow)
    pair.west.stop()
    with pytest.raises(Exception, match="does not answer as a source"):
        follow.act(mark)
    assert follow.find_evidence(mark) is None
    pair.west.start()
    follow.act(mark)
    assert follow.find_evidence(mark) is not None
