"""Where is the log that a backup needs, and how does the server put it there?

The archive is a folder, a file a segment, by PostgreSQL's own names. What the server has not archived yet is still in
its own folder, so both together are whole (https://www.postgresql.org/docs/18/continuous-archiving.html).

The rule: what is in the archive is never written over. The same file again is well; another one of the same name fails,
and the server keeps its log until a person has looked.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from deployments.dbhost.isolated import give, open_room
from deployments.dbhost.reaching import SEGMENT

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig


def settings(config: HostConfig) -> Mapping[str, str]:
    """For a server whose host keeps the archive: also while it is a standby, so that it can be restored itself."""
    if config.own_backups is None or config.archive_dir is None:
        return {}
    there, draft = _in(config.archive_dir, "%f"), _in(config.archive_dir, ".%f.draft")
    command = (
        f'if test -f {there}; then cmp -s "%p" {there}; else cp "%p" {draft} && sync {draft} && mv {draft} {there}; fi'
    )
    return {"archive_mode": "always", "archive_command": command}


def fetching(config: HostConfig) -> str:
    """A restore_command: from the archive, else from the log that the server beside us still has."""
    places = [
        *((_in(config.archive_dir, "%f"),) if config.archive_dir is not None else ()),
        _in(config.data_dir / "pg_wal", "%f"),
        *((_in(config.archive_dir, "%f.partial"),) if config.archive_dir is not None else ()),
    ]
    return " || ".join(f'cp {place} "%p" 2>/dev/null' for place in places)


def names(config: HostConfig) -> frozenset[str]:
    """The files of log that are there, in the archive or in the server's own folder."""
    found: set[str] = set()
    for folder in (config.archive_dir, config.data_dir / "pg_wal"):
        if folder is not None:
            with suppress(OSError):
                found |= {path.name for path in folder.iterdir()}
    return frozenset(found)


@contextmanager
def whole_log(config: HostConfig) -> Generator[Path]:
    """A folder with all that is left of the server's log: what it recycled is in the archive."""
    own = config.data_dir / "pg_wal"
    if config.archive_dir is None:
        yield own
        return
    room = open_room(config)
    try:
        for folder in (own, config.archive_dir):
            for path in folder.iterdir():
                if SEGMENT.fullmatch(path.name) and not (room / path.name).is_symlink():
                    (room / path.name).symlink_to(path.resolve())
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def let_rewind_fetch(config: HostConfig) -> Sequence[str]:
    """What tells pg_rewind to take recycled log out of the archive; it reads the command from the folder's settings."""
    if config.archive_dir is None:
        return ()
    command = fetching(config).replace("'", "''")
    with (config.data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(f"restore_command = '{command}'\n")
    return ("--restore-target-wal",)


def keep_the_end(config: HostConfig, left: Path) -> Sequence[str]:
    """Of a data folder that is left behind: what its server had not archived yet, so that its line stays whole."""
    if config.own_backups is None or config.archive_dir is None:
        return ()
    kept: list[str] = []
    for path in (*left.glob("pg_wal/*.history"), *config.data_dir.glob("pg_wal/*.history")):  # of both lines
        if not (config.archive_dir / path.name).exists():
            _copy(path, config.archive_dir / path.name, config)
    for path in sorted((left / "pg_wal").iterdir()):
        there = config.archive_dir / path.name
        partial = there.with_name(f"{path.name}.partial")
        if SEGMENT.fullmatch(path.name) and not there.exists() and not partial.exists():
            _copy(path, partial, config)
            kept.append(partial.name)
    return kept


def _copy(source: Path, target: Path, config: HostConfig) -> None:
    """Whole or not at all."""
    draft = target.with_name(f".{target.name}.draft")
    shutil.copyfile(source, draft)
    give(draft, config)
    draft.replace(target)


def _in(folder: Path, name: str) -> str:
    """A file of that folder for the server's shell; in its commands a per cent sign is two."""
    return f"{quote(str(folder).replace('%', '%%'))}/{name}"
