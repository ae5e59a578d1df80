"""What does the server that we are to follow say over its replication protocol?

One connection of the replication role (https://www.postgresql.org/docs/18/protocol-replication.html); nothing more
is needed to know its system, its timeline, where its history left ours, and to make our slot there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from blocks.errors import Refused, Retryable
from deployments.dbhost.isolated import give
from deployments.dbhost.local import to_bytes

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig, Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A server that can be followed. `left_at`: earlier timeline -> position where its history left it."""

    system_id: str
    timeline: int
    position_bytes: int
    is_primary: bool
    left_at: Mapping[int, int]


def conninfo(config: HostConfig, address: str, **more: str) -> str:
    """How to connect to `address`; the password stays in a file that only the server's account reads."""
    import psycopg.conninfo

    name, place, port = config.lead(address)
    numeric = place.replace(".", "").isdigit() or ":" in place
    return psycopg.conninfo.make_conninfo(
        config.replication_options,
        host=name if numeric else place,
        **({"hostaddr": place} if numeric else {}),
        port=port,
        user=config.replication_user,
        passfile=str(_passfile(config)),
        application_name=config.application_name,
        connect_timeout=5,
        **more,
    )


def local_conninfo(config: HostConfig) -> str:
    """How to connect to the server beside us as the replication role."""
    import psycopg.conninfo

    return psycopg.conninfo.make_conninfo(
        host=config.connect_host, port=config.port, user=config.replication_user, passfile=str(_passfile(config))
    )


def write_passfile(config: HostConfig, secrets: Secrets) -> None:
    """Beside the data folder, for the server's account: in no configuration file and on no command line."""
    path = _passfile(config)
    password = secrets.replication.replace("\\", "\\\\").replace(":", "\\:")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"*:*:*:{config.replication_user}:{password}\n")
    give(path, config)


def read_source(config: HostConfig, secrets: Secrets, address: str, slot: str = "") -> Source:
    """How that server is; with a slot, it is there afterwards. Raises `Retryable` when it does not answer."""
    import psycopg

    told: dict[str, Any] = {"replication": "true", "password": secrets.replication}
    try:
        with psycopg.connect(conninfo(config, address), autocommit=True, **told) as connection:
            system, timeline, position, _ = _row(connection, "IDENTIFY_SYSTEM")
            standby = _text(_row(connection, "SHOW in_hot_standby")[0])
            history = bytes(_row(connection, f"TIMELINE_HISTORY {timeline}")[1]) if timeline > 1 else b""
            if slot and standby == "off" and _row(connection, f'READ_REPLICATION_SLOT "{slot}"')[0] is None:
                _row(connection, f'CREATE_REPLICATION_SLOT "{slot}" PHYSICAL RESERVE_WAL')
    except psycopg.errors.InvalidPassword as error:
        raise Refused(f"{address} refused the replication role: {error}", next_step="correct its password") from None
    except psycopg.OperationalError as error:
        raise Retryable(f"{address} does not answer as a source: {str(error).strip()}", where=config.name) from None
    return Source(
        system_id=_text(system),
        timeline=int(timeline),
        position_bytes=to_bytes(_text(position)),
        is_primary=standby == "off",
        left_at=_left_at(history.decode()),
    )


def _left_at(history: str) -> Mapping[int, int]:
    parts = (line.split() for line in history.splitlines())
    return {int(words[0]): to_bytes(words[1]) for words in parts if len(words) > 1 and words[0].isdigit()}


def _row(connection: Any, command: str) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", connection.execute(cast("Any", command)).fetchone())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _passfile(config: HostConfig) -> Path:
    return config.data_dir.with_name(f"{config.data_dir.name}.pgpass")
