"""How is a server right now, and what was done to it so far?

One look at Nova: state, task, power, size, what it says of the host, and its list of what was asked of the server
(https://docs.openstack.org/api-ref/compute/#servers-actions-servers-os-instance-actions), each with the id of the
request that asked.

The rule: Nova's word for a server is a record. Where the host that would have to confirm it does not answer, the
record is old, and nobody takes it for proof. Nova shows a host's state only to a role that may see it; where it
shows nothing, the record stands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from blocks.errors import Refused
from blocks.openstack.servers import find_server

RUNNING, SHUT_DOWN = 1, 4  # Nova's power states
SILENT = {"DOWN", "UNKNOWN"}  # forced down, or not heard of for longer than Nova's service_down_time


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of Nova's list. `failed` is Nova's verdict, which may come before another host succeeds."""

    action: str  # start, stop, resize, confirmResize, evacuate, reboot ...
    request: str
    failed: bool
    began_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One server as Nova shows it. `host` is UP, DOWN, UNKNOWN, MAINTENANCE, or empty where it is not shown."""

    id: str
    name: str
    status: str
    task: str
    power: int
    size: str
    host: str
    deeds: Sequence[Deed]

    @property
    def settled(self) -> bool:
        """Nothing goes on, and nothing waits to be confirmed."""
        return not self.task and self.status not in {"RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "REBUILD"}

    @property
    def runs(self) -> bool:
        """Running, by state and by power."""
        return self.settled and self.status == "ACTIVE" and self.power == RUNNING

    @property
    def is_off(self) -> bool:
        """Switched off, by state and by power, and the host is there to say so."""
        return self.settled and self.status == "SHUTOFF" and self.power == SHUT_DOWN and self.host not in SILENT

    @property
    def text(self) -> str:
        """For people: 'server app-1 is ACTIVE, power state 1, size m1.small'."""
        task = f" ({self.task})" if self.task else ""
        host = f", its host is {self.host}" if self.host not in {"", "UP"} else ""
        return f"server {self.name} is {self.status}{task}, power state {self.power}, size {self.size}{host}"

    def since(self, known: Collection[str], action: str) -> list[Deed]:
        """What was asked since the requests in `known`, oldest first."""
        fresh = [deed for deed in self.deeds if deed.action == action and deed.request not in known]
        return sorted(fresh, key=lambda deed: deed.began_at)


def read_condition(compute: Any, resource: str, where: str) -> Condition:
    """The server with that name or id. Raises `Refused` when there is none."""
    server = find_server(compute, resource)
    if server is None:
        raise Refused(
            f"server {resource} does not exist",
            where=where,
            next_step="correct its name in the catalogue, or create it",
            code="precondition",
        )
    return Condition(
        id=str(server.id),
        name=str(server.name),
        status=str(server.status).upper(),
        task=str(server.task_state or ""),
        power=int(server.power_state or 0),
        size=str(server.flavor.original_name or server.flavor.id),
        host=str(server.host_status or ""),
        deeds=[_deed(each) for each in compute.server_actions(str(server.id))],
    )


def _deed(found: Any) -> Deed:
    return Deed(str(found.action), str(found.request_id), bool(found.message), str(found.start_time))
