"""Is the server where a move needs it, and how does it get there exactly once?

Start, stop, resize and evacuate of servers in a private cloud (verbs.py), looks at them (condition.py), and what a
site could still take (capacity.py).

    baseline   the ids of all requests that Nova lists for the server, and its state and size
    evidence   a request that the baseline does not have and that Nova does not call failed: no clock is compared
    goal       the server's own state, power and size; for a stop also a host that is there to say so

The rule: each request is sent once, and an act stays until everything that it needs was asked for, so that a resize
is confirmed by the act that asked for it, or by whoever enters the step again.

What remains: the same request by somebody else between intent and act is taken for ours; the server is then where it
should be, only not by us.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused, Retryable
from blocks.openstack.capacity import read_capacity
from blocks.openstack.condition import Condition, Deed, read_condition
from blocks.openstack.restart import ONCE, asked
from blocks.openstack.verbs import Ask, Evacuate, Next, Not, Resize, Start, Stop, Verb
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import CapacityLook, Compute, ComputeLook

if TYPE_CHECKING:
    from blocks.catalogue.model import Service, Site
    from blocks.clock import Clock
    from blocks.openstack.block import OpenStackOperator, OpenStackReader
    from blocks.ports.network import Routes

_BETWEEN_LOOKS_S = 0.5
_MICROVERSION = "2.14"  # since then Nova finds out itself whether storage is shared when it evacuates


def open_compute(
    reader: OpenStackReader, operator: Callable[[], OpenStackOperator], *, routes: Routes, clock: Clock
) -> Compute:
    """What runs in a private cloud: `reader` looks, and `operator` is called only when something is changed.

    Authorities to trust: the block's `ca_file`, else that of `routes`, else the system's.
    """
    return OpenStackCompute(reader, operator, routes.ca_file, clock.monotonic)


@dataclass(frozen=True, slots=True)
class OpenStackCompute:
    """Servers of the one region that the reader's block names, or that the cloud has."""

    reader: OpenStackReader
    operator: Callable[[], OpenStackOperator]
    ca_file: str | None
    monotonic: Callable[[], float]
    pause: Callable[[float], None] = time.sleep

    def look(self, service: Service) -> ComputeLook:
        """State, power, task and size. Raises the three errors; a server that does not exist is `Refused`."""
        with in_its_region(self.reader, self.ca_file, _where(service)) as compute:
            now = read_condition(compute, _name(service), _where(service))
        return ComputeLook(service=service.name, running=now.runs, settled=now.settled, size=now.size, text=now.text)

    def capacity(self, site: Site) -> CapacityLook:
        """Limits minus what is used, and the hosts that are up where the reader may see them."""
        with asked(self.reader, site.region, self.ca_file, f"OpenStack {site.region}") as compute:
            return read_capacity(compute, site.name, self.reader.region or site.region)

    def start(self, service: Service) -> Change:
        return ServerChange(self, service, Start(_name(service)))

    def stop(self, service: Service) -> Change:
        return ServerChange(self, service, Stop(_name(service)))

    def resize(self, service: Service, size: str) -> Change:
        return ServerChange(self, service, Resize(_name(service), size))

    def evacuate(self, service: Service) -> Change:
        return ServerChange(self, service, Evacuate(_name(service)))


@dataclass(frozen=True, slots=True)
class ServerChange:
    """One verb on one server."""

    by: OpenStackCompute
    service: Service
    verb: Verb

    @property
    def text(self) -> str:
        """For people."""
        return self.verb.text

    @property
    def repeatable(self) -> bool:
        """Nova's list is evidence enough."""
        return False

    @property
    def patience(self) -> Patience:
        return self.verb.patience

    def check(self) -> None:
        """Raises `Refused` with what was seen when Nova would not do it, or would do it in vain."""
        with self._asked(self.by.reader) as compute:
            now = self._look(compute)
            if isinstance(self.verb, Resize):
                find_flavor(compute, self.verb.size, self._where)
        if why := self.verb.may_begin(now):
            raise self._refused(why, now)

    def read_baseline(self) -> Mapping[str, str]:
        """`{"requests": "req-… req-…", "status": "SHUTOFF", "size": "m1.small"}`."""
        with self._asked(self.by.reader) as compute:
            now = self._look(compute)
        known = sorted(deed.request for deed in now.deeds if deed.action in self.verb.actions)
        return {"requests": " ".join(known), "status": now.status, "size": now.size}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The request that the baseline does not have; of a resize, its confirmation."""
        with self._asked(self.by.reader) as compute:
            return self._evidence(self.verb.proof(self._look(compute), self._known(mark)))

    def act(self, mark: Mark) -> Evidence | None:
        """Ask for what is missing, each thing once, and stay until all is asked for; None when nothing was missing."""
        known, sent = self._known(mark), dict[str, str]()
        give_up = self.by.monotonic() + self.verb.asks_for.total_seconds()
        with self._asked(self.by.reader) as compute:
            while True:
                now = self._look(compute)
                answer = self.verb.following(now, known)
                if isinstance(answer, Not):
                    raise self._refused(answer, now)
                if isinstance(answer, Ask) and answer.action not in sent:
                    sent[answer.action] = self._send(now, answer)
                    continue
                self._raise_if_failed(now, sent)
                if answer is Next.DONE or self.by.monotonic() >= give_up:
                    return self._outcome(now, known, done=answer is Next.DONE)
                self.by.pause(_BETWEEN_LOOKS_S)

    def read_effect(self, mark: Mark) -> Seen:
        """The server's own state, power and size."""
        known = self._known(mark)
        with self._asked(self.by.reader) as compute:
            now = self._look(compute)
        if self.verb.reached(now, known):
            return Seen(reached=True, text=now.text)
        failed = (
            [] if now.task else [deed for name in self.verb.actions for deed in now.since(known, name) if deed.failed]
        )
        return Seen(
            reached=False, text=f"{now.text}; Nova says that {failed[-1].action} failed" if failed else now.text
        )

    @property
    def _where(self) -> str:
        return _where(self.service)

    def _asked(self, block: OpenStackReader) -> Any:
        return in_its_region(block, self.by.ca_file, self._where)

    def _look(self, compute: Any) -> Condition:
        return read_condition(compute, _name(self.service), self._where)

    def _known(self, mark: Mark) -> set[str]:
        if "requests" not in mark.baseline:
            raise Broken("the intent has no baseline: whether it took effect cannot be told", where=self._where)
        return set(mark.baseline["requests"].split())

    def _send(self, now: Condition, ask: Ask) -> str:
        """Nova's id of the request."""
        from openstack.exceptions import raise_from_response

        with self._asked(self.by.operator()) as compute:
            body = {"resize": {"flavorRef": self._flavor(ask.size)}} if ask.size else dict(ask.body)
            answer = compute.post(f"/servers/{now.id}/action", json=body, microversion=_MICROVERSION, **ONCE)
            raise_from_response(answer)
            headers = answer.headers
            return str(headers.get("x-openstack-request-id") or headers.get("x-compute-request-id") or "")

    def _flavor(self, size: str) -> str:
        with self._asked(self.by.reader) as compute:
            return find_flavor(compute, size, self._where)

    def _raise_if_failed(self, now: Condition, sent: Mapping[str, str]) -> None:
        if now.task:
            return  # a resize that one host refuses is tried on the next one
        failed = [deed for deed in now.deeds if deed.failed and deed.request in sent.values()]
        if failed:
            raise Broken(
                f"Nova accepted to {self.text} and then failed ({failed[0].request}): {now.text}",
                where=self._where,
                next_step="most often no host has room: free some, or use a smaller size; then retry the run",
                code="no_capacity",
            )

    def _outcome(self, now: Condition, known: set[str], *, done: bool) -> Evidence | None:
        """What an act knows at its end. Raises `Retryable` while something still has to be asked for."""
        proof = self.verb.proof(now, known)
        if proof is None and not done and len(self.verb.actions) > 1:
            raise Retryable(f"{self.text} takes longer than {self.verb.asks_for}: {now.text}", where=self._where)
        return self._evidence(proof)

    def _evidence(self, deed: Deed | None) -> Evidence | None:
        if deed is None:
            return None
        text = f"Nova lists {deed.action} of {_name(self.service)} as {deed.request}"
        return Evidence(kind=EvidenceKind.OPERATION, reference=deed.request, text=text)

    def _refused(self, why: Not, now: Condition) -> Refused:
        return Refused(f"{why.why}: {now.text}", where=self._where, next_step=why.next_step, code="precondition")


@contextmanager
def in_its_region(block: OpenStackReader, ca_file: str | None, where: str) -> Generator[Any]:
    """The compute API of the block's region, or of the only one that the cloud has. Raises `Broken` when in doubt."""
    with asked(block, "", ca_file, where) as compute:
        if not block.region:
            access = compute.session.auth.get_access(compute.session)
            found = access.service_catalog.get_endpoints(service_type="compute", interface="public")
            regions = sorted({endpoint["region"] for endpoints in found.values() for endpoint in endpoints})
            if len(regions) > 1:
                raise Broken(
                    f"the private cloud has the regions {', '.join(regions)}, and nothing says which one is meant",
                    where=where,
                    next_step="write the region into the OpenStack credential blocks of this site",
                )
        yield compute


def find_flavor(compute: Any, size: str, where: str) -> str:
    """Nova's id of the flavor with that name. Raises `Refused` with the names there are."""
    flavors = list(compute.flavors())
    found = next((str(flavor.id) for flavor in flavors if flavor.name == size), None)
    if found is None:
        raise Refused(
            f"the private cloud has no size {size!r}",
            where=where,
            next_step=f"name one of {', '.join(sorted(flavor.name for flavor in flavors))} in the recovery plan",
            code="precondition",
        )
    return found


def _name(service: Service) -> str:
    return service.resource or service.name


def _where(service: Service) -> str:
    return f"OpenStack {service.site}, server {_name(service)}"
