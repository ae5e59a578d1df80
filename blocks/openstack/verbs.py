"""What is the next thing to ask of a server, so that it gets where it should be?

Each verb is a few pure decisions about one `Condition`; nobody is asked anything here.

    start      SHUTOFF -> ACTIVE
    stop       ACTIVE, ERROR -> SHUTOFF
    resize     ACTIVE, SHUTOFF -> (resize) VERIFY_RESIZE -> (confirmResize) as before, in the other size
    evacuate   on a host that Nova does not hear of -> on another one

The invariants: what is there already is not asked for; what was asked and neither failed nor ended is waited for,
never asked twice; what Nova itself says failed, with nothing going on any more, may be asked again, because it took
no effect; a resize that is not ours is never confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from blocks.openstack.condition import SILENT, Condition, Deed
from blocks.ports.changes import Patience

_SOON = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=10), shows_within=timedelta(seconds=5))
_LATE = Patience(every=timedelta(seconds=2), at_most=timedelta(minutes=30), shows_within=timedelta(seconds=5))
_LIVES = {"ACTIVE", "SHUTOFF"}


class Next(StrEnum):
    """What follows from a look."""

    DONE = "done"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask Nova for `action`, its name in the list of what was done, with `body`; a resize names its `size` instead."""

    action: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    size: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """It cannot be asked for now, and why."""

    why: str
    next_step: str = "wait until it is over, or look at the server in the private cloud"


Answer = Next | Ask | Not


class Verb(Protocol):
    """One thing that is done to a server. `known` are the requests that were there before the intent."""

    @property
    def text(self) -> str: ...
    @property
    def actions(self) -> tuple[str, ...]:
        """Nova's names for what is asked, in order; the last one is the proof."""
        ...

    @property
    def patience(self) -> Patience: ...
    @property
    def asks_for(self) -> timedelta:
        """How long an act stays with it: until it is asked for whole, and Nova would have said that it failed."""
        ...

    def may_begin(self, now: Condition) -> Not | None:
        """Asked before an intent, and again before an interrupted act goes on: only what neither would survive."""
        ...

    def reached(self, now: Condition, known: Collection[str]) -> bool: ...
    def following(self, now: Condition, known: Collection[str]) -> Answer: ...
    def proof(self, now: Condition, known: Collection[str]) -> Deed | None: ...


def alive(now: Condition, known: Collection[str], action: str) -> Deed | None:
    """What was asked since and did not fail, the oldest; what failed while something goes on may yet succeed."""
    found = [deed for deed in now.since(known, action) if not deed.failed or now.task]
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Start:
    """Running again, where it is."""

    name: str
    actions: tuple[str, ...] = ("start",)
    patience: Patience = _SOON
    asks_for: timedelta = timedelta(seconds=10)

    @property
    def text(self) -> str:
        return f"start server {self.name}"

    def may_begin(self, now: Condition) -> Not | None:
        return _refused(self.following(now, {deed.request for deed in now.deeds}))

    def reached(self, now: Condition, known: Collection[str]) -> bool:
        del known
        return now.runs

    def following(self, now: Condition, known: Collection[str]) -> Answer:
        if self.reached(now, known):
            return Next.DONE
        if alive(now, known, "start"):
            return Next.WAIT
        if now.task or now.status != "SHUTOFF":
            return Not("only a server that is SHUTOFF, with nothing going on, is started")
        return _unheard(now) or Ask("start", {"os-start": None})

    def proof(self, now: Condition, known: Collection[str]) -> Deed | None:
        return alive(now, known, "start")


@dataclass(frozen=True, slots=True)
class Stop:
    """Switched off, and the host says so."""

    name: str
    actions: tuple[str, ...] = ("stop",)
    patience: Patience = _SOON
    asks_for: timedelta = timedelta(seconds=10)

    @property
    def text(self) -> str:
        return f"stop server {self.name}"

    def may_begin(self, now: Condition) -> Not | None:
        return _refused(self.following(now, {deed.request for deed in now.deeds}))

    def reached(self, now: Condition, known: Collection[str]) -> bool:
        del known
        return now.is_off

    def following(self, now: Condition, known: Collection[str]) -> Answer:
        if self.reached(now, known):
            return Next.DONE
        if alive(now, known, "stop"):
            return Next.WAIT
        if unheard := _unheard(now):
            return unheard
        if now.task or now.status not in {"ACTIVE", "ERROR"}:
            return Not("only a server that is ACTIVE or ERROR, with nothing going on, is stopped")
        return Ask("stop", {"os-stop": None})

    def proof(self, now: Condition, known: Collection[str]) -> Deed | None:
        return alive(now, known, "stop")


@dataclass(frozen=True, slots=True)
class Resize:
    """As it was, in another size; a server that runs is restarted by it."""

    name: str
    size: str
    actions: tuple[str, ...] = ("resize", "confirmResize")
    patience: Patience = _LATE
    asks_for: timedelta = _LATE.at_most

    @property
    def text(self) -> str:
        return f"resize server {self.name} to {self.size}"

    def may_begin(self, now: Condition) -> Not | None:
        under_way = now.status in {"RESIZE", "VERIFY_RESIZE"} or now.task.startswith("resize_")
        return None if under_way else _refused(self.following(now, {deed.request for deed in now.deeds}))

    def reached(self, now: Condition, known: Collection[str]) -> bool:
        del known
        return now.settled and now.size == self.size and now.status in _LIVES

    def following(self, now: Condition, known: Collection[str]) -> Answer:
        if self.reached(now, known):
            return Next.DONE
        if now.since(known, "revertResize"):
            return Not("somebody reverted the resize", "find out who and why; then begin a new run")
        if now.status == "VERIFY_RESIZE" and not now.task:
            return self._to_confirm(now, known)
        if alive(now, known, "resize"):
            return Next.WAIT
        if now.task or now.status not in _LIVES:
            return Not("only a server that is ACTIVE or SHUTOFF, with nothing going on, is resized")
        return _unheard(now) or Ask("resize", size=self.size)

    def proof(self, now: Condition, known: Collection[str]) -> Deed | None:
        confirmed = alive(now, known, "confirmResize")
        return confirmed or (alive(now, known, "resize") if self.reached(now, known) else None)

    def _to_confirm(self, now: Condition, known: Collection[str]) -> Answer:
        if now.size != self.size or not alive(now, known, "resize"):
            return Not(
                f"a resize to {now.size} that is not this one waits to be confirmed",
                "confirm or revert it in the private cloud, then retry the run",
            )
        return Next.WAIT if alive(now, known, "confirmResize") else Ask("confirmResize", {"confirmResize": None})


@dataclass(frozen=True, slots=True)
class Evacuate:
    """Rebuilt on another host, running or not as it was, because Nova does not hear of its own any more."""

    name: str
    actions: tuple[str, ...] = ("evacuate",)
    patience: Patience = _LATE
    asks_for: timedelta = timedelta(seconds=20)

    @property
    def text(self) -> str:
        return f"evacuate server {self.name}"

    def may_begin(self, now: Condition) -> Not | None:
        return _refused(self.following(now, {deed.request for deed in now.deeds}))

    def reached(self, now: Condition, known: Collection[str]) -> bool:
        moved = alive(now, known, "evacuate") is not None
        return moved and now.settled and now.host == "UP" and now.status in _LIVES

    def following(self, now: Condition, known: Collection[str]) -> Answer:
        if self.reached(now, known):
            return Next.DONE
        if alive(now, known, "evacuate"):
            return Next.WAIT
        if not now.host:
            return Not(
                "whether its host is down is not shown to us, and a server that still runs must not be rebuilt",
                "let the reader see host_status, as docs/permissions-openstack.md says",
            )
        if now.host not in SILENT:
            return Not(f"its host is {now.host}: only a server on a host that is down is evacuated", "stop it instead")
        if now.task or now.status not in {*_LIVES, "ERROR"}:
            return Not("only a server that is ACTIVE, SHUTOFF or ERROR, with nothing going on, is evacuated")
        return Ask("evacuate", {"evacuate": {}})

    def proof(self, now: Condition, known: Collection[str]) -> Deed | None:
        return alive(now, known, "evacuate")


def _refused(answer: Answer) -> Not | None:
    return answer if isinstance(answer, Not) else None


def _unheard(now: Condition) -> Not | None:
    if now.host not in SILENT:
        return None
    return Not(
        "its host does not answer the private cloud, so nobody would do it or confirm it",
        "see whether the host is really dead; then evacuate the server, or accept by name that this is unconfirmed",
    )
