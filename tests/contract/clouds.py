"""The three clouds of the sandbox, each on a loop and a thread of its own, for adapters that block."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from blocks.catalogue.model import Platform, Service
from blocks.clock import SystemClock
from blocks.errors import Refused
from blocks.ports.changes import Restarter
from blocks.ports.network import Routes


@dataclass
class Cloud:
    """One cloud with a service that can be restarted, and what a test may do to it.

    `acted_count` says how often the cloud accepted a restart; `unready` brings it into a state in which a
    restart must be refused, `refusal` is what the refusal says then.
    """

    name: str
    service: Service
    other: Service
    reader: Any
    operator: Any
    stranger: Any  # an operator's block with a wrong secret
    weak: Any  # an operator's block that opens, and may not restart anything
    strong: Any  # an operator's block that may more than a restart needs; None where there is none
    open_restarter: Callable[..., Restarter]
    break_: Callable[[str], None]
    mend: Callable[[], None]
    acted_count: Callable[[], int]
    unready: Callable[[], None]
    refusal: str
    calls: Callable[[], list[tuple[str, str]]]  # (who, action in the provider's words) of each call so far
    simulator: Any
    opened: list[str] = field(default_factory=list)

    @property
    def platform(self) -> Platform:
        services = {each.name: each for each in (self.service, self.other)}
        provider = self.service.kind.partition(".")[0]
        site = {"name": "here", "provider": provider, "region": _REGIONS[provider], "role": "primary"}
        return Platform.model_validate(
            {
                "name": "port",
                "customer": "port",
                "sites": {"here": site | {"credentials": "reader", "operator": "operator"}},
                "services": {name: each.model_dump() for name, each in services.items()},
            }
        )

    def as_admin(self, service: str) -> Any:
        """A client of the emulated AWS that may do anything."""
        return self.simulator._client(service, _REGIONS["aws"])

    def restarter(self, operator: Any = None) -> Restarter:
        """A fresh one, as after a crash."""

        def opened() -> Any:
            self.opened.append("operator")
            return operator or self.operator

        return self.open_restarter(self.reader, opened, routes=Routes(), clock=SystemClock())

    def items(self, service: Service | None = None) -> list[str]:
        return [target.item for target in self.restarter().read_targets(self.platform, service or self.service)]


_REGIONS = {"azure": "westeurope", "aws": "eu-west-3", "openstack": "dc-west"}


@contextmanager
def loop_of_its_own() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """`run(coroutine)` on a loop in another thread, while the context lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def named(name: str, kind: str, resource: str) -> Service:
    """A service as the catalogue has it, without checks."""
    return Service(name=name, kind=kind, site="here", resource=resource)


@dataclass
class SimulatedAzure:
    """The simulated Azure with the credentials that tests open."""

    simulator: Any
    reader: Any
    operator: Any
    stranger: Any
    weak: Any

    def break_(self, name: str, how: str) -> None:
        self.simulator.faults.apply(name, how, {})

    def mend(self, name: str) -> None:
        self.simulator.faults.mend(name)

    def acted_count(self) -> int:
        return sum(event["status"]["value"] == "Started" for event in self.simulator.log.events)

    def calls(self) -> list[tuple[str, str]]:
        return [(one["caller"], arm_action(one["method"], one["path"])) for one in self.simulator.traffic.exchanges]


@contextmanager
def simulated_azure(folder: Path, store: Any) -> Iterator[SimulatedAzure]:
    """Azure with what is in the store; what it said against the published models fails the test."""
    from blocks.azure.actions import EXAMINE_ACTIONS, MOVE_ACTIONS, RESTART_ACTIONS
    from blocks.azure.block import AzureOperator, AzureReader
    from deployments.sandbox.azure_app import AzureSimulator
    from deployments.sandbox.azure_login import Login
    from deployments.sandbox.azure_spec import Specification
    from tests.conftest import conformance_dir
    from tests.contract.azure.conftest import SUBSCRIPTION, served

    login = Login("tenant-1", "reading", "reading-secret", others={"acting": "acting-secret"})
    published = conformance_dir() / "azure-rest"
    simulator = AzureSimulator(store, login, Specification(published) if published.exists() else None)
    simulator.log.late = timedelta(milliseconds=500)
    simulator.granted_to["acting"] = [*EXAMINE_ACTIONS, *RESTART_ACTIONS.values(), *MOVE_ACTIONS]
    with loop_of_its_own() as run:
        serving = served(simulator.application(), folder)
        address, ca_file = run(serving.__aenter__())
        try:
            fields = {
                "tenant_id": "tenant-1",
                "subscription_id": SUBSCRIPTION,
                "arm_endpoint": f"https://{address}",
                "authority_host": f"https://{address}",
                "ca_file": ca_file,
            }
            acting = {"client_id": "acting", **fields}
            reading = {"client_id": "reading", "client_secret": "reading-secret", **fields}
            yield SimulatedAzure(
                simulator,
                reader=AzureReader(**reading),
                operator=AzureOperator(client_secret="acting-secret", **acting),
                stranger=AzureOperator(client_secret="planted-and-wrong", **acting),
                weak=AzureOperator(**reading),
            )
        finally:
            run(serving.__aexit__(None, None, None))
    assert (list(simulator.traffic.violations), list(simulator.traffic.unknown)) == ([], [])


@contextmanager
def azure(folder: Path, kind: str) -> Iterator[Cloud]:
    """An app or a machine in the simulated Azure."""
    from blocks.azure.restart import open_restarter
    from deployments.sandbox.azure_kinds import CATALOGUE_KINDS
    from deployments.sandbox.azure_seed import seed
    from deployments.sandbox.azure_store import Store
    from tests.contract.azure.conftest import GROUP

    store, names = Store(), ("hearth-main", "hearth-other")
    addresses = [f"{GROUP}/{CATALOGUE_KINDS[kind]}/{name}" for name in names]
    for address in addresses:
        seed(store, address, kind, "westeurope")

    def unready() -> None:
        resource = store.find(addresses[0])
        if kind == "azure.app_service":
            resource.body["properties"]["state"] = "Stopped"
        else:
            resource.power = "deallocated"

    with simulated_azure(folder, store) as opened:
        yield Cloud(
            name=kind,
            service=named("main", kind, addresses[0]),
            other=named("other", kind, addresses[1]),
            reader=opened.reader,
            operator=opened.operator,
            stranger=opened.stranger,
            weak=opened.weak,
            strong=None,
            open_restarter=open_restarter,
            break_=lambda how: opened.break_(names[0], how),
            mend=lambda: opened.mend(names[0]),
            acted_count=opened.acted_count,
            unready=unready,
            refusal="is Stopped, 2 of 2 instances" if kind == "azure.app_service" else "is PowerState/deallocated",
            simulator=opened.simulator,
            calls=opened.calls,
        )


@contextmanager
def emulated_aws(folder: Path) -> Iterator[Any]:
    """One emulator for all tests of a process, in a region that no other test uses: moto is one a process."""
    from blocks.aws.block import READER_ACTIONS
    from deployments.sandbox.aws import AwsEmulator
    from deployments.sandbox.state import State
    from tests.contract.aws.conftest import CHECKS, make_catalogue

    wanted = make_catalogue({name: CHECKS[name] for name in ("fleet", "balancer")}, region=_REGIONS["aws"])
    with AwsEmulator(State.at(folder), wanted, actions=READER_ACTIONS) as emulator:
        yield emulator


@contextmanager
def aws(emulator: Any) -> Iterator[Cloud]:
    """An Auto Scaling group of three behind a target group; whole again afterwards."""
    from blocks.aws.clients import AwsClients
    from blocks.aws.restart import open_restarter
    from tests.contract.aws.conftest import ask, credentials_for

    def whole() -> bool:
        ask(emulator, "mend", target="fleet")
        return not fleet_cloud.restarter().restart(fleet_cloud.platform, fleet, fleet_cloud.items()[0]).check()

    def keys(key: Any, **changes: Any) -> Any:
        own = {"aws_access_key_id": key.key_id, "aws_secret_access_key": key.secret}
        return credentials_for(emulator, **(own | changes))

    def acted() -> int:
        clients = AwsClients(credentials_for(emulator))
        said = clients.client("autoscaling", _REGIONS["aws"]).describe_scaling_activities()["Activities"]
        clients.close()
        return sum(activity["Description"].startswith("Terminating") for activity in said)

    called = len(ask(emulator, "traffic")["calls"])
    fleet, before = named("fleet", "aws.autoscaling_group", "shop-web"), acted()
    fleet_cloud = Cloud(
        name="aws.autoscaling_group",
        service=fleet,
        other=fleet,
        reader=keys(emulator.reader),
        operator=keys(emulator.operator),
        stranger=keys(emulator.operator, aws_secret_access_key="planted-and-wrong"),
        weak=keys(emulator.reader),
        strong=keys(emulator.admin),
        open_restarter=open_restarter,
        break_=lambda how: ask(emulator, "break", target="fleet", how=how) and None,
        mend=lambda: ask(emulator, "mend", target="fleet") and None,
        acted_count=lambda: acted() - before,
        unready=lambda: ask(emulator, "break", target="fleet", how="kill") and None,
        refusal="0 of the 2 other instances of shop-web are in service",
        simulator=emulator,
        calls=lambda: [
            (call["who"].rpartition("/")[2], call["action"]) for call in ask(emulator, "traffic")["calls"][called:]
        ],
    )
    yield fleet_cloud
    _until(whole)


@contextmanager
def openstack(folder: Path) -> Iterator[Cloud]:
    """A server of the simulated private cloud."""
    from blocks.openstack.block import OpenStackOperator, OpenStackReader
    from blocks.openstack.restart import open_restarter
    from deployments.sandbox.openstack import OpenStackSimulator
    from deployments.sandbox.state import State
    from tests.contract.openstack.conftest import make_catalogue

    def opened(kind: Any, user: Any, **changes: Any) -> Any:
        fields = {"auth_url": simulator.auth_url, "ca_file": str(simulator.ca_file)}
        own = {
            "application_credential_id": user.application_credential,
            "application_credential_secret": user.secret,
        }
        return kind(**(fields | own | changes))

    def unready() -> None:
        server = next(server for server in simulator.cloud.servers if server.name == "app-1")
        server.status, server.task, server.done_at = "REBOOT", "rebooting", float("inf")

    with loop_of_its_own() as run:
        simulator = OpenStackSimulator(State.at(folder), make_catalogue(), page_size=1)
        run(simulator.start())
        try:
            yield Cloud(
                name="openstack.server",
                service=named("app", "openstack.server", "app-1"),
                other=named("standby", "openstack.server", "db-2"),
                reader=opened(OpenStackReader, simulator.application),
                operator=opened(OpenStackOperator, simulator.restarter),
                stranger=opened(
                    OpenStackOperator, simulator.restarter, application_credential_secret="planted-and-wrong"
                ),
                weak=opened(OpenStackOperator, simulator.application),
                strong=OpenStackOperator(
                    auth_url=simulator.auth_url,
                    ca_file=str(simulator.ca_file),
                    username=simulator.operator.name,
                    password=simulator.operator.secret,
                    project_name=simulator.cloud.project,
                ),
                open_restarter=open_restarter,
                break_=lambda how: simulator.cloud.control("break", "app", how) and None,
                mend=lambda: simulator.cloud.control("mend", "app", "") and None,
                acted_count=lambda: sum(len(server.actions) for server in simulator.cloud.servers),
                unready=unready,
                refusal=r"REBOOT \(rebooting\)",
                simulator=simulator,
                calls=lambda: [(call["who"], call["action"]) for call in simulator.traffic],
            )
        finally:
            run(simulator.stop())


def arm_action(method: str, path: str) -> str:
    """The action that Resource Manager checks: the types of the last provider, and the verb."""
    provider, *rest = path.lower().rpartition("/providers/")[2].split("/")
    if provider == "microsoft.insights":
        return "microsoft.insights/eventtypes/values/read"  # its own name for .../eventtypes/management/values
    verb = {"POST": "action", "PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(method, "read")
    return "/".join([provider, *rest[::2], verb])


def _until(true: Callable[[], bool]) -> None:
    """Until what a test left behind is over."""
    deadline = time.monotonic() + 20
    while True:
        try:
            if true():
                return
        except Refused:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


CLOUDS: dict[str, Callable[[Any], AbstractContextManager[Cloud]]] = {
    "aws.autoscaling_group": aws,
    "azure.app_service": lambda folder: azure(folder, "azure.app_service"),
    "azure.virtual_machine": lambda folder: azure(folder, "azure.virtual_machine"),
    "openstack.server": openstack,
}
