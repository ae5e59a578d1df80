"""How does a server become a standby of another, when it may have a history of its own?

    1. the other one is a primary of the same system, on a timeline that is not older
    2. this one is stopped, and fenced while its folder is neither the one nor the other
    3. what it committed that the other lacks was counted, and saved where there is something
    4. where the two diverged, pg_rewind makes its folder the other's
    5. it starts as a standby, with a slot of its own there and none left here

The rule: nothing is thrown away before 3, and an order cut off anywhere is simply given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused
from deployments.dbhost import archive
from deployments.dbhost.beyond import scan
from deployments.dbhost.decide import refuses_rewind
from deployments.dbhost.isolated import give, isolated
from deployments.dbhost.local import to_position
from deployments.dbhost.settings import OF_A_ROLE, forget_settings
from deployments.dbhost.source import Source, conninfo, read_source

if TYPE_CHECKING:
    from deployments.dbhost.keeper import Keeper
    from deployments.dbhost.memory import Operation

_CLEAN = {"shut down", "shut down in recovery"}
UNUSED_SLOTS = "SELECT slot_name::text FROM pg_replication_slots WHERE NOT active AND slot_type = 'physical'"


def follow(keeper: Keeper, operation: Operation) -> tuple[str, Mapping[str, Any]]:
    """Make this server a standby of `source`."""
    address = str(operation.arguments["source"])
    slot = str(operation.arguments.get("slot") or keeper.config.application_name)
    _require_no_primary(keeper)
    source = _source(keeper, address, slot)
    keeper.halt(clean=True)
    keeper.memory.raise_fence(operation.token, f"becoming a standby of {address}")
    said = _rejoin(keeper, address, source)
    forget_settings(keeper.config.data_dir, OF_A_ROLE)
    keeper.waiting.end()
    signal = keeper.config.data_dir / "standby.signal"
    signal.touch()
    give(signal, keeper.config)
    keeper.memory.note(source=address, slot=slot, role="standby", wanted=True)
    keeper.memory.lower_fence()
    keeper.launch()
    with keeper.local.session() as connection:
        for (left,) in connection.execute(UNUSED_SLOTS).fetchall():
            connection.execute("SELECT pg_drop_replication_slot(%s)", (left,))
    return f"{keeper.config.name} follows {address}, {said}", {"source": address, "slot": slot}


def _require_no_primary(keeper: Keeper) -> None:
    facts = keeper.facts()
    if facts is not None and not facts.is_standby:
        raise Refused(
            f"{keeper.config.name} is a primary", next_step="fence it first: nobody may write while it rewinds"
        )


def _source(keeper: Keeper, address: str, slot: str) -> Source:
    if address not in keeper.config.sources:
        raise Refused(
            f"{keeper.config.name} may not follow {address}",
            next_step="add it to `sources` of the database host's configuration, if it is one of yours",
        )
    own_system, own_timeline, _ = keeper.control()
    source = read_source(keeper.config, keeper.secrets, address)
    if source.system_id != own_system:
        raise Refused(f"{address} is another system ({source.system_id}, not {own_system}): it cannot be followed")
    if not source.is_primary:
        raise Refused(f"{address} is no primary", next_step="follow the server that takes writes")
    if source.timeline < own_timeline:
        raise Refused(f"{address} is on timeline {source.timeline}, behind our {own_timeline}")
    return read_source(keeper.config, keeper.secrets, address, slot)


def _rejoin(keeper: Keeper, address: str, source: Source) -> str:
    """Rewind where it is needed; how it was done, for people."""
    _, timeline, _ = keeper.control()
    if timeline == source.timeline:
        return "on the same timeline"
    if timeline not in source.left_at:
        raise Refused(f"timeline {timeline} is no part of the history of {address}", next_step="make a new base backup")
    divergence = source.left_at[timeline]
    if not keeper.cluster.is_standby:
        _require_counted(keeper, timeline, divergence)
    if keeper.cluster.control_data()["Database cluster state"] not in _CLEAN:
        with isolated(keeper.cluster, keeper.config, keeper.secrets):
            pass  # its crash is recovered, and it is shut down in order, as a rewind wants it
    keeper.cluster.program(
        "pg_rewind",
        *archive.let_rewind_fetch(keeper.config),
        f"--target-pgdata={keeper.config.data_dir}",
        f"--source-server={conninfo(keeper.config, address, dbname='postgres')}",
    )
    return f"rewound to where timeline {timeline} was left at {to_position(divergence)}"


def _require_counted(keeper: Keeper, timeline: int, divergence: int) -> None:
    with archive.whole_log(keeper.config) as log:
        found = scan(keeper.cluster, timeline, divergence, log)
    why = refuses_rewind(keeper.memory.beyond(f"{timeline}-{divergence}")) if found.commit_count else ""
    if why:
        raise Refused(f"{keeper.config.name} (timeline {timeline}) is not rewound: {why}")
