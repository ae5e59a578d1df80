"""A journal that has rows already is brought to a newer schema: what was kept in another way is carried over."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from psycopg import errors
from sqlalchemy import create_engine, pool

from blocks.journal.adapter import PostgresJournal
from blocks.journal.schema import _config, newest_version, upgrade
from blocks.ports.recovery import MoveKind
from tests.postgres_fixture import new_database


def upgraded_to(dsn: str, version: str) -> None:
    """The schema as an earlier vigie left it."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=pool.NullPool)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def kept(connection: psycopg.Connection, action: str, kind: str) -> UUID:
    """A move that is over, of a run with this action, as rows of the tables themselves."""
    run = uuid4()
    connection.execute("INSERT INTO platform (name) VALUES ('hearth') ON CONFLICT DO NOTHING")
    connection.execute(
        "INSERT INTO run (id, platform_id, customer, action, subject, parameters, requested_by, state, opened_at) "
        "SELECT %s, id, 'hearth', %s, 'hearth', '{}', 'x', 'done', clock_timestamp() FROM platform",
        (run, action),
    )
    connection.execute(
        "INSERT INTO move (run_id, platform_id, kind, from_site, to_site, state, began_at, serving_at) "
        "SELECT %s, id, %s, 'a', 'b', 'committed', clock_timestamp(), clock_timestamp() FROM platform",
        (run, kind),
    )
    return run


def test_a_restore_that_was_kept_as_a_failover_is_one_by_itself(postgres_server):
    dsn = new_database(postgres_server)
    upgraded_to(dsn, "0007")
    with psycopg.connect(dsn) as connection:
        restore = kept(connection, "point-in-time-restore", "failover")
        others = {kept(connection, kind, kind): MoveKind(kind) for kind in ("switchover", "failover", "failback")}
    with psycopg.connect(dsn) as connection, pytest.raises(errors.CheckViolation):
        kept(connection, "point-in-time-restore", "point-in-time-restore")
    assert upgrade(dsn) == newest_version()
    with PostgresJournal(dsn) as journal:
        assert {move.run: move.kind for move in journal.moves("hearth")} == {restore: MoveKind.RESTORE, **others}
        assert journal.active_site("hearth") == "b"
    with psycopg.connect(dsn) as connection:
        assert {kept(connection, "anything", kind.value) for kind in MoveKind}
        with pytest.raises(errors.CheckViolation):
            kept(connection, "anything", "drill")
