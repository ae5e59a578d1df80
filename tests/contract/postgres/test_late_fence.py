"""The old primary comes back with clients who write to it: fenced, counted, saved, and it follows, as was approved."""

from __future__ import annotations

import json

import pytest

from blocks.ports.recovery import DatabaseRole, MoveKind
from tasks.recovery.building import items_of
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb
from tasks.recovery.rejoining import Agreed, goes_beyond, plan_rejoin, within_what_was_agreed
from tests.contract.postgres.hosts import OPERATOR, Writer, carry_out, eventually, running_pair
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, a_move, dark, elsewhere

FAILOVER = plan_move(MoveKind.FAILOVER, HEARTH, dark())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("late")) as opened:
        yield opened


def seen(primary, standby, **changes):
    """What a plan is made of, with the real looks at both servers."""
    databases = {("household", AZURE): primary.look(), ("household", CELLAR): standby.look()}
    return elsewhere(**{"databases": databases, "compute": {}} | changes)


def test_the_whole_story(pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)
    eventually(lambda: primary.look().followers.get("east_db") == 0)
    east.rows("ALTER SYSTEM SET max_slot_wal_keep_size = -1")
    east.rows("SELECT pg_reload_conf()")

    # the site goes dark, the other one is promoted, and serves
    west.kill()
    for change in (standby.promote(), standby.stand_alone(), standby.open()):
        carry_out(change)
    assert east.rows("SHOW max_slot_wal_keep_size") == [("4GB",)], (
        "a slot may never keep the log until the disk is full"
    )
    assert east.rows("SHOW synchronous_standby_names") == [("",)], "and no commit waits for who is gone"
    east.rows("INSERT INTO devices (state) VALUES ('newer')")

    # the new one is away for a moment; the old one comes back, it hears nobody, and clients write to it
    east.kill()
    west.start()
    eventually(lambda: primary.look().takes_writes, west.log)
    writer = Writer(west.server.dsn("household", "app"))
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 50)
    east.start(wait=False)
    eventually(lambda: standby.look().takes_writes, east.log)
    writer.end()
    assert not primary.look().takes_writes, "wherever they hear of one another no two take writes"

    # what was approved with the failover is what is done now
    agreed = Agreed(move=a_move(), plan=FAILOVER)
    plan = plan_rejoin(HEARTH, seen(primary, standby), agreed, "it answers again")
    assert [item.verb for item in items_of(plan.steps)] == [
        Verb.FENCE_DATABASE,
        Verb.SAVE_BEYOND,
        Verb.FOLLOW_DATABASE,
    ]
    assert goes_beyond(plan, agreed) == ""
    carry_out(primary.fence())
    promoted = standby.look()
    _, evidence, _ = carry_out(primary.save_beyond(promoted, "late"))
    loss = primary.count_beyond(promoted)
    assert loss.saved_in == evidence.reference
    lines = west.hostdoor(OPERATOR).evidence(evidence.reference.rpartition("/")[2]).splitlines()
    kept = {json.loads(line)["row"]["id"] for line in lines[1:]}
    assert set(writer.acknowledged) <= kept, "every row that only the old one acknowledged is kept"
    within_what_was_agreed(plan, [loss], agreed)
    carry_out(primary.follow(standby))
    look = primary.look()
    assert (look.role, look.timeline) == (DatabaseRole.STANDBY, standby.look().timeline)
    assert not {row[0] for row in west.rows("SELECT id FROM devices WHERE state = 'written'")} & kept

    # and whoever comes home finds it done
    done = frozenset((step.phase, step.item) for step in plan.steps)
    again = plan_rejoin(HEARTH, seen(primary, standby), Agreed(move=a_move(), plan=FAILOVER, done=done), "again")
    assert again.steps == ()
    home = plan_move(MoveKind.FAILBACK, HEARTH, seen(primary, standby, compute=scenes.compute(*scenes.EVERYTHING)))
    verbs = {item.verb for item in items_of(home.steps, "prepare")}
    assert verbs.isdisjoint({Verb.FENCE_DATABASE, Verb.SAVE_BEYOND, Verb.FOLLOW_DATABASE})
    assert (home.bounds, home.coverage) == ((), {})

    # it dies again: what it leaves on the survivor is bounded, and nobody waits for it
    west.kill()
    eventually(lambda: not standby.look().followers)
    assert standby.look().slots == {"west_db": False}
    assert east.rows("SELECT wal_status IS NOT NULL, safe_wal_size > 0 FROM pg_replication_slots") == [(True, True)]
    east.rows("INSERT INTO devices (state) VALUES ('nobody waits')")
