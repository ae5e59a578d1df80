"""What happens to a simulated server after Nova said "accepted"?

Each action leads through a task to a state, as in Nova's API guide ("Server concepts", "Server actions"), and may
fail on the way: no host has room, or the host is dead and nothing follows.

The rule: accepted is not done. Everything takes its time, stands in the list of what was done, and what failed is
marked there as Nova marks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from deployments.sandbox.openstack_names import stable_id

CHANGE_FAULTS = ("drop-after", "slow-effect", "no-effect")
FLAVORS = {  # name -> (vcpus, MiB)
    "m1.small": (2, 4096),
    "m1.medium": (4, 8192),
    "m1.large": (8, 16_384),
}
AT_REST = {  # server -> (flavor, status) while nothing was ever moved; others are m1.medium and ACTIVE
    "hearth-app-1": ("m1.small", "ACTIVE"),
    "hearth-db-2": ("m1.large", "ACTIVE"),
    "hearth-worker-1": ("m1.small", "SHUTOFF"),
}
_SECONDS = {"slow-effect": 20.0, "no-effect": float("inf")}
_NO_HOST = "No valid host was found. There are not enough hosts available."


@dataclass(frozen=True, slots=True)
class Course:
    """How one of Nova's actions goes: possible in `states`, shown as `task` (and state `shown`) until it ends."""

    action: str  # in Nova's list of what was done
    states: frozenset[str]
    task: str
    shown: str = ""
    seconds: float = 1.0
    needs_host: bool = True  # only the host can do it
    needs_room: bool = False


def _course(action: str, states: str, task: str, shown: str = "", **more: float | bool) -> Course:
    return Course(action, frozenset(states.split()), task, shown, **more)  # pyright: ignore[reportArgumentType]


COURSES = {  # what a body at /action asks for; nova.compute.api: check_instance_state of each
    "os-start": _course("start", "SHUTOFF", "powering-on", seconds=0.5, needs_room=True),
    "os-stop": _course("stop", "ACTIVE ERROR", "powering-off", seconds=0.5),
    "resize": _course("resize", "ACTIVE SHUTOFF", "resize_migrating", "RESIZE", needs_room=True),
    "confirmResize": _course("confirmResize", "VERIFY_RESIZE", "", seconds=0.3),
    "evacuate": _course("evacuate", "ACTIVE SHUTOFF ERROR", "rebuilding", "REBUILD", needs_host=False, needs_room=True),
    "SOFT": _course("reboot", "ACTIVE", "rebooting", "REBOOT"),
    "HARD": _course("reboot", "ACTIVE SHUTOFF PAUSED SUSPENDED ERROR", "rebooting_hard", "HARD_REBOOT"),
}


@dataclass
class Action:
    """One line of Nova's list of what was done to a server; `message` is "Error" once it failed."""

    action: str
    request_id: str
    user_id: str
    started_at: datetime
    message: str | None = None


@dataclass
class Server:
    """A virtual machine."""

    name: str
    service: str
    site: str
    flavor: str = "m1.medium"
    status: str = "ACTIVE"
    host: str = "compute-1"
    number: int = 1  # Nova allows several servers of one name
    task: str | None = None  # what is going on
    done_at: float = 0.0  # monotonic second when it is over
    held: str = "ACTIVE"  # the state that it had before what is going on
    wanted: str = ""  # the flavor that it is resized to
    fault: str = ""
    broken_from: str = ""  # the state that it had before somebody broke it
    ending: Callable[[], None] | None = None
    course: str = ""  # the name of what is going on
    seed: str = ""  # the digest of what it began as
    actions: list[Action] = field(default_factory=list["Action"])

    @property
    def id(self) -> str:
        """Nova's id."""
        return stable_id("server", self.site, self.name, str(self.number))

    @property
    def vcpus(self) -> int:
        return FLAVORS[self.flavor][0]

    @property
    def ram_mb(self) -> int:
        return FLAVORS[self.flavor][1]

    @property
    def busy(self) -> bool:
        """Something goes on; confirming a resize shows no task in Nova."""
        return self.task is not None or self.ending is not None

    def begin(self, course: Course, action: Action, seconds: float, ending: Callable[[], None]) -> None:
        """Accept it and write it down."""
        self.actions.append(action)
        self.broken_from, self.fault = "", ""
        self.held = self.held if self.status == "VERIFY_RESIZE" else self.status
        self.task, self.status = course.task or None, course.shown or self.status
        self.done_at, self.ending = time.monotonic() + seconds, ending

    def settle(self) -> None:
        """What was going on and has had its time is over."""
        if not self.busy or time.monotonic() < self.done_at:
            return
        ending, self.ending, self.task, self.course = self.ending, None, None, ""
        if ending is not None:
            ending()
        else:
            self.status = "ACTIVE"

    def fails(self, action: Action, status: str, fault: str = "") -> None:
        """It ends as Nova ends what it could not do."""
        action.message, self.status, self.fault = "Error", status, fault


def seconds_of(course: Course, how: str, *, host_is_up: bool) -> float:
    """How long it takes with that fault, on that host."""
    if course.needs_host and not host_is_up:
        return float("inf")
    return _SECONDS.get(how, course.seconds)


def no_host(server: Server, action: Action, course: Course) -> None:
    """No host has room: a resize leaves the server as it was, an evacuation leaves it in ERROR with a fault."""
    server.fails(action, "ERROR" if course.action == "evacuate" else server.held, _NO_HOST)
