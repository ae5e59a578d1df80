"""What is the sandbox made of, and what must be there before what?

One line a component. Everything starts at once and waits only for what it names, because the time
to "all ready" is the time somebody waits. A component is a program that writes its ready file, except
the few that nobody here wrote (Prefect's) and those that do their work once. Some rest: they are there and known,
and run from the moment that a cloud starts the machine they stand for.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from blocks.errors import Refused

WORK_POOL = "vigie"


@dataclass(frozen=True, slots=True)
class Part:
    """A component: how it is started, after which others, and how one sees that it is ready.

    `file`: it writes its ready file. `server`, `worker`: asked over Prefect's API. `once`: it ends well.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()
    ready: Literal["file", "server", "worker", "once"] = "file"
    group: str = ""
    keeps_port: bool = field(default=True)
    uses: tuple[str, ...] = ()  # started beside it, stopped before it
    rests: bool = False  # not started with the others

    @property
    def argv(self) -> list[str]:
        """What is run."""
        return [sys.executable, *self.command]


def _module(name: str) -> tuple[str, ...]:
    return ("-m", f"deployments.sandbox.{name}")


def _database(name: str, group: str, *after: str) -> Part:
    return Part(name, (*_module("databases"), "--name", name), after, group=group)


def _site(name: str) -> Part:
    return Part(name, (*_module("sites"), "--name", name), group="sites")


def _digest(name: str, *, rests: bool = False) -> Part:
    return Part(name, (*_module("digest"), "--name", name), group="sites", keeps_port=False, rests=rests)


def _simulator(name: str) -> Part:
    return Part(name, _module(name), group=name)


_UVICORN = (
    *("-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", "--timeout-keep-alive", "5"),
    *("--ws-per-message-deflate", "false"),  # each run opens streams of events, and all is on one machine
)
_FURNISHING = ("credentials", "registration")

ALL_PARTS = (
    _database("control-database", "postgres"),
    Part("prefect-server", _UVICORN, ("control-database",), "server", group="prefect", keeps_port=False),
    Part("journal", _module("journal"), ("control-database",), "once", group="journal", keeps_port=False),
    Part(
        "worker",
        _module("worker"),
        ("control-database",),
        "worker",
        group="prefect",
        keeps_port=False,
        uses=("prefect-server",),
    ),
    _database("household-primary", "sites", "relay", "nameserver"),
    Part("relay", _module("relay"), group="sites", keeps_port=False),
    _database("household-standby", "sites", "household-primary", "relay", "nameserver"),
    _site("device-api"),
    _site("device-updates"),
    _site("device-api-recovery"),
    _site("shop"),
    _digest("household-digest"),
    _digest("household-digest-recovery", rests=True),
    Part("nameserver", _module("nameserver"), group="sites"),
    Part("fleet", _module("fleet"), ("relay", "device-api"), group="sites", keeps_port=False),
    Part("clients", _module("clients"), ("relay", "nameserver", "device-api"), group="clients", keeps_port=False),
    _simulator("aws"),
    _simulator("azure"),
    _simulator("openstack"),
    _simulator("slack"),
    Part("gateway", _module("gateway"), ("journal",), group="gateway", uses=("prefect-server", "slack")),
    _simulator("pager"),
)


def chosen_parts(
    only: tuple[str, ...] = (), rests: Callable[[Part], bool] = lambda part: part.rests
) -> tuple[Part, ...]:
    """The parts to start: all, or those named (by name or group) with what they wait for. `rests`: as it was left.

    `credentials` are the blocks alone, `registration` is the blocks and then `vigie apply`; both bring the
    Prefect server. Raises `Refused` for an unknown name.
    """
    present = {part.name: replace(part, rests=rests(part)) for part in ALL_PARTS if _installed(part)}
    if not only:
        return (*present.values(), furnishing("registration", tuple(present.values())))
    known = set(present) | {part.group for part in present.values()} | set(_FURNISHING)
    if unknown := sorted(set(only) - known):
        raise Refused(f"the sandbox has no {', '.join(unknown)}", next_step=f"choose among {', '.join(sorted(known))}")
    wanted = {name for name, part in present.items() if name in only or part.group in only}
    wanted |= {"prefect-server"} if set(_FURNISHING) & set(only) else set()
    while missing := {each for name in wanted for each in present[name].after} - wanted:
        wanted |= missing
    parts = tuple(part for name, part in present.items() if name in wanted)
    if not set(_FURNISHING) & set(only):
        return parts
    return (*parts, furnishing("registration" if "registration" in only else "credentials", parts))


def furnishing(name: str, others: tuple[Part, ...]) -> Part:
    """The blocks that lead to the sandbox's clouds; imports early, and waits by itself for what it needs.

    As `registration` it then tells Prefect all that `vigie apply` does. The worker is awaited too: it makes
    the work pool where there is none, and two that make it at once would quarrel.
    """
    needed = ",".join(part.name for part in others if part.ready != "once" and not part.rests)
    command = (*_module("credentials"), *(("--apply",) if name == "registration" else ()), "--need", needed)
    return Part(name, command, ("control-database",), "once", keeps_port=False)


def _installed(part: Part) -> bool:
    return part.command[0] != "-m" or importlib.util.find_spec(part.command[1]) is not None
