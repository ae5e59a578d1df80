"""Does every credential that a move opens open tonight?

Each block of the plan is opened and tried as `vigie blocks check` tries it: where it logs in, and without changing
anything. The rule: what could not be tried is None and never taken for a key that opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from blocks.catalogue.databases import databases_of_platform, databases_of_recovery
from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import DnsSwitch, Recovery
from blocks.errors import Retryable, VigieError
from blocks.ports.capabilities import Capability, opens
from tasks.core.opening import imported, load_block
from tasks.recovery.opening import CLOUDS, Parts

_Found = tuple[Capability, ...]
_LOOKS, _ORDERS = "look at", "give orders"  # how `examine_doors` calls what a token may do at a door


def try_all(parts: Parts) -> dict[str, Callable[[], str | None]]:
    """Block -> a look that tries it: empty when it opens, what is wrong when not, None when nobody could try."""
    tries = _tries(parts, parts.platform, parts.recovery)
    return {block: look_of(trying) for block, trying in tries.items()}


def try_held(parts: Parts) -> dict[str, Callable[[], str]]:
    """Credential of the plan -> a look whether the operator could take it away: empty when he could, else why not."""
    return {name: _may_take(parts, name) for name in parts.recovery.credentials}


def _may_take(parts: Parts, name: str) -> Callable[[], str]:
    return lambda: parts.credential(name).may_take()


def look_of(trying: Callable[[], _Found]) -> Callable[[], str | None]:
    """What came of trying one. Raises `Retryable` where nobody answered: that says nothing about the key."""

    def look() -> str | None:
        try:
            found = trying()
        except Retryable:
            raise
        except VigieError as error:
            return str(error)
        answer = opens(found)
        return None if answer is None else "" if answer else _why(found)

    return look


def _why(found: _Found) -> str:
    shut = next((each for each in found if each.allowed is False), None)
    return shut.detail or f"it may not {shut.action}" if shut else "nothing is allowed to it"


def _tries(parts: Parts, platform: Platform, plan: Recovery) -> dict[str, Callable[[], _Found]]:
    from blocks.postgres.block import DatabaseHost, PostgresOperator, PostgresReader

    found: dict[str, Callable[[], _Found]] = {}
    for site in platform.sites.values():
        for block, kind in zip((site.credentials, site.operator), CLOUDS.get(site.provider, ()), strict=False):
            if block:
                found[block] = _of_cloud(kind, block)
    if platform.database_credentials:
        places = databases_of_platform(platform, platform.database_credentials)
        found[platform.database_credentials] = _of_role(parts, PostgresReader, platform.database_credentials, places)
    if plan.database_operator:
        places = databases_of_recovery(platform, plan.database_operator)
        found[plan.database_operator] = _of_role(parts, PostgresOperator, plan.database_operator, places)
    for block, needed in ((plan.host_reader, (_LOOKS,)), (plan.host_operator, (_LOOKS, _ORDERS))):
        if block:
            found[block] = _of_doors(parts, DatabaseHost, block, needed)
    for switch in plan.traffic.values():
        if isinstance(switch, DnsSwitch):
            found[switch.key] = _of_zone(parts, switch)
    return found


def _of_cloud(kind: str, block: str) -> Callable[[], _Found]:
    return lambda: _ended(load_block(imported(kind), block).examine())


def _of_role(parts: Parts, kind: Any, block: str, places: list[tuple[str, str]]) -> Callable[[], _Found]:
    """A role is tried on each of its servers: it must open all of them."""

    def trying() -> _Found:
        role = load_block(kind, block)
        return _in_all([_ended(role.examine(address, database, parts.routes)) for address, database in places])

    return trying


def _of_doors(parts: Parts, kind: Any, block: str, needed: tuple[str, ...]) -> Callable[[], _Found]:
    """A token is tried at each of its doors: it must open all of them, and an operator's give orders there."""
    return lambda: whole(needed, _ended(load_block(kind, block).examine(parts.routes)))


def _of_zone(parts: Parts, switch: DnsSwitch) -> Callable[[], _Found]:
    def trying() -> _Found:
        from blocks.dns.block import TsigKey
        from blocks.dns.examine import examine_key

        return examine_key(load_block(TsigKey, switch.key), switch, parts.routes)

    return trying


def _in_all(found: list[_Found]) -> _Found:
    """The one of them that does not open, else all that was found."""
    shut = next((each for each in found if opens(each) is not True), None)
    return shut if shut is not None else tuple(capability for each in found for capability in each)


def whole(needed: tuple[str, ...], found: _Found) -> _Found:
    """The first of the needed actions that is not allowed, else all that was found."""
    shut = next((each for each in found if each.action.startswith(needed) and each.allowed is not True), None)
    return found if shut is None else (shut,)


def _ended(examining: Coroutine[Any, Any, _Found]) -> _Found:
    return tuple(asyncio.run(examining))
