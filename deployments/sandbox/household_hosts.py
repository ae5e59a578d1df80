"""Who keeps hearth's two household servers, and how do they find each other?

Each runs under the product's own database host (deployments/dbhost), with its door, its fence and its peer: roles
can swap, and after a restart each comes up as what it was left. They meet through relays, so that a cut line is a
cut line; the names in their configuration are the real ones.

The rules: the demonstration's reader may look and never write; the operator changes roles and reads no household.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from deployments.dbhost.config import HostConfig, OwnBackups, Peer
from deployments.dbhost.running import run_host
from deployments.dbhost.settings import OF_A_ROLE, forget_settings
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.household import TABLES
from deployments.sandbox.names import BETWEEN, NAME_SERVER, REPLICATION, REPLICATION_BACK, ROUTES, relayed_port
from deployments.sandbox.postgres import REPLICATOR, SUPERUSER, PostgresServer, StandbySource, write_private
from deployments.sandbox.processes import free_port, is_free
from deployments.sandbox.state import State, read_json, write_text

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper

READER = "vigie_reader"
OPERATOR = "vigie_operator"
HOUSEHOLD = "household"
OWNER = "hearth_app"
_SETTINGS = {
    "max_connections": "60",
    "wal_sender_timeout": "5s",
    "shared_buffers": "32MB",
    "wal_keep_size": "256MB",
}
_BACKUPS = OwnBackups(every=6.0, kept=2, log_mib=256, kib_per_s=20480, leaves_mib=256, begins_after=30.0)
"""In the background, when everybody is served: nobody waits for it, and it keeps no more than some hundred MiB."""
_FURNISHED = "4"  # counted up when new folders get more than old ones have


@dataclass(frozen=True, slots=True)
class Host:
    """One of the two: its real names, how a primary shows it, and the line on which others follow it."""

    name: str
    title: str
    shown_as: str
    line: str

    @property
    def server(self) -> str:
        """Where clients find the server."""
        return f"{self.name}:5432"

    @property
    def door(self) -> str:
        """Where its door is."""
        return f"{self.name}:8443"

    @property
    def copy(self) -> str:
        """Where a drill finds its copy."""
        return f"{self.name}:5433"


HOSTS = {
    "household-primary": Host("db1.hearth.example", "household-data", "hearth_db1", REPLICATION),
    "household-standby": Host("db2.dc-west.hearth.example", "household-data-standby", "hearth_db2", REPLICATION_BACK),
}


def run_household(state: State, component: str, stopping: threading.Event) -> None:
    """Keep one of the two servers and its door until `stopping`; its ready file follows what it does."""
    server = _prepared(state, component)
    config = host_config(state, component, server)

    def told(keeper: Keeper, door: str) -> None:
        if keeper.last_error and keeper.memory.fence is None:
            raise SystemExit(f"PostgreSQL {component} does not run: {keeper.last_error}")
        state.write_ready(
            component,
            f"127.0.0.1:{config.port}",
            server_pid=keeper.cluster.pid or 0,
            door=door,
            copy=f"127.0.0.1:{config.copy_port}",
            **_announced(state, server),
        )

    run_host(config, stopping, told)


def host_config(state: State, component: str, server: PostgresServer) -> HostConfig:
    """The database host's configuration, as a person would write it beside a real server."""
    own, other = HOSTS[component], _other(component)
    tokens, folder = _tokens(state), _folder(state, f"{component}-host")
    folder.mkdir(mode=0o700, exist_ok=True)
    files = {
        "reader.token": tokens["reader"],
        "operator.token": tokens["operator"],
        "superuser": server.passwords[SUPERUSER],
        "replication": server.passwords[REPLICATOR],
    }
    for name, secret in files.items():
        write_text(folder / name, secret)
    authority = ensure_authority(state.home)
    door = str(read_json(folder / "door.json").get("address", "127.0.0.1:0"))
    port = int(door.rpartition(":")[2])
    port = port if is_free(port) else free_port()
    write_private(folder / "door.json", {"address": f"127.0.0.1:{port}"})
    return HostConfig(
        name=own.title,
        listen=f"127.0.0.1:{port}",
        certificate=authority.issue(own.name, "localhost", "127.0.0.1"),
        reader_token_file=folder / "reader.token",
        operator_token_file=folder / "operator.token",
        state_dir=folder / "state",
        data_dir=server.place.data_dir,
        bin_dir=server.place.bin_dir,
        port=server.port if is_free(server.port) else free_port(),
        run_as=server.place.account,
        superuser_password_file=folder / "superuser",
        database=HOUSEHOLD,
        application_name=own.shown_as,
        replication_user=REPLICATOR,
        replication_password_file=folder / "replication",
        replication_options="sslmode=disable",
        follows=other.server,
        sources=(other.server,),
        peers=(Peer(address=other.door, token_file=folder / "reader.token"),),
        ca_file=authority.ca_file,
        stop_seconds=5.0,
        starts_alone=True,
        archive_dir=server.place.own(server.place.data_dir.with_name(f"{component}-archive")),
        backup_dir=server.place.own(server.place.data_dir.with_name(f"{component}-backups")),
        own_backups=_BACKUPS,
        copy_dir=server.place.own(server.place.data_dir.with_name(f"{component}-copies")),
        copy_port=free_port(),
        copy_address=own.copy,
        copy_roles=(READER, OPERATOR),
        copy_leaves_mib=256,
        looks_at=(*(route.name for route in ROUTES if route.name not in BETWEEN), NAME_SERVER),
        connect_to={
            NAME_SERVER: state.address("nameserver"),  # in neither site: tells a dead one from a blind eye
            **{route.name: f"127.0.0.1:{relayed_port(state, route.name)}" for route in ROUTES},
            other.server: f"127.0.0.1:{relayed_port(state, other.line)}",
        },
    )


def _prepared(state: State, component: str) -> PostgresServer:
    """The folder, made and furnished the first time; nothing runs on it afterwards."""
    folder = _folder(state, component)
    folder.parent.mkdir(mode=0o711, exist_ok=True)
    if component == "household-standby" and not _memory(state, component).exists():
        return _first_standby(state, folder)
    server = PostgresServer.create(folder, name=component, settings=_SETTINGS)
    marker = folder.with_name(f"{component}.furnished")
    known = marker.read_text() if marker.exists() else ""
    if known != _FURNISHED and not (server.place.data_dir / "standby.signal").exists():
        forget_settings(server.place.data_dir, OF_A_ROLE)  # an old folder may have been left waiting for a standby
        server.start()
        try:
            _furnish(server)
        finally:
            server.stop()
        write_text(marker, _FURNISHED)
    return server


def _first_standby(state: State, folder: Path) -> PostgresServer:
    """A copy of the primary, through the relay. Whom it follows is the database host's to say, not the folder's."""
    known = read_json(_memory(state, "household-primary")).get("passwords", {})
    source = StandbySource(port=relayed_port(state, REPLICATION), passwords=known)
    shown_as = HOSTS["household-standby"].shown_as
    server = PostgresServer.create_standby_from(source, folder, name=folder.name, application_name=shown_as)
    forget_settings(server.place.data_dir, OF_A_ROLE)
    return server


def _furnish(server: PostgresServer) -> None:
    """Hearth's fleet of devices, a role that may only look, one that changes roles, one that replicates."""
    owner_dsn = server.ensure_database(HOUSEHOLD, OWNER)
    for role in (READER, OPERATOR):
        server.ensure_database(HOUSEHOLD, role)
    server.ensure_role(REPLICATOR, "LOGIN REPLICATION")
    _execute(
        owner_dsn,
        *TABLES,
        "INSERT INTO devices (id, household, state) SELECT 'device-' || n, 'household-' || (n / 4),"
        ' \'{"heating": "auto"}\' FROM generate_series(1, 200) n ON CONFLICT DO NOTHING',
    )
    _execute(
        server.dsn("postgres"),
        f"GRANT pg_monitor, pg_read_all_data TO {READER}",
        f"GRANT pg_monitor, pg_signal_backend TO {OPERATOR}",
        f"GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names, default_transaction_read_only TO {OPERATOR}",
        f"GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean),"
        f" pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean) TO {REPLICATOR}",
        f"ALTER ROLE {READER} CONNECTION LIMIT 20",
        f"ALTER ROLE {OPERATOR} CONNECTION LIMIT 5",
    )
    _execute(  # rights on functions are those of one database: where the operator logs in
        server.dsn(HOUSEHOLD),
        f"GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO {OPERATOR}",
    )


def _announced(state: State, server: PostgresServer) -> dict[str, Any]:
    """What a client, a reader and an operator need, for the ready file."""
    passwords: dict[str, str] = {
        **read_json(_memory(state, "household-primary")).get("passwords", {}),
        **server.passwords,
    }
    tokens = _tokens(state)
    server.passwords = passwords
    return {
        "app_dsn": server.dsn(HOUSEHOLD, OWNER),
        "reader": READER,
        "reader_password": passwords[READER],
        "operator": OPERATOR,
        "operator_password": passwords[OPERATOR],
        "door_reader_token": tokens["reader"],
        "door_operator_token": tokens["operator"],
        "doors": [host.door for host in HOSTS.values()],
    }


def _tokens(state: State) -> dict[str, str]:
    """Made once: the doors of both know the same two. The primary's process is always first."""
    path = _folder(state, "household-tokens.json")
    if not path.exists():
        write_private(path, {"reader": secrets.token_urlsafe(24), "operator": secrets.token_urlsafe(24)})
    return read_json(path)


def _other(component: str) -> Host:
    return next(host for name, host in HOSTS.items() if name != component)


def _folder(state: State, name: str) -> Path:
    return state.home / "postgres" / name


def _memory(state: State, component: str) -> Path:
    return _folder(state, f"{component}.json")


def _execute(dsn: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        for statement in statements:
            connection.execute(cast("Any", statement))
