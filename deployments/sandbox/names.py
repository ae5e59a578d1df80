"""Which real names does the sandbox serve, and which of its components is behind each?

The catalogue and every check use these names; only the connect map of the probes differs from
production. A name of the catalogue that is missing here would be asked of the real Internet, so a
test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployments.sandbox.state import State

REPLICATION = "replication.hearth.example:5432"
REPLICATION_BACK = "replication.dc-west.hearth.example:5432"  # the line after a move
NAME_SERVER = "ns1.hearth.example:53"


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is host:port as clients write it; `component` answers behind the relay, where its ready file says `at`."""

    name: str
    component: str
    at: str = "address"


ROUTES = (
    Route("api.hearth.example:443", "device-api"),
    Route("updates.hearth.example:443", "device-updates"),
    Route("api.dc-west.hearth.example:443", "device-api-recovery"),
    Route("shop.storefront.example:443", "shop"),
    Route("db1.hearth.example:5432", "household-primary"),
    Route("db2.dc-west.hearth.example:5432", "household-standby"),
    Route("db2.hearth.example:5432", "household-standby"),
    Route(REPLICATION, "household-primary"),
    Route(REPLICATION_BACK, "household-standby"),
    Route("db1.hearth.example:8443", "household-primary", "door"),
    Route("db2.dc-west.hearth.example:8443", "household-standby", "door"),
)


def connect_map(state: State) -> dict[str, str]:
    """`host:port` of every real name that is served now -> `127.0.0.1:port`, for a ProbeNetwork block."""
    relays: dict[str, str] = state.read_ready("relay").get("relays", {})
    served = {route.name: relays[route.name] for route in ROUTES if route.name in relays}
    resolver = state.address("nameserver")
    return served | ({NAME_SERVER: resolver} if resolver else {})


def relayed_port(state: State, name: str) -> int:
    """The port of `name`'s relay. Raises KeyError before the relay is ready."""
    return int(state.read_ready("relay")["relays"][name].rpartition(":")[2])
