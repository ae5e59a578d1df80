"""What may a database host be told to do, and what does each order leave behind?

Every order may be given again under the same token: it is carried out once, and its outcome is kept on disk.

    fence     the server is stopped at once and stays down, over restarts of everything, until released
    release   the fence is lowered and the server runs again as what it was, unless a peer took over
    start     a stopped server runs again; stop ends it in order
    follow    become a standby: rewound where the two diverged, with a slot of its own
    protect   each commit waits for a standby while that follows (waiting.py)
    unslot    nobody waits by that any more, unused replication slots are dropped, what used ones keep is bounded
    count     how many row changes lie beyond a position, by table
    save      the same, with the rows themselves
    backup, restore, adopt   back to a moment (restore.py)
    copy, halt, discard      an isolated copy for a drill (copies.py)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.errors import Refused
from deployments.dbhost import archive
from deployments.dbhost.adopting import adopt
from deployments.dbhost.beyond import count, evidence_path, name_relations, save, scan
from deployments.dbhost.follow import UNUSED_SLOTS, follow
from deployments.dbhost.isolated import isolated
from deployments.dbhost.keeper import FENCE_SECONDS, Carry, Keeper
from deployments.dbhost.local import to_position
from deployments.dbhost.memory import Operation
from deployments.dbhost.restore import backup, moment_of, restore
from deployments.dbhost.settings import DRAINED, forget_settings

_BOUND = "SELECT current_setting('max_slot_wal_keep_size')"
_KEEP = "4GB"
Outcome = tuple[str, Mapping[str, Any]]


def fence(keeper: Keeper, operation: Operation) -> Outcome:
    """Stop the server at once. What it had sent by then, its standby has: fast shutdown, five seconds at most."""
    del operation  # its token is the fence's mark already
    keeper.halt(clean=False, wait_seconds=FENCE_SECONDS)
    keeper.cluster.stop_leftover()
    _, timeline, position = keeper.control()
    text = f"{keeper.config.name} is stopped and stays so, on timeline {timeline} at {to_position(position)}"
    return text, {"timeline": timeline, "position_bytes": position}


def release(keeper: Keeper, operation: Operation) -> Outcome:
    """Undo a fence. A person may release a server that no peer answers for; not one that a peer is ahead of."""
    del operation
    if keeper.memory.fence is None:
        return f"{keeper.config.name} was not fenced", {}
    keeper.require_may_run()
    forget_settings(keeper.config.data_dir, DRAINED)
    keeper.memory.lower_fence()
    keeper.launch()
    return f"{keeper.config.name} is released and runs", {}


def start(keeper: Keeper, operation: Operation) -> Outcome:
    """Run again what was stopped."""
    del operation
    if not keeper.cluster.running:
        keeper.require_may_run()
    keeper.launch()
    return f"{keeper.config.name} runs", {}


def stop(keeper: Keeper, operation: Operation) -> Outcome:
    """Fast shutdown, and no start until ordered."""
    del operation
    keeper.memory.note(wanted=False)
    keeper.halt(clean=True)
    return f"{keeper.config.name} is stopped", {}


def protect(keeper: Keeper, operation: Operation) -> Outcome:
    """Each commit waits for `standby`, as long as that confirms."""
    standby, facts = str(operation.arguments.get("standby") or ""), keeper.facts()
    if not standby or facts is None or facts.is_standby:
        raise Refused(
            f"{keeper.config.name} does not run as a primary: nobody commits there",
            where=keeper.config.name,
            next_step="give the order, with the standby's name, to the server that takes writes",
        )
    keeper.waiting.order(standby, operation.token)
    return f"each commit of {keeper.config.name} waits for {standby} while that follows", {"standby": standby}


def unslot(keeper: Keeper, operation: Operation) -> Outcome:
    """No slot that nobody uses keeps the log, none may keep it without end, and no commit is made to wait again."""
    del operation
    keeper.waiting.end()
    with keeper.local.session() as connection:
        dropped = [str(row[0]) for row in connection.execute(UNUSED_SLOTS).fetchall()]
        for slot in dropped:
            connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        if connection.execute(_BOUND).fetchall()[0][0] == "-1":
            connection.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{_KEEP}'")
            connection.execute("SELECT pg_reload_conf()")
    return f"unused slots of {keeper.config.name} dropped: {', '.join(dropped) or 'none'}", {"dropped": dropped}


def count_order(keeper: Keeper, operation: Operation) -> Outcome:
    """Exactly what was committed beyond `position_bytes` of this server's own timeline."""
    return _beyond(keeper, operation, saving="")


def save_order(keeper: Keeper, operation: Operation) -> Outcome:
    """Count it, and keep the rows under `key`."""
    return _beyond(keeper, operation, saving=str(operation.arguments["key"]))


def copy_order(keeper: Keeper, operation: Operation) -> Outcome:
    """A copy named `name` is made, to be gone `until`, `restored` from a backup or not. The status says the rest."""
    name, until = str(operation.arguments.get("name")), moment_of(operation.arguments.get("until"))
    made = keeper.copies.want(name, operation.token, until, restored=operation.arguments.get("restored") is True)
    return made.text, {"copy": made.name, "until": made.until}


def halt_order(keeper: Keeper, operation: Operation) -> Outcome:
    """A copy stops for good, and what was written on it is counted."""
    halted = keeper.copies.halt(str(operation.arguments.get("name")))
    return halted.text, halted.counted


def discard_order(keeper: Keeper, operation: Operation) -> Outcome:
    """A copy goes away; also one that is not there any more."""
    return keeper.copies.discard(str(operation.arguments.get("name"))), {}


def _beyond(keeper: Keeper, operation: Operation, *, saving: str) -> Outcome:
    divergence, timeline = int(operation.arguments["position_bytes"]), int(operation.arguments["timeline"])
    _require_stale(keeper, timeline)
    with (
        isolated(keeper.cluster, keeper.config, keeper.secrets) as local,  # recovers it, and stops it in order
        archive.whole_log(keeper.config) as log,
    ):
        found, tables = scan(keeper.cluster, timeline, divergence, log), name_relations(local)
        counted = count(found, tables)
        known = dict(keeper.memory.beyond(f"{timeline}-{divergence}"))
        kept = {**counted, "saved_in": known.get("saved_in", ""), "sha256": known.get("sha256", "")}
        if saving:
            path = evidence_path(keeper.memory.evidence, saving)
            about = {"server": keeper.config.name, "timeline": timeline, "beyond": to_position(divergence), **counted}
            kept |= {"sha256": save(path, about, found, tables, local), "saved_in": path.name}
    keeper.memory.keep_beyond(f"{timeline}-{divergence}", kept)
    where = f"{to_position(divergence)} on timeline {timeline}"
    return f"{counted['rows']} row changes in {counted['commits']} transactions lie beyond {where}", kept


def _require_stale(keeper: Keeper, timeline: int) -> None:
    if keeper.cluster.running or keeper.memory.fence is None:
        raise Refused(
            f"{keeper.config.name} is not fenced: what lies beyond is only exact when nothing is added",
            next_step="fence it first",
        )
    if keeper.cluster.is_standby:
        raise Refused(f"{keeper.config.name} is a standby: it acknowledged nothing of its own")
    _, own, _ = keeper.control()
    if own != timeline:
        raise Refused(f"{keeper.config.name} ended on timeline {own}, not {timeline}", next_step="look again")


ORDERS: Mapping[str, Carry] = {
    "fence": fence,
    "release": release,
    "start": start,
    "stop": stop,
    "follow": follow,
    "protect": protect,
    "unslot": unslot,
    "count": count_order,
    "save": save_order,
    "backup": backup,
    "restore": restore,
    "adopt": adopt,
    "copy": copy_order,
    "halt": halt_order,
    "discard": discard_order,
}
FOR_READERS = frozenset({"count"})
"""Orders that change nothing of the server, for whoever may look."""
