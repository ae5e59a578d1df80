"""Which real names does the sandbox serve, and which of its components is behind each?

The catalogue and every check use these names; only the connect map of the probes differs from
production. A name of the catalogue that is missing here would be asked of the real Internet, so a
test compares the two.

Every name is reached by two lines: the one of clients, and vigie's own in front of it. So vigie's network can be
cut while clients see nothing of it. A database host's door has no clients: the first line is the other host's, and
vigie's is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.sandbox.state import State

REPLICATION = "replication.hearth.example:5432"
REPLICATION_BACK = "replication.dc-west.hearth.example:5432"  # the line after a move
NAME_SERVER = "ns1.hearth.example:53"
DOOR = "door"
COPY = "copy"  # of a drill, beside the server of the same name


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is host:port as clients write it; `component` answers behind the relay, where its ready file says `at`."""

    name: str
    component: str
    at: str = "address"


@dataclass(frozen=True, slots=True)
class Entrance:
    """A name whose clients are sent to one of several sites, as the traffic `profile` says.

    `sites`: endpoint of the profile (a site) -> the name of what answers there. `first`: until the profile is known.
    """

    name: str
    profile: str
    sites: Mapping[str, str]
    first: str


ROUTES = (
    Route("api.azure-west.hearth.example:443", "device-api"),
    Route("updates.hearth.example:443", "device-updates"),
    Route("api.dc-west.hearth.example:443", "device-api-recovery"),
    Route("shop.storefront.example:443", "shop"),
    Route("db1.hearth.example:5432", "household-primary"),
    Route("db2.dc-west.hearth.example:5432", "household-standby"),
    Route("db2.hearth.example:5432", "household-standby"),
    Route(REPLICATION, "household-primary"),
    Route(REPLICATION_BACK, "household-standby"),
    Route("db1.hearth.example:8443", "household-primary", DOOR),
    Route("db2.dc-west.hearth.example:8443", "household-standby", DOOR),
    Route("db1.hearth.example:5433", "household-primary", COPY),
    Route("db2.dc-west.hearth.example:5433", "household-standby", COPY),
    Route(NAME_SERVER, "nameserver"),  # by TCP; who asks it by UDP is led to itself
)

ENTRANCES = (
    Entrance(
        "api.hearth.example:443",
        "hearth-api",
        {"azure-west": "api.azure-west.hearth.example:443", "dc-west": "api.dc-west.hearth.example:443"},
        first="azure-west",
    ),
)


def connect_map(state: State) -> dict[str, str]:
    """`host:port` of every real name that is served now -> `127.0.0.1:port`, by vigie's line: for its probes."""
    return _with_resolver(state, state.read_ready("relay").get("lines", {}))


def outside_map(state: State) -> dict[str, str]:
    """The same by the line of clients: what somebody sees who does not share vigie's network."""
    return _with_resolver(state, state.read_ready("relay").get("relays", {}))


def line_of_vigie(name: str) -> str:
    """What vigie's own line to a name is called, where it is to be broken."""
    return f"vigie>{name}"


def _with_resolver(state: State, served: Mapping[str, str]) -> dict[str, str]:
    resolver = state.address("nameserver")
    return {**served, **({NAME_SERVER: resolver} if resolver else {})}


def relayed_port(state: State, name: str) -> int:
    """The port of `name` on the line of clients. Raises KeyError before the relay is ready."""
    return int(state.read_ready("relay")["relays"][name].rpartition(":")[2])
