"""The clouds whose services are started, stopped and resized: one entry each in COMPUTING."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from blocks.catalogue.model import Service, Site
from blocks.clock import SystemClock
from blocks.ports.changes import Change
from blocks.ports.network import Routes
from blocks.ports.recovery import Compute
from tests.contract.clouds import loop_of_its_own, named, simulated_azure

DEEDS = ("stop", "start", "resize")


@dataclass
class Computing:
    """One cloud with a service that is started, stopped and resized, and what a test may do to it.

    `acts` names what each deed asks of the provider, in its own words; `prepare` brings the service into the state
    that a deed changes; `occupy` lets something else go on with it; `acted_count` counts accepted changes.
    """

    name: str
    service: Service
    other: Service
    site: Site
    size: str  # it has another one
    reader: Any
    operator: Any
    stranger: Any  # an operator's block with a wrong secret
    weak: Any  # an operator's block that opens, and may change nothing
    open_compute: Callable[..., Compute]
    break_: Callable[[str], None]
    mend: Callable[[], None]
    prepare: Callable[[str], None]
    occupy: Callable[[], None]
    acted_count: Callable[[], int]
    calls: Callable[[], list[tuple[str, str]]]  # (who, action in the provider's words) of each call so far
    acts: dict[str, str]
    simulator: Any
    evacuates: bool = False
    in_two: frozenset[str] = frozenset()  # deeds that are asked for, waited for, and confirmed by a second call
    hurry: Callable[[Change], Change] = field(default=lambda change: change)  # an act that waits, and not for long
    opened: list[str] = field(default_factory=list)

    def compute(self, operator: Any = None) -> Compute:
        """A fresh one, as after a crash."""

        def opened() -> Any:
            self.opened.append("operator")
            return operator or self.operator

        return self.open_compute(self.reader, opened, routes=Routes(), clock=SystemClock())

    def change(self, deed: str, operator: Any = None, service: Service | None = None) -> Change:
        compute, asked = self.compute(operator), service or self.service
        if deed == "resize":
            return self.hurry(compute.resize(asked, self.size))
        return self.hurry(compute.start(asked) if deed == "start" else compute.stop(asked))

    def sent(self, deed: str) -> int:
        """How often the act of a deed went over the wire."""
        return sum(action.lower() == self.acts[deed].lower() for _, action in self.calls())


@contextmanager
def azure(folder: Path, kind: str, size: str) -> Iterator[Computing]:
    """Two apps on one plan, or two machines, in the simulated Azure."""
    from blocks.azure.actions import COMPUTE_ACTIONS
    from blocks.azure.compute import open_compute
    from deployments.sandbox.azure_kinds import CATALOGUE_KINDS
    from deployments.sandbox.azure_resources import Address
    from deployments.sandbox.azure_seed import seed
    from deployments.sandbox.azure_store import Store
    from tests.contract.azure.conftest import GROUP

    store, names = Store(), ("hearth-main", "hearth-other")
    addresses = [f"{GROUP}/{CATALOGUE_KINDS[kind]}/{name}" for name in names]
    for address in addresses:
        seed(store, address, kind, "westeurope")
    plan = f"{GROUP}/Microsoft.Web/serverfarms/hearth-prod-plan"

    def prepare(deed: str) -> None:
        resource = store.find(addresses[0])
        if deed == "start" and kind == "azure.app_service":
            resource.body["properties"]["state"] = "Stopped"
            resource.life.stop()
        elif deed == "start":
            resource.power = "deallocated"

    def every(act: Callable[[str], None]) -> None:
        act(names[0])
        if kind == "azure.app_service":
            act("hearth-prod-plan")

    def occupy() -> None:
        for each in [addresses[0], plan][: 1 + (kind == "azure.app_service")]:
            address = Address.parse(each)
            assert address is not None
            store.patch(address, {"tags": {"somebody": "else"}}, "slow-effect")

    with simulated_azure(folder, store) as opened:
        yield Computing(
            name=kind,
            service=named("main", kind, addresses[0]),
            other=named("other", kind, addresses[1]),
            site=Site(name="here", provider="azure", region="westeurope", role="primary", credentials="reader"),
            size=size,
            reader=opened.reader,
            operator=opened.operator,
            stranger=opened.stranger,
            weak=opened.weak,
            open_compute=open_compute,
            break_=lambda how: every(lambda name: opened.break_(name, how)),
            mend=lambda: every(opened.mend),
            prepare=prepare,
            occupy=occupy,
            acted_count=opened.acted_count,
            calls=opened.calls,
            acts=COMPUTE_ACTIONS[kind],
            simulator=opened.simulator,
        )


@contextmanager
def openstack(folder: Path) -> Iterator[Computing]:
    """Two servers of the simulated private cloud."""
    from blocks.openstack.block import OpenStackOperator, OpenStackReader
    from blocks.openstack.compute import open_compute
    from deployments.sandbox.openstack import OpenStackSimulator
    from deployments.sandbox.state import State
    from tests.contract.openstack.conftest import make_catalogue

    def opened(kind: Any, user: Any, **changes: Any) -> Any:
        fields = {"auth_url": simulator.auth_url, "ca_file": str(simulator.ca_file)}
        own = {"application_credential_id": user.application_credential, "application_credential_secret": user.secret}
        return kind(**(fields | own | changes))

    def prepare(deed: str) -> None:
        if deed == "start":
            server.status = "SHUTOFF"

    def occupy() -> None:
        server.task, server.done_at = "rebooting", float("inf")

    with loop_of_its_own() as run:
        simulator = OpenStackSimulator(State.at(folder), make_catalogue(), page_size=1)
        server = next(each for each in simulator.cloud.servers if each.name == "app-1")
        run(simulator.start())
        try:
            yield Computing(
                name="openstack.server",
                service=named("app", "openstack.server", "app-1"),
                other=named("standby", "openstack.server", "db-2"),
                site=make_catalogue().platforms["home"].sites["dc"],
                size="m1.large",
                reader=opened(OpenStackReader, simulator.application),
                operator=opened(OpenStackOperator, simulator.restarter),
                stranger=opened(
                    OpenStackOperator, simulator.restarter, application_credential_secret="planted-and-wrong"
                ),
                weak=opened(OpenStackOperator, simulator.application),
                open_compute=open_compute,
                break_=lambda how: simulator.cloud.control("break", "app", how) and None,
                mend=lambda: simulator.cloud.control("mend", "app", "") and None,
                prepare=prepare,
                occupy=occupy,
                acted_count=lambda: sum(
                    action.action != "confirmResize" for each in simulator.cloud.servers for action in each.actions
                ),
                calls=lambda: [(call["who"], call["action"]) for call in simulator.traffic if not call.get("refused")],
                acts={deed: f"os_compute_api:servers:{deed}" for deed in DEEDS},
                simulator=simulator,
                evacuates=True,
                in_two=frozenset({"resize"}),
                hurry=_hurried,
            )
        finally:
            run(simulator.stop())


def _hurried(change: Change) -> Change:
    """Its act waits three seconds at most, as nobody would in earnest."""
    found: Any = change
    return replace(found, verb=replace(found.verb, asks_for=timedelta(seconds=3)))


COMPUTING: dict[str, Callable[[Path], AbstractContextManager[Computing]]] = {
    "azure.app_service": lambda folder: azure(folder, "azure.app_service", "P1v3:3"),
    "openstack.server": openstack,
    "azure.virtual_machine": lambda folder: azure(folder, "azure.virtual_machine", "Standard_D4s_v3"),
}
