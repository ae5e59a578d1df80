"""Has the app's plan, or the machine, the size that we asked for?

A plan is scaled by writing it whole with another sku: the patch model of the SDK drops a number of workers without
a word (https://learn.microsoft.com/rest/api/appservice/app-service-plans/create-or-update). A machine's size is one
property (https://learn.microsoft.com/rest/api/compute/virtual-machines/update); while it runs, it reboots for it.

    baseline   its size, and its ETag where Azure gives one
    evidence   it has the size, and had another; else our request in the activity log
    goal       it has the size, provisioning has succeeded, and a plan's instances are there

The rule: what somebody else resized since the baseline is not resized over. A machine's ETag makes Azure itself hold
to that; a plan has none and is read once more just before it is written, and a change in between is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.azure.activity import find_request
from blocks.azure.running import machines
from blocks.azure.standing import APP, WORDS, Sized, plans, read_size
from blocks.azure.states import COMPUTE_VERSION
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen

if TYPE_CHECKING:
    from blocks.azure.access import Access
    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource

_PATIENCE = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=15), shows_within=timedelta(seconds=30))


@dataclass(frozen=True, slots=True)
class Resize:
    """One change of the size of an app's plan or a machine; `size` as in `P1v3`, `P1v3:3`, `Standard_D4s_v3`."""

    access: Access
    resource: AzureResource
    size: str

    @property
    def text(self) -> str:
        """For people."""
        what = f"{WORDS[self.resource.type]} {self.resource.name}"
        return f"resize {f'the plan of {what}' if self.resource.type == APP else what} to {self.size}"

    @property
    def repeatable(self) -> bool:
        """What has the size already is left alone."""
        return True

    @property
    def patience(self) -> Patience:
        """Minutes for instances that are added, or a machine that reboots."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` for a size that is no size there, `Retryable` while something else goes on."""
        sized, offered = self.access.look(self.resource, self._offered)
        if not sized.settled:
            raise Retryable(
                f"something else goes on with it: {sized.text}",
                where=str(self.resource),
                next_step="nothing now: it is asked again when that is over",
                code="busy",
            )
        if offered and self.size not in offered and self.size != sized.size:
            raise Refused(
                f"{self.size} is none of the {len(offered)} sizes that Azure offers {self.resource.name} where it is",
                where=str(self.resource),
                next_step="stop it first, which frees it from its hardware, or give the plan another size",
                code="no_room",
            )

    def read_baseline(self) -> Mapping[str, str]:
        """`{"size": "P1v3:2", "version": "", "failure": ""}`."""
        sized = self.access.look(self.resource, self._sized)
        return {"size": sized.size, "version": sized.version, "failure": sized.failure}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It has the size and had another, or the log has our request."""
        before = _before(mark, self.resource)
        return self.access.look(self.resource, lambda azure: self._evidence(azure, mark, before))

    def act(self, mark: Mark) -> Evidence | None:
        """Write the size, once; None when it has it already. Raises `Refused` when somebody else changed it."""
        before = _before(mark, self.resource)
        sized = self.access.look(self.resource, self._sized)
        if _meant(self.size, sized.size):
            return None
        if sized.size != before["size"]:
            raise Refused(
                f"somebody changed its size meanwhile: it was {before['size']}, and {sized.text}",
                where=str(self.resource),
                next_step="find out who, then start anew",
                code="changed",
            )
        write = self._write_plan if self.resource.type == APP else self._write_machine
        return self.access.act(self.resource, mark, self.text, lambda azure, ours: write(azure, ours, sized, before))

    def read_effect(self, mark: Mark) -> Seen:
        """Raises `Broken` when the operation failed."""
        before = _before(mark, self.resource)
        return self.access.look(self.resource, lambda azure: self._effect(azure, before))

    async def _sized(self, azure: Connection) -> Sized:
        return await read_size(azure, self.resource)

    async def _offered(self, azure: Connection) -> tuple[Sized, set[str]]:
        sized = await self._sized(azure)
        if self.resource.type == APP:
            return sized, set()
        named = (self.resource.group, self.resource.name)
        sizes = machines(azure, self.resource).list_available_sizes(*named, api_version=COMPUTE_VERSION)
        return sized, {str(each.name) async for each in sizes}

    async def _evidence(self, azure: Connection, mark: Mark, before: Mapping[str, str]) -> Evidence | None:
        sized = await self._sized(azure)
        if _meant(self.size, sized.size) and sized.size != before["size"]:
            text = f"{sized.text}, and was {before['size']} before"
            return Evidence(kind=EvidenceKind.GENERATION, reference=f"{sized.size} {sized.version}".strip(), text=text)
        return await find_request(azure, sized.of, mark, self.access.clock.now(), operation="write", deed=self.text)

    async def _effect(self, azure: Connection, before: Mapping[str, str]) -> Seen:
        sized = await self._sized(azure)
        if sized.failure and sized.failure != before["failure"]:
            raise Broken(
                f"Azure could not {self.text}: {sized.failure}",
                where=str(self.resource),
                next_step="see its activity log in Azure; ask for quota or choose another size",
            )
        return Seen(reached=sized.settled and _meant(self.size, sized.size), text=sized.text)

    async def _write_plan(self, azure: Connection, ours: dict[str, Any], sized: Sized, _: object) -> str:
        from azure.mgmt.web.models import SkuDescription

        name, _, count = self.size.partition(":")
        old, plan = sized.model.sku, sized.model
        number = int(count) if count else old.capacity
        same = name == old.name  # another name has another tier, which Azure knows
        plan.sku = SkuDescription(name=name, tier=old.tier if same else None, capacity=number)
        begin = plans(azure, sized.of).begin_create_or_update
        return await (await begin(sized.of.group, sized.of.name, plan, polling=False, **ours)).result()

    async def _write_machine(
        self, azure: Connection, ours: dict[str, Any], _sized: object, before: Mapping[str, str]
    ) -> str:
        from azure.core import MatchConditions

        body = {"properties": {"hardwareProfile": {"vmSize": self.size}}}
        match = {"etag": before["version"], "match_condition": MatchConditions.IfNotModified}
        held: dict[str, Any] = match if before["version"] else {}
        named = (self.resource.group, self.resource.name)
        begin = machines(azure, self.resource).begin_update
        return await (await begin(*named, body, api_version=COMPUTE_VERSION, polling=False, **held, **ours)).result()


def _meant(wanted: str, size: str) -> bool:
    """`P1v3` means that name with as many instances as there are."""
    return size == wanted or (":" not in wanted and size.partition(":")[0] == wanted)


def _before(mark: Mark, resource: AzureResource) -> Mapping[str, str]:
    """The size when the intent was recorded. Raises `Broken` without a baseline."""
    if not {"size", "version", "failure"} <= mark.baseline.keys():
        raise Broken("the intent has no baseline: whether it took effect cannot be told", where=str(resource))
    return mark.baseline
