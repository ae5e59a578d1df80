"""What must the database host still know after it was killed?

The fence, what each order came to, whom the server follows and what it was last seen as. Every change is
on the disk before anything is done because of it.

The rule: a fence that was written holds, whatever happens next.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from blocks.errors import Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Who said that this server takes no writes, since when and why. `by` is a step's key, or `itself`."""

    by: str
    since: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One order under one client token. `state`: running, done, failed, or interrupted by our own end."""

    id: str
    verb: str
    token: str
    arguments: Mapping[str, Any]
    state: str
    began_at: str
    ended_at: str = ""
    text: str = ""
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_over(self) -> bool:
        """It came to an end, good or bad."""
        return self.state in ("done", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the server was last seen as."""

    role: str = ""  # primary or standby
    timeline: int = 0
    clean: bool = True  # it was stopped in order
    wanted: bool = True  # it is to run, unless fenced
    source: str = ""  # the server that it follows
    slot: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An isolated copy for a drill. `state`: copying, starting, running, halted, removing, or failed."""

    name: str
    by: str  # the token of the order that asked for it
    until: str  # when it is removed in any case
    state: str
    text: str
    backup: str = ""  # the base backup that it is restored from; empty for a copy of the running standby
    left_timeline: int = 0  # the timeline that it was copied on
    counted: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Memory:
    """The folder of one database host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        for each in (folder, self._operations, self.evidence):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        for operation in self._all("running"):
            self._keep(replace(operation, state="interrupted", text="the database host ended while it was carried out"))

    @property
    def evidence(self) -> Path:
        """Where rows are kept that would vanish in a rewind."""
        return self.folder / "evidence"

    # -- the fence

    @property
    def fence(self) -> Fence | None:
        """The fence that is up, if one is. Raises `Broken` when it cannot be read: that is no reason to lower it."""
        found = self._read(self.folder / "fence.json")
        return Fence(**found) if found else None

    def raise_fence(self, by: str, why: str) -> Fence:
        """Durable before it returns. One that is up already keeps its moment and takes the new mark."""
        with self._lock:
            former = self.fence
            fence = Fence(by=by, since=former.since if former else now(), why=why)
            _write(self.folder / "fence.json", asdict(fence))
            return fence

    def lower_fence(self) -> None:
        """It may run again."""
        with self._lock:
            (self.folder / "fence.json").unlink(missing_ok=True)
            _sync(self.folder)

    # -- what the server is

    @property
    def known(self) -> Known:
        """What it was last seen as."""
        return Known(**self._read(self.folder / "known.json"))

    def note(self, **changed: Any) -> Known:
        """Keep what changed; nothing is written when nothing did."""
        with self._lock:
            former = self.known
            latter = replace(former, **changed)
            if latter != former:
                latter = replace(latter, since=now())
                _write(self.folder / "known.json", asdict(latter))
            return latter

    # -- whom commits wait for

    @property
    def waits_for(self) -> str:
        """The standby that each commit waits for while it follows (waiting.py); empty while none was ordered."""
        return str(self._read(self.folder / "waits-for.json").get("standby", ""))

    def keep_waits_for(self, standby: str, by: str) -> None:
        """Who, by which order; empty for nobody. Nothing is written when nothing changed."""
        with self._lock:
            if standby != self.waits_for:
                _write(self.folder / "waits-for.json", {"standby": standby, "by": by})

    # -- what lies beyond

    def beyond(self, divergence: str) -> Mapping[str, Any]:
        """What was counted and saved beyond a position ("timeline-bytes"); empty when nothing was."""
        return self._read(self.folder / f"beyond-{divergence}.json")

    def all_beyond(self) -> Mapping[str, Any]:
        """Everything that was counted: "timeline-bytes" -> count."""
        paths = self.folder.glob("beyond-*.json")
        return {path.stem.removeprefix("beyond-"): self._read(path) for path in paths}

    def keep_beyond(self, divergence: str, found: Mapping[str, Any]) -> None:
        """Count and where the rows are, for good."""
        _write(self.folder / f"beyond-{divergence}.json", found)

    # -- backups

    def backups(self) -> Mapping[str, Mapping[str, Any]]:
        """Every base backup: its name -> when it had ended."""
        return {path.stem.removeprefix("backup-"): self._read(path) for path in self.folder.glob("backup-*.json")}

    def keep_backup(self, name: str, known: Mapping[str, Any]) -> None:
        """It ended well."""
        _write(self.folder / f"backup-{name}.json", known)

    def forget_backup(self, name: str) -> None:
        """It goes: nothing is restored from it any more, before its folder is touched."""
        (self.folder / f"backup-{name}.json").unlink(missing_ok=True)
        _sync(self.folder)

    @property
    def making(self) -> str:
        """The backup that is being made, or was when we were killed; empty when none is."""
        return str(self._read(self.folder / "making.json").get("name", ""))

    def note_making(self, name: str) -> None:
        """Known before there is anything of it."""
        _write(self.folder / "making.json", {"name": name})

    # -- folders that were restored

    def restored(self) -> list[dict[str, Any]]:
        """Every folder that was brought back to a moment, in the order of their making."""
        found = [self._read(path) for path in self.folder.glob("restored-*.json")]
        return sorted(found, key=lambda each: str(each["at"]))

    def keep_restored(self, folder: str, known: Mapping[str, Any]) -> None:
        """It is whole, and was looked at."""
        _write(self.folder / f"restored-{folder}.json", {"folder": folder, "at": now(), **known})

    @property
    def adopting(self) -> Mapping[str, Any]:
        """The folder that takes the data's place, and what becomes of the former one; empty while nothing does."""
        return self._read(self.folder / "adopting.json")

    def note_adopting(self, folder: str, former: str) -> None:
        """Known before anything is renamed."""
        _write(self.folder / "adopting.json", {"folder": folder, "former": former} if folder else {})

    # -- the copy of a drill

    @property
    def copy(self) -> Copy | None:
        """The copy that is here, if one is."""
        found = self._read(self.folder / "copy.json")
        return Copy(**found) if found else None

    def keep_copy(self, copy: Copy) -> Copy:
        """What there is of it is known before it is there."""
        _write(self.folder / "copy.json", asdict(copy))
        return copy

    def forget_copy(self) -> None:
        """It is gone."""
        (self.folder / "copy.json").unlink(missing_ok=True)
        _sync(self.folder)

    # -- orders

    def operation(self, token: str, verb: str) -> Operation | None:
        """What an order under that token came to; None when none was ever given."""
        found = self._read(self._operations / f"{verb}-{token}.json")
        return Operation(**found) if found else None

    def begin(self, token: str, verb: str, arguments: Mapping[str, Any]) -> tuple[Operation, bool]:
        """The operation under that token, and whether it is to be carried out now: a done one never is again."""
        with self._lock:
            former = self.operation(token, verb)
            if former is not None and former.state in ("running", "done"):
                return former, False
            fresh = Operation(
                id=former.id if former else uuid4().hex,
                verb=verb,
                token=token,
                arguments=arguments,
                state="running",
                began_at=now(),
            )
            self._keep(fresh)
            return fresh, True

    def end(self, operation: Operation, state: str, text: str, result: Mapping[str, Any]) -> Operation:
        """Its outcome, for good."""
        over = replace(operation, state=state, text=text, result=result, ended_at=now())
        self._keep(over)
        return over

    @property
    def _operations(self) -> Path:
        return self.folder / "operations"

    def _all(self, state: str) -> list[Operation]:
        found = (Operation(**self._read(path)) for path in self._operations.glob("*.json"))
        return [operation for operation in found if operation.state == state]

    def _keep(self, operation: Operation) -> None:
        _write(self._operations / f"{operation.verb}-{operation.token}.json", asdict(operation))

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Broken(
                f"what the database host remembers cannot be read: {error}",
                where=str(path),
                next_step="a person must say whether this server may take writes; then remove the file",
            ) from None


def now() -> str:
    """This host's clock, for people."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
