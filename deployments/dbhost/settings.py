"""Which settings that somebody gave with ALTER SYSTEM must not outlive a change of roles?

They lie in a file of the data folder, and a rewind or a base backup copies that file from the other server: a standby
would inherit whom the primary waited for, and wait for itself once it is promoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

DRAINED = ("default_transaction_read_only",)
OF_A_ROLE = (
    "default_transaction_read_only",
    "synchronous_standby_names",
    "primary_conninfo",
    "primary_slot_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "restore_command",
)


def forget_settings(data_dir: Path, names: Collection[str]) -> None:
    """Take these out of postgresql.auto.conf of a stopped server; the file keeps its owner."""
    path = data_dir / "postgresql.auto.conf"
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        left = [line for line in lines if line.split("=")[0].strip().lower() not in names]
        path.write_text("".join(f"{line}\n" for line in left), encoding="utf-8")


def close(data_dir: Path) -> None:
    """A stopped server starts closed to writes, until it is opened."""
    forget_settings(data_dir, DRAINED)
    with (data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("default_transaction_read_only = 'on'\n")
