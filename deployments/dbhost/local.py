"""What does the server beside us say of itself, asked as its superuser on this host?

The rule: a question has its time; a server that does not answer in it is said to be silent, never guessed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

if TYPE_CHECKING:
    import psycopg

    from deployments.dbhost.config import HostConfig, Secrets

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_FACTS = """
    SELECT pg_is_in_recovery(),
           (SELECT system_identifier::text FROM pg_control_system()),
           (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline,
                            (SELECT received_tli FROM pg_stat_wal_receiver),
                            (SELECT max(('x' || substr(name, 1, 8))::bit(32)::int) FROM pg_ls_waldir()
                              WHERE name ~ '^[0-9A-F]{24}$'))
              FROM pg_control_checkpoint() c, pg_control_recovery() r),
           coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn,
           pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
           current_setting('default_transaction_read_only') = 'on',
           (SELECT status FROM pg_stat_wal_receiver)
"""
_PRIMARY = """
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int,
           pg_current_wal_lsn() - '0/0'::pg_lsn
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One answer of the server."""

    is_standby: bool
    system_id: str
    timeline: int
    position_bytes: int
    replayed_bytes: int
    read_only: bool
    receives: bool


@dataclass(frozen=True, slots=True)
class Local:
    """Sessions of the superuser on this host. `host` and `port` replace the configured ones for an isolated server."""

    config: HostConfig
    secrets: Secrets = field(repr=False)
    host: str = ""

    @contextmanager
    def session(self, database: str = "postgres") -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        """A session of our own; raises psycopg.Error."""
        import psycopg

        with psycopg.connect(
            host=self.host or self.config.connect_host,
            port=self.config.port,
            user=self.config.superuser,
            password=self.secrets.superuser or None,
            dbname=database,
            connect_timeout=3,
            application_name="vigie_dbhost",
            options="-c statement_timeout=5s -c synchronous_commit=local",
            autocommit=True,
        ) as connection:
            yield connection

    def answers(self) -> bool:
        """Does it take logins?"""
        import psycopg

        with contextlib.suppress(psycopg.OperationalError), self.session():
            return True
        return False

    def facts(self) -> Facts | None:
        """How it is now; None when it does not say."""
        import psycopg

        with contextlib.suppress(psycopg.Error), self.session() as connection:
            return read_facts(connection)
        return None


def read_facts(connection: psycopg.Connection[tuple[Any, ...]]) -> Facts:
    """How the server is, in one session. Right after a promotion the control file is late: the log's name is not."""
    standby, system, timeline, received, replayed, read_only, receiver = _row(connection, _FACTS)
    if not standby:
        timeline, received = _row(connection, _PRIMARY)
        replayed = received
    return Facts(
        is_standby=standby,
        system_id=system,
        timeline=int(timeline),
        position_bytes=int(received or 0),
        replayed_bytes=int(replayed or 0),
        read_only=read_only,
        receives=receiver == "streaming",
    )


def read_history(data_dir: Path, timeline: int) -> Mapping[str, int]:
    """Earlier timeline -> position (bytes) where the server's history left it, from its newest history file."""
    path = data_dir / "pg_wal" / f"{timeline:08X}.history"
    if not path.exists():
        return {}
    parts = (line.split() for line in path.read_text().splitlines())
    return {words[0]: to_bytes(words[1]) for words in parts if len(words) > 1 and words[0].isdigit()}


def newest_timeline(data_dir: Path) -> int:
    """The newest timeline that the server has log of: a crash soon after a promotion leaves the control file behind."""
    names = (path.name for path in (data_dir / "pg_wal").iterdir())
    return max((int(name[:8], 16) for name in names if _SEGMENT.fullmatch(name)), default=0)


def to_bytes(position: str) -> int:
    """0/3000148 -> bytes."""
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def to_position(count: int) -> str:
    """Bytes -> 0/3000148."""
    return f"{count >> 32:X}/{count & 0xFFFFFFFF:08X}"


def _row(connection: psycopg.Connection[tuple[Any, ...]], question: LiteralString) -> Sequence[Any]:
    row = connection.execute(question).fetchone()
    assert row is not None
    return row
