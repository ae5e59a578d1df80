"""What does the database host have to know, and where are its secrets?

One YAML file beside the server. Secrets are never in it: it names files that only their owner reads.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from blocks.errors import Broken


class Peer(BaseModel):
    """The door of another member of the same data; it is only asked how it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str  # host:port
    token_file: Path  # a reader's token


class OwnBackups(BaseModel):
    """What a host keeps by itself, so that data can be brought back to a moment; in folders that nobody else uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: float = Field(default=24.0, gt=0, description="hours from one base backup to the next")
    kept: int = Field(default=2, ge=1, description="how many of them stay; the oldest says how far back one can go")
    log_mib: int = Field(default=16384, ge=64, description="log that may come between two before the next is due")
    kib_per_s: int = Field(default=51200, ge=32, description="how fast one is made, so that nobody notices")
    leaves_mib: int = Field(default=1024, ge=0, description="room on the disk that a backup must leave")
    begins_after: float = Field(default=30.0, ge=0, description="seconds for which the server has served before")


class HostConfig(BaseModel):
    """The file given as --config."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="how people call this server")
    # the door
    listen: str = Field(
        default="127.0.0.1:8443", description="where the door listens; loopback unless you say otherwise"
    )
    certificate: Path = Field(description="PEM file with key and chain")
    reader_token_file: Path = Field(description="who shows it may look")
    operator_token_file: Path = Field(description="who shows it may give orders")
    state_dir: Path = Field(description="what the door remembers: fence, orders, evidence")
    # the server
    data_dir: Path
    bin_dir: Path
    port: int = 5432
    listen_addresses: str = "127.0.0.1"
    run_as: str = Field(default="", description="account of the server when the door runs as root")
    superuser: str = "postgres"
    superuser_password_file: Path | None = None
    connect_host: str = Field(default="127.0.0.1", description="address or socket folder for the door's own sessions")
    database: str = Field(description="where the heartbeat table is")
    # the others
    application_name: str = Field(description="how a primary shows this server as its standby, and its slot there")
    replication_user: str = "replicator"
    replication_password_file: Path
    replication_options: str = Field(
        default="sslmode=prefer", description="more of the connection string: sslmode, sslrootcert"
    )
    follows: str = Field(default="", description="whom a standby follows that was told nothing else yet")
    sources: tuple[str, ...] = Field(default=(), description="servers (host:port) that it may follow")
    peers: tuple[Peer, ...] = ()
    ca_file: Path | None = Field(default=None, description="authorities to trust for peers, instead of the system's")
    stop_seconds: float = Field(default=30.0, gt=0, description="how long an orderly stop may take")
    starts_alone: bool = Field(
        default=False, description="a former primary starts when no peer answers (docs/recovery-postgres.md)"
    )
    # looking around
    looks_at: tuple[str, ...] = Field(default=(), description="addresses (host:port) that may be looked at from here")
    connect_to: Mapping[str, str] = Field(
        default_factory=dict, description="host:port -> address:port, for names led elsewhere"
    )
    # restore to a moment
    archive_dir: Path | None = Field(default=None, description="where the server's log is archived, segment by segment")
    backup_dir: Path | None = Field(default=None, description="where base backups are")
    own_backups: OwnBackups | None = Field(
        default=None, description="base backups and archive are the host's own work; else somebody else's"
    )
    # isolated copies, for drills
    copy_dir: Path | None = Field(default=None, description="where copies for drills are made; without it none is")
    copy_port: int = Field(default=5433, description="where a copy listens")
    copy_listen: str = Field(default="127.0.0.1", description="and on which addresses")
    copy_address: str = Field(default="", description="host:port where vigie finds it; the host is that of the door")
    copy_roles: tuple[str, ...] = Field(default=(), description="who may log in to it: vigie's two roles, no client's")
    copy_kib_per_s: int = Field(default=51200, ge=32, description="how fast it is made, so that nobody notices")
    copy_leaves_mib: int = Field(default=1024, ge=0, description="room on the disk that a copy must leave")
    copy_lasts: float = Field(default=12.0, gt=0, description="hours after which it is removed whoever asks for more")
    copy_settings: Mapping[str, str] = Field(
        default_factory=lambda: {"shared_buffers": "64MB", "shared_preload_libraries": ""},
        description="settings of copies; what isolates them wins",
    )

    @model_validator(mode="after")
    def _has_rooms(self) -> Self:
        if self.own_backups is not None and (self.archive_dir is None or self.backup_dir is None):
            raise ValueError("own_backups needs archive_dir and backup_dir: where would they lie?")
        return self

    def lead(self, address: str) -> tuple[str, str, int]:
        """(host as certificates know it, where to connect, port) of a host:port."""
        host, _, port = address.rpartition(":")
        target = self.connect_to.get(address, address)
        place, _, number = target.rpartition(":")
        return host.strip("[]"), place.strip("[]"), int(number or port)

    @property
    def identity(self) -> Mapping[str, Any]:
        """As whom PostgreSQL's programs run: keyword arguments for subprocess."""
        if not self.run_as or os.geteuid() != 0:
            return {"cwd": "/"}
        account = pwd.getpwnam(self.run_as)
        return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def secrets(self) -> Secrets:
        """What the named files hold. Raises `Broken` naming the file that cannot be read."""
        password = self.superuser_password_file
        return Secrets(
            reader=_secret(self.reader_token_file),
            operator=_secret(self.operator_token_file),
            superuser=_secret(password) if password else "",
            replication=_secret(self.replication_password_file),
            peers=tuple(_secret(peer.token_file) for peer in self.peers),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Tokens and passwords, never shown."""

    reader: str
    operator: str
    superuser: str
    replication: str
    peers: tuple[str, ...]


def load_config(path: Path) -> HostConfig:
    """The configuration in `path`. Raises `Broken` with what is wrong and where."""
    try:
        return HostConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise Broken(f"the configuration cannot be used: {error}", where=str(path)) from None


def _secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Broken(f"a secret cannot be read: {error.strerror}", where=str(path)) from None
    if not secret:
        raise Broken("a secret is empty", where=str(path), next_step="write it into the file, one line")
    return secret
