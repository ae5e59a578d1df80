"""Several platforms at once: who stands on the one card, who does not, and why?

Pure. The invariants, each of them closed when in doubt:

1.  *A platform that could not go alone does not go with others.* Whose plan cannot be made, whose guard fails, whose
    loss is over its bound, who is being changed already, and of whom nobody can say what it needs or what is free: it
    does not go, and it is named.
2.  *Room is given away once* (priority.py, capacity.py), by priority, what is reserved first.
3.  *Who decides may decide about each* (tasks/approvals/joining.py): a platform whose own people are others asks alone.
4.  *One platform's trouble is no other's.* Whoever can go goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blocks.errors import Refused
from blocks.ports.approvals import Plan, Policy
from blocks.ports.recovery import CapacityLook
from tasks.approvals.joining import strictest
from tasks.recovery.capacity import narrowest
from tasks.recovery.priority import ACTION, Entry, Want, one_question, share_out_all, turn

MOST_AT_ONCE = 6
"""Platforms on one card: what a person can read before deciding, and what Slack shows."""
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A platform that could go alone: what it wants, the room that was seen for it, and who decides about it."""

    want: Want
    room: CapacityLook
    policy: Policy


def names_of(platform: str, others: str) -> tuple[str, ...]:
    """Every platform that is meant, each once, as it was written."""
    return tuple(dict.fromkeys(name for name in (platform, *_BETWEEN.split(others)) if name))


def join(
    found: Sequence[Found], kept: Mapping[str, str], *, lead: str, reason: str, own_rule: Policy | None = None
) -> Plan:
    """The one plan. `kept` are platforms that cannot go, with why; `own_rule` is that of the common action itself.

    Raises `Refused`, naming everybody, where nobody goes.
    """
    decided, apart = _with_common_rule(sorted(found, key=lambda each: turn(each.want)), own_rule)
    rooms = {pool: narrowest([each.room for each in decided if each.want.pool == pool]) for pool in _pools(decided)}
    ledger, behind = _at_most(share_out_all([each.want for each in decided], rooms))
    waits = tuple(f"{name} does not go: {why}" for name, why in (*apart.items(), *behind.items(), *kept.items()))
    if not any(entry.fits for entry in ledger):
        raise Refused(
            "; ".join((*(entry.text for entry in ledger), *waits)) or "no platform was named",
            next_step="nobody was asked, nothing was done; plan each alone: vigie plan failover",
            code="nobody_goes",
        )
    return one_question(ledger, reason, lead=lead, waits=waits)


def common_rule(plan: Plan, rules: Mapping[str, Policy], own_rule: Policy) -> Policy:
    """Who decides about the card as it is: the strictest of all who stand on it, and of the common action's own."""
    return strictest({part.platform: rules[part.platform] for part in plan.parts} | {ACTION: own_rule})


def _with_common_rule(found: Sequence[Found], own_rule: Policy | None) -> tuple[list[Found], dict[str, str]]:
    """In their order, those about whom the same people decide as about those before; the others, with why not."""
    rules = {ACTION: own_rule} if own_rule is not None else dict[str, Policy]()
    going, apart = list[Found](), dict[str, str]()
    for each in found:
        wanted = rules | {each.want.platform: each.policy}
        try:
            strictest(wanted)
        except Refused as refused:
            apart[each.want.platform] = refused.what
        else:
            going.append(each)
            rules = wanted
    return going, apart


def _at_most(ledger: Sequence[Entry]) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """As many as one card takes; the rest is asked on another."""
    over = [entry for entry in ledger if entry.fits][MOST_AT_ONCE:]
    behind = {entry.want.platform: f"one card takes {MOST_AT_ONCE} platforms, ask for it on another" for entry in over}
    return tuple(entry for entry in ledger if entry.want.platform not in behind), behind


def _pools(found: Sequence[Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.want.pool for each in found))
