"""Several platforms need one recovery site at once: who goes, and who waits?

Pure. The rule: what somebody has reserved is set aside first; then by priority each takes what its plan says, until
the site is full. One that does not fit waits and is named with what it lacks; a smaller one of lower priority may
still go, because waiting for it would help nobody. All who go are one question to people: minutes count, and ten
cards on a phone are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blocks.catalogue.recovery import Capacity
from blocks.ports.approvals import Bound, Guard, Plan, PlanStep
from blocks.ports.recovery import CapacityLook
from tasks.recovery.capacity import shortfall

_NO_LIMIT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A platform that must go, what it takes, and its plan."""

    platform: str
    customer: str
    priority: int
    needs: Capacity
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger: who, whether it fits, and what is free after it."""

    want: Want
    fits: bool
    left: CapacityLook
    text: str


def share_out(wants: Sequence[Want], free: CapacityLook) -> tuple[Entry, ...]:
    """The ledger of a site, in the order in which they go. `free` is what the site could take before anybody."""
    left = free
    ledger: dict[str, Entry] = {}
    for want in sorted(wants, key=lambda each: (not each.needs.reserved, *_turn(each))):
        lacking = shortfall(want.needs, left)
        left = left if lacking else _without(left, want.needs)
        ledger[want.platform] = Entry(want=want, fits=not lacking, left=left, text=_say(want, free.site, lacking))
    return tuple(sorted(ledger.values(), key=lambda entry: _turn(entry.want)))


def _turn(want: Want) -> tuple[int, str, str]:
    return want.priority, want.customer, want.platform


def one_question(ledger: Sequence[Entry], reason: str = "") -> Plan:
    """One plan for all who fit: each platform's steps, fences and bounds under its own name, who waits in plain words.

    Raises ValueError when nobody fits: there is nothing to ask.
    """
    going = [entry.want for entry in ledger if entry.fits]
    if not going:
        raise ValueError("nobody fits, so there is nothing to approve")
    first = going[0]
    return Plan(
        action=first.plan.action,
        platform=first.platform,
        subject=", ".join(want.platform for want in going),
        reason=reason or first.plan.reason,
        steps=tuple(_step(want, step) for want in going for step in want.plan.steps),
        roles={_own(want, site): role for want in going for site, role in want.plan.roles.items()},
        candidate=", ".join(dict.fromkeys(want.plan.candidate for want in going)),
        coverage={_own(want, item): how for want in going for item, how in want.plan.coverage.items()},
        bounds=tuple(_bound(want, bound) for want in going for bound in want.plan.bounds),
        guards=tuple(_guard(want, guard) for want in going for guard in want.plan.guards),
        known_wrong=(
            *(entry.text for entry in ledger if not entry.fits),
            *(f"{want.platform}: {sentence}" for want in going for sentence in want.plan.known_wrong),
        ),
        expected_s=max(want.plan.expected_s for want in going),
        cost="; ".join(f"{want.platform}: {want.plan.cost}" for want in going if want.plan.cost),
    )


def part_of(plan: Plan, platform: str) -> tuple[PlanStep, ...]:
    """One platform's steps of the common plan, under their own items again."""
    own = f"{platform}/"
    return tuple(replace(step, item=step.item.removeprefix(own)) for step in plan.steps if step.item.startswith(own))


def _own(want: Want, name: str) -> str:
    return f"{want.platform}/{name}"


def _step(want: Want, step: PlanStep) -> PlanStep:
    return replace(step, item=_own(want, step.item), text=f"{want.platform}: {step.text}")


def _bound(want: Want, bound: Bound) -> Bound:
    return replace(bound, name=f"{want.platform}: {bound.name}")


def _guard(want: Want, guard: Guard) -> Guard:
    return replace(guard, name=f"{want.platform}: {guard.name}")


def _say(want: Want, site: str, lacking: str) -> str:
    who = f"{want.platform} of {want.customer} (priority {want.priority})"
    if lacking:
        return f"{who} waits: in {site} {lacking}"
    return f"{who} goes to {site}" + (", on what is reserved for it" if want.needs.reserved else "")


def _without(look: CapacityLook, taken: Capacity) -> CapacityLook:
    return replace(
        look,
        cores_free=_minus(look.cores_free, taken.cores),
        ram_free_mib=_minus(look.ram_free_mib, taken.ram_mib),
        instances_free=_minus(look.instances_free, taken.instances),
    )


def _minus(free: int, taken: int) -> int:
    return free if free == _NO_LIMIT else free - taken
