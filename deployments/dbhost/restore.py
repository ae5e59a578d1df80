"""How is data brought back to a moment, when what was replicated is the corruption itself?

A wrong DELETE is on the standby a second later; no promotion helps. A base backup and the archived log of the server
do (https://www.postgresql.org/docs/18/continuous-archiving.html):

    backup    a base backup of the running server into `backup_dir`
    restore   the newest backup before the moment, and the log up to it, in a new folder beside the data; checked by
              starting it in isolation
    adopt     the restored folder takes the place of a fenced server's; the former one is kept beside it

The rule: nothing that is there is touched before `adopt`, and `adopt` deletes nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused
from deployments.dbhost.cluster import Cluster
from deployments.dbhost.isolated import give, isolated
from deployments.dbhost.local import Local
from deployments.dbhost.memory import now
from deployments.dbhost.settings import OF_A_ROLE, forget_settings
from deployments.dbhost.source import local_conninfo

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper
    from deployments.dbhost.memory import Operation

_REPLAY_SECONDS = 3600.0
_ROWS = "SELECT relname::text, n_live_tup FROM pg_stat_user_tables"
Outcome = tuple[str, Mapping[str, Any]]


def backup(keeper: Keeper, operation: Operation) -> Outcome:
    """A base backup under the order's token, with the log that it needs."""
    folder = _configured(keeper.config.backup_dir, "backup_dir") / f"base-{operation.token[:32]}"
    shutil.rmtree(folder, ignore_errors=True)  # what an order that was cut off left
    keeper.cluster.program(
        "pg_basebackup", "-D", str(folder), "-X", "fetch", "-c", "fast", "-d", local_conninfo(keeper.config)
    )
    keeper.memory.keep_backup(folder.name, {"ended_at": now()})
    return f"{keeper.config.name} is backed up in {folder.name}", {"backup": folder.name}


def restore(keeper: Keeper, operation: Operation) -> Outcome:
    """Bring the data as it was at `moment` into a new folder, and look at it there."""
    moment = moment_of(operation.arguments.get("moment"))
    archive = _configured(keeper.config.archive_dir, "archive_dir")
    name = _newest_before(keeper.memory.backups(), moment)
    target = keeper.config.data_dir.with_name(f"{keeper.config.data_dir.name}.restored-{operation.token[:16]}")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(_configured(keeper.config.backup_dir, "backup_dir") / name, target, symlinks=True)
    forget_settings(target, OF_A_ROLE)
    (target / "recovery.signal").touch()
    _give_all(target, keeper)
    config = keeper.config.model_copy(update={"data_dir": target})
    cluster = Cluster(
        name=f"{config.name}, restored",
        data_dir=target,
        bin_dir=config.bin_dir,
        log_file=config.state_dir / "restore.log",
        identity=config.identity,
    )
    replay = {
        "restore_command": f'cp "{archive}/%f" "%p"',
        "recovery_target_time": moment.isoformat(sep=" "),
        "recovery_target_action": "promote",
        "hot_standby": "on",
    }
    with isolated(cluster, config, keeper.secrets, replay) as local:
        found = _replayed(cluster, local)
    text = f"{config.name} as of {moment.isoformat()} is in {target.name}, from backup {name}"
    return text, {"folder": target.name, "backup": name, **found}


def adopt(keeper: Keeper, operation: Operation) -> Outcome:
    """Let a restored folder take the place of the fenced server's. A release starts it, a follow the other one."""
    name, data_dir = str(operation.arguments.get("folder")), keeper.config.data_dir
    restored, former = data_dir.with_name(name), data_dir.with_name(f"{data_dir.name}.before-{operation.token[:16]}")
    if keeper.memory.fence is None or keeper.cluster.running:
        raise Refused(f"{keeper.config.name} is not fenced", next_step="fence it first")
    if not name.startswith(f"{data_dir.name}.restored-"):
        raise Refused(f"{name} is no folder that was restored here")
    if not restored.is_dir() and not former.is_dir():
        raise Refused(f"{name} is not there", next_step="restore first")
    if data_dir.is_dir() and not former.is_dir():
        data_dir.rename(former)
    if restored.is_dir():
        restored.rename(data_dir)
    return f"{name} is the data of {keeper.config.name} now; what was there is in {former.name}", {"kept": former.name}


def _newest_before(backups: Mapping[str, Mapping[str, Any]], moment: datetime) -> str:
    """The newest backup that had ended by then. Raises `Refused`."""
    fit = {name: str(known["ended_at"]) for name, known in backups.items() if moment_of(known["ended_at"]) <= moment}
    if not fit:
        raise Refused(
            f"none of {len(backups)} base backups had ended by {moment.isoformat()}", next_step="a later moment"
        )
    return max(fit, key=lambda name: fit[name])


def _replayed(cluster: Cluster, local: Local) -> Mapping[str, Any]:
    """Wait until the moment is reached; how the data is then."""
    give_up = time.monotonic() + _REPLAY_SECONDS
    while time.monotonic() < give_up:
        if not cluster.running:
            raise Broken(f"the moment was not reached: {' / '.join(cluster.last_words())}", where=str(cluster.log_file))
        facts = local.facts()
        if facts is not None and not facts.is_standby:
            with local.session(local.config.database) as connection:
                connection.execute("SELECT pg_stat_force_next_flush()")
                return {"timeline": facts.timeline, "row_counts": dict(connection.execute(_ROWS).fetchall())}
        time.sleep(0.1)
    raise Broken(f"the moment was not reached in {_REPLAY_SECONDS:.0f} s", where=str(cluster.log_file))


def _give_all(folder: Path, keeper: Keeper) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            give(path, keeper.config)


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
