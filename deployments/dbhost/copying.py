"""Is there room for a copy, where does it lie, and what keeps it to itself?

The settings that isolate a copy are given on its command line, so that neither the standby's files nor ALTER SYSTEM
undo them. What PostgreSQL keeps from acting is listed with its reason.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Refused
from blocks.ports.backups import choose
from blocks.ports.copies import bears_the_mark, keeps_it
from deployments.dbhost.backups import history_of
from deployments.dbhost.cluster import Cluster
from deployments.dbhost.isolated import give
from deployments.dbhost.reaching import read_backups
from deployments.dbhost.settings import OF_A_ROLE, forget_settings
from deployments.dbhost.source import local_conninfo

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig, Secrets
    from deployments.dbhost.keeper import Keeper

ISOLATION: Mapping[str, str] = {
    "primary_conninfo": "",  # it follows nobody
    "primary_slot_name": "",
    "restore_command": "",
    "archive_mode": "off",  # its log never reaches the real archive
    "synchronous_standby_names": "",  # it waits for nobody
    "max_logical_replication_workers": "0",  # a subscription that came along would take the real one's place
    "autovacuum": "off",
    "hot_standby": "on",
    "wal_keep_size": "1TB",  # what was written on it is counted at the end
    "logging_collector": "off",
    "external_pid_file": "",
}
_SIZE = """
    SELECT (SELECT sum(pg_database_size(oid)) FROM pg_database)::bigint
           + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())::bigint,
           ARRAY(SELECT spcname::text FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))
"""
MARK = "mark.json"
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Room:
    """The folder where copies are made."""

    config: HostConfig
    copy_dir: Path

    @classmethod
    def of(cls, config: HostConfig) -> Room:
        """Raises `Refused` where the configuration has none."""
        missing = [key for key in ("copy_dir", "copy_address", "copy_roles") if not getattr(config, key)]
        if missing or config.copy_dir is None:
            raise Refused(
                f"{config.name} makes no copies: its configuration has no {', '.join(missing)}",
                where=config.name,
                next_step="set them (docs/recovery-postgres.md), on a disk with room for a second copy",
            )
        return cls(config, config.copy_dir.resolve())

    @property
    def log_file(self) -> Path:
        """What backup and server say."""
        return self.config.state_dir / "copy.log"

    def last_words(self, count: int = 3) -> Sequence[str]:
        """The last lines of it."""
        return self.log_file.read_text(errors="replace").strip().splitlines()[-count:]

    def folder(self, name: str) -> Path:
        """Where that copy lies, with its mark."""
        self.require_mark(name)
        return self.copy_dir / name

    def data(self, name: str) -> Path:
        """Its data folder."""
        return self.folder(name) / "data"

    def cluster(self, name: str) -> Cluster:
        """Its server."""
        config = self.config
        return Cluster(
            name=name, data_dir=self.data(name), bin_dir=config.bin_dir, log_file=self.log_file,
            identity=config.identity,
        )  # fmt: skip

    def require_mark(self, name: str) -> None:
        """Raises `Refused` for a name that no copy has."""
        if not bears_the_mark(name):
            raise Refused(
                f"{name!r} is no name of a copy: nothing else is made or removed here", where=self.config.name
            )

    def latest(self, now: datetime) -> datetime:
        """Until when a copy may stay at most."""
        return now + timedelta(hours=self.config.copy_lasts)

    def newest_backup(self, keeper: Keeper) -> str:
        """The name of the newest base backup that is kept and leads anywhere. Raises `Refused` where there is none."""
        config, known = self.config, keeper.memory.backups()
        if config.backup_dir is None or config.archive_dir is None or not known:
            raise Refused(
                f"{config.name} has no backup that could be restored: {len(known)} base backups, "
                f"backup_dir {config.backup_dir or 'unset'}, archive_dir {config.archive_dir or 'unset'}",
                where=config.name,
                next_step="configure both, and order a backup",
            )
        history = history_of(config.data_dir, keeper.memory.known.timeline)
        return choose(read_backups(known), datetime.now(UTC), history).name

    def command(self, name: str, backup: str) -> list[str]:
        """The program that fills the data folder: of the running server, or of a backup that is kept."""
        if backup and self.config.backup_dir is not None:
            return ["cp", "-a", str(self.config.backup_dir / backup), str(self.data(name))]
        return base_backup(self.config, self.data(name))

    def replay(self, backup: str) -> Mapping[str, str]:
        """A restored copy takes what the archive has, until it is promoted; it never writes there."""
        return {"restore_command": f'cp "{self.config.archive_dir}/%f" "%p"'} if backup else {}

    def require(self, keeper: Keeper, backup: str = "") -> None:
        """Raises `Refused` unless a copy can be made now without harming anybody."""
        facts = keeper.facts()
        if facts is None or not facts.is_standby:
            raise Refused(
                f"{self.config.name} is no running standby: only a standby is copied, clients wait for a primary",
                where=self.config.name,
                next_step="copy the server of the other site",
            )
        with keeper.local.session() as connection:
            ((size, spaces),) = connection.execute(_SIZE).fetchall()
        if spaces:
            raise Refused(f"tablespaces are not copied, and {self.config.name} has {', '.join(spaces)}")
        self._require_room(
            _size_of(self.config.backup_dir / backup) if backup and self.config.backup_dir else int(size)
        )

    def _require_room(self, size: int) -> None:
        self.copy_dir.mkdir(parents=True, exist_ok=True)
        free, needed = shutil.disk_usage(self.copy_dir).free // _MIB, size // _MIB + self.config.copy_leaves_mib
        if free < needed:
            raise Refused(
                f"a copy of {self.config.name} needs {size // _MIB} MiB and must leave {self.config.copy_leaves_mib}, "
                f"and {free} MiB are free in {self.copy_dir}",
                where=self.config.name,
                next_step="give copies a larger disk, or make room there",
            )

    def clear(self, name: str, keeper: Keeper) -> None:
        """An empty folder with its mark; what a copy that was cut off left in it goes. Raises `Refused`."""
        folder = self.folder(name)
        with contextlib.suppress(OSError):
            folder.rmdir()  # what is empty holds nothing of anybody
        if folder.exists() or folder.is_symlink():
            if why := self.keeps(name):
                raise Refused(why)
            self.cluster(name).stop_leftover()
            empty(folder)
        folder.mkdir(mode=0o700, parents=True)
        (folder / MARK).write_text(json.dumps({"copy": name, "of": self.config.name}), encoding="utf-8")
        for each in (folder, folder / MARK):
            give(each, keeper.config)

    def keeps(self, name: str) -> str:
        """Why that folder may not be removed; empty when it may."""
        folder = self.folder(name)
        try:
            mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            mark = {}
        return self._keeps(folder, mark if isinstance(mark, dict) else {})

    def require_removable(self, name: str) -> None:
        """Raises `Refused` where a copy could be made and not be removed again."""
        folder = self.folder(name)
        if why := self._keeps(folder, {"copy": name}):
            raise Refused(
                f"a copy could not be removed again: {why}",
                where=self.config.name,
                next_step="give copies a folder of their own, away from data, backups, archive and state",
            )

    def _keeps(self, folder: Path, mark: Mapping[str, object]) -> str:
        config = self.config
        real = (config.data_dir, config.state_dir, config.archive_dir, config.backup_dir)
        return keeps_it(
            folder,
            mark,
            room=self.copy_dir,
            precious=[each.resolve() for each in real if each is not None],
            is_link=folder.is_symlink(),
        )

    def make_standby(self, name: str, keeper: Keeper) -> None:
        """What was copied is a standby, without the settings of the role that it had."""
        data = self.data(name)
        forget_settings(data, OF_A_ROLE)
        signal = data / "standby.signal"
        signal.touch()
        give(signal, keeper.config)


def empty(folder: Path) -> None:
    """Remove a copy's folder, its mark last: a host that is killed in between still knows what it removes."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir(), key=lambda each: each.name == MARK):
            path.unlink(missing_ok=True)
        folder.rmdir()


def _size_of(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def base_backup(config: HostConfig, data: Path) -> list[str]:
    """The program that copies the server beside us; its slot lives as long as it does."""
    program = str(config.bin_dir / "pg_basebackup")
    rate = f"--max-rate={config.copy_kib_per_s}"
    return [program, "-D", str(data), "-X", "stream", "-c", "fast", rate, "-d", local_conninfo(config)]


def admit(folder: Path, config: HostConfig, secrets: Secrets) -> Path:
    """Who may log in: we by the socket, vigie's roles by the port; no client, and nobody for replication."""
    how = "scram-sha-256" if secrets.superuser else "trust"
    hba = folder / "hba.conf"
    roles = ",".join(f'"{role}"' for role in config.copy_roles)
    lines = (f'local all "{config.superuser}" {how}', f'host "{config.database}" {roles} all scram-sha-256')
    hba.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    give(hba, config)
    return hba
