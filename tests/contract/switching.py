"""The switches that send clients to sites: one entry each in SWITCHING."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from blocks.catalogue.model import Platform
from blocks.clock import SystemClock
from blocks.ports.changes import Change
from blocks.ports.network import Routes
from blocks.ports.recovery import Traffic
from tests.contract.clouds import simulated_azure

HERE, THERE = "azure-west", "dc-west"  # clients are all here before a test


@dataclass
class Switching:
    """One switch between two sites, and what a test may do to it.

    `served` is what a client would find, measured beside the adapter; `meddle` is somebody else who changes the
    switch; `divides` says whether it can send some clients here and some there.
    """

    name: str
    switch: Any
    ttl: timedelta
    reader: Any
    operator: Any
    stranger: Any  # an operator's block with a wrong secret
    weak: Any  # an operator's block that opens, and may change nothing; None where there is none
    open_traffic: Callable[..., Traffic]
    break_: Callable[[str], None]
    mend: Callable[[], None]
    meddle: Callable[[], None]
    served: Callable[[], Mapping[str, int]]
    sent_count: Callable[[], int]  # how often a change went over the wire
    act: str  # what it asks of the provider, in its own words
    simulator: Any
    divides: bool = True
    at_once: bool = False  # what it confirmed is so: there is no later
    opened: list[str] = field(default_factory=list)

    def traffic(self, operator: Any = None) -> Traffic:
        """A fresh one, as after a crash."""

        def opened() -> Any:
            self.opened.append("operator")
            return operator or self.operator

        return self.open_traffic(self.switch, self.reader, opened, routes=Routes(), clock=SystemClock())

    def change(self, there: int = 100, operator: Any = None) -> Change:
        """Send `there` per cent of clients to the other site."""
        return self.traffic(operator).shift({HERE: 100 - there, THERE: there})


def platform_with(switch: dict[str, Any]) -> Platform:
    """A platform in two sites with a recovery plan that has that switch."""
    site = {"provider": "azure", "region": "westeurope", "credentials": "reader"}
    return Platform.model_validate(
        {
            "name": "hearth",
            "customer": "hearth",
            "sites": {
                HERE: site | {"name": HERE, "role": "primary"},
                THERE: site | {"name": THERE, "role": "recovery", "provider": "openstack", "region": THERE},
            },
            "services": {},
            "recovery": {
                "rto": "15m",
                "rpo": "1m",
                "priority": 1,
                "commit_window": "1h",
                "services": {},
                "traffic": {"api": {"name": "api"} | switch},
                "proofs": ["api/health"],
            },
        }
    )


@contextmanager
def azure(folder: Path) -> Iterator[Switching]:
    """A Traffic Manager profile in the simulated Azure, as the sandbox seeds it."""
    from blocks.azure.actions import TRAFFIC_ACTION
    from blocks.azure.traffic import open_traffic
    from deployments.sandbox.azure_resources import Address
    from deployments.sandbox.azure_seed import seed_profile
    from deployments.sandbox.azure_store import Store
    from deployments.sandbox.azure_traffic import with_endpoint
    from tests.contract.azure.conftest import GROUP

    address = f"{GROUP}/Microsoft.Network/trafficManagerProfiles/hearth-api"
    endpoints = {HERE: "azure-west", THERE: "dc-west"}
    platform = platform_with(
        {"kind": "azure.traffic_manager", "resource": address, "site": HERE, "endpoints": endpoints}
    )
    assert platform.recovery is not None
    switch, store = platform.recovery.traffic["api"], Store()
    seed_profile(store, platform, switch)

    def meddle() -> None:
        profile, parsed = store.find(address), Address.parse(address)
        assert parsed is not None
        half = {"properties": {"endpointStatus": "Enabled", "weight": 100}}
        changed, _ = with_endpoint(profile, "ExternalEndpoints/dc-west", half, whole=False)
        store.patch(parsed, {"properties": changed["properties"]})

    with simulated_azure(folder, store) as opened:
        yield Switching(
            name="azure.traffic_manager",
            switch=switch,
            ttl=timedelta(seconds=30),
            reader=opened.reader,
            operator=opened.operator,
            stranger=opened.stranger,
            weak=opened.weak,
            open_traffic=open_traffic,
            break_=lambda how: opened.break_("hearth-api", how),
            mend=lambda: opened.mend("hearth-api"),
            meddle=meddle,
            served=lambda: {name: round(share) for name, share in opened.simulator.shares()["hearth-api"].items()},
            sent_count=lambda: sum(action == TRAFFIC_ACTION.lower() for _, action in opened.calls()),
            act=TRAFFIC_ACTION,
            simulator=opened.simulator,
        )


@contextmanager
def name_server(folder: Path) -> Iterator[Switching]:
    """A record of the sandbox's name server, changed as RFC 2136 has it; a name sends everybody to one site."""
    import dns.message
    import dns.opcode
    import dns.rcode

    from blocks.dns.traffic import open_traffic
    from tests.contract.dns.conftest import DC, SWITCH, WEST, Place, new_key, placed, sandbox

    def failing(wire: bytes, _ask: Callable[[bytes], bytes]) -> bytes:
        answer = dns.message.make_response(dns.message.from_wire(wire, keyring=place.operator.key()))
        answer.set_rcode(dns.rcode.SERVFAIL)
        return answer.to_wire()

    def break_(how: str) -> None:
        if how == "drop-after":
            place.line.lose_answers_to_changes()
        else:
            place.line.alter = {"throttle": lambda _wire, _ask: None, "error": failing}[how]

    def mend() -> None:
        place.line.alter = lambda wire, ask: ask(wire)

    with sandbox(folder) as (port, key), placed("sandbox", port, key) as opened:
        place: Place = opened
        platform = platform_with({name: value for name, value in SWITCH.items() if name != "name"})
        assert platform.recovery is not None
        yield Switching(
            name="dns",
            switch=platform.recovery.traffic["api"],
            ttl=timedelta(seconds=30),
            reader=None,
            operator=key,
            stranger=new_key(key.name),
            weak=None,
            open_traffic=lambda switch, reader, operator, *, routes, clock: open_traffic(
                switch, reader, operator, routes=replace(routes, connect_to=place.routes.connect_to), clock=clock
            ),
            break_=break_,
            mend=mend,
            meddle=lambda: place.somebody_writes("203.0.113.66") and None,
            served=lambda: {site: 100 * (place.stands() == [value]) for site, value in ((HERE, WEST), (THERE, DC))},
            sent_count=lambda: place.line.changes,
            act="update",
            simulator=place,
            divides=False,
            at_once=True,
        )


SWITCHING: dict[str, Callable[[Path], AbstractContextManager[Switching]]] = {
    "azure.traffic_manager": azure,
    "dns": name_server,
}
