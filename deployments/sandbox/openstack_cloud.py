"""What is in the simulated private cloud, and what is broken in it?

The catalogue's openstack.* services as servers, compute hosts and quotas, with Nova's rules about
which action is possible in which state. No HTTP here.

The rule: a server changes state only the ways Nova allows; anything else is a conflict.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from blocks.catalogue.model import Catalogue, Site

API_FAULTS = ("throttle", "region-down", "credentials", "garbage", "slow", "error")
_SPACE = uuid.UUID("5b0ff0a6-6e1e-4c39-8f54-3f0d1d2c9a10")  # ids are the same at every start
_TOKEN_LIFE = timedelta(hours=1)
# Nova's API guide, "Server concepts": action -> (states it is possible in, state it leads to)
TRANSITIONS = {
    "os-start": ({"SHUTOFF"}, "ACTIVE"),
    "os-stop": ({"ACTIVE", "ERROR"}, "SHUTOFF"),
    "pause": ({"ACTIVE"}, "PAUSED"),
    "unpause": ({"PAUSED"}, "ACTIVE"),
}


# the same guide, and nova.compute.vm_states: ALLOW_SOFT_REBOOT, ALLOW_HARD_REBOOT
REBOOTS = {"SOFT": {"ACTIVE"}, "HARD": {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"}}
CHANGE_FAULTS = ("drop-after", "slow-effect", "no-effect")
_SECONDS = {"": 1.0, "drop-after": 1.0, "slow-effect": 20.0, "no-effect": float("inf")}


def stable_id(*parts: str) -> str:
    """The same UUID for the same words."""
    return str(uuid.uuid5(_SPACE, "/".join(parts)))


@dataclass(frozen=True)
class Action:
    """One line of Nova's list of what was done to a server."""

    action: str
    request_id: str
    user_id: str
    started_at: datetime


@dataclass
class Server:
    """A virtual machine."""

    name: str
    service: str
    site: str
    vcpus: int = 4
    ram_mb: int = 8192
    status: str = "ACTIVE"
    number: int = 1  # Nova allows several servers of one name
    task: str | None = None  # what is going on
    done_at: float = 0.0  # monotonic second when it is over
    actions: list[Action] = field(default_factory=list["Action"])

    @property
    def id(self) -> str:
        """Nova's id."""
        return stable_id("server", self.site, self.name, str(self.number))


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
    servers: list[Server] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    compute_services: set[str] = field(default_factory=set)  # catalogue services of kind openstack.compute
    sites: set[str] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # target -> API fault
    quota_spikes: set[str] = field(default_factory=set)
    change_faults: dict[str, str] = field(default_factory=dict)  # service -> one of CHANGE_FAULTS
    rebooted: Callable[[str], None] = field(default=lambda _service: None)  # told the service whose server reboots
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

    def act(self, server: Server, action: str) -> bool:
        """Do what Nova calls `action`; False when the server's state forbids it."""
        possible, leads_to = TRANSITIONS[action]
        if server.status not in possible:
            return False
        server.status = leads_to
        return True

    def reboot(self, server: Server, how: str, user: User, request_id: str) -> bool:
        """Begin a reboot and write it down; False when the server's state forbids it. It takes a second."""
        if server.task is not None or server.status not in REBOOTS[how]:
            return False
        server.actions.append(Action("reboot", request_id, user.id, datetime.now(UTC)))
        server.status, server.task = ("REBOOT", "rebooting") if how == "SOFT" else ("HARD_REBOOT", "rebooting_hard")
        server.done_at = time.monotonic() + _SECONDS[self.change_faults.get(server.service, "")]
        self.rebooted(server.service)
        return True

    def settle(self) -> None:
        """What was going on and has had its time is over."""
        for server in self.servers:
            if server.task is not None and time.monotonic() >= server.done_at:
                server.status, server.task = "ACTIVE", None

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
        elif how in CHANGE_FAULTS and target in {server.service for server in self.servers}:
            self.change_faults[target] = how
        elif how == "metric-spike" and target in self.compute_services:
            self.quota_spikes.add(target)
        elif how in {"kill", "error-state"} and target in self.compute_services:
            self._set_hosts("down")
        elif how in {"kill", "error-state"} and target not in self.sites | {"openstack"}:
            self._set_servers(target, "SHUTOFF" if how == "kill" else "ERROR")
        else:
            possible = ("kill", "error-state", "metric-spike", "expired-token", *CHANGE_FAULTS, *API_FAULTS)
            raise ValueError(
                f"{target} cannot be broken by {how!r}; possible, where they make sense: {', '.join(possible)}"
            )

    def _mend(self, target: str) -> None:
        self.faults.pop(target, None)
        self.quota_spikes.discard(target)
        self.change_faults.pop(target, None)
        if target in self.compute_services:
            self._set_hosts("up")
        self._set_servers(target, "ACTIVE")

    def _set_hosts(self, state: str) -> None:
        for host in self.hosts:
            if host.binary == "nova-compute":
                host.state = state

    def _set_servers(self, service: str, status: str) -> None:
        for server in self.servers:
            if server.service == service:
                server.status, server.task = status, None


def cloud_from(catalogue: Catalogue, users: list[User]) -> Cloud:
    """The private cloud that the catalogue's openstack.* services live in."""
    placed = list(_placed(catalogue))
    cloud = Cloud(region=placed[0][0].region if placed else "dc-west", project="hearth", users=users)
    for site, service, kind, resource in placed:
        cloud.sites.add(site.name)
        if kind == "openstack.server":
            cloud.servers.append(Server(resource or service, service, site.name))
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
