"""What does each of several platforms need to go, and could it? Every plan at once, and nothing is changed.

The rule: whatever keeps one platform from being planned is a sentence about that platform, and never about the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefect.logging import get_run_logger

from blocks.errors import Refused, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan, Policy
from blocks.ports.recovery import MoveKind
from blocks.ports.runs import GIVES_WAY
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step
from tasks.recovery.capacity import pool_of
from tasks.recovery.decide import plan_move, recovery_of
from tasks.recovery.looking import Looks, look_at
from tasks.recovery.opening import Parts
from tasks.recovery.priority import ACTION, Want
from tasks.recovery.supposing import suppose_gone
from tasks.recovery.together import Found, common_rule, join
from tasks.runs.catalogue import Known, load_platform, load_policy

Say = Callable[[str], None]


@fresh_step(retry=OUTSIDE, run_name="plan the failover of several platforms")
def plan_for_all(names: tuple[str, ...], reason: str) -> Plan:
    """The common plan as a step of the run, with what could not be seen in its log."""
    warn = get_run_logger().warning
    return make_common_plan(names, reason=reason, say=lambda missed: warn("%s", missed))


def make_common_plan(names: Sequence[str], *, reason: str, say: Say, as_if_gone: bool = False) -> Plan:
    """Look at all side by side, and decide who goes. The first leads: its rule of the common action counts too.

    Raises `Refused` where nobody goes. `as_if_gone`: for reading, not for doing.
    """
    lead = load_platform(names[0])
    own_rule = load_policy(lead.customer.name, lead.platform.name, ACTION)
    with open_journal() as journal:
        looks = Looks()
        seen = looks.take({name: _looking(journal, name, reason, say, as_if_gone=as_if_gone) for name in names})
    kept = {name: each for name, each in seen.items() if isinstance(each, str)}
    kept |= {name: "it could not be looked at, by a defect of vigie" for name in names if name not in seen}
    for missed in looks.missed:
        say(missed)
    found = [each for each in seen.values() if isinstance(each, Found)]
    return join(found, kept, lead=names[0], reason=reason, own_rule=own_rule)


def rule_for_all(plan: Plan) -> Policy:
    """Who decides about a common plan. Raises `Refused` where a rule is gone, or no people are left."""
    customers = {name: load_platform(name).customer.name for name in (plan.platform, *_going(plan))}
    rules = {part.platform: load_policy(customers[part.platform], part.platform, part.action) for part in plan.parts}
    return common_rule(plan, rules, load_policy(customers[plan.platform], plan.platform, ACTION))


def _going(plan: Plan) -> tuple[str, ...]:
    return tuple(part.platform for part in plan.parts)


def _looking(
    journal: PostgresJournal, name: str, reason: str, say: Say, *, as_if_gone: bool
) -> Callable[[], Found | str]:
    def look() -> Found | str:
        try:
            return look_at_one(journal, load_platform(name), reason, say, as_if_gone=as_if_gone)
        except VigieError as error:
            return error.what

    return look


def look_at_one(journal: PostgresJournal, known: Known, reason: str, say: Say, *, as_if_gone: bool = False) -> Found:
    """One platform that could go alone. Raises the three errors with what keeps it."""
    platform = known.platform
    recovery = recovery_of(platform)
    policy = load_policy(known.customer.name, platform.name, MoveKind.FAILOVER.value)
    must_be_free(journal, platform.name)
    facts = look_at(Parts(platform), journal, MoveKind.FAILOVER, lambda missed: say(f"{platform.name}: {missed}"))
    facts = suppose_gone(platform, facts) if as_if_gone else facts
    plan = plan_move(MoveKind.FAILOVER, platform, facts, reason=reason)
    must_hold(plan)
    needs = recovery.capacity.get(plan.candidate)
    if needs is None:
        raise Refused(f"the catalogue does not say what it needs in {plan.candidate}", code="no_capacity")
    room = facts.capacity[plan.candidate]  # without it there would be no plan
    want = Want(
        platform=platform.name,
        customer=known.customer.name,
        priority=recovery.priority,
        needs=needs,
        plan=plan,
        pool=pool_of(platform.sites[plan.candidate], room),
    )
    return Found(want=want, room=room, policy=policy)


def must_be_free(journal: PostgresJournal, platform: str) -> None:
    """Nobody changes it now but a rehearsal, which gives way. Raises `Refused` naming who does."""
    lease = journal.lease(platform)
    holder = journal.run(lease.run) if lease is not None else None
    if holder is not None and holder.action not in GIVES_WAY:
        raise Refused(f"{platform} is being changed by {holder.action} of {holder.subject} (run {holder.id})")


def must_hold(plan: Plan) -> None:
    """Every guard holds and no bound is exceeded. Raises `Refused` with those that are not."""
    failing = [guard.text for guard in plan.guards if not guard.holds]
    failing += [f"{bound.name}: {bound.measured:g} {bound.unit}" for bound in plan.bounds if not bound.holds]
    if failing:
        raise Refused(", ".join(failing))
