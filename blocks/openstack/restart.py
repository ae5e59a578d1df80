"""Has the server been restarted since the intent, and is it running again?

Nova keeps a list of what was done to each server, with the id of the request that did it; a reboot stands
there from the moment Nova accepts it (https://docs.openstack.org/api-ref/compute/#servers-actions-servers-os-instance-actions).

    baseline   the request ids of all reboots so far
    evidence   a reboot whose request id is not among them: no clock is compared
    goal       ACTIVE, power state running, no task going on, and the reboot is in the list

The rule: a server that was ACTIVE all along shows no new reboot, and is never taken for restarted.

What remains: a reboot that somebody else asks for between intent and act is taken for ours; the server was
restarted then, only not by us. A server that is not ACTIVE cannot be asked to shut down and is rebooted HARD,
as Nova allows; an ACTIVE one SOFT: https://docs.openstack.org/nova/latest/user/reboot.html. Whether the
operating system came up inside is seen by the service's own checks, not by Nova.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused
from blocks.openstack.block import close
from blocks.openstack.failures import explaining
from blocks.openstack.servers import find_server
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Restarter, Seen, Target

if TYPE_CHECKING:
    from blocks.catalogue.model import Platform, Service
    from blocks.clock import Clock
    from blocks.openstack.block import OpenStackOperator, OpenStackReader
    from blocks.ports.network import Routes

EXPECTED = timedelta(minutes=1)
_PATIENCE = Patience(every=timedelta(seconds=3), at_most=timedelta(minutes=10))
_SOFT, _HARD = "SOFT", "HARD"
_POSSIBLE = {"ACTIVE": _SOFT, "SHUTOFF": _HARD, "ERROR": _HARD, "PAUSED": _HARD, "SUSPENDED": _HARD}
_RUNNING = 1  # Nova's power states: 0 no state, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended
ONCE = {"connect_retries": 0, "status_code_retries": 0}  # a request that changes something is sent once


def open_restarter(
    reader: OpenStackReader, operator: Callable[[], OpenStackOperator], *, routes: Routes, clock: Clock
) -> Restarter:
    """A restarter of servers: `reader` looks, and `operator` is called only when a server is restarted.

    Authorities to trust: the block's `ca_file`, else that of `routes`, else the system's.
    """
    del clock  # Nova's own list is compared, never a time
    return OpenStackRestarter(reader, operator, routes.ca_file)


@dataclass(frozen=True, slots=True)
class OpenStackRestarter:
    """Restarts servers of a private cloud."""

    reader: OpenStackReader
    operator: Callable[[], OpenStackOperator]
    ca_file: str | None

    def read_targets(self, platform: Platform, service: Service) -> Sequence[Target]:
        """The one server that the service names. Raises the three errors."""
        region, name = platform.sites[service.site].region, service.resource or service.name
        where = f"OpenStack {region}, {service.name}"
        with asked(self.reader, region, self.ca_file, where) as compute:
            server = find_server(compute, name)
            if server is None:
                raise Refused(
                    f"server {name} does not exist, so there is nothing to restart",
                    where=where,
                    next_step="correct its name in the catalogue, or create it",
                )
            return (Target(item=str(server.id), text=f"server {server.name}", expected=EXPECTED),)

    def restart(self, platform: Platform, service: Service, item: str) -> Change:
        """The restart of the server with the id `item`; asks nobody anything yet."""
        region, name = platform.sites[service.site].region, service.resource or service.name
        return RebootServer(self, region, item, name)


@dataclass(frozen=True, slots=True)
class RebootServer:
    """One reboot of one server."""

    by: OpenStackRestarter
    region: str
    item: str
    name: str

    @property
    def text(self) -> str:
        """For people."""
        return f"restart server {self.name}"

    @property
    def repeatable(self) -> bool:
        """Nova's list is evidence enough."""
        return False

    @property
    def patience(self) -> Patience:
        """A soft reboot waits for the guest to shut down, two minutes by Nova's default."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` with the state when Nova would not reboot it, or something is going on already."""
        with self._asked(self.by.reader) as compute:
            _how(compute.get_server(self.item), self._where)

    def read_baseline(self) -> Mapping[str, str]:
        """`{"reboots": "req-… req-…"}`: the request ids of all reboots so far."""
        with self._asked(self.by.reader) as compute:
            return {"reboots": " ".join(sorted(str(action.request_id) for action in self._reboots(compute)))}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """A reboot that the baseline does not have."""
        with self._asked(self.by.reader) as compute:
            found = self._since(compute, mark)
            return None if found is None else _evidence(str(found.request_id), self.name)

    def act(self, mark: Mark) -> Evidence | None:
        """Reboot it, once. Nova's request id is what the reboot is found by."""
        del mark
        with self._asked(self.by.reader) as compute:
            how = _how(compute.get_server(self.item), self._where)
        with self._asked(self.by.operator()) as compute:
            answer = compute.post(f"/servers/{self.item}/action", json={"reboot": {"type": how}}, **ONCE)
            from openstack.exceptions import raise_from_response

            raise_from_response(answer)
            request = answer.headers.get("x-openstack-request-id") or answer.headers.get("x-compute-request-id")
            return _evidence(request, self.name) if request else None

    def read_effect(self, mark: Mark) -> Seen:
        """Running again, after a reboot that the baseline does not have."""
        with self._asked(self.by.reader) as compute:
            reboot = self._since(compute, mark)
            server = compute.get_server(self.item)
            if reboot is None:
                return Seen(reached=False, text=f"server {self.name} is {server.status} and was not rebooted yet")
            if reboot.message:
                return Seen(reached=False, text=f"the reboot of server {self.name} failed, it is {server.status}")
            text = f"server {self.name} is {server.status}, power state {server.power_state}, rebooted since"
            going_on = f", {server.task_state}" if server.task_state else ""
            well = server.status == "ACTIVE" and server.power_state == _RUNNING and not going_on
            return Seen(reached=well, text=text + going_on)

    @property
    def _where(self) -> str:
        return f"OpenStack {self.region}, server {self.name}"

    def _asked(self, block: OpenStackReader) -> Any:
        return asked(block, self.region, self.by.ca_file, self._where)

    def _reboots(self, compute: Any) -> list[Any]:
        actions = compute.server_actions(self.item)
        return [action for action in actions if action.action == "reboot"]

    def _since(self, compute: Any, mark: Mark) -> Any | None:
        """The oldest reboot that the baseline does not know. Raises `Broken` without a baseline."""
        if "reboots" not in mark.baseline:
            raise Broken("the intent has no baseline: whether it took effect cannot be told", where=self._where)
        known = set(mark.baseline["reboots"].split())
        fresh = [action for action in self._reboots(compute) if str(action.request_id) not in known]
        return min(fresh, key=lambda action: str(action.start_time), default=None)


@contextmanager
def asked(block: OpenStackReader, region: str, ca_file: str | None, where: str) -> Generator[Any]:
    """The compute API as `block`, for a few calls; every failure is one of the three errors."""
    with explaining(where):
        connection: Any = block.connect(region, ca_file=ca_file)
        try:
            yield connection.compute
        finally:
            close(connection)


def _how(server: Any, where: str) -> str:
    """SOFT or HARD. Raises `Refused` when Nova would not do it in this state."""
    state = str(server.status)
    if server.task_state or state not in _POSSIBLE:
        going_on = f" ({server.task_state})" if server.task_state else ""
        raise Refused(
            f"the server is {state}{going_on}; restarted is what is {', '.join(_POSSIBLE)}, with nothing going on",
            where=where,
            next_step="wait until it is over, or look at the server in the private cloud",
            code="precondition",
        )
    return _POSSIBLE[state]


def _evidence(request: str, name: str) -> Evidence:
    return Evidence(kind=EvidenceKind.OPERATION, reference=request, text=f"Nova lists a reboot of {name} as {request}")
