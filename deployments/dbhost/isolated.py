"""How is a stale primary read without anybody else coming near it?

The fenced server is started once more, without a network port, with a socket in a folder that only its own account
opens, read-only, and with nothing that would clean up after dead rows or old log. Then it is stopped in order.

The rule: an isolated server is no primary: nobody can log in to it but us, and nothing of its log is thrown away.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Broken
from deployments.dbhost.local import Local

if TYPE_CHECKING:
    from deployments.dbhost.cluster import Cluster
    from deployments.dbhost.config import HostConfig, Secrets

_SETTINGS = {
    "listen_addresses": "",
    "default_transaction_read_only": "on",
    "autovacuum": "off",
    "archive_mode": "off",
    "synchronous_standby_names": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "wal_keep_size": "1TB",  # a rewind, and whoever counts, still need it
}

_LONGEST = 70  # of the 107 characters of a socket's path; the folder and the socket in it take the rest


@contextmanager
def isolated(
    cluster: Cluster, config: HostConfig, secrets: Secrets, more: Mapping[str, str] | None = None
) -> Generator[Local]:
    """The server of a stopped folder, for us alone, with `more` settings. Must be entered from the main thread."""
    if cluster.running:
        raise Broken(
            f"PostgreSQL {cluster.name} is running: it cannot be read in isolation", where=str(cluster.data_dir)
        )
    cluster.stop_leftover()
    folder = open_room(config)
    try:
        hba = folder / "hba.conf"
        how = "scram-sha-256" if secrets.superuser else "trust"
        hba.write_text(f"local all {config.superuser} {how}\n")
        give(hba, config)
        cluster.launch(
            config.port, {**_SETTINGS, **(more or {}), "unix_socket_directories": str(folder), "hba_file": str(hba)}
        )
        local = Local(config, secrets, str(folder))
        cluster.await_ready(local.answers)
        yield local
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def open_room(config: HostConfig) -> Path:
    """A new folder for a socket, which only the server's account opens."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-", dir=_room(config)))
    give(folder, config)
    return folder


def _room(config: HostConfig) -> Path:
    """A place for a socket that the server's account can reach: a socket's whole path has to be short."""
    places = (Path(tempfile.gettempdir()), config.data_dir.parent, Path("/var/tmp"))  # noqa: S108
    found = next((place for place in places if len(str(place)) <= _LONGEST and _open_to(place, config)), None)
    if found is None:
        raise Broken(
            f"none of {', '.join(map(str, places))} can hold the socket of an isolated server: each is too long or "
            "closed to the server's account",
            where=config.name,
            next_step="set TMPDIR of the database host to a short folder that everybody may pass through",
        )
    return found


def _open_to(place: Path, config: HostConfig) -> bool:
    """May the server's account pass through? As ourselves we may; another account needs every folder on the way."""
    if "user" not in config.identity:
        return os.access(place, os.W_OK | os.X_OK)
    return place.is_dir() and all(each.stat().st_mode & stat.S_IXOTH for each in (place, *place.parents))


def give(path: Path, config: HostConfig) -> None:
    """Make it belong to the server's account alone."""
    identity = config.identity
    if "user" in identity:
        os.chown(path, identity["user"], identity["group"])
    path.chmod(0o700 if path.is_dir() else 0o600)
