"""Is the app or machine off, or on, as we asked? The off is a fence.

Stopping an app answers 200 and names no operation (https://learn.microsoft.com/rest/api/appservice/web-apps/stop);
deallocating a machine answers 202 (https://learn.microsoft.com/rest/api/compute/virtual-machines/deallocate). So:

    baseline   its state, and the moment of its last change
    evidence   it is where we want it or on its way, and was not so before; else our request in the activity log
    goal       off: Azure says Stopped, or deallocated and done; on: it runs, every instance ready

The rule: off is confirmed by Azure's own word for it, never by silence. Done twice it does what once does, so it is
declared repeatable. An operation that failed is told as Azure names it, and nobody waits for it any longer.

What remains: somebody else who stops or starts it between intent and act counts as ours; requests that a stopped
app still had in hand may end a little after Azure calls it Stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.azure.activity import find_request
from blocks.azure.running import apps, machines, read_running
from blocks.azure.standing import APP, OFF, ON, WORDS, read_standing
from blocks.azure.states import COMPUTE_VERSION
from blocks.errors import Broken, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen

if TYPE_CHECKING:
    from blocks.azure.access import Access
    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource
    from blocks.azure.standing import Standing

_PATIENCE = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=15), shows_within=timedelta(seconds=5))
_UNDER_WAY = {"PowerState/running": "PowerState/starting", "PowerState/deallocated": "PowerState/deallocating"}


@dataclass(frozen=True, slots=True)
class Power:
    """One start or stop of one app or machine."""

    access: Access
    resource: AzureResource
    on: bool

    @property
    def text(self) -> str:
        """For people."""
        return f"{'start' if self.on else 'stop'} {WORDS[self.resource.type]} {self.resource.name}"

    @property
    def repeatable(self) -> bool:
        """What is off is not stopped more by a second stop."""
        return True

    @property
    def patience(self) -> Patience:
        """Minutes for a machine that boots or shuts down slowly."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Retryable` while something else goes on with what is to start; a fence waits for Azure's 409 only."""
        standing = self.access.look(self.resource, self._standing)
        if self.on and not standing.settled:
            raise Retryable(
                f"something else goes on with it: {standing.text}",
                where=str(self.resource),
                next_step="nothing now: it is asked again when that is over",
                code="busy",
            )

    def read_baseline(self) -> Mapping[str, str]:
        """`{"state": "Running", "changed": "2026-…"}`, in Azure's words."""
        standing = self.access.look(self.resource, self._standing)
        return {"state": standing.state, "changed": standing.changed}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It is where we want it and was not, or the log has our request."""
        before = _before(mark, self.resource)
        return self.access.look(self.resource, lambda azure: self._evidence(azure, mark, before))

    def act(self, mark: Mark) -> Evidence | None:
        """Start or stop it, once, under the intent's own request id."""
        _before(mark, self.resource)
        return self.access.act(self.resource, mark, self.text, self._send)

    def read_effect(self, mark: Mark) -> Seen:
        """Raises `Broken` when the operation failed since the intent."""
        before = _before(mark, self.resource)
        return self.access.look(self.resource, lambda azure: self._effect(azure, before))

    @property
    def _goal(self) -> str:
        return (ON if self.on else OFF)[self.resource.type]

    async def _standing(self, azure: Connection) -> Standing:
        return await read_standing(azure, self.resource)

    async def _evidence(self, azure: Connection, mark: Mark, before: Mapping[str, str]) -> Evidence | None:
        standing = await self._standing(azure)
        now = {"state": standing.state, "changed": standing.changed}
        if standing.state in (self._goal, _UNDER_WAY.get(self._goal)) and now != dict(before):
            reference = f"{standing.state} {standing.changed}".strip()
            text = f"{standing.text}, and was {before['state']} before"
            return Evidence(kind=EvidenceKind.GENERATION, reference=reference, text=text)
        operation = f"{_verb(self.resource, on=self.on)}/action"
        return await find_request(
            azure, self.resource, mark, self.access.clock.now(), operation=operation, deed=self.text
        )

    async def _effect(self, azure: Connection, before: Mapping[str, str]) -> Seen:
        standing = await self._standing(azure)
        if standing.failure and standing.changed != before["changed"]:
            raise Broken(
                f"Azure could not {self.text}: {standing.failure}",
                where=str(self.resource),
                next_step="see the machine's activity log in Azure; free or ask for room, or use another site",
            )
        if self.on and standing.state == self._goal:
            running = await read_running(azure, self.resource)
            return Seen(reached=running.ready, text=running.text)
        return Seen(reached=standing.settled and standing.state == self._goal, text=standing.text)

    async def _send(self, azure: Connection, ours: dict[str, Any]) -> str:
        named, verb = (self.resource.group, self.resource.name), _verb(self.resource, on=self.on)
        if self.resource.type == APP:
            return await getattr(apps(azure, self.resource), verb)(*named, **ours)
        begin = getattr(machines(azure, self.resource), f"begin_{verb}")
        return await (await begin(*named, api_version=COMPUTE_VERSION, polling=False, **ours)).result()


def _verb(resource: AzureResource, *, on: bool) -> str:
    off = "stop" if resource.type == APP else "deallocate"
    return "start" if on else off


def _before(mark: Mark, resource: AzureResource) -> Mapping[str, str]:
    """What Azure showed when the intent was recorded. Raises `Broken` without a baseline."""
    if not {"state", "changed"} <= mark.baseline.keys():
        raise Broken("the intent has no baseline: whether it took effect cannot be told", where=str(resource))
    return mark.baseline
