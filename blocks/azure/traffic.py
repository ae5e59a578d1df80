"""Where does Azure Traffic Manager send clients, and did it change to what we asked for?

One weighted endpoint a site: its share is its weight among those that are enabled; a share of 0 is a disabled
endpoint, and a profile of which every endpoint is disabled answers nobody
(https://learn.microsoft.com/azure/traffic-manager/traffic-manager-routing-methods, "Weighted").

    baseline   a digest of the profile as it is configured, and its endpoints
    evidence   the endpoints are as we set them, and were not so before; else our request in the activity log
    goal       the endpoints are as we set them, in an enabled profile

The rule: what somebody else changed since the baseline is not written over. Traffic Manager has no ETag: the profile
is read once more just before it is written whole, all endpoints in one request, and a change in between is lost.

What remains: Traffic Manager itself sends nobody to an endpoint that its own probes find ill, and everybody
everywhere when all are. The shares are what is configured; where clients went is measured with clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.azure.access import Access
from blocks.azure.activity import find_request
from blocks.azure.resource import AzureResource
from blocks.azure.shares import WHOLE, digest, said, shares_of, targets_of, weights_of, with_shares
from blocks.errors import Broken, Refused
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import Traffic

if TYPE_CHECKING:
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.azure.connection import Connection
    from blocks.catalogue.recovery import TrafficManagerSwitch
    from blocks.clock import Clock
    from blocks.ports.network import Routes

TRAFFIC_VERSION = "2022-04-01"
_PATIENCE = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=5), shows_within=timedelta(seconds=5))


def open_traffic(
    switch: TrafficManagerSwitch,
    reader: AzureReader,
    operator: Callable[[], AzureOperator],
    *,
    routes: Routes,
    clock: Clock,
) -> Traffic:
    """The switch's profile: `reader` looks, `operator` is called only when it is changed."""
    resource = AzureResource.parse(switch.resource, f"traffic {switch.name}")
    return AzureTraffic(switch, resource, Access(reader, operator, routes.ca_file, clock))


@dataclass(frozen=True, slots=True)
class AzureTraffic:
    """One profile with a weighted endpoint a site."""

    switch: TrafficManagerSwitch
    resource: AzureResource
    access: Access

    def read_shares(self) -> Mapping[str, int]:
        """Site -> per cent. Raises `Broken` when the profile sends clients otherwise than by our endpoints."""
        return shares_of(self.read_weights())

    def read_weights(self) -> dict[str, int]:
        """Site -> weight, 0 where its endpoint is disabled."""
        return weights_of(self.profile(), self.switch)

    def shift(self, shares: Mapping[str, int]) -> Change:
        """Raises `Refused` for shares that are not per cent of our sites."""
        unknown = sorted(shares.keys() - self.switch.endpoints.keys())
        if unknown or sum(shares.values()) != WHOLE or min(shares.values()) < 0:
            raise Refused(
                f"{dict(shares)} are no shares of {', '.join(self.switch.endpoints)}: they must add up to {WHOLE} %",
                where=f"traffic {self.switch.name}",
                next_step="give each site its per cent of clients",
            )
        return Shift(self, {site: shares.get(site, 0) for site in self.switch.endpoints})

    def close(self) -> Change:
        """Every endpoint disabled: the profile's name then has no address."""
        return Shift(self, dict.fromkeys(self.switch.endpoints, 0))

    def clients_follow_within(self) -> timedelta:
        """The time to live of the profile's answers."""
        return timedelta(seconds=int(self.profile()["properties"]["dnsConfig"]["ttl"]))

    def entrances(self) -> Mapping[str, str]:
        """Site -> the target of its endpoint. Raises `Broken` for one that has none: a nested profile."""
        return targets_of(self.profile(), self.switch)

    def profile(self) -> dict[str, Any]:
        """The profile as Azure answers it. Raises the three errors."""
        return self.access.look(self.resource, self.read_profile)

    async def read_profile(self, azure: Connection) -> dict[str, Any]:
        """The same, where the connection is at hand."""
        return (await profiles(azure, self.resource).get(self.resource.group, self.resource.name)).as_dict()


@dataclass(frozen=True, slots=True)
class Shift:
    """One change of the shares of one profile."""

    by: AzureTraffic
    shares: Mapping[str, int]

    @property
    def text(self) -> str:
        """'send clients of profile hearth-api to azure-west 95 %, dc-west 5 %'."""
        return f"send clients of {self._named} to {said(self.shares)}"

    @property
    def repeatable(self) -> bool:
        """What sends clients so already is left alone."""
        return True

    @property
    def patience(self) -> Patience:
        """Azure answers when it is done; its name servers follow within seconds."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Broken` when the profile is not what the plan says."""
        self.by.read_weights()

    def read_baseline(self) -> Mapping[str, str]:
        """`{"content": "<sha256>", "weights": "azure-west 100 %, dc-west 0 %"}`."""
        profile = self.by.profile()
        return {"content": digest(profile), "weights": said(shares_of(weights_of(profile, self.by.switch)))}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The endpoints are as we set them and were not, or the log has our request."""
        before = self._before(mark)
        return self.by.access.look(self.by.resource, lambda azure: self._evidence(azure, mark, before))

    def act(self, mark: Mark) -> Evidence | None:
        """Write all endpoints at once; None when they are so already. Raises `Refused` over somebody else's change."""
        before, profile = self._before(mark), self.by.profile()
        weights = weights_of(profile, self.by.switch)
        if shares_of(weights) == self.shares:
            return None
        if digest(profile) != before["content"]:
            raise Refused(
                f"somebody changed {self._named} meanwhile: it sent clients to {before['weights']}, "
                f"and now to {said(shares_of(weights))}, so nothing was done",
                where=f"traffic {self.by.switch.name}",
                next_step="find out who and why, then start anew",
                code="changed",
            )
        resource = self.by.resource
        wanted = with_shares(profile, self.by.switch, self.shares)
        return self.by.access.act(
            resource,
            mark,
            self.text,
            lambda azure, ours: profiles(azure, resource).create_or_update(
                resource.group, resource.name, wanted, **ours
            ),
        )

    def read_effect(self, mark: Mark) -> Seen:
        """The shares, read back."""
        self._before(mark)
        shares = self.by.read_shares()
        text = f"{self._named} sends clients to {said(shares)}"
        return Seen(reached=dict(shares) == dict(self.shares), text=text)

    async def _evidence(self, azure: Connection, mark: Mark, before: Mapping[str, str]) -> Evidence | None:
        profile = await self.by.read_profile(azure)
        now = digest(profile)
        if shares_of(weights_of(profile, self.by.switch)) == self.shares and now != before["content"]:
            text = f"{self._named} sends clients to {said(self.shares)}, and to {before['weights']} before"
            return Evidence(kind=EvidenceKind.GENERATION, reference=now, text=text)
        return await find_request(
            azure, self.by.resource, mark, self.by.access.clock.now(), operation="write", deed=self.text
        )

    @property
    def _named(self) -> str:
        return f"profile {self.by.resource.name}"

    def _before(self, mark: Mark) -> Mapping[str, str]:
        if not {"content", "weights"} <= mark.baseline.keys():
            raise Broken(
                "the intent has no baseline: whether it took effect cannot be told", where=str(self.by.resource)
            )
        return mark.baseline


def profiles(azure: Connection, resource: AzureResource) -> Any:
    """The operations on profiles, at the version that is checked."""
    from azure.mgmt.trafficmanager.aio import TrafficManagerManagementClient

    return azure.client(TrafficManagerManagementClient, resource.subscription, api_version=TRAFFIC_VERSION).profiles
