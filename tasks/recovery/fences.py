"""What of the old site can be made sure to do nothing any more, and who confirms it?

Pure. A fence is confirmed by whoever was fenced, or by the provider that switched it off; what neither answers is
*not confirmed*: it stands in the coverage under its own name, the approval accepts it, and it is fenced as soon as it
answers. Where a database is not confirmed, clients are kept from it before anything is promoted, because it may still
take their writes. A switch with weights sends nobody anywhere until the data was verified; a name cannot lead nowhere,
so it leads to the new site at once. A right of the old site counts as taken when its provider holds it no more; what
it opened may stay open for some minutes, and the card says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blocks.catalogue.kinds import KINDS
from blocks.ports.recovery import DatabaseRole
from tasks.recovery.building import Way, held_in
from tasks.recovery.items import Item, Verb
from tasks.recovery.values import Facts

BY_HOST = "confirmed by its host"
BY_PROVIDER = "confirmed by its provider"
BY_SWITCH = "confirmed by the switch"
BY_RIGHTS = "confirmed by its provider, in force within minutes"
NOT_CONFIRMED = "NOT confirmed: nothing there answers us"


@dataclass(frozen=True, slots=True)
class Fences:
    """What is fenced, in the plan's order, and item -> who confirms it, for all that should be."""

    items: tuple[Item, ...]
    coverage: dict[str, str]


def find_fences(way: Way, facts: Facts) -> Fences:
    """Every fence of a failover."""
    items: list[Item] = []
    coverage: dict[str, str] = {}
    for verb, parts in ((Verb.STOP_WORKER, way.plan.second_workers), (Verb.STOP_SERVICE, way.plan.services)):
        for name, part in parts.items():
            if way.old in part.sites:
                _take(items, coverage, Item(verb, name, way.old), seen=part.sites[way.old] in facts.compute)
    for name in held_in(way.plan, way.old):
        item, look = Item(Verb.REVOKE_CREDENTIAL, name, way.old), facts.credentials.get(name)
        _take(items, coverage, item, seen=look is not None and look.fits, how=BY_RIGHTS)
    for name in way.plan.data:
        _fence_database(way, facts, name, items, coverage)
    if any(coverage[str(Item(Verb.FENCE_DATABASE, name, way.old))] == NOT_CONFIRMED for name in way.plan.data):
        _keep_clients_away(way, facts, items, coverage)
    return Fences(tuple(items), coverage)


def keep_away(way: Way, facts: Facts, fences: Fences) -> Fences:
    """The same, and clients are sent nobody where they are, whoever confirmed the rest."""
    items, coverage = list(fences.items), dict(fences.coverage)
    _keep_clients_away(way, facts, items, coverage)
    return Fences(tuple(dict.fromkeys(items)), coverage)


def unconfirmed(coverage: Mapping[str, str]) -> list[str]:
    """The items that the approval accepts without confirmation."""
    return [name for name, how in coverage.items() if how == NOT_CONFIRMED]


def answers(facts: Facts, data: str, site: str) -> bool:
    """Does the server's host say anything at all, be it that the server is stopped?"""
    look = facts.look(data, site)
    return look is not None and look.role is not DatabaseRole.UNREACHABLE


def _take(items: list[Item], coverage: dict[str, str], item: Item, *, seen: bool, how: str = BY_PROVIDER) -> None:
    coverage[str(item)] = how if seen else NOT_CONFIRMED
    if seen:
        items.append(item)


def _fence_database(way: Way, facts: Facts, name: str, items: list[Item], coverage: dict[str, str]) -> None:
    fence = Item(Verb.FENCE_DATABASE, name, way.old)
    if answers(facts, name, way.old):
        items.append(fence)
        coverage[str(fence)] = BY_HOST
    elif machine := _machine(way, facts, name):
        items.append(Item(Verb.STOP_MACHINE, machine, way.old))
        coverage[str(fence)] = f"{BY_PROVIDER}, which switches off {machine}"
    else:
        coverage[str(fence)] = NOT_CONFIRMED


def _machine(way: Way, facts: Facts, name: str) -> str:
    """What the database runs on, where its provider answers for it."""
    member = way.platform.services[way.plan.data[name].members[way.old]]
    under = [each for each in member.depends_on if each in facts.compute and each in way.platform.services]
    return next((each for each in under if KINDS[way.platform.services[each].kind].moves), "")


def _keep_clients_away(way: Way, facts: Facts, items: list[Item], coverage: dict[str, str]) -> None:
    for name in way.plan.traffic:
        is_name = way.plan.traffic[name].kind == "dns"
        item = Item(Verb.SHIFT_TRAFFIC, name, way.new, 100) if is_name else Item(Verb.CLOSE_TRAFFIC, name, way.old)
        coverage[str(item)] = BY_SWITCH if name in facts.shares else NOT_CONFIRMED
        if name in facts.shares:
            items.append(item)
