"""Is the journal's schema the one this vigie needs, and how does it get there?

The rule: an upgrade is one transaction behind one lock, so that two processes that start at the same
moment make it once, and a killed upgrade leaves nothing half done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from blocks.errors import Broken
from blocks.journal.connections import open_connection, place_of, translated

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x76696769  # any number that is ours in this database


def upgrade(dsn: str) -> str:
    """Bring the schema to the newest version and return that version. Harmless when already there."""
    from alembic import command
    from sqlalchemy import create_engine, pool, text
    from sqlalchemy.exc import DBAPIError

    with translated(place_of(dsn)):
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: open_connection(dsn, patient=True), poolclass=pool.NullPool
        )
        try:
            with engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from error
            raise
        finally:
            engine.dispose()
    return newest_version()


def newest_version() -> str:
    """The version this code needs."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise Broken("no migration of the journal is shipped", where=str(_folder()))
    return head


def installed_version(connection: psycopg.Connection) -> str:
    """The version the database has; empty when there is no schema yet."""
    row = connection.execute("SELECT to_regclass('alembic_version')::text").fetchone()
    if row is None or row[0] is None:
        return ""
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else ""


def _folder() -> Path:
    return Path(__file__).with_name("migrations")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.set_main_option("path_separator", "os")
    return config
