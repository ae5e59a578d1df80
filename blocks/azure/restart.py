"""Has the app or machine been restarted since the intent, and does it serve again?

Azure answers the restart of an app with 200 and no operation to follow, before anything has happened
(https://learn.microsoft.com/rest/api/appservice/web-apps/restart); that of a machine with 202. So:

    baseline   an app: each process and the moment it began; a machine: the moment of its last operation
    evidence   nothing of what ran then is left, and something runs (another moment, whatever any clock says);
               else our own request in the activity log, known by the id that we gave it
    goal       evidence, and it serves: the app Running with every instance ready, the machine running at rest

The rule: what ran before is never taken for what runs since. Where Azure shows no processes (some Linux plans),
only the log can tell, minutes later; between the act and that moment a second try restarts the app once more.
That is why an app's restart is declared repeatable: it costs the app another start, and nothing else.

What remains: Azure may move or recycle an app by itself between intent and act, and any other operation on a
machine moves its moment too; both then count as ours. Whether real Azure shows what this file reads was never
tested against a real account; the published models have it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from blocks.azure.access import Access
from blocks.azure.activity import find_request
from blocks.azure.resource import AzureResource
from blocks.azure.running import apps, machines, read_running
from blocks.azure.states import COMPUTE_VERSION
from blocks.errors import Broken, Refused
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Restarter, Seen, Target

if TYPE_CHECKING:
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.azure.connection import Connection
    from blocks.azure.running import Running
    from blocks.catalogue.model import Platform, Service
    from blocks.clock import Clock
    from blocks.ports.network import Routes

T = TypeVar("T")
EXPECTED = timedelta(minutes=2)
_PATIENCE = Patience(every=timedelta(seconds=5), at_most=timedelta(minutes=15), shows_within=timedelta(seconds=30))
_APP, _MACHINE = "microsoft.web/sites", "microsoft.compute/virtualmachines"
_BASELINE = "seen"  # how many moments the baseline has, so that none is told from no baseline
_WORDS = {_APP: "app", _MACHINE: "machine"}


def open_restarter(
    reader: AzureReader, operator: Callable[[], AzureOperator], *, routes: Routes, clock: Clock
) -> Restarter:
    """A restarter of apps and machines: `reader` looks, `operator` is called only when something is restarted.

    Authorities to trust: the block's `ca_file`, else that of `routes`, else the system's.
    """
    return AzureRestarter(Access(reader, operator, routes.ca_file, clock))


@dataclass(frozen=True, slots=True)
class AzureRestarter:
    """Restarts App Services and virtual machines."""

    access: Access

    def read_targets(self, platform: Platform, service: Service) -> Sequence[Target]:
        """The one resource of the service; all instances of an app restart together. Raises the three errors."""
        change = self._change(service, service.resource)
        change.look(read_running)  # it is there, and of a type that is restarted
        del platform
        return (Target(item=change.resource.id, text=change.named, expected=EXPECTED),)

    def restart(self, platform: Platform, service: Service, item: str) -> Change:
        """The restart of the resource with the address `item`; asks nobody anything yet."""
        del platform
        return self._change(service, item)

    def _change(self, service: Service, address: str) -> RestartResource:
        return RestartResource(self.access, AzureResource.parse(address, service.name))


@dataclass(frozen=True, slots=True)
class RestartResource:
    """One restart of one app or machine."""

    access: Access
    resource: AzureResource

    @property
    def named(self) -> str:
        """'app hearth-device-api'."""
        return f"{_WORDS.get(self.resource.type, self.resource.type)} {self.resource.name}"

    @property
    def text(self) -> str:
        """For people."""
        return f"restart {self.named}"

    @property
    def repeatable(self) -> bool:
        """An app's evidence may be late; a machine's is there at once."""
        return self.resource.type == _APP

    @property
    def patience(self) -> Patience:
        """Minutes for an app that starts slowly, or a machine that checks its disks."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` with the state and its numbers when it does not run, or something goes on already."""
        running = self.look(read_running)
        if running.refusal:
            raise Refused(
                running.refusal,
                where=str(self.resource),
                next_step="start it, or wait until what goes on is over",
                code="precondition",
            )

    def read_baseline(self) -> Mapping[str, str]:
        """`{"seen": "2", "<instance>/<process>": "<moment>", ...}`, in Azure's own moments."""
        since = self.look(read_running).since
        return {_BASELINE: str(len(since)), **since}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """What runs began anew, or the log has our request."""
        return self.look(lambda azure, resource: self._evidence(azure, resource, mark))

    def act(self, mark: Mark) -> Evidence | None:
        """Restart it, once, under the intent's own request id."""
        _before(mark, self.resource)
        return self.access.act(self.resource, mark, self.text, self._send)

    def read_effect(self, mark: Mark) -> Seen:
        """It serves, and not since before."""
        return self.look(lambda azure, resource: self._effect(azure, resource, mark))

    def look(self, read: Callable[[Any, AzureResource], Awaitable[T]]) -> T:
        """One reading as the reader, bounded in time. Raises the three errors."""
        return self.access.look(self.resource, lambda azure: read(azure, self.resource))

    async def _send(self, azure: Connection, ours: dict[str, Any]) -> str:
        named = (self.resource.group, self.resource.name)
        if self.resource.type == _APP:
            return await apps(azure, self.resource).restart(*named, **ours)
        begin = machines(azure, self.resource).begin_restart
        return await (await begin(*named, api_version=COMPUTE_VERSION, polling=False, **ours)).result()

    async def _evidence(self, azure: Connection, resource: AzureResource, mark: Mark) -> Evidence | None:
        return await self._proof(azure, resource, await read_running(azure, resource), mark)

    async def _effect(self, azure: Connection, resource: AzureResource, mark: Mark) -> Seen:
        running = await read_running(azure, resource)
        proof = await self._proof(azure, resource, running, mark)
        if proof is None:
            return Seen(reached=False, text=f"{running.text}; nothing shows a restart yet")
        anew = running.anew(_before(mark, resource)) or not _before(mark, resource)
        told = "started anew" if anew else "accepted, but what ran before still runs"
        return Seen(reached=running.ready and anew, text=f"{running.text}; {told}")

    async def _proof(self, azure: Connection, resource: AzureResource, running: Running, mark: Mark) -> Evidence | None:
        before = _before(mark, resource)
        if running.anew(before):
            since = max(running.since.values())
            text = f"{self.named} runs since {since}, and nothing of what ran before is left"
            return Evidence(kind=EvidenceKind.STARTED_AFTER, reference=since, text=text)
        return await find_request(
            azure, resource, mark, self.access.clock.now(), operation="restart/action", deed=self.text
        )


def _before(mark: Mark, resource: AzureResource) -> dict[str, str]:
    """What ran when the intent was recorded. Raises `Broken` without a baseline."""
    if _BASELINE not in mark.baseline:
        raise Broken("the intent has no baseline: whether it took effect cannot be told", where=str(resource))
    return {name: moment for name, moment in mark.baseline.items() if name != _BASELINE}
