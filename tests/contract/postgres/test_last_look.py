"""A primary dies under a writer: what the newest look at it proves of its commits, and what was really lost.

Two real servers, the real journal, and the plan of a failover as it would be made that night.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import pytest

from blocks.journal.adapter import PostgresJournal
from blocks.ports.recovery import DatabaseRole, LossKind, MoveKind, Waiting
from tasks.recovery.decide import plan_move
from tasks.recovery.losses import bound_loss
from tasks.recovery.recording import write_bounds
from tasks.recovery.values import Ran
from tasks.recovery.witness_steps import write_whom_commits_wait_for
from tasks.recovery.witnessing import keep_what_was_seen, known_of_commits
from tests.contract.journal.test_moves import begin, open_run
from tests.contract.postgres.hosts import OPERATOR, Pair, Writer, carry_out, eventually, mark_for, running_pair
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import AZURE, CELLAR

PLATFORM = scenes.promised()
ALONE = f"stand-alone:household:{AZURE}"


@pytest.fixture
def journal(journal_dsn: str) -> Iterator[PostgresJournal]:  # noqa: F811
    with PostgresJournal(journal_dsn) as opened:
        yield opened


@pytest.fixture
def pair(tmp_path_factory) -> Iterator[Pair]:
    """West is azure-west's server, east is dc-west's; clients write all the while."""
    with running_pair(tmp_path_factory.mktemp("last")) as opened:
        yield opened


def facts_of(journal: PostgresJournal, pair: Pair, **changes):
    """What is seen now, as before a plan; the network's part is that of a dark site."""
    began = journal.now()
    databases = {
        ("household", AZURE): pair.member(pair.west).look(),
        ("household", CELLAR): pair.member(pair.east).look(),
    }
    now = journal.now()
    commits, lifted = known_of_commits(journal, PLATFORM, AZURE, databases, began=began, ended=now)
    seen = {"databases": databases, "commits": commits, "lifted": lifted, "now": now}
    return scenes.dark(**(seen | changes))


def readiness(journal: PostgresJournal, pair: Pair):
    """The half-hourly look; what it kept."""
    return keep_what_was_seen(journal, PLATFORM, facts_of(journal, pair), by="readiness")


def measured(journal: PostgresJournal, pair: Pair, **changes):
    """(rows, seconds, does the guard hold, what it says) of a failover's plan that is made now."""
    made = plan_move(MoveKind.FAILOVER, PLATFORM, facts_of(journal, pair, **changes))
    guard = next(each for each in made.guards if each.name == "loss of household")
    rows, seconds = made.bounds
    return rows.measured, seconds.measured, guard.holds, guard.text


def bounded(journal: PostgresJournal, pair: Pair, run, token):
    """What a failover under way writes down of its loss, just before it promotes."""
    begin(journal, run, token, detected_at=None)
    plan = plan_move(MoveKind.FAILOVER, PLATFORM, facts_of(journal, pair))
    granted = SimpleNamespace(plan=plan, lease=SimpleNamespace(run=run, token=token))
    (loss,) = write_bounds(journal, parts_of(pair), granted)
    assert journal.move(run).losses == (loss,)
    return loss


def parts_of(pair: Pair):
    hosts = {AZURE: pair.west, CELLAR: pair.east}
    return SimpleNamespace(
        platform=PLATFORM, recovery=PLATFORM.recovery, member=lambda _, site: pair.member(hosts[site])
    )


def waits(pair: Pair, wanted: Waiting):
    return eventually(lambda: (seen := pair.member(pair.west).look()).waiting is wanted and seen, pair.west.log)


def a_writer(pair: Pair) -> Writer:
    writer = Writer(pair.west.server.dsn("household", "app"))
    writer.start()
    eventually(lambda: len(writer.acknowledged) > 50)
    return writer


def goes_on(writer: Writer, rows: int) -> None:
    before = len(writer.acknowledged)
    eventually(lambda: len(writer.acknowledged) > before + rows)


def written(host) -> set[int]:
    return {row[0] for row in host.rows("SELECT id FROM devices WHERE state = 'written'")}


def test_one_that_was_seen_to_wait_lost_nothing_that_was_acknowledged(journal, pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)
    carry_out(primary.protect(standby))
    waits(pair, Waiting.STRICTLY)
    writer = a_writer(pair)
    (seen,) = readiness(journal, pair)
    assert (seen.waits, seen.standby, seen.site) == (True, "east_db", AZURE)
    goes_on(writer, 200)

    west.kill()
    writer.end()
    rows, seconds, holds, text = measured(journal, pair)
    assert (rows, seconds, holds) == (0, 0, True), text
    assert f"each commit waited for east_db, seen at {seen.seen_at:%H:%M:%S} UTC by readiness" in text

    loss = bounded(journal, pair, *open_run(journal))
    assert (loss.rows, loss.seconds) == (0, 0.0)
    assert "seen at" in loss.text

    carry_out(standby.promote())
    assert set(writer.acknowledged) <= written(east), "0 acknowledged rows are missing"
    half_way = (Ran(phase="promote", item=f"promote-database:household:{CELLAR}"),)
    assert measured(journal, pair, ran=half_way)[:3] == (0, 0, True), "so it is where the promotion ended half-way"

    # by the old one's own log at most one was written that nobody was told of
    west.start()
    eventually(lambda: primary.look().role is DatabaseRole.FENCED, west.log)
    loss = primary.count_beyond(standby.look())
    assert loss.rows <= 1

    # whatever was said of it before, this server's promise of that day is over
    carry_out(standby.open())
    if loss.rows:
        carry_out(primary.save_beyond(standby.look(), "last"))
    carry_out(primary.follow(standby))
    assert primary.look().waiting is Waiting.UNKNOWN
    assert standby.look().waiting is Waiting.NOT


def test_one_that_was_let_go_since_lost_rows_and_the_bound_says_more_than_them(journal, pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)
    carry_out(primary.protect(standby))
    waits(pair, Waiting.STRICTLY)
    writer = a_writer(pair)
    (seen,) = readiness(journal, pair)
    beats = standby.look().heartbeat_number
    eventually(lambda: standby.look().heartbeat_number > beats + 5)  # its pace is known

    # vigie itself lets it stand alone; nobody looks since, and the line to the standby dies
    run, token = open_run(journal)
    key = uuid4().hex * 2
    journal.intend(run, token, key=key, phase="promote", item=ALONE, text=ALONE, baseline={})
    change = primary.stand_alone()
    change.act(mark_for(change))
    east.kill()
    assert west.rows("SHOW synchronous_standby_names") == [("",)]
    journal.finish_step(run, token, key, "alone", None)
    goes_on(writer, 300)
    west.kill()
    writer.end()
    east.start()
    assert journal.commit_look("hearth", "household") == seen, "the newest look still says that it waits"

    rows, seconds, holds, text = measured(journal, pair)
    loss = bounded(journal, pair, run, token)
    carry_out(standby.promote())
    lost = set(writer.acknowledged) - written(east)
    assert len(lost) > 100
    assert min(rows, loss.rows) >= len(lost), text
    assert (seconds > 0, holds) == (True, False)

    # and exactly what the writer misses is counted and kept
    west.start()
    eventually(lambda: primary.look().role is DatabaseRole.FENCED, west.log)
    taken = standby.look()
    loss = primary.count_beyond(taken)
    assert loss.kind is LossKind.EXACT
    assert len(lost) <= loss.rows <= len(lost) + 1, "one may have been written while its answer was on the way"
    _, evidence, _ = carry_out(primary.save_beyond(taken, "last"))
    kept = west.hostdoor(OPERATOR).evidence(evidence.reference.rpartition("/")[2]).splitlines()[1:]
    assert lost <= {json.loads(line)["row"]["id"] for line in kept}
    assert len(kept) == loss.rows


def test_what_a_look_says_of_commits_is_what_the_server_does(journal, pair):
    west, east = pair.west, pair.east
    primary, standby = pair.member(west), pair.member(east)
    waits(pair, Waiting.NOT)
    (asynchronous,) = readiness(journal, pair)
    assert (asynchronous.waits, standby.look().called) == (False, "east_db")
    carry_out(primary.protect(standby))
    waits(pair, Waiting.STRICTLY)
    assert readiness(journal, pair)[0].waits
    after = SimpleNamespace(plan=SimpleNamespace(candidate=AZURE, action="failback"))
    (seen,) = write_whom_commits_wait_for(journal, parts_of(pair), after, print)
    assert (seen.waits, seen.seen_by, journal.commit_look("hearth", "household")) == (True, "failback", seen)

    # one role, or the whole server, is told before the standby has it
    west.rows("ALTER ROLE app SET synchronous_commit = off")
    assert primary.look().waiting is Waiting.NOT
    (let_go,) = readiness(journal, pair)
    assert (let_go.waits, primary.look().synchronous_with) == (False, "east_db")
    west.rows("ALTER ROLE app RESET synchronous_commit")
    waits(pair, Waiting.STRICTLY)
    settings = {"synchronous_standby_names = 'ANY 1 (east_db, another)'", "synchronous_commit = remote_write"}
    for setting in settings:
        west.rows(f"ALTER SYSTEM SET {setting}")
        west.rows("SELECT pg_reload_conf()")
        waits(pair, Waiting.NOT)
        west.rows(f"ALTER SYSTEM RESET {setting.partition(' ')[0]}")
        west.rows("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (\"east_db\")'")
        west.rows("SELECT pg_reload_conf()")
        waits(pair, Waiting.STRICTLY)

    # its standby is gone: each commit waits and nobody can say more, so the look before is the newest
    (before,) = readiness(journal, pair)
    east.kill()
    waits(pair, Waiting.UNKNOWN)
    assert readiness(journal, pair) == ()
    assert journal.commit_look("hearth", "household") == before
    east.start()
    waits(pair, Waiting.STRICTLY)

    # its host would let them go
    carry_out(primary.protect_while_followed(standby))
    waits(pair, Waiting.NOT)
    assert not readiness(journal, pair)[0].waits
    west.kill()
    rows, _, holds, text = measured(journal, pair)
    assert (rows > 0, holds) == (True, False), text
    known = bound_loss(
        PLATFORM.recovery.data["household"],
        standby=standby.look(),
        primary=primary.look(),
        last_known=None,
        until=journal.now(),
        waited=before,
    )
    assert known.rows == 0, "the look before would have said so"
