"""Who looks at, and who changes, each part of a platform that moves?

The catalogue's recovery plan names parts by site; here each becomes the adapter behind its port. The rule: readers
look, operators act, and an operator's block is opened at the moment when something is changed and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from blocks.catalogue.model import DatabaseCheck, Platform, Service, Site
from blocks.catalogue.recovery import DnsSwitch, Recovery, ReplicatedData, Switch
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused
from blocks.journal.opening import open_journal
from blocks.ports.changes import Change
from blocks.ports.clients import Entrance
from blocks.ports.credentials import Credential, outstanding
from blocks.ports.network import Routes
from blocks.ports.recovery import Compute, DatabaseMember, RecoveryJournal, Traffic, Vantage
from tasks.core.opening import imported, load_block, load_routes
from tasks.recovery.items import Item, Verb
from tasks.recovery.returning import addresses_asked
from tasks.restarts.opening import open_restarter
from tasks.runs.catalogue import load_platform

CLOUDS: Mapping[str, tuple[str, str]] = {  # provider -> the reader's block type, the operator's
    "azure": ("blocks.azure.block:AzureReader", "blocks.azure.block:AzureOperator"),
    "openstack": ("blocks.openstack.block:OpenStackReader", "blocks.openstack.block:OpenStackOperator"),
}


@dataclass(frozen=True)
class Parts:
    """The adapters of one platform's recovery plan. Nothing is opened before it is asked for."""

    platform: Platform

    @property
    def recovery(self) -> Recovery:
        """The plan. Raises `Refused` for a platform without one."""
        if self.platform.recovery is None:
            raise Refused(
                f"{self.platform.name} has no recovery plan, so it is not moved anywhere",
                where="the catalogue",
                next_step="write its `recovery:` section (docs/recovery.md), and run vigie apply",
            )
        return self.platform.recovery

    @cached_property
    def routes(self) -> Routes:
        """Where real names lead."""
        return load_routes()

    def service(self, name: str) -> Service:
        """One of the platform's. Raises `Broken` for a plan that names one that is gone."""
        try:
            return self.platform.services[name]
        except KeyError:
            raise Broken(f"{self.platform.name} has no service {name!r}", next_step="see the catalogue") from None

    def site(self, name: str) -> Site:
        """One of the platform's sites."""
        try:
            return self.platform.sites[name]
        except KeyError:
            known = ", ".join(self.platform.sites)
            raise Refused(f"{self.platform.name} has no site {name!r}", next_step=f"choose one of {known}") from None

    def _reader(self, site: Site) -> Any:
        """The identity that looks in a site."""
        return load_block(imported(CLOUDS[site.provider][0]), site.credentials)

    def _operator(self, site: Site) -> Any:
        """The one that acts there: opened at the moment when something is changed."""
        return load_block(imported(CLOUDS[site.provider][1]), _named(site.operator, f"sites.{site.name}.operator"))

    # -- adapters ----------------------------------------------------------------------------------

    def member(self, data: str, site: str) -> DatabaseMember:
        """The server of replicated data in a site."""
        from blocks.postgres.block import DatabaseHost, PostgresOperator, PostgresReader
        from blocks.postgres.member import open_member

        declared, plan = self.data(data), self.recovery
        service = self.service(declared.members[site])
        return open_member(
            declared,
            site,
            service_name=service.name,
            address=self.database_address(service),
            reader=load_block(PostgresReader, _named(self.platform.database_credentials, "database_credentials")),
            operator=lambda: load_block(PostgresOperator, _named(plan.database_operator, "database_operator")),
            host=load_block(DatabaseHost, _named(plan.host_reader, "host_reader")),
            host_operator=lambda: load_block(DatabaseHost, _named(plan.host_operator, "host_operator")),
            routes=self.routes,
            clock=SystemClock(),
        )

    def vantage(self, data: str, site: str, elsewhere: Sequence[str]) -> Vantage:
        """The database host of a site as a place that looks around."""
        from blocks.postgres.block import DatabaseHost
        from blocks.postgres.host import HostDoor
        from blocks.postgres.vantage import HostVantage

        block = load_block(DatabaseHost, _named(self.recovery.host_reader, "host_reader"))
        return HostVantage(HostDoor(self.data(data).hosts[site], block, self.routes), elsewhere)

    def data(self, name: str) -> ReplicatedData:
        """What is replicated under that name."""
        return self.recovery.data[name]

    def compute(self, site: str) -> Compute:
        """What runs in a site."""
        declared = self.site(site)
        opened: Callable[..., Compute] = imported(f"blocks.{declared.provider}.compute:open_compute")
        return opened(
            self._reader(declared),
            lambda: self._operator(declared),
            routes=self.routes,
            clock=SystemClock(),
        )

    def traffic(self, switch: str) -> Traffic:
        """One traffic switch."""
        declared: Switch = self.recovery.traffic[switch]
        if isinstance(declared, DnsSwitch):
            from blocks.dns.block import TsigKey
            from blocks.dns.traffic import open_traffic as open_dns

            return open_dns(
                declared, None, lambda: load_block(TsigKey, declared.key), routes=self.routes, clock=SystemClock()
            )
        from blocks.azure.traffic import open_traffic

        site = self.site(declared.site)
        return open_traffic(
            declared,
            self._reader(site),
            lambda: self._operator(site),
            routes=self.routes,
            clock=SystemClock(),
        )

    def credential(self, name: str) -> Credential:
        """One right of one site."""
        from blocks.azure.rights import open_credential

        declared = self.recovery.credentials[name]
        site = self.site(declared.site)
        return open_credential(
            declared,
            self._reader(site),
            lambda: self._operator(site),
            routes=self.routes,
            clock=SystemClock(),
        )

    def entrance(self, switch: str, site: str) -> Entrance:
        """The way of clients into one site, as the switch leads them there."""
        from blocks.network.entrance import open_entrance

        return open_entrance(
            self.platform,
            site,
            addresses_asked(self.recovery, self.recovery.traffic[switch]),
            self.traffic(switch).entrances()[site],
            timeout=self.recovery.client_timeout,
            routes=self.routes,
            clock=SystemClock(),
        )

    # -- changes -----------------------------------------------------------------------------------

    def change(self, item: Item, phase: str) -> Change:
        """The change that a step of a plan means. Raises `Broken` for a verb that nobody carries out."""
        if item.verb is Verb.RESIZE_SERVICE:
            sizes = self.recovery.services[item.thing].sizes[item.site]
            size = sizes.rest if phase == "settle" else sizes.active
            return self.compute(item.site).resize(self.counterpart(item), size)
        try:
            make = _CHANGES[item.verb]
        except KeyError:
            raise Broken(f"nothing here carries out {item}", next_step="was the plan made by a newer vigie?") from None
        return make(self, item)

    def require_operator(self, item: Item) -> None:
        """The blocks that would be opened for this item are there. Raises `Refused` naming the one that is not."""
        from blocks.dns.block import TsigKey
        from blocks.postgres.block import DatabaseHost, PostgresOperator

        switch = self.recovery.traffic.get(item.thing) if item.verb is Verb.SHIFT_TRAFFIC else None
        held = self.recovery.credentials.get(item.thing) if item.verb in _OF_CREDENTIALS else None
        if item.verb is Verb.FENCE_DATABASE:
            load_block(DatabaseHost, _named(self.recovery.host_operator, "host_operator"))
            load_block(PostgresOperator, _named(self.recovery.database_operator, "database_operator"))
        elif isinstance(switch, DnsSwitch):
            load_block(TsigKey, switch.key)
        else:
            reached = switch or held
            self._operator(self.site(item.site if reached is None else reached.site))

    def other_member(self, item: Item) -> DatabaseMember:
        """The member in the other site than the item's."""
        (other,) = [site for site in self.data(item.thing).members if site != item.site]
        return self.member(item.thing, other)

    def moment(self, item: Item) -> datetime:
        """As of which an item is. Raises `Broken` for one without."""
        if item.moment is None:
            raise Broken(f"{item} names no moment", next_step="was the plan made by another vigie?")
        return item.moment

    def counterpart(self, item: Item) -> Service:
        """The service that stands for `item.thing` in its site."""
        return self.service(self.recovery.services[item.thing].sites[item.site])

    def worker(self, item: Item) -> Service:
        """The second worker in the item's site."""
        return self.service(self.recovery.second_workers[item.thing].sites[item.site])

    def standing_for(self, name: str, site: str) -> str:
        """The service that stands for a part of the plan, or for replicated data, in a site; else that very service."""
        if name in self.recovery.data:
            return self.recovery.data[name].members[site]
        part = self.recovery.services.get(name)
        return part.sites.get(site, name) if part else name

    def database_address(self, service: Service) -> str:
        """Where clients of a database log in (host:port): the address of its first database check."""
        for check in service.checks.values():
            if isinstance(check, DatabaseCheck):
                return check.address
        raise Broken(
            f"{service.name} has no database check, so nobody knows where to log in",
            where=self.platform.name,
            next_step="add one to the catalogue, and run vigie apply",
        )

    def taken(self, item: Item) -> str:
        """What earlier moves took of this credential and nobody gave back since; empty where that is nothing."""
        with open_journal() as journal:
            return taken_from(journal, self.platform.name, item)

    def shares(self, item: Item) -> dict[str, int]:
        """Site -> per cent: the item's share to its site, the rest to the other one."""
        others = [site for site in self.platform.sites if site != item.site]
        share = item.share if item.share is not None else 100
        return {item.site: share, **dict.fromkeys(others, 0), others[0]: 100 - share}

    def recycled(self, item: Item) -> Change:
        """A restart of what holds caches and pools on what was moved."""
        service = self.counterpart(item)
        restarter = open_restarter(self.platform, service)
        (target, *_) = restarter.read_targets(self.platform, service)
        return restarter.restart(self.platform, service, target.item)


def parts_of(platform: str) -> Parts:
    """Those of a platform as `vigie apply` saved it."""
    return Parts(load_platform(platform).platform)


def taken_from(journal: RecoveryJournal, platform: str, item: Item) -> str:
    """The same with a journal at hand."""
    taking, giving = (
        str(Item(verb, item.thing, item.site)) for verb in (Verb.REVOKE_CREDENTIAL, Verb.GRANT_CREDENTIAL)
    )
    return outstanding(tuple(journal.touched(platform, taking=taking, giving=giving)))


_OF_CREDENTIALS = frozenset({Verb.REVOKE_CREDENTIAL, Verb.GRANT_CREDENTIAL})
_CHANGES: Mapping[Verb, Callable[[Parts, Item], Change]] = {
    Verb.FENCE_DATABASE: lambda parts, item: parts.member(item.thing, item.site).fence(),
    Verb.DRAIN_DATABASE: lambda parts, item: parts.member(item.thing, item.site).drain(),
    Verb.RELEASE_DATABASE: lambda parts, item: parts.member(item.thing, item.site).release(),
    Verb.PROMOTE_DATABASE: lambda parts, item: parts.member(item.thing, item.site).promote(),
    Verb.RESTORE_DATABASE: lambda parts, item: parts.member(item.thing, item.site).restore(
        parts.moment(item), parts.other_member(item).look().timeline
    ),
    Verb.ADOPT_RESTORED: lambda parts, item: parts.member(item.thing, item.site).adopt(parts.moment(item)),
    Verb.OPEN_DATABASE: lambda parts, item: parts.member(item.thing, item.site).open(),
    Verb.STAND_ALONE: lambda parts, item: parts.member(item.thing, item.site).stand_alone(),
    Verb.FOLLOW_DATABASE: lambda parts, item: parts.member(item.thing, item.site).follow(parts.other_member(item)),
    Verb.PROTECT_DATABASE: lambda parts, item: parts.member(item.thing, item.site).protect(parts.other_member(item)),
    Verb.PROTECT_WHILE_FOLLOWED: lambda parts, item: parts.member(item.thing, item.site).protect_while_followed(
        parts.other_member(item)
    ),
    Verb.SAVE_BEYOND: lambda parts, item: parts.member(item.thing, item.site).save_beyond(
        parts.other_member(item).look(), str(item)
    ),
    Verb.STOP_MACHINE: lambda parts, item: parts.compute(item.site).stop(parts.service(item.thing)),
    Verb.START_MACHINE: lambda parts, item: parts.compute(item.site).start(parts.service(item.thing)),
    Verb.STOP_SERVICE: lambda parts, item: parts.compute(item.site).stop(parts.counterpart(item)),
    Verb.START_SERVICE: lambda parts, item: parts.compute(item.site).start(parts.counterpart(item)),
    Verb.STOP_WORKER: lambda parts, item: parts.compute(item.site).stop(parts.worker(item)),
    Verb.START_WORKER: lambda parts, item: parts.compute(item.site).start(parts.worker(item)),
    Verb.RECYCLE_SERVICE: lambda parts, item: parts.recycled(item),
    Verb.REVOKE_CREDENTIAL: lambda parts, item: parts.credential(item.thing).revoke(),
    Verb.GRANT_CREDENTIAL: lambda parts, item: parts.credential(item.thing).grant(parts.taken(item)),
    Verb.CLOSE_TRAFFIC: lambda parts, item: parts.traffic(item.thing).close(),
    Verb.SHIFT_TRAFFIC: lambda parts, item: parts.traffic(item.thing).shift(parts.shares(item)),
}


def _named(block: str | None, key: str) -> str:
    if block is None:
        raise Refused(
            f"the catalogue names no block for {key}, so nobody may act there",
            where="the catalogue",
            next_step=f"save the block, name it under {key}, and run vigie apply",
        )
    return block
