"""How is data brought back to a moment, when what was replicated is the corruption itself?

A wrong DELETE is on the standby a second later; no promotion helps. A base backup and the archived log of the server
do (https://www.postgresql.org/docs/18/continuous-archiving.html):

    backup    a base backup of the running server into `backup_dir`
    restore   the newest backup before the moment, and the log up to it, in a new folder beside the data; checked by
              starting it in isolation
    adopt     the restored folder takes the place of a fenced server's; the former one is kept (adopting.py)

The rule: nothing that is there is touched, and a moment that the log does not reach is no success: PostgreSQL ends
with an error when it finds no commit after it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused
from blocks.ports.backups import History, choose
from deployments.dbhost import archive
from deployments.dbhost.backups import history_of, keep
from deployments.dbhost.cluster import Cluster
from deployments.dbhost.isolated import give, isolated
from deployments.dbhost.local import Local
from deployments.dbhost.settings import OF_A_ROLE, forget_settings
from deployments.dbhost.source import local_conninfo

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper
    from deployments.dbhost.memory import Operation

_REPLAY_SECONDS = 3600.0
_TABLES = """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relname::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_LAST = "SELECT pg_last_xact_replay_timestamp()"
Outcome = tuple[str, Mapping[str, Any]]


def backup(keeper: Keeper, operation: Operation) -> Outcome:
    """A base backup under the order's token, with the log that it needs."""
    folder = _configured(keeper.config.backup_dir, "backup_dir") / f"base-{operation.token[:32]}"
    shutil.rmtree(folder, ignore_errors=True)  # what an order that was cut off left
    keeper.cluster.program(
        "pg_basebackup", "-D", str(folder), "-X", "fetch", "-c", "fast", "-d", local_conninfo(keeper.config)
    )
    keep(keeper, folder)
    return f"{keeper.config.name} is backed up in {folder.name}", {"backup": folder.name}


def restore(keeper: Keeper, operation: Operation) -> Outcome:
    """Bring the data as it was at `moment` into a new folder, and look at it there."""
    moment = moment_of(operation.arguments.get("moment"))
    rooms = [_configured(getattr(keeper.config, key), key) for key in ("archive_dir", "backup_dir")]
    history = _line(keeper, int(operation.arguments.get("timeline") or 0))
    chosen = choose(keeper.backups.known(), moment, history)
    target = keeper.config.data_dir.with_name(f"{keeper.config.data_dir.name}.restored-{operation.token[:16]}")
    _require_room(rooms[1] / chosen.name, target.parent, keeper)
    _laid_out(keeper, rooms[1] / chosen.name, target)
    cluster = _cluster(keeper, target)
    config = keeper.config.model_copy(update={"data_dir": target})
    replay = {
        "restore_command": archive.fetching(keeper.config),
        "recovery_target_time": moment.isoformat(sep=" "),
        "recovery_target_timeline": str(history.timeline),
        "recovery_target_action": "promote",
        "hot_standby": "on",
    }
    with isolated(cluster, config, keeper.secrets, replay) as local:
        found = _replayed(cluster, local)
    known = {"moment": moment.isoformat(), "backup": chosen.name, **found}
    keeper.memory.keep_restored(target.name, known)
    text = f"{keeper.config.name} as of {moment.isoformat()} is in {target.name}, from backup {chosen.name}"
    return text, {"folder": target.name, **known}


def _line(keeper: Keeper, timeline: int) -> History:
    """The history on which the moment lies: that of `timeline`, or our own."""
    facts = keeper.facts()
    own = facts.timeline if facts is not None else keeper.control()[1]
    known = history_of(keeper.config.data_dir, own)
    if not timeline or timeline == own:
        return known
    if timeline not in known.left_at:
        raise Refused(f"timeline {timeline} is no part of the history of {keeper.config.name}, which is on {own}")
    return History(timeline=timeline, left_at={line: at for line, at in known.left_at.items() if line < timeline})


def _laid_out(keeper: Keeper, chosen: Path, target: Path) -> None:
    """The backup in its new place, ready to replay; it may have been made of a standby."""
    shutil.rmtree(target, ignore_errors=True)  # what an order that was cut off left
    shutil.copytree(chosen, target, symlinks=True)
    forget_settings(target, OF_A_ROLE)
    (target / "standby.signal").unlink(missing_ok=True)
    (target / "recovery.signal").touch()
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            give(path, keeper.config)


def _cluster(keeper: Keeper, target: Path) -> Cluster:
    config = keeper.config
    return Cluster(
        name=f"{config.name}, restored",
        data_dir=target,
        bin_dir=config.bin_dir,
        log_file=config.state_dir / "restore.log",
        identity=config.identity,
    )


def _replayed(cluster: Cluster, local: Local) -> Mapping[str, Any]:
    """Wait until the moment is reached; how the data is then."""
    give_up = time.monotonic() + _REPLAY_SECONDS
    while time.monotonic() < give_up:
        if not cluster.running:
            raise Broken(f"the moment was not reached: {' / '.join(cluster.last_words())}", where=str(cluster.log_file))
        facts = local.facts()
        if facts is not None and not facts.is_standby:
            return {"timeline": facts.timeline, **_counted(local)}
        time.sleep(0.1)
    raise Broken(f"the moment was not reached in {_REPLAY_SECONDS:.0f} s", where=str(cluster.log_file))


def _counted(local: Local) -> Mapping[str, Any]:
    """How many rows each table has, and of when the newest transaction is. After a replay no statistics are left."""
    from psycopg import sql

    with local.session(local.config.database) as connection:
        connection.execute("SET statement_timeout = 0")
        ((reached,),) = connection.execute(_LAST).fetchall()
        tables = connection.execute(_TABLES).fetchall()
        counts: dict[str, int] = {}
        for quoted, name in tables:
            question = sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(quoted))  # by the server itself
            counts[name] = connection.execute(question).fetchall()[0][0]
    return {"row_counts": counts, "reached": reached.isoformat() if reached is not None else ""}


def _require_room(chosen: Path, there: Path, keeper: Keeper) -> None:
    """Raises `Refused` unless a second copy of the data has room beside the first."""
    size = sum(path.lstat().st_size for path in chosen.rglob("*") if path.is_file() and not path.is_symlink())
    free = shutil.disk_usage(there).free
    if free < size:
        raise Refused(
            f"what is restored needs {size >> 20} MiB beside the data, and {free >> 20} MiB are free in {there}",
            where=keeper.config.name,
            next_step="make room there; nothing was touched",
        )


def moment_of(text: Any) -> datetime:
    """What an order names as a moment. Raises `Refused`."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise Refused(f"{text!r} is no moment; write it as 2026-11-28T12:00:00+00:00") from None
    if moment.tzinfo is None:
        raise Refused(f"{text!r} names no time zone")
    return moment.astimezone(UTC)


def _configured(path: Path | None, key: str) -> Path:
    if path is None:
        raise Refused(f"the database host has no {key}", next_step=f"set {key} in its configuration")
    return path
