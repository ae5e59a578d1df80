"""Several platforms need one recovery site at once: who goes, and who waits?

Pure. The rule: what somebody has reserved is set aside first; then by priority each takes what its plan says, until
the site is full. One that does not fit waits and is named with what it lacks; a smaller one of lower priority may
still go, because waiting for it would help nobody. All who go are one question to people: minutes count, and ten
cards on a phone are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from blocks.catalogue.recovery import Capacity
from blocks.ports.approvals import Bound, Guard, Plan, PlanStep
from blocks.ports.recovery import CapacityLook
from tasks.recovery.capacity import shortfall, without

ACTION = "joint-failover"
BEGIN = "begin"
"""The one phase of a common plan: each platform's own plan is begun, as a run of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A platform that must go, what it takes of which pool, and its plan."""

    platform: str
    customer: str
    priority: int
    needs: Capacity
    plan: Plan
    pool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger: who, whether it fits, and what is free after it."""

    want: Want
    fits: bool
    left: CapacityLook
    text: str


def share_out_all(wants: Sequence[Want], free: Mapping[str, CapacityLook]) -> tuple[Entry, ...]:
    """The ledgers of all pools as one, in the order in which they go. `free` is by pool."""
    pools = dict.fromkeys(want.pool for want in wants)
    entries = [entry for pool in pools for entry in share_out([w for w in wants if w.pool == pool], free[pool])]
    return tuple(sorted(entries, key=lambda entry: turn(entry.want)))


def share_out(wants: Sequence[Want], free: CapacityLook) -> tuple[Entry, ...]:
    """The ledger of a pool, in the order in which they go. `free` is what it could take before anybody."""
    left = free
    ledger: dict[str, Entry] = {}
    for want in sorted(wants, key=lambda each: (not each.needs.reserved, *turn(each))):
        lacking = shortfall(want.needs, left)
        left = left if lacking else without(left, want.needs)
        ledger[want.platform] = Entry(want=want, fits=not lacking, left=left, text=_say(want, lacking))
    return tuple(sorted(ledger.values(), key=lambda entry: turn(entry.want)))


def turn(want: Want) -> tuple[int, str, str]:
    """In this order they go."""
    return want.priority, want.customer, want.platform


def one_question(ledger: Sequence[Entry], reason: str = "", *, lead: str = "", waits: Sequence[str] = ()) -> Plan:
    """One plan for all who fit: each one's own plan whole, and its fences and bounds under its name; who waits, why.

    `lead` is the platform whose run asks; `waits` are sentences about those who never came into the ledger.
    Raises ValueError when nobody fits: there is nothing to ask.
    """
    going = [entry.want for entry in ledger if entry.fits]
    if not going:
        raise ValueError("nobody fits, so there is nothing to approve")
    return Plan(
        action=ACTION,
        platform=lead or going[0].platform,
        subject=", ".join(want.platform for want in going),
        reason=reason or going[0].plan.reason,
        steps=tuple(_step(want) for want in going),
        roles={_own(want, site): role for want in going for site, role in want.plan.roles.items()},
        candidate=", ".join(dict.fromkeys(want.plan.candidate for want in going)),
        coverage={_own(want, item): how for want in going for item, how in want.plan.coverage.items()},
        bounds=tuple(_bound(want, bound) for want in going for bound in want.plan.bounds),
        guards=tuple(_guard(want, guard) for want in going for guard in want.plan.guards),
        known_wrong=(*(entry.text for entry in ledger if not entry.fits), *waits),
        expected_s=max(want.plan.expected_s for want in going),
        cost="; ".join(f"{want.platform}: {want.plan.cost}" for want in going if want.plan.cost),
        parts=tuple(want.plan for want in going),
    )


def part_of(plan: Plan, platform: str) -> Plan | None:
    """One platform's own plan out of the common one; None for one that does not go."""
    return next((part for part in plan.parts if part.platform == platform), None)


def _own(want: Want, name: str) -> str:
    return f"{want.platform}/{name}"


def _step(want: Want) -> PlanStep:
    text = f"begin the {want.plan.action} of {want.platform} to {want.plan.candidate}"
    return PlanStep(phase=BEGIN, item=want.platform, text=text, expected_s=want.plan.expected_s)


def _bound(want: Want, bound: Bound) -> Bound:
    return replace(bound, name=f"{want.platform}: {bound.name}")


def _guard(want: Want, guard: Guard) -> Guard:
    return replace(guard, name=f"{want.platform}: {guard.name}")


def _say(want: Want, lacking: str) -> str:
    who, site = f"{want.platform} of {want.customer} (priority {want.priority})", want.plan.candidate
    if lacking:
        return f"{who} waits: in {site} {lacking}"
    return f"{who} goes to {site}" + (", on what is reserved for it" if want.needs.reserved else "")
