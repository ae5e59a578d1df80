"""What can be broken, and how?

One line a service. Each way of breaking is a list of actions on what is really there: a process that is
killed, a port that is closed, a certificate that has expired, or an order to the simulator of the cloud.
What is not in this table is refused, and the refusal says what is possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from blocks.errors import Refused
from deployments.sandbox.names import BETWEEN, DOOR, REPLICATION, ROUTES, line_of_vigie

How = Literal[
    "kill", "slow", "refuse", "partition", "expired-cert", "wrong-body", "throttle", "metric-spike", "replication-stop"
]


ChangeHow = Literal["drop-after", "slow-effect", "no-effect"]


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to a component; mended by starting it again, unless it rested."""

    component: str


@dataclass(frozen=True, slots=True)
class Tell:
    """An order to a component's /_sandbox routes. `delay_s` is for slow relays."""

    component: str
    target: str
    how: str
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The power of several components goes at once; mended when it returns. What rested goes on resting."""

    components: tuple[str, ...]


Action = Kill | Tell | Cut


def components_of(action: Action) -> tuple[str, ...]:
    """The components that an action acts on."""
    return action.components if isinstance(action, Cut) else (action.component,)


def _web(site: str, name: str) -> dict[str, tuple[Action, ...]]:
    return {
        "kill": (Kill(site),),
        "slow": (Tell("relay", name, "slow", 1.2),),
        "refuse": (Tell("relay", name, "refuse"),),
        "partition": (Tell("relay", name, "partition"),),
        "expired-cert": (Tell(site, site, "expired-cert"),),
        "wrong-body": (Tell(site, site, "wrong-body"),),
    }


def _database(server: str, name: str) -> dict[str, tuple[Action, ...]]:
    return {
        "kill": (Kill(server),),
        "slow": (Tell("relay", name, "slow", 0.2),),
        "refuse": (Tell("relay", name, "refuse"),),
        "partition": (Tell("relay", name, "partition"),),
        "replication-stop": (Tell("relay", REPLICATION, "refuse"),),
    }


def _cloud(simulator: str, target: str, *hows: str) -> dict[str, tuple[Action, ...]]:
    return {how: (Tell(simulator, target, how),) for how in hows}


def _cloud_down(simulator: str, target: str) -> dict[str, tuple[Action, ...]]:
    return {"throttle": (Tell(simulator, target, "throttle"),), "refuse": (Tell(simulator, target, "region-down"),)}


def _whole(cloud: Tell, *components: str) -> dict[str, tuple[Action, ...]]:
    """A site as a whole: dark, or there for its clients and out of reach for vigie, its standby and the other site.

    In both cases the cloud's interface for what runs there answers nothing; what is global (traffic) goes on.
    """
    between = [*BETWEEN, *(route.name for route in ROUTES if route.at == DOOR)]  # the two sites
    ours = [route.name for route in ROUTES if route.component in components and route.name not in BETWEEN]
    lines = tuple(Tell("relay", name, "partition") for name in (*between, *map(line_of_vigie, ours)))
    return {"kill": (Cut(components), cloud), "partition": (*lines, cloud)}


def _component(name: str) -> dict[str, tuple[Action, ...]]:
    return {"kill": (Kill(name),)}


FAULTS: dict[str, dict[str, tuple[Action, ...]]] = {
    # hearth, on Azure
    "device-api": _web("device-api", "api.azure-west.hearth.example:443")
    | _cloud("azure", "hearth-device-api", "throttle", "metric-spike"),
    "device-updates": _web("device-updates", "updates.hearth.example:443"),
    "message-ingestion": _cloud("azure", "hearth-hub", "kill", "throttle", "metric-spike"),
    "household-data": _database("household-primary", "db1.hearth.example:5432"),
    "household-data-vm": _cloud("azure", "hearth-db-1", "throttle", "metric-spike")
    | {"kill": (Tell("azure", "hearth-db-1", "kill"), Kill("household-primary"))},
    "archive": _cloud("azure", "hearthararchive", "kill", "throttle", "metric-spike"),
    "household-digest": _component("household-digest") | _cloud("azure", "hearth-digest", "throttle", "metric-spike"),
    "name-service": _component("nameserver") | _cloud("nameserver", "name-service", "slow", "wrong-body"),
    # hearth, in the private cloud
    "household-data-standby": _database("household-standby", "db2.dc-west.hearth.example:5432"),
    "device-api-recovery": _web("device-api-recovery", "api.dc-west.hearth.example:443"),
    "standby-server": _cloud("openstack", "standby-server", "kill"),
    "household-digest-recovery": _component("household-digest-recovery"),
    "private-cloud": _cloud("openstack", "private-cloud", "kill", "throttle", "metric-spike"),
    # storefront, on AWS
    "web-fleet": _cloud("aws", "web-fleet", "kill", "throttle", "metric-spike"),
    "web-balancer": _web("shop", "shop.storefront.example:443")
    | _cloud("aws", "web-balancer", "throttle", "metric-spike"),
    "orders-queue": _cloud("aws", "orders-queue", "throttle", "metric-spike"),
    "orders-db": _cloud("aws", "orders-db", "kill", "throttle", "metric-spike"),
    "carts": _cloud("aws", "carts", "throttle", "metric-spike"),
    # the clouds' own interfaces, and what vigie itself stands on
    "azure-west": _cloud_down("azure", "*")
    | _whole(
        Tell("azure", "westeurope", "region-down"),
        "household-primary",
        "device-api",
        "device-updates",
        "household-digest",
    ),
    "aws-ireland": _cloud_down("aws", "aws-ireland"),
    "dc-west": _cloud_down("openstack", "dc-west")
    | _whole(
        Tell("openstack", "dc-west", "region-down"),
        "household-standby",
        "device-api-recovery",
        "household-digest-recovery",
    ),
    "azure": _component("azure"),
    "aws": _component("aws"),
    "openstack": _component("openstack"),
    "slack": _component("slack") | _cloud("slack", "slack", "throttle"),
    "pager": _component("pager") | _cloud("pager", "pager", "throttle"),
}


CHANGE_FAULTS: dict[str, dict[str, tuple[Action, ...]]] = {
    "device-api": _cloud("azure", "hearth-device-api", *get_args(ChangeHow)),
    "household-data-vm": _cloud("azure", "hearth-db-1", *get_args(ChangeHow)),
    "household-digest": _cloud("azure", "hearth-digest", *get_args(ChangeHow)),
    "household-digest-recovery": _cloud("openstack", "household-digest-recovery", *get_args(ChangeHow)),
    "device-api-recovery": _cloud("openstack", "device-api-recovery", *get_args(ChangeHow)),
    "standby-server": _cloud("openstack", "standby-server", *get_args(ChangeHow)),
    "web-fleet": _cloud("aws", "web-fleet", *get_args(ChangeHow)),
}
"""What goes wrong only when the service is restarted; until then it is well, and no sweep sees anything."""


RecoveryHow = Literal["no-capacity", "host-down", "drop-after", "no-effect"]
RECOVERY_FAULTS: dict[str, dict[str, tuple[Action, ...]]] = {
    "private-cloud": _cloud("openstack", "private-cloud", "no-capacity"),
    "standby-server": _cloud("openstack", "standby-server", "host-down"),
    "device-api-recovery": _cloud("openstack", "device-api-recovery", "host-down"),
    "name-service": _cloud("nameserver", "name-service", "drop-after", "no-effect"),
}
"""What goes wrong only when a platform moves: no check of health sees it before."""


def ways(service: str) -> dict[str, tuple[Action, ...]]:
    """Every way to break a service, with those that show only when it is changed."""
    return FAULTS[service] | CHANGE_FAULTS.get(service, {}) | RECOVERY_FAULTS.get(service, {})


def actions_for(service: str, how: str) -> tuple[Action, ...]:
    """What breaking `service` like that means. Raises `Refused` with what is possible."""
    name = service.rpartition("/")[2]
    if name not in FAULTS:
        raise Refused(f"the sandbox has no service {service!r}", next_step=f"choose among {', '.join(FAULTS)}")
    if how not in ways(name):
        possible = ", ".join(ways(name))
        said = f"{name} cannot be broken by {how!r}" if how else f"it is not said how {name} is to be broken"
        raise Refused(said, next_step=f"for {name} choose among {possible}, with --how")
    return ways(name)[how]
