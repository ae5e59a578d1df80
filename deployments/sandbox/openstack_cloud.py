"""What is in the simulated private cloud, and what is broken in it?

The catalogue's openstack.* services as servers, compute hosts and quotas, with Nova's rules about
which action is possible in which state. No HTTP here.

The rule: a server changes state only the ways Nova allows; anything else is a conflict.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from blocks.catalogue.model import Catalogue, Site
from deployments.sandbox.openstack_lives import (
    AT_REST,
    CHANGE_FAULTS,
    COURSES,
    FLAVORS,
    Action,
    Course,
    Server,
    no_host,
    seconds_of,
)
from deployments.sandbox.openstack_names import stable_id

_HOWS = ("kill", "error-state", "host-down", "no-capacity", "metric-spike", "expired-token")
API_FAULTS = ("throttle", "region-down", "credentials", "garbage", "slow", "error")
_TOKEN_LIFE = timedelta(hours=1)
PAUSES = {"pause": ({"ACTIVE"}, "PAUSED"), "unpause": ({"PAUSED"}, "ACTIVE")}  # at once, and nothing is told


@dataclass(frozen=True)
class Told:
    """Who is told that the server of a service rebooted, stopped or started."""

    rebooted: Callable[[str], object] = field(default=lambda _service: None)
    stopped: Callable[[str], object] = field(default=lambda _service: None)
    started: Callable[[str], object] = field(default=lambda _service: None)


@dataclass
class Host:
    """One of Nova's own services."""

    binary: str
    host: str
    zone: str
    state: str = "up"
    status: str = "enabled"

    @property
    def id(self) -> str:
        """Nova's id since microversion 2.53."""
        return stable_id("service", self.binary, self.host)


@dataclass(frozen=True)
class User:
    """Somebody with a password or an application credential."""

    name: str
    secret: str
    roles: tuple[str, ...]
    application_credential: str = ""  # its id; `secret` is then its secret

    @property
    def id(self) -> str:
        """Keystone's id."""
        return stable_id("user", self.name).replace("-", "")


@dataclass
class Token:
    """Proof of identity for a while."""

    user: User
    expires_at: datetime


@dataclass
class Cloud:
    """Everything the APIs answer from."""

    region: str
    project: str
    users: list[User]
    more_regions: tuple[str, ...] = ()
    servers: list[Server] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    compute_services: set[str] = field(default_factory=set)  # catalogue services of kind openstack.compute
    sites: set[str] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # target -> API fault
    quota_spikes: set[str] = field(default_factory=set)
    change_faults: dict[str, str] = field(default_factory=dict)  # service -> one of CHANGE_FAULTS
    full: set[str] = field(default_factory=set)  # targets by which no host has room
    told: Told = field(default_factory=Told)
    token_life: timedelta = _TOKEN_LIFE

    def issue(self, user: User) -> tuple[str, Token]:
        """A new token."""
        value, token = f"sandbox-{uuid.uuid4().hex}", Token(user, datetime.now(UTC) + self.token_life)
        self.tokens[value] = token
        return value, token

    def holder(self, value: str) -> User | None:
        """Whose valid token this is."""
        token = self.tokens.get(value)
        return token.user if token and token.expires_at > datetime.now(UTC) else None

    def usage(self) -> dict[str, int]:
        """cores, ram (MB) and instances in use; a quota spike uses up 97 %."""
        used = {
            "cores": sum(server.vcpus for server in self.servers),
            "ram": sum(server.ram_mb for server in self.servers),
            "instances": len(self.servers),
        }
        if self.quota_spikes:
            return {name: max(used[name], -(-limit * 97 // 100)) for name, limit in self.limits.items()}
        return used

    def pause(self, server: Server, action: str) -> bool:
        """Pause or go on, at once; False when the server's state forbids it."""
        possible, leads_to = PAUSES[action]
        if server.status not in possible or server.busy:
            return False
        server.status = leads_to
        return True

    def begin(self, server: Server, name: str, user: User, request_id: str, *, flavor: str = "") -> bool:
        """Begin the course `name` and write it down; False when the server's state forbids it."""
        course = COURSES[name]
        if server.busy or server.status not in course.states:
            return False
        action = Action(course.action, request_id, user.id, datetime.now(UTC))
        how = self.change_faults.get(server.service, "")
        seconds = seconds_of(course, how, host_is_up=self.host_is_up(server))
        server.wanted = flavor or server.wanted
        server.begin(course, action, seconds, lambda: self._end(server, course, action))
        server.course = name
        if course.action == "reboot":
            self.told.rebooted(server.service)
        return True

    def go_on(self, server: Server) -> None:
        """What was going on when the cloud itself was down takes its time again."""
        if server.course:
            course, action = COURSES[server.course], server.actions[-1]
            server.task, server.done_at = course.task or None, time.monotonic() + course.seconds
            server.ending = lambda: self._end(server, course, action)

    def _end(self, server: Server, course: Course, action: Action) -> None:
        """It has had its time."""
        if course.needs_room and self.full:
            no_host(server, action, course)
        elif course.action == "evacuate" and (host := self._other_host(server)):
            server.host, server.status = host, "SHUTOFF" if server.held == "SHUTOFF" else "ACTIVE"
        elif course.action == "evacuate":
            no_host(server, action, course)
        elif course.action == "resize":
            (server.flavor, server.wanted), server.status = (server.wanted, server.flavor), "VERIFY_RESIZE"
        elif course.action == "confirmResize":
            server.status = server.held
        else:
            server.status = "SHUTOFF" if course.action == "stop" else "ACTIVE"
        self._tell(server, course, action)

    def _tell(self, server: Server, course: Course, action: Action) -> None:
        if action.message is not None:
            return
        if course.action == "stop":
            self.told.stopped(server.service)
        elif course.action == "start" or (course.action == "evacuate" and server.status == "ACTIVE"):
            self.told.started(server.service)
        elif course.action == "resize" and server.held == "ACTIVE":
            self.told.rebooted(server.service)

    def settle(self) -> None:
        """What was going on and has had its time is over."""
        for server in self.servers:
            server.settle()

    def host_is_up(self, server: Server) -> bool:
        """Nova hears of the server's host."""
        return any(host.host == server.host and host.state == "up" for host in self._compute_hosts())

    def lacking(self, server: Server, flavor: str) -> dict[str, tuple[int, int, int]]:
        """What a resize lacks in quota: name -> (asked for, used, limit)."""
        vcpus, ram = FLAVORS[flavor]
        asked, used = {"cores": vcpus - server.vcpus, "ram": ram - server.ram_mb}, self.usage()
        over = {name: more for name, more in asked.items() if more > 0 and used[name] + more > self.limits[name]}
        return {name: (more, used[name], self.limits[name]) for name, more in over.items()}

    def _compute_hosts(self) -> list[Host]:
        return [host for host in self.hosts if host.binary == "nova-compute"]

    def _other_host(self, server: Server) -> str:
        up = [host.host for host in self._compute_hosts() if host.state == "up" and host.host != server.host]
        return up[0] if up else ""

    def control(self, action: str, target: str, how: str) -> str:
        """Break or mend a service, a site or "openstack". Raises ValueError saying what is possible."""
        known = {server.service for server in self.servers} | self.compute_services | self.sites | {"openstack"}
        if target not in known:
            raise ValueError(f"no target {target!r} in the private cloud; there are: {', '.join(sorted(known))}")
        if action == "mend":
            self._mend(target)
            return f"{target}: mended"
        self._break(target, how)
        return f"{target}: {how}"

    def _break(self, target: str, how: str) -> None:
        if how in API_FAULTS:
            self.faults[target] = how
        elif how == "expired-token":
            self.tokens.clear()
        elif how in CHANGE_FAULTS and self._of(target):
            self.change_faults[target] = how
        elif how == "metric-spike" and target in self.compute_services:
            self.quota_spikes.add(target)
        elif how == "no-capacity" and target in self.compute_services:
            self.full.add(target)
        elif how in {"kill", "error-state"} and target in self.compute_services:
            self._set_hosts("down")
        elif how == "host-down" and self._of(target):
            self._set_hosts("down", {server.host for server in self._of(target)})
        elif how in {"kill", "error-state"} and self._of(target):
            for server in self._of(target):
                server.broken_from, server.task, server.ending = server.broken_from or server.status, None, None
                server.course = ""
                server.status = "SHUTOFF" if how == "kill" else "ERROR"
        else:
            possible = (*_HOWS, *CHANGE_FAULTS, *API_FAULTS)
            raise ValueError(
                f"{target} cannot be broken by {how!r}; possible, where they make sense: {', '.join(possible)}"
            )

    def _mend(self, target: str) -> None:
        """Whole again; what only waited for that ends now, and what was never broken stays as it is."""
        self.faults.pop(target, None)
        self.quota_spikes.discard(target)
        self.full.discard(target)
        self.change_faults.pop(target, None)
        if target in self.compute_services:
            self._set_hosts("up")
        for server in self._of(target):
            self._set_hosts("up", {server.host})
            server.status, server.broken_from = server.broken_from or server.status, ""
            server.done_at = 0.0
        self.settle()

    def _of(self, service: str) -> list[Server]:
        return [server for server in self.servers if server.service == service]

    def _set_hosts(self, state: str, names: Collection[str] | None = None) -> None:
        for host in self._compute_hosts():
            if names is None or host.host in names:
                host.state = state


def cloud_from(catalogue: Catalogue, users: list[User]) -> Cloud:
    """The private cloud that the catalogue's openstack.* services live in."""
    placed = list(_placed(catalogue))
    cloud = Cloud(region=placed[0][0].region if placed else "dc-west", project="hearth", users=users)
    for site, service, kind, resource in placed:
        cloud.sites.add(site.name)
        if kind == "openstack.server":
            name = resource or service
            flavor, status = AT_REST.get(name, ("m1.medium", "ACTIVE"))
            cloud.servers.append(Server(name, service, site.name, flavor, status))
        else:
            cloud.compute_services.add(service)
    cloud.hosts = [Host("nova-compute", f"compute-{number}", "nova") for number in (1, 2, 3)]
    cloud.hosts += [Host(binary, "control-1", "internal") for binary in ("nova-conductor", "nova-scheduler")]
    cloud.limits = {"cores": 64, "ram": 131_072, "instances": 32}
    return cloud


def _placed(catalogue: Catalogue) -> Iterator[tuple[Site, str, str, str]]:
    for platform in catalogue.platforms.values():
        for service in platform.services.values():
            if service.kind.startswith("openstack."):
                yield platform.sites[service.site], service.name, service.kind, service.resource
